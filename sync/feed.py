"""The feed: the canonical file that describes one edition of a collection. Pure.

Format 1, plain: a line ``kexia-feed-1``, a line of canonical JSON (collection, edition, number of
resources, bytes of lessons), one line ``<sha256> <size>`` per resource in the order of the
lessons, then the lessons block, which only ``catalog`` understands. Stored: one zstd frame.
"""

import re
from dataclasses import dataclass

from sync import canonical, compression
from sync.digest import Digest, sha256
from sync.directory import FeedRef, Stored
from sync.errors import FormatError

MAGIC = b"kexia-feed-1"
MAX_STORED = 32 * 2**20
"""Longest stored feed a box reads, in bytes (about 500,000 resources)."""
MAX_PLAIN = 128 * 2**20
MAX_RESOURCES = 1_000_000


@dataclass(frozen=True, slots=True)
class Resource:
    """One file of the edition."""

    digest: Digest
    size: int


@dataclass(frozen=True, slots=True)
class Feed:
    """One edition: its resources, each once, and its lessons as an opaque block."""

    collection: str
    edition: int
    resources: tuple[Resource, ...]
    lessons: bytes

    def same_content(self, other: "Feed") -> bool:
        """True if both describe the same state, whatever their edition numbers."""
        return self.resources == other.resources and self.lessons == other.lessons


def encode(feed: Feed) -> tuple[bytes, FeedRef]:
    """Stored bytes of ``feed`` and the reference the directory gives to them."""
    plain = plain_bytes(feed)
    stored = compression.compress(plain)
    return stored, FeedRef(
        stored=Stored(sha256(stored), len(stored)), plain=Stored(sha256(plain), len(plain))
    )


def plain_bytes(feed: Feed) -> bytes:
    """The feed as it is before it is compressed."""
    header = {
        "collection": feed.collection,
        "edition": feed.edition,
        "resources": len(feed.resources),
        "lessons": len(feed.lessons),
    }
    lines = [MAGIC, canonical.dumps(header)]
    lines += [f"{resource.digest} {resource.size}".encode() for resource in feed.resources]
    return b"\n".join(lines) + b"\n" + feed.lessons


def decode(stored: bytes, ref: FeedRef) -> Feed:
    """Read stored bytes whose digest was proved; raises FormatError."""
    return parse_plain(open_stored(stored, ref))


def open_stored(stored: bytes, ref: FeedRef) -> bytes:
    """Plain bytes of a stored feed whose digest was proved; raises FormatError."""
    if ref.plain.size > MAX_PLAIN:
        raise FormatError(f"feed: {ref.plain.size} bytes, at most {MAX_PLAIN} are allowed")
    plain = compression.decompress(stored, size=ref.plain.size, what="feed")
    if sha256(plain) != ref.plain.digest:
        raise FormatError("feed: decompressed content has another digest than signed")
    return plain


def parse_plain(plain: bytes) -> Feed:
    """Read plain bytes whose digest was proved; raises FormatError."""
    magic, _, rest = plain.partition(b"\n")
    if magic != MAGIC:
        raise FormatError(
            f"feed: starts with {magic[:32]!r}, not {MAGIC!r}",
            hint="this box may be too old for this publisher; update its system",
        )
    line, _, body = rest.partition(b"\n")
    header = canonical.loads(line, what="feed header")
    try:
        return _from_parts(header, body)
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"feed: a field is missing or of the wrong kind ({error})") from error


def listed(plain: bytes) -> frozenset[Digest]:
    """Digests of the resources that a feed lists; cheaper than all of it. Raises FormatError."""
    magic, _, rest = plain.partition(b"\n")
    line, _, body = rest.partition(b"\n")
    if magic != MAGIC:
        raise FormatError(f"feed: starts with {magic[:32]!r}, not {MAGIC!r}")
    try:
        count = canonical.as_count(canonical.loads(line, what="feed header")["resources"])
    except (KeyError, TypeError) as error:
        raise FormatError(f"feed: a field is missing or of the wrong kind ({error})") from error
    lines = body.split(b"\n", min(count, MAX_RESOURCES))[:count]
    return frozenset(Digest(line[:64].decode("ascii", "replace")) for line in lines)


def _from_parts(header: dict[str, object], body: bytes) -> Feed:
    collection = canonical.as_text(header["collection"])
    edition = canonical.as_count(header["edition"])
    resources, start = _resources(body, canonical.as_count(header["resources"]))
    length = canonical.as_count(header["lessons"])
    if len(body) - start != length:
        raise FormatError(f"feed: {len(body) - start} bytes of lessons, header says {length}")
    return Feed(collection, edition, resources, body[start:])


def _resources(body: bytes, count: int) -> tuple[tuple[Resource, ...], int]:
    if count > MAX_RESOURCES:
        raise FormatError(f"feed: {count} resources, at most {MAX_RESOURCES} are allowed")
    *lines, rest = body.split(b"\n", count)
    if len(lines) != count:
        raise FormatError(f"feed: {len(lines)} resources, header says {count}")
    found: dict[Digest, Resource] = {}
    for line in lines:
        resource = _resource(line)
        if resource.digest in found:
            raise _odd_line(line)
        found[resource.digest] = resource
    return tuple(found.values()), len(body) - len(rest)


_LINE = re.compile(rb"([0-9a-f]{64}) (0|[1-9][0-9]{0,18})")


def _resource(line: bytes) -> Resource:
    parts = _LINE.fullmatch(line)
    if parts is None or (size := int(parts[2])) >= 2**63:
        raise _odd_line(line)
    return Resource(Digest(parts[1].decode()), size)


def _odd_line(line: bytes) -> FormatError:
    return FormatError(f"feed: bad or repeated resource line {line[:96]!r}")
