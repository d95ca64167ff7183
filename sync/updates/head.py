"""The head of an update pack: the new feed, and what each group holds. Pure.

An update pack is a head and then groups without a gap. The signed directory names the head by
digest and length, the head proves each group; so a box takes the head, decides, and asks for the
groups it needs alone. ``docs/formats.md``, "Update pack", has it byte by byte.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from sync import compression
from sync.digest import sha256
from sync.directory import CollectionEntry, FeedRef
from sync.errors import FormatError
from sync.feed import MAX_PLAIN, Feed, Resource, parse_plain, plain_bytes
from sync.updates.index import read_index
from sync.updates.numbers import Numbering
from sync.updates.parts import UpdateGroup
from sync.updates.writing import write_index

VERSION = 1
MAGIC = b"KXUPDT\n"
MAX_HEAD = 64 * 2**20
"""Longest head a box reads, in bytes."""
MAX_INDEX = 16 * 2**20
"""Longest index, decompressed: enough for a million files; read, it takes some 40 times that."""
_HEADER = struct.Struct("<7sBII")
_TOO_OLD = "this box may be too old for this publisher; update its system"


@dataclass(frozen=True, slots=True)
class Head:
    """What one update pack does."""

    feed: Feed
    groups: tuple[UpdateGroup, ...]
    unknown: int = 0
    """Groups of a kind this reader does not know; their resources come another way."""
    size: int = 0
    """Bytes of the head as stored."""
    end: int = 0
    """Bytes of the whole pack, which ends with its last group."""


@dataclass(frozen=True, slots=True)
class Base:
    """The edition a pack starts from: its feed, plain and read; nothing at all for a new box."""

    plain: bytes = b""
    feed: Feed | None = None

    @property
    def resources(self) -> tuple[Resource, ...]:
        """What the box holds then."""
        return self.feed.resources if self.feed else ()


def encode_head(base: Base, feed: Feed, groups: Sequence[UpdateGroup]) -> bytes:
    """Stored bytes of a head; groups at home 0 lie in the pack in their order."""
    plain = plain_bytes(feed)
    delta = compression.compress_with(base.plain, plain)
    known = Numbering(base.resources, feed, plain)
    index = compression.compress(write_index(known, groups))
    return _HEADER.pack(MAGIC, VERSION, len(delta), len(index)) + delta + index


def decode_head(data: bytes, base: Base, entry: CollectionEntry) -> Head:
    """Read a proved head that leads from ``base`` to ``entry``'s edition; raises FormatError."""
    if not _HEADER.size <= len(data) <= MAX_HEAD:
        raise FormatError(f"update: its head has {len(data)} bytes, at most {MAX_HEAD} are allowed")
    magic, version, delta, index = _HEADER.unpack_from(data)
    if magic != MAGIC or version != VERSION:
        raise FormatError(
            f"update: starts with {data[:8]!r}, not {MAGIC!r} and version {VERSION}", hint=_TOO_OLD
        )
    if _HEADER.size + delta + index != len(data):
        raise FormatError("update: its head is not as long as it says")
    plain = _new_feed(data[_HEADER.size : _HEADER.size + delta], base, entry.feed)
    feed = parse_plain(plain)
    frame = data[_HEADER.size + delta :]
    size = compression.content_size(frame, limit=MAX_INDEX, what="update")
    plain_index = compression.decompress(frame, size=size, what="update")
    known = Numbering(base.resources, feed, plain)
    index = read_index(known, entry.packs, plain_index, start=len(data))
    return Head(feed, index.groups, index.unknown, len(data), index.end)


def _new_feed(frame: bytes, base: Base, ref: FeedRef) -> bytes:
    if ref.plain.size > MAX_PLAIN:
        raise FormatError(f"update: a feed of {ref.plain.size} bytes, at most {MAX_PLAIN}")
    plain = compression.decompress_with(base.plain, frame, size=ref.plain.size, what="feed")
    if sha256(plain) != ref.plain.digest:
        raise FormatError("update: leads to another feed than signed")
    return plain
