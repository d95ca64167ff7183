"""Heads of update packs for tests: sound ones, and false ones made of hand-written records."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sync import compression
from sync.digest import Digest, sha256
from sync.directory import CollectionEntry, FeedRef, PackRef, Stored
from sync.feed import Feed, Resource, encode, plain_bytes
from sync.updates import varint
from sync.updates.head import Base

HEADER = struct.Struct("<7sBII")
COLLECTION = "43/music-1a"


def number(value: int) -> bytes:
    return varint.write(value)


def record(data: bytes) -> bytes:
    """``data`` as a record that tells its own length."""
    return number(len(data)) + data


def named(seed: str, size: int) -> Resource:
    """A resource nobody has the bytes of."""
    return Resource(sha256(seed.encode()), size)


def feed_of(resources: Iterable[Resource], edition: int = 2) -> Feed:
    return Feed(COLLECTION, edition, tuple(resources), b"lessons\n")


def base_of(resources: Iterable[Resource], edition: int = 1) -> Base:
    feed = feed_of(resources, edition)
    return Base(plain_bytes(feed), feed)


def pack_of(size: int) -> PackRef:
    return PackRef(Stored(sha256(b"pack"), size), Stored(sha256(b"table"), 9))


def entry_of(feed: Feed, packs: Sequence[PackRef] = ()) -> CollectionEntry:
    return CollectionEntry(
        feed.collection, "音乐", {}, feed.edition, 1, 0, encode(feed)[1], tuple(packs)
    )


@dataclass(frozen=True)
class Raw:
    """One group's record, field by field, each of which a test can falsify."""

    codec: int = 0
    home: int = 0
    offset: int = 0
    stored: int = 10
    plain: int = 10
    digest: Digest = sha256(b"group")  # noqa: RUF009 - a constant
    prefix: tuple[bytes, ...] = ()
    parts: tuple[bytes, ...] = ()
    rest: bytes = b""

    @property
    def data(self) -> bytes:
        place = [self.home, *([self.offset] if self.home else []), self.stored, self.plain]
        return b"".join(
            [
                bytes([self.codec]),
                *map(number, place),
                bytes.fromhex(self.digest),
                number(len(self.prefix)),
                *self.prefix,
                number(len(self.parts)),
                *self.parts,
                self.rest,
            ]
        )


def index_of(groups: Sequence[Raw]) -> bytes:
    return number(len(groups)) + b"".join(record(group.data) for group in groups)


def head_of(base: Base, feed: Feed, index: bytes) -> bytes:
    """A head around a hand-written index."""
    delta = compression.compress_with(base.plain, plain_bytes(feed))
    return joined(delta, compression.compress(index))


def joined(delta: bytes, index: bytes, *, magic: bytes = b"KXUPDT\n", version: int = 1) -> bytes:
    return HEADER.pack(magic, version, len(delta), len(index)) + delta + index


def lying(feed: FeedRef, size: int) -> FeedRef:
    """``feed`` with another plain size."""
    return FeedRef(feed.stored, Stored(feed.plain.digest, size))
