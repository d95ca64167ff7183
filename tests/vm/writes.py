"""All that a machine wrote to its card, in order; from it the card as a power cut would leave it.

QEMU's block driver ``blklogwrites`` keeps each write and flush, in the format of Linux'
dm-log-writes. A cut at a moment that is waited for by the clock hits what takes long; here every
write can be hit, the two sectors of a boot loader's file too, and what the card had not been told
to flush can be lost.

log = WriteLog.read(path)
log.rebuild(card, at=1234)                  # the first 1234 writes are there, and nothing more
log.rebuild(card, at=1234, lost=Random(7))  # of those since the last flush some are lost or torn
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import BinaryIO, Self

SECTOR = 512
MAGIC = 0x6A736677736872
"""At the beginning; with it version, number of entries, size of a sector of the log."""
_HEAD = struct.Struct("<QQQI")
_ENTRY = struct.Struct("<QQQQ")
"""Sector, number of sectors, flags, and a length that QEMU leaves 0."""
_FLUSH, _FUA, _DISCARD = 1, 2, 4


@dataclass(frozen=True, slots=True)
class Write:
    """One entry of the log."""

    start: int
    """Bytes from the beginning of the card."""
    size: int
    flush: bool
    """All before it lies safely on the card."""
    lasting: bool
    """It was written through."""
    data: int
    """Where its bytes stand in the log."""
    end: int
    """Bytes of the log with which it is whole."""

    def touches(self, start: int, size: int) -> bool:
        """True if it writes into these bytes of the card."""
        return self.size > 0 and self.start < start + size and start < self.start + self.size


@dataclass(frozen=True)
class WriteLog:
    """A log that is no longer written to."""

    path: Path
    writes: tuple[Write, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """All whole entries of a log, whose machine was cut."""
        with path.open("rb") as file:
            magic, _version, _count, sector = _HEAD.unpack(file.read(_HEAD.size))
            assert (magic, sector) == (MAGIC, SECTOR), f"{path}: no log of writes"
            return cls(path, tuple(_entries(file, path.stat().st_size)))

    def reached(self, size: int) -> int:
        """How many writes were whole when the log had that many bytes."""
        return sum(write.end <= size for write in self.writes)

    def rebuild(self, card: Path, at: int, *, lost: Random | None = None) -> None:
        """Carry the first ``at`` writes out on ``card``, which is as it was before them.

        With ``lost``, each write since the last flush is kept, lost, or torn after some sectors.
        """
        safe = self.flushed(at)
        with self.path.open("rb") as log, card.open("r+b") as file:
            for number, write in enumerate(self.writes[:at]):
                certain = lost is None or number < safe or write.lasting
                size = write.size if certain or lost is None else torn(write.size, lost)
                if size:
                    log.seek(write.data)
                    file.seek(write.start)
                    file.write(log.read(size))

    def flushed(self, at: int) -> int:
        """How many of the first ``at`` writes lie safely on the card."""
        return max((n + 1 for n in range(at) if self.writes[n].flush), default=0)


def torn(size: int, rng: Random) -> int:
    """How many bytes of a write come to the card: all, none, or some of its sectors."""
    return rng.choice((0, size, rng.randrange(size // SECTOR + 1) * SECTOR))


def _entries(file: BinaryIO, size: int) -> Iterator[Write]:
    at = SECTOR
    while at + SECTOR <= size:
        file.seek(at)
        sector, sectors, flags, _ = _ENTRY.unpack(file.read(_ENTRY.size))
        data = at + SECTOR
        # What is discarded may stay as it is, and has no bytes in the log.
        length = 0 if flags & _DISCARD else sectors * SECTOR
        if not (sectors or flags) or data + length > size:
            return  # the machine was cut while this was written
        at = data + length
        start = sector * SECTOR
        yield Write(start, length, bool(flags & _FLUSH), bool(flags & _FUA), data, at)
