"""A card or stick as bytes, past the page cache: what is read comes from it and nowhere else.

O_EXCL: the kernel itself refuses a disk that it has mounted, swaps to, or builds others upon.
"""

import errno
import fcntl
import mmap
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from image_build.burner.media import Disk
from sync.errors import KexiaError, LeaseHeld, MediumFailing, TrustRefused, UsageError
from sync.files import sync_file

_SIZE, _SECTOR, _SEQUENCE = 0x80081272, 0x1268, 0x80081280
"""BLKGETSIZE64, BLKSSZGET, BLKGETDISKSEQ (linux/fs.h)."""
_IS_READ_ONLY = 0x125E
"""BLKROGET."""
_DROP_CACHE, _DISCARD, _READ_TABLE = 0x1261, 0x1277, 0x125F
"""BLKFLSBUF, BLKDISCARD, BLKRRPART."""
_UNLOCK, _EJECT = 0x5381, 0x5309
"""SCSI_IOCTL_DOORUNLOCK, as the kernel locks the door of what it opens; CDROMEJECT, which any SCSI
disk (USB readers and sticks) gets as START STOP UNIT."""
_GONE = (errno.ENODEV, errno.ENXIO, errno.ENOMEDIUM, errno.ESHUTDOWN)
_FAILING = (errno.EIO, errno.EREMOTEIO, errno.ETIMEDOUT, errno.EILSEQ, errno.EROFS, errno.ENOSPC)
_ALIGNED = 4096
_LOOKS, _PAUSE = 10, 0.2
"""How often, and after how many seconds again, it is looked whether a medium is gone."""
SYS = Path("/sys/class/block")


class Medium:
    """An open medium; offsets and lengths in bytes, multiples of 512."""

    def __init__(self, descriptor: int, node: Path, buffer: int) -> None:
        self._file = os.fdopen(descriptor, "r+b", buffering=0)
        self.node = node
        self.size = _number(descriptor, _SIZE)
        self.sector = _number(descriptor, _SECTOR)
        self.is_read_only = bool(_number(descriptor, _IS_READ_ONLY))
        self._facts = _facts(node)
        self._buffer = mmap.mmap(-1, buffer)
        """Anonymous memory begins on a page, as O_DIRECT wants it."""

    @property
    def sequence(self) -> str:
        """The kernel's number of the medium in this reader; empty: the kernel does not tell."""
        try:
            return str(_number(self._file.fileno(), _SEQUENCE))
        except OSError:
            return ""

    def write(self, offset: int, data: bytes) -> None:
        """Write all of ``data``; raises MediumFailing."""
        self._buffer[: len(data)] = data
        done = 0
        while done < len(data):
            with self._errors("writing", offset + done):
                view = memoryview(self._buffer)[done : len(data)]
                count = os.pwritev(self._file.fileno(), [view], offset + done)
                if not count:
                    raise OSError(errno.EIO, "nothing was written")
                done += count

    def read(self, offset: int, size: int) -> bytes:
        """``size`` bytes; raises MediumFailing."""
        done = 0
        while done < size:
            with self._errors("reading", offset + done):
                view = memoryview(self._buffer)[done:size]
                count = os.preadv(self._file.fileno(), [view], offset + done)
                if not count:
                    raise OSError(errno.EIO, "nothing was read")
                done += count
        return self._buffer[:size]

    def settle(self) -> None:
        """Let the medium finish what it holds in memory, and the kernel forget its pages."""
        with self._errors("writing", self.size):
            sync_file(self._file)
            fcntl.ioctl(self._file, _DROP_CACHE, 0)

    def discard(self, offset: int, size: int) -> None:
        """Tell the medium that nothing there is needed; many do not know how to listen."""
        try:
            fcntl.ioctl(self._file, _DISCARD, struct.pack("=QQ", offset, size))
        except OSError:
            return

    def eject(self) -> bool:
        """Let go of it; True if the reader took the order, False if there is nothing to order.

        A refusal comes as an error or, from the SCSI layer, as a number.
        """
        try:
            fcntl.ioctl(self._file, _UNLOCK, 0)
            return fcntl.ioctl(self._file, _EJECT, 0) == 0
        except OSError:
            return False

    def show_partitions(self) -> None:
        """Let the kernel see the new partition table; a reader without media may refuse."""
        try:
            fcntl.ioctl(self._file, _READ_TABLE, 0)
        except OSError:
            return

    def close(self) -> None:
        """Close it."""
        self._file.close()

    @contextmanager
    def _errors(self, doing: str, offset: int) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._error(error, doing, offset) from error

    def _error(self, error: OSError, doing: str, offset: int) -> KexiaError:
        where = f"{doing} at {offset / 10**6:.1f} MB"
        if error.errno in _GONE or self._is_gone():
            return MediumFailing(
                f"{self.node} was pulled out ({where})",
                hint="the card is incomplete and does not start; plug it in and burn it again",
            )
        if error.errno in _FAILING:
            return MediumFailing(
                f"{self.node} is failing: {where}: {error.strerror}",
                hint="try it in another reader; if it fails there too, throw the card away",
            )
        return KexiaError(f"{self.node}: {where}: {error.strerror}")

    def _is_gone(self) -> bool:
        """True if the kernel has no such medium any more; an error may come before it knows."""
        for _ in range(_LOOKS):
            if _facts(self.node) != self._facts:
                return True
            time.sleep(_PAUSE)
        return False


@contextmanager
def opened(disk: Disk, *, buffer: int) -> Iterator[Medium]:
    """``disk`` open for writing, if it still is the one that was looked at.

    ``buffer``: bytes that are written or read at once, at most. Raises UsageError without the
    right, LeaseHeld if it is in use, TrustRefused if another medium is in its place.
    """
    medium = Medium(_descriptor(disk.node), disk.node, max(buffer, _ALIGNED))
    try:
        _check_same(medium, disk)
        _check_writable(medium)
        yield medium
    finally:
        medium.close()


def _descriptor(node: Path) -> int:
    try:
        return os.open(node, os.O_RDWR | os.O_EXCL | os.O_DIRECT | os.O_CLOEXEC)
    except PermissionError as error:
        raise UsageError(
            f"{node}: no right to write to it", hint="run the same command with sudo"
        ) from error
    except OSError as error:
        raise _cannot_open(node, error) from error


def _cannot_open(node: Path, error: OSError) -> KexiaError:
    if error.errno == errno.EBUSY:
        return LeaseHeld(
            f"{node} is in use by this computer or another program",
            hint="eject it in the file manager, plug it in again, then run the same command",
        )
    if error.errno in (errno.EROFS, errno.EACCES):
        return _protected(node)
    if error.errno in (*_GONE, errno.ENOENT):
        return MediumFailing(f"{node} was pulled out", hint="plug it in and run the command again")
    return MediumFailing(
        f"{node} cannot be opened: {error.strerror}", hint="try it in another reader"
    )


def _check_writable(medium: Medium) -> None:
    if medium.is_read_only:
        raise _protected(medium.node)


def _protected(node: Path) -> UsageError:
    return UsageError(
        f"{node} is write-protected", hint="move the little slider on the card's side"
    )


def _check_same(medium: Medium, disk: Disk) -> None:
    """Between the question and the answer somebody may have swapped the cards."""
    same = (medium.size, medium.sequence or disk.sequence) == (disk.size, disk.sequence)
    if not same:
        raise TrustRefused(
            f"{disk.node} is not the medium that was shown: another one is in its place",
            hint="nothing was written; run the command again and look at the list",
        )


def _facts(node: Path) -> tuple[str, ...]:
    """What sysfs says of the device and the medium in it; all empty when it is gone."""
    found = []
    for name in ("dev", "size", "diskseq"):
        try:
            found.append((SYS / node.name / name).read_text().strip())
        except OSError:
            found.append("")
    return tuple(found)


def _number(descriptor: int, request: int) -> int:
    """What an ioctl answers, of 8 bytes or fewer."""
    return int.from_bytes(fcntl.ioctl(descriptor, request, bytes(8)), "little")
