"""The have-list: what a box holds, lacks and asks for, so that a stick brings just that. Pure.

Format 1, plain: a line ``kexia-have-1``, a line of canonical JSON (who, when, which subscriptions
and wants, how many feeds are held), the first halves of the feeds' digests, the length of each
one's bitmap (u32, little endian), and the bitmaps: bit n of one (the lowest of a byte first) is
set if the box lacks the resource at place n of that feed. Stored: one zstd frame.
"""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TypeVar

from sync import canonical, compression
from sync.directory import COLLECTION
from sync.errors import FormatError

MAGIC = b"kexia-have-1"
MAX_STORED = 16 * 2**10
"""Longest stored list that is read, in bytes; a box with 120 collections needs below 4 KiB."""
MAX_PLAIN = 256 * 2**10
MAX_MISSING = 65_536
"""Most places that all bitmaps together may name."""
MAX_HELD = 4_096
"""Most feeds, subscriptions, wants or publishers."""
MAX_NAME = 200
"""Longest name of a box, in characters."""
FEED_BYTES = 16
ID = re.compile(r"[0-9a-f]{16}")
"""Of a box or a publisher."""
LESSON = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
Item = TypeVar("Item", str, tuple[str, str])


@dataclass(frozen=True, slots=True)
class Held:
    """One edition that a box serves, whole or in part."""

    feed: bytes
    """The first 16 bytes of the SHA-256 of the feed's plain bytes."""
    missing: tuple[int, ...] | None = None
    """Places, ascending, of the resources it lacks in the feed's order; ``None``: it has all."""


@dataclass(frozen=True, slots=True)
class HaveList:
    """What one box says of itself."""

    box: str
    """The first 16 hexadecimal digits of the SHA-256 of its public key."""
    name: str
    made_at: datetime | None
    """UTC, whole seconds; ``None`` when the box has no clock to be believed."""
    epoch: int
    """Another one after state was restored or copied."""
    sequence: int
    """Grows with every paper of the box."""
    publishers: tuple[str, ...] = ()
    """Ids of the publishers it follows, sorted."""
    subscriptions: tuple[str, ...] = ()
    """Collection ids, sorted."""
    wants: tuple[tuple[str, str], ...] = ()
    """Single lessons asked for: collection and lesson id, sorted."""
    held: tuple[Held, ...] = ()
    """Editions it serves, sorted by feed."""


def encode(have: HaveList) -> bytes:
    """Stored bytes; the same list gives the same bytes. Raises FormatError for a list too long."""
    plain = plain_bytes(have)
    stored = compression.compress(plain)
    if len(plain) > MAX_PLAIN or len(stored) > MAX_STORED:
        raise FormatError(f"have-list: {len(stored)} bytes, at most {MAX_STORED} are allowed")
    return stored


def encode_within(have: HaveList, limit: int = MAX_STORED) -> bytes:
    """As ``encode``, but leaves out the largest of what is held in part until the list fits.

    What is left out counts as not held, so it comes whole: that costs bytes, nothing else. Raises
    FormatError if even a list without any does not fit.
    """
    partly = sorted(
        (one for one in have.held if one.missing), key=lambda one: len(one.missing or ())
    )
    while True:
        try:
            stored = encode(have)
            if len(stored) <= limit or not partly:
                return _checked_length(stored, limit)
        except FormatError:
            if not partly:
                raise
        dropped = partly.pop()
        have = replace(have, held=tuple(one for one in have.held if one is not dropped))


def _checked_length(stored: bytes, limit: int) -> bytes:
    if len(stored) > limit:
        raise FormatError(f"have-list: {len(stored)} bytes, at most {limit} are allowed")
    return stored


def plain_bytes(have: HaveList) -> bytes:
    """The list as it is before it is compressed; raises FormatError for values nobody may write."""
    held = sorted(have.held, key=lambda one: one.feed)
    bitmaps = [b"" if one.missing is None else _bitmap(one.missing) for one in held]
    header = {
        "box": have.box,
        "name": have.name,
        "made_at": "" if have.made_at is None else format_time(have.made_at),
        "epoch": have.epoch,
        "sequence": have.sequence,
        "publishers": sorted(have.publishers),
        "subscriptions": sorted(have.subscriptions),
        "wants": [list(want) for want in sorted(have.wants)],
        "held": len(held),
    }
    lengths = struct.pack(f"<{len(bitmaps)}I", *map(len, bitmaps))
    feeds = b"".join(one.feed for one in held)
    plain = b"\n".join((MAGIC, canonical.dumps(header), feeds)) + lengths + b"".join(bitmaps)
    parse_plain(plain)
    return plain


def decode(stored: bytes) -> HaveList:
    """Read stored bytes whose signature was checked; raises FormatError."""
    if len(stored) > MAX_STORED:
        raise FormatError(f"have-list: {len(stored)} bytes, at most {MAX_STORED} are allowed")
    size = compression.content_size(stored, limit=MAX_PLAIN, what="have-list")
    return parse_plain(compression.decompress(stored, size=size, what="have-list"))


def parse_plain(plain: bytes) -> HaveList:
    """Read plain bytes; raises FormatError."""
    magic, _, rest = plain.partition(b"\n")
    if magic != MAGIC:
        raise FormatError(
            f"have-list: starts with {magic[:32]!r}, not {MAGIC!r}",
            hint="it may come from a newer box; update this software",
        )
    line, _, body = rest.partition(b"\n")
    header = canonical.loads(line, what="have-list's header")
    try:
        return _from_parts(header, body)
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"have-list: a field is missing or wrong ({error})") from error


def _from_parts(header: dict[str, object], body: bytes) -> HaveList:
    made_at = canonical.as_text(header["made_at"])
    return HaveList(
        box=_id(header["box"]),
        name=_name(header["name"]),
        made_at=parse_time(made_at) if made_at else None,
        epoch=canonical.as_count(header["epoch"]),
        sequence=canonical.as_count(header["sequence"]),
        publishers=_each(header["publishers"], _id),
        subscriptions=_each(header["subscriptions"], _collection),
        wants=_each(header["wants"], _want),
        held=_held(body, canonical.as_count(header["held"])),
    )


def _held(body: bytes, count: int) -> tuple[Held, ...]:
    start = count * (FEED_BYTES + 4)
    if count > MAX_HELD or start > len(body):
        raise ValueError(f"{count} feeds are promised")
    feeds = [body[at : at + FEED_BYTES] for at in range(0, count * FEED_BYTES, FEED_BYTES)]
    if sorted(set(feeds)) != feeds:
        raise ValueError("feeds are not sorted")
    lengths = struct.unpack_from(f"<{count}I", body, count * FEED_BYTES)
    bitmaps = body[start:]
    if sum(lengths) != len(bitmaps):
        raise ValueError("bitmaps of another length than they say")
    if int.from_bytes(bitmaps, "little").bit_count() > MAX_MISSING:
        raise ValueError(f"more than {MAX_MISSING} places")
    held, at = [], 0
    for feed, length in zip(feeds, lengths, strict=True):
        held.append(Held(feed, _places(bitmaps[at : at + length]) if length else None))
        at += length
    return tuple(held)


def _bitmap(places: tuple[int, ...]) -> bytes:
    """Bits as bytes, the last byte never 0, so that there is one spelling."""
    if not places or places[0] < 0 or any(b <= a for a, b in pairwise(places)):
        raise FormatError("have-list: missing places must ascend; with none missing it is None")
    if places[-1] >= 8 * MAX_PLAIN:
        raise FormatError(f"have-list: place {places[-1]} is beyond what a list can say")
    bits = bytearray(places[-1] // 8 + 1)
    for place in places:
        bits[place // 8] |= 1 << place % 8
    return bytes(bits)


def _places(bitmap: bytes) -> tuple[int, ...]:
    if not bitmap[-1]:
        raise ValueError("a bitmap ends with a byte that says nothing")
    return tuple(
        8 * at + bit
        for at, byte in enumerate(bitmap)
        if byte
        for bit in range(8)
        if byte >> bit & 1
    )


def _each(value: object, read: Callable[[object], Item]) -> tuple[Item, ...]:
    items = canonical.as_list(value)
    if len(items) > MAX_HELD:
        raise ValueError(f"{len(items)} items in a list, at most {MAX_HELD} are allowed")
    found = [read(item) for item in items]
    if any(later <= item for item, later in pairwise(found)):
        raise ValueError("a list is not sorted")
    return tuple(found)


def _id(value: object) -> str:
    return _matching(ID, value)


def _collection(value: object) -> str:
    return _matching(COLLECTION, value)


def _want(value: object) -> tuple[str, str]:
    collection, lesson = canonical.as_list(value)
    return _collection(collection), _matching(LESSON, lesson)


def _matching(pattern: re.Pattern[str], value: object) -> str:
    text = canonical.as_text(value)
    if not pattern.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is no id")
    return text


def _name(value: object) -> str:
    """A name may be shown on any terminal or page, so it is one line of characters one can see."""
    text = canonical.as_text(value)
    if len(text) > MAX_NAME or not text.isprintable():
        raise ValueError("a name is too long or cannot be printed")
    return text


def printable_name(name: str) -> str:
    """``name`` as a list may hold it."""
    return "".join(letter if letter.isprintable() else " " for letter in name)[:MAX_NAME].strip()


def parse_time(text: str) -> datetime:
    """Read ``2026-11-23T06:00:00Z``; raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.utcoffset() != timedelta(0) or format_time(moment) != text:
        raise ValueError(f"{text[:40]!r} is no time as we write it")
    return moment


def format_time(moment: datetime) -> str:
    """UTC with whole seconds."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
