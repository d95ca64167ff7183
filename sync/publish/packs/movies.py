"""Where MP4 files list the places of their pieces (ISO/IEC 14496-12, 8.7.5, "stco"). Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from sync.chunker import Buffer

_INTO = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_HEADER = 8
_COUNT = 8
"""Version, flags and the number of entries stand before the entries."""
MOST_BOXES = 10_000


@dataclass(frozen=True, slots=True)
class Places:
    """A run of 32-bit places: ``length`` bytes from ``start``."""

    start: int
    length: int


def find_places(data: Buffer) -> list[Places]:
    """The runs of an MP4 file, in order; none for any other file or a broken one."""
    if data[4:8] != b"ftyp":
        return []
    return sorted(_places(data, 0, len(data), [MOST_BOXES]), key=lambda one: one.start)


def _places(data: Buffer, at: int, end: int, left: list[int]) -> Iterator[Places]:
    while at + _HEADER <= end and left[0]:
        left[0] -= 1
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        body = at + _HEADER
        if size == 1:
            size, body = int.from_bytes(data[at + 8 : at + 16]), at + 16
        after = end if size == 0 else at + size
        if not body <= after <= end:
            return
        if kind in _INTO:
            yield from _places(data, body, after, left)
        elif kind == b"stco":
            length = 4 * int.from_bytes(data[body + 4 : body + _COUNT])
            if 0 < length <= after - body - _COUNT:
                yield Places(body + _COUNT, length)
        at = after
