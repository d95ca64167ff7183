"""The partition table of an image: read, fitted to a medium's size, written (UEFI 2.10, 5.3). Pure.

An image ends where its backup table ends; on a larger medium that table belongs at the medium's
end, or firmware and tools take the first one for damaged.
"""

import struct
import zlib
from dataclasses import dataclass, replace
from itertools import pairwise
from uuid import UUID

from sync.errors import FormatError

SECTOR = 512
HEAD = 34 * SECTOR
"""Protective MBR, header, 128 entries."""
TAIL = 33 * SECTOR
"""128 entries, header."""
MIB = 2**20
_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
_ENTRY = struct.Struct("<16s16sQQQ72s")
_SIGNATURE, _REVISION = b"EFI PART", 0x10000
_ENTRIES, _ENTRY_SIZE = 128, 128
_MOST = 2**63 // SECTOR
_PROTECTIVE = 446
"""Offset of the one entry of the protective MBR."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition: its name, and its first and last sector."""

    name: str
    kind: UUID
    first: int
    last: int
    number: int
    """Its place in the table, from 0."""

    @property
    def offset(self) -> int:
        """Bytes from the start of the medium."""
        return self.first * SECTOR

    @property
    def size(self) -> int:
        """Bytes."""
        return (self.last - self.first + 1) * SECTOR


@dataclass(frozen=True, slots=True)
class Table:
    """A partition table of 128 entries, with the first sector it stands behind."""

    mbr: bytes
    disk: UUID
    size: int
    """Bytes of the medium or image it describes."""
    entries: bytes
    partitions: tuple[Partition, ...]

    def find(self, name: str) -> Partition:
        """The partition of that name; raises FormatError."""
        for one in self.partitions:
            if one.name == name:
                return one
        raise FormatError(f"the image has no partition {name!r}", hint="is it an image of a box?")


def parse(head: bytes, *, what: str) -> Table:
    """The table in the first ``HEAD`` bytes; raises FormatError naming ``what``."""
    if len(head) < HEAD or head[SECTOR : SECTOR + 8] != _SIGNATURE:
        raise FormatError(f"{what}: no partition table", hint="is it an image of a box?")
    fields = _HEADER.unpack_from(head, SECTOR)
    _, revision, length, checksum, _, mine, other, _, _, disk, at, count, size, crc = fields
    if (revision, length, mine, at, count, size) != (
        _REVISION,
        _HEADER.size,
        1,
        2,
        _ENTRIES,
        _ENTRY_SIZE,
    ):
        raise FormatError(f"{what}: a partition table of another kind than ours")
    entries = head[2 * SECTOR : HEAD]
    if zlib.crc32(_header_of(fields)) != checksum or zlib.crc32(entries) != crc:
        raise FormatError(f"{what}: its partition table is damaged", hint="take another copy")
    if not HEAD // SECTOR <= other < _MOST:
        raise FormatError(f"{what}: its partition table ends nowhere")
    partitions = _partitions(entries, other, what)
    return Table(head[:SECTOR], UUID(bytes_le=disk), (other + 1) * SECTOR, entries, partitions)


def fitted(table: Table, size: int) -> Table:
    """The same table for a medium of ``size`` bytes, a multiple of 512."""
    return replace(table, size=size)


def grown(table: Table, name: str, size: int) -> Table:
    """The table with its last partition, ``name``, made at least ``size`` bytes long.

    The image grows with it where it must. Raises FormatError if another one lies behind it.
    """
    old = table.find(name)
    if any(one.first > old.first for one in table.partitions):
        raise FormatError(f"partition {name!r} is not the last one and cannot grow")
    sectors = -(-max(size, old.size) // MIB) * MIB // SECTOR
    new = replace(old, last=old.first + sectors - 1)
    entry = bytearray(table.entries)
    struct.pack_into("<Q", entry, new.number * _ENTRY_SIZE + 40, new.last)
    others = tuple(new if one is old else one for one in table.partitions)
    end = (new.last + 1) * SECTOR + TAIL
    return replace(table, size=max(table.size, end), entries=bytes(entry), partitions=others)


def head_of(table: Table) -> bytes:
    """The first ``HEAD`` bytes of the medium; boot code in the first sector stays as it is."""
    mbr = bytearray(table.mbr)
    sectors = min(table.size // SECTOR - 1, 0xFFFFFFFF)
    struct.pack_into("<I", mbr, _PROTECTIVE + 12, sectors)
    last = table.size // SECTOR - 1
    header = _header(table, mine=1, other=last, entries=2)
    return bytes(mbr) + header.ljust(SECTOR, b"\0") + table.entries


def tail_of(table: Table) -> bytes:
    """The last ``TAIL`` bytes of the medium."""
    last = table.size // SECTOR - 1
    header = _header(table, mine=last, other=1, entries=last - 32)
    return table.entries + header.ljust(SECTOR, b"\0")


def _header(table: Table, *, mine: int, other: int, entries: int) -> bytes:
    last = table.size // SECTOR - 1
    fields = (
        *(_SIGNATURE, _REVISION, _HEADER.size, 0, 0, mine, other),
        *(HEAD // SECTOR, last - TAIL // SECTOR, table.disk.bytes_le),
        *(entries, _ENTRIES, _ENTRY_SIZE, zlib.crc32(table.entries)),
    )
    checksum = zlib.crc32(_HEADER.pack(*fields))
    return _HEADER.pack(*fields[:3], checksum, *fields[4:])


def _header_of(fields: tuple[object, ...]) -> bytes:
    """A header as its checksum is taken: with zero in the checksum's place."""
    return _HEADER.pack(*fields[:3], 0, *fields[4:])


def _partitions(entries: bytes, last: int, what: str) -> tuple[Partition, ...]:
    found = []
    for number in range(_ENTRIES):
        kind, _, first, end, _, name = _ENTRY.unpack_from(entries, number * _ENTRY_SIZE)
        if kind == bytes(16):
            continue
        if not HEAD // SECTOR <= first <= end < last:
            raise FormatError(f"{what}: partition {number + 1} lies outside the image")
        text = name.decode("utf-16-le", "replace").split("\0", 1)[0]
        found.append(Partition(text, UUID(bytes_le=kind), first, end, number))
    ordered = sorted(found, key=lambda one: one.first)
    for one, after in pairwise(ordered):
        if after.first <= one.last:
            raise FormatError(f"{what}: partitions {one.name!r} and {after.name!r} overlap")
    return tuple(ordered)
