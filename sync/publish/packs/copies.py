"""Copies: a large new file as runs of old ones and what is new between them. Pure.

Pieces of about 2 KiB are looked up among the pieces of the old files; a match is followed byte by
byte both ways. Files may be mapped: nothing here holds one in memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from sync.chunker import Buffer, fine_cuts

PIECE = 2048
MIN_COPY = 128
"""Shorter copies cost about what they save."""
_BLOCK = 256
_STRIDE = 2**20


@dataclass(frozen=True, slots=True)
class Run:
    """``length`` bytes of the new file: from ``start`` of old file ``source``, or new (-1)."""

    source: int
    start: int
    length: int


def find_runs(new: Buffer, olds: Sequence[Buffer]) -> list[Run]:
    """The new file as runs, in order; new runs give their place in the new file."""
    pieces = _pieces(olds)
    runs: list[Run] = []
    at = 0
    for offset, piece in fine_cuts(new, average=PIECE):
        if offset + len(piece) <= at:
            continue
        match = pieces.get(_hash(piece))
        if match is None:
            continue
        source, start = match
        if offset < at:
            start += at - offset
        run = _extended(new, max(offset, at), olds[source], start, floor=at)
        if run is None:
            continue
        begin, start, length = run
        if begin > at:
            runs.append(Run(-1, at, begin - at))
        runs.append(Run(source, start, length))
        at = begin + length
    if at < len(new):
        runs.append(Run(-1, at, len(new) - at))
    return runs


def _pieces(olds: Sequence[Buffer]) -> dict[bytes, tuple[int, int]]:
    found: dict[bytes, tuple[int, int]] = {}
    for number, old in enumerate(olds):
        for offset, piece in fine_cuts(old, average=PIECE):
            found.setdefault(_hash(piece), (number, offset))
    return found


def _hash(piece: memoryview) -> bytes:
    return blake2b(piece, digest_size=8).digest()


def _extended(
    new: Buffer, at: int, old: Buffer, start: int, *, floor: int
) -> tuple[int, int, int] | None:
    """Begin in the new file, begin in the old one, and length of the match around a place."""
    ahead = _common(new, at, old, start)
    back = _common_back(new, at, old, start, limit=min(at - floor, start))
    if ahead + back < MIN_COPY:
        return None
    return at - back, start - back, ahead + back


def _common(one: Buffer, at: int, other: Buffer, start: int) -> int:
    """How many bytes agree from here on."""
    limit = min(len(one) - at, len(other) - start)
    done = 0
    for size in _strides(limit):
        if one[at + done : at + done + size] != other[start + done : start + done + size]:
            return done + _first_difference(
                one[at + done : at + done + size], other[start + done : start + done + size]
            )
        done += size
    return done


def _common_back(one: Buffer, at: int, other: Buffer, start: int, *, limit: int) -> int:
    """How many bytes agree just before here."""
    done = 0
    for size in _strides(limit):
        left = one[at - done - size : at - done]
        right = other[start - done - size : start - done]
        if left != right:
            return done + _first_difference(left[::-1], right[::-1])
        done += size
    return done


def _strides(limit: int) -> Iterator[int]:
    """Growing steps that add up to ``limit``."""
    done, size = 0, _BLOCK
    while done < limit:
        step = min(size, limit - done)
        yield step
        done, size = done + step, min(size * 2, _STRIDE)


def _first_difference(one: bytes, other: bytes) -> int:
    """Place of the first byte that differs, by halves."""
    low, high = 0, len(one)
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
