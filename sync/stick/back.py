"""The file a box sends back on a stick: two halves, so that a torn write costs the older one. Pure.

``back.kxb`` is made by whoever prepares the stick, as long as it will ever be; little endian. Each
half (half of the file, in whole pages of 4096 bytes) is::

    offset  bytes  what
    0       8      "KXBACK1\\n"
    8       8      sequence (u64): the half with the higher one is newer
    16      8      length of the papers (u64)
    24      32     SHA-256 of the papers
    56      32     SHA-256 of bytes 0 to 56
    88      …      zeros
    4096    …      the papers, each with its length before it (u32); then whatever was there

A box writes the papers into the half that is not the newest whole one, brings them to the medium,
and only then writes that half's first page: whenever the stick is pulled, one half is whole.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from sync.errors import FormatError

MAGIC = b"KXBACK1\n"
PAGE = 4096
DEFAULT_SIZE = 4 * 2**20
"""Length of a file that is made for a box, in bytes."""
MIN_SIZE = 64 * 2**10
MAX_SIZE = 16 * 2**20
"""Longest file that is read."""
MAX_PAPERS = 64
_HEAD = struct.Struct("<8sQQ32s")
_LAST_SEQUENCE = 2**62
ReadAt = Callable[[int, int], bytes]
"""Reads so many bytes (offset, length) of the file; fewer at its end."""


@dataclass(frozen=True, slots=True)
class Half:
    """One half that is whole: where it begins, its number, its papers' bytes."""

    start: int
    sequence: int
    papers: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """Where the next papers go."""

    start: int
    sequence: int


def room(size: int) -> int:
    """Bytes of papers that a file of ``size`` bytes holds; raises FormatError for no such size."""
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise FormatError(
            f"a file for the way back has {MIN_SIZE} to {MAX_SIZE} bytes, this one {size}",
            hint="let `kexia stick prepare` make it",
        )
    return _half(size) - PAGE


def whole_halves(read_at: ReadAt, size: int) -> tuple[Half, ...]:
    """The halves that can be read, newest first; a torn or empty one is none."""
    limit = room(size)
    found = [_read_half(read_at, start, limit) for start in (0, _half(size))]
    return tuple(sorted(filter(None, found), key=lambda half: -half.sequence))


def next_place(read_at: ReadAt, size: int) -> Place:
    """Where a box writes now: never over the newest half that can be read."""
    halves = whole_halves(read_at, size)
    if not halves:
        return Place(0, 1)
    newest = halves[0]
    if newest.sequence + 1 >= _LAST_SEQUENCE:
        raise FormatError(
            "the stick's file for this box is used up",
            hint="let `kexia stick prepare` make it anew",
        )
    return Place(0 if newest.start else _half(size), newest.sequence + 1)


def first_page(sequence: int, papers: bytes) -> bytes:
    """The page that puts ``papers`` in force."""
    head = _HEAD.pack(MAGIC, sequence, len(papers), sha256(papers).digest())
    return (head + sha256(head).digest()).ljust(PAGE, b"\0")


def pack(papers: Sequence[bytes], limit: int) -> tuple[bytes, int]:
    """Those of ``papers`` that fit into ``limit`` bytes, first ones first; and how many did not."""
    taken: list[bytes] = []
    left = limit
    for paper in papers:
        if 4 + len(paper) <= left and len(taken) < MAX_PAPERS:
            taken.append(struct.pack("<I", len(paper)) + paper)
            left -= 4 + len(paper)
    return b"".join(taken), len(papers) - len(taken)


def unpack(data: bytes) -> tuple[bytes, ...]:
    """The papers, none of them looked at; raises FormatError."""
    papers: list[bytes] = []
    at = 0
    while at < len(data):
        if len(papers) == MAX_PAPERS or at + 4 > len(data):
            raise FormatError("the papers do not end where they should")
        (length,) = struct.unpack_from("<I", data, at)
        at += 4 + length
        if at > len(data):
            raise FormatError("a paper is longer than what is left")
        papers.append(data[at - length : at])
    return tuple(papers)


def _half(size: int) -> int:
    return size // 2 // PAGE * PAGE


def _read_half(read_at: ReadAt, start: int, limit: int) -> Half | None:
    page = read_at(start, _HEAD.size + 32)
    head, seal = page[: _HEAD.size], page[_HEAD.size :]
    if not head.startswith(MAGIC) or len(head) < _HEAD.size or seal != sha256(head).digest():
        return None
    _, sequence, length, digest = _HEAD.unpack(head)
    if length > limit or sequence >= _LAST_SEQUENCE:
        return None
    papers = read_at(start + PAGE, length)
    whole = len(papers) == length and sha256(papers).digest() == digest
    return Half(start, sequence, papers) if whole else None
