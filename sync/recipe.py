"""Recipes: how chunks are named, and the ordered chunks of one resource. Pure."""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, NewType

from sync.digest import Digest
from sync.errors import FormatError

MAX_CHUNK = 256 * 1024
"""Longest chunk, in bytes; a longer resource has several and therefore a recipe."""

ChunkId = NewType("ChunkId", bytes)
"""First 16 bytes of the SHA-256 of a chunk. It finds chunks; groups and resources prove them."""


class Chunk(NamedTuple):
    """A content-defined piece of a resource: its id and its length in bytes."""

    id: ChunkId
    length: int


def chunk_id(data: bytes | memoryview) -> ChunkId:
    """Id of the chunk ``data``."""
    return ChunkId(hashlib.sha256(data).digest()[:16])


def whole(resource: Digest) -> ChunkId:
    """Id of the chunk that is the whole resource: the first half of the resource's digest."""
    return ChunkId(bytes.fromhex(resource[:32]))


@dataclass(frozen=True, slots=True)
class Chunks:
    """Chunks in order, kept as one run of 20-byte records: a big library has millions of them."""

    records: bytes = b""

    RECORD = struct.Struct("<16sI")

    @classmethod
    def of(cls, chunks: Iterable[Chunk]) -> "Chunks":
        """The given chunks, packed."""
        return cls(b"".join(cls.RECORD.pack(*chunk) for chunk in chunks))

    def take(self, indices: Iterable[int]) -> "Chunks":
        """The chunks at ``indices``; raises FormatError for an index that does not exist."""
        width, records = self.RECORD.size, self.records
        taken = [records[index * width : (index + 1) * width] for index in indices]
        if not all(taken):
            raise FormatError(f"recipe: names a chunk beyond the {len(self)} there are")
        return Chunks(b"".join(taken))

    @property
    def size(self) -> int:
        """Bytes of all of them together."""
        return sum(length for _, length in self)

    def __len__(self) -> int:
        return len(self.records) // self.RECORD.size

    def __iter__(self) -> Iterator[Chunk]:
        return map(Chunk._make, self.RECORD.iter_unpack(self.records))


@dataclass(frozen=True, slots=True)
class Recipe:
    """The ordered chunks of one resource; raises FormatError unless they add up to its size."""

    resource: Digest
    size: int
    chunks: Chunks

    def __post_init__(self) -> None:
        if self.chunks.size != self.size:
            raise FormatError(
                f"recipe of {self.resource[:16]}…: its chunks add up to {self.chunks.size} bytes, "
                f"the resource has {self.size}"
            )
