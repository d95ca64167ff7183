"""Concatenations: short resources one after the other in one file, and the table of it. Pure.

A stick with a file for each picture would be slow to write and slower to copy. The table is signed
by nobody: each record is believed only as far as the bytes have the digest it says.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sync.digest import Digest
from sync.errors import FormatError

MAGIC = b"KXCAT1\n"
MAX_ENTRIES = 65_536
"""Most resources of one concatenation."""
MAX_CONCATENATION = 2**30
"""Longest concatenation in bytes, so that FAT32 and phones can carry it."""
WHOLE = 2**20
"""From so many bytes on, a resource is a file of its own and in no concatenation."""
TABLE = ".tab"
CONCATENATION = ".cat"

_RECORD = struct.Struct(">32sQ")
MAX_TABLE = len(MAGIC) + MAX_ENTRIES * _RECORD.size
"""Longest table in bytes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource: its digest and its size in bytes."""

    digest: Digest
    size: int


def encode_table(entries: Iterable[Entry]) -> bytes:
    """The table of ``entries`` in their bytes' order; raises FormatError beyond the limits."""
    listed = tuple(entries)
    _check(listed)
    records = (_RECORD.pack(bytes.fromhex(entry.digest), entry.size) for entry in listed)
    return b"".join((MAGIC, *records))


def decode_table(data: bytes) -> tuple[Entry, ...]:
    """Read a table; raises FormatError for another length, too many records or too many bytes."""
    body = memoryview(data)[len(MAGIC) :]
    if data[: len(MAGIC)] != MAGIC or len(data) > MAX_TABLE or len(body) % _RECORD.size:
        raise FormatError(
            "table of a concatenation: not one, cut short, or of a version this software "
            "does not know",
            hint="copy the stick again, or update the system",
        )
    entries = tuple(Entry(Digest(digest.hex()), size) for digest, size in _RECORD.iter_unpack(body))
    _check(entries)
    return entries


def places(entries: Iterable[Entry]) -> Iterator[tuple[Entry, int]]:
    """Each resource and where its bytes begin in the concatenation."""
    offset = 0
    for entry in entries:
        yield entry, offset
        offset += entry.size


def _check(entries: tuple[Entry, ...]) -> None:
    if len(entries) > MAX_ENTRIES or sum(entry.size for entry in entries) > MAX_CONCATENATION:
        raise FormatError(
            f"table of a concatenation: more than {MAX_ENTRIES} resources or "
            f"{MAX_CONCATENATION} bytes"
        )
