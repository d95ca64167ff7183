"""Packs and tables: groups of chunks in one immutable file, and the table that finds them. Pure.

A pack is 8 bytes of magic and version, then groups without a gap. A group holds whole chunks, at
most 1 MiB of them, and is stored raw or as one zstd frame. Its table (docs/formats.md, "Table")
proves each group by the SHA-256 of its stored bytes, so that a range of a pack can be trusted
without the rest, and a decoder never sees a byte that was not proved.

Why 1 MiB: a cut transfer loses at most one group, and a box holds only few groups in memory;
larger groups would compress text a little better (the update packs to come do that with the old
edition as context) and would make one changed picture cost more.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate, islice, pairwise
from typing import BinaryIO

from sync import compression
from sync.digest import Digest, prove, sha256
from sync.directory import PackRef, Stored
from sync.errors import FormatError
from sync.recipe import MAX_CHUNK, Chunk, ChunkId, Chunks, Recipe, chunk_id

VERSION = 1
PACK_MAGIC = b"KXPACK\n"
TABLE_MAGIC = b"KXTABL\n"
MAX_GROUP = 2**20
"""Most plain bytes of a group, and so the most stored bytes of one."""
MAX_PACK = 2**30
"""Longest pack in bytes, so that FAT32 and phones can carry it."""
MAX_TABLE = 64 * 2**20
"""Longest table a box reads, in bytes."""

_PACK_HEADER = PACK_MAGIC + bytes([VERSION])
_HEADER = struct.Struct("<7sB32sQIIIII")
_GROUP = struct.Struct("<32sIIB")
_RECIPE = struct.Struct("<32sQI")
_TOO_OLD = "this box may be too old for this publisher; update its system"


class Codec(IntEnum):
    """How the bytes of a group are stored."""

    RAW = 0
    ZSTD = 1


@dataclass(frozen=True, slots=True)
class Group:
    """A run of chunks that is stored, fetched, proved and decoded as a whole."""

    digest: Digest
    """SHA-256 of the stored bytes."""
    offset: int
    """Where it begins in its pack, in bytes."""
    stored: int
    plain: int
    codec: Codec
    chunks: range = range(0)
    """Which chunks of the table it holds, in order; none in an update pack."""


@dataclass(frozen=True, slots=True)
class Table:
    """What one pack holds. ``chunks``: those of its groups, then those recipes take elsewhere."""

    pack: Stored
    groups: tuple[Group, ...]
    chunks: Chunks
    recipes: tuple[Recipe, ...]

    def places(self) -> Iterator[tuple[Chunk, Group, int]]:
        """Each chunk of the pack, its group, and where it begins in the plain group."""
        chunks = iter(self.chunks)
        for group in self.groups:
            start = 0
            for chunk in islice(chunks, len(group.chunks)):
                yield chunk, group, start
                start += chunk.length


def open_group(group: Group, stored: bytes, *, what: str) -> bytes:
    """Plain bytes of a group, proved before it is decoded; raises ProofFailed or FormatError."""
    prove(stored, group.digest, what=what)
    return decode_group(group, stored, what=what)


def decode_group(
    group: Group, proved: bytes, prefix: bytes | compression.Prefix = b"", *, what: str
) -> bytes:
    """Plain bytes of a group whose stored bytes were proved; raises FormatError."""
    if group.codec is Codec.RAW:
        return proved
    return compression.decompress_with(prefix, proved, size=group.plain, what=what)


class PackWriter:
    """Writes one pack: the same chunks in the same order give the same bytes.

    ``file`` needs no seeking; the caller makes it durable and gives it its name. When ``full`` is
    true the caller finishes this pack and begins another.
    """

    def __init__(self, file: BinaryIO, *, level: int = compression.LEVEL) -> None:
        self._file = file
        self._level = level
        self._proof = hashlib.sha256()
        self._size = 0
        self._open: list[bytes] = []
        self._open_size = 0
        self._groups: list[Group] = []
        self._chunks: dict[ChunkId, Chunk] = {}
        self._write(_PACK_HEADER)

    @property
    def full(self) -> bool:
        """True if another chunk might not fit below MAX_PACK."""
        return self._size + self._open_size + MAX_CHUNK > MAX_PACK

    @property
    def empty(self) -> bool:
        """True as long as no chunk was added."""
        return not self._chunks

    def add(self, data: bytes) -> Chunk:
        """Put a chunk in, unless this pack holds it already; returns its id and length."""
        if not 0 < len(data) <= MAX_CHUNK:
            raise ValueError(f"a chunk has 1 to {MAX_CHUNK} bytes, not {len(data)}")
        chunk = Chunk(chunk_id(data), len(data))
        if chunk.id in self._chunks:
            return chunk
        if self.full:
            raise ValueError(f"a pack has at most {MAX_PACK} bytes: begin another when full")
        if self._open_size + len(data) > MAX_GROUP:
            self._close_group()
        self._chunks[chunk.id] = chunk
        self._open.append(data)
        self._open_size += len(data)
        return chunk

    def end_group(self) -> None:
        """Let the next chunk begin a group of its own, so that it can be had without these."""
        if self._open:
            self._close_group()

    def finish(self, recipes: Iterable[Recipe]) -> tuple[bytes, PackRef]:
        """Close the pack; returns its table's bytes and the reference the directory needs.

        ``recipes``: those of the multi-chunk resources first cut into this pack; their chunks may
        lie in other packs of the collection.
        """
        if self._open:
            self._close_group()
        kept = tuple(recipes)
        chunks = dict(self._chunks)
        for recipe in kept:
            for chunk in recipe.chunks:
                chunks.setdefault(chunk.id, chunk)
        pack = Stored(Digest(self._proof.hexdigest()), self._size)
        table = encode_table(Table(pack, tuple(self._groups), Chunks.of(chunks.values()), kept))
        return table, PackRef(pack=pack, table=Stored(sha256(table), len(table)))

    def _close_group(self) -> None:
        plain = b"".join(self._open)
        codec, stored = _encode_group(plain, level=self._level)
        first = self._groups[-1].chunks.stop if self._groups else 0
        chunks = range(first, first + len(self._open))
        self._groups.append(
            Group(sha256(stored), self._size, len(stored), len(plain), codec, chunks)
        )
        self._write(stored)
        self._open, self._open_size = [], 0

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._proof.update(data)
        self._size += len(data)


def _encode_group(plain: bytes, *, level: int) -> tuple[Codec, bytes]:
    """The stored form: zstd only where it saves at least 2 %, as it costs a box time to undo."""
    quick = compression.compress(plain, level=min(level, 3))
    if len(quick) > 0.995 * len(plain):
        return Codec.RAW, plain  # media: the slow level would find nothing either
    best = compression.compress(plain, level=level)
    return (Codec.ZSTD, best) if len(best) <= 0.98 * len(plain) else (Codec.RAW, plain)


def encode_table(table: Table) -> bytes:
    """Stored bytes of ``table``."""
    index = {chunk.id: number for number, chunk in enumerate(table.chunks)}
    steps = [index[chunk.id] for recipe in table.recipes for chunk in recipe.chunks]
    own = table.groups[-1].chunks.stop if table.groups else 0
    counts = (len(table.groups), own, len(table.chunks) - own, len(table.recipes), len(steps))
    pack = bytes.fromhex(table.pack.digest)
    return b"".join(
        [
            _HEADER.pack(TABLE_MAGIC, VERSION, pack, table.pack.size, *counts),
            *(_pack_group(group) for group in table.groups),
            table.chunks.records,
            *(_pack_recipe(recipe) for recipe in table.recipes),
            struct.pack(f"<{len(steps)}I", *steps),
        ]
    )


def _pack_group(group: Group) -> bytes:
    return _GROUP.pack(bytes.fromhex(group.digest), group.stored, len(group.chunks), group.codec)


def _pack_recipe(recipe: Recipe) -> bytes:
    return _RECIPE.pack(bytes.fromhex(recipe.resource), recipe.size, len(recipe.chunks))


def decode_table(data: bytes) -> Table:
    """Read proved bytes; raises FormatError, before anything is allocated for a false count."""
    counts, pack = _read_header(data)
    groups, own, foreign, recipes, steps = counts
    sizes = (
        _HEADER.size,
        groups * _GROUP.size,
        (own + foreign) * Chunks.RECORD.size,
        recipes * _RECIPE.size,
        steps * 4,
    )
    if sum(sizes) != len(data):
        raise FormatError(f"table: {len(data)} bytes, its header promises {sum(sizes)}")
    ends = accumulate(sizes)
    group_part, chunk_part, recipe_part, step_part = (
        data[start:end] for start, end in pairwise(ends)
    )
    chunks = _read_chunks(chunk_part)
    found = _read_groups(group_part, chunks, own=own, end=pack.size)
    order = struct.unpack(f"<{steps}I", step_part)
    return Table(pack, found, chunks, _read_recipes(recipe_part, order, chunks))


def _read_header(data: bytes) -> tuple[tuple[int, ...], Stored]:
    if len(data) > MAX_TABLE or len(data) < _HEADER.size:
        raise FormatError(f"table: {len(data)} bytes, {_HEADER.size} to {MAX_TABLE} are allowed")
    magic, version, digest, size, *counts = _HEADER.unpack_from(data)
    if magic != TABLE_MAGIC or version != VERSION:
        raise FormatError(
            f"table: starts with {data[:8]!r}, not {TABLE_MAGIC!r} and version {VERSION}",
            hint=_TOO_OLD,
        )
    if not len(_PACK_HEADER) <= size <= MAX_PACK:
        raise FormatError(f"table: its pack has {size} bytes, at most {MAX_PACK} are allowed")
    return tuple(counts), Stored(Digest(digest.hex()), size)


def _read_chunks(records: bytes) -> Chunks:
    chunks = Chunks(records)
    if not all(0 < length <= MAX_CHUNK for _, length in chunks):
        raise FormatError(f"table: a chunk is empty or longer than {MAX_CHUNK} bytes")
    return chunks


def _read_groups(records: bytes, chunks: Chunks, *, own: int, end: int) -> tuple[Group, ...]:
    found: list[Group] = []
    lengths = (chunk.length for chunk in chunks)
    offset, first = len(_PACK_HEADER), 0
    for digest, stored, count, codec in _GROUP.iter_unpack(records):
        held = range(first, first + count)
        if held.stop > own:
            break
        plain = sum(islice(lengths, count))
        group = Group(Digest(digest.hex()), offset, stored, plain, _codec(codec), held)
        _check_group(group)
        found.append(group)
        offset, first = offset + stored, held.stop
    if first != own or offset != end:
        raise FormatError("table: its groups do not add up to its chunks and its pack")
    return tuple(found)


def _check_group(group: Group) -> None:
    whole = group.stored == group.plain
    fits = whole if group.codec is Codec.RAW else 0 < group.stored < group.plain
    if not group.chunks or group.plain > MAX_GROUP or not fits:
        raise FormatError(
            f"table: group at {group.offset} has {len(group.chunks)} chunks, {group.plain} bytes "
            f"plain and {group.stored} stored; at most {MAX_GROUP} are allowed"
        )


def _codec(number: int) -> Codec:
    try:
        return Codec(number)
    except ValueError as error:
        raise FormatError(f"table: unknown codec {number}", hint=_TOO_OLD) from error


def _read_recipes(records: bytes, steps: tuple[int, ...], chunks: Chunks) -> tuple[Recipe, ...]:
    found: list[Recipe] = []
    position = 0
    for digest, size, count in _RECIPE.iter_unpack(records):
        taken = steps[position : position + count]
        found.append(Recipe(Digest(digest.hex()), size, chunks.take(taken)))
        position += count
    if position != len(steps):
        raise FormatError("table: its recipes do not add up to its steps")
    return tuple(found)
