"""A folder as source: a mounted stick or disk, or a repository on this machine.

What lies there was written by a stranger, so nothing is followed out of the tree: every part of a
name is opened below its parent without following symbolic links, and only regular files are read.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sync.errors import KexiaError, MediumFailing, NoSource, NotThere
from sync.transport.base import BLOCK, split_name, too_long

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NO_SUCH_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)
_FAILING = (errno.EIO, errno.EUCLEAN, errno.EBADMSG)


class VolumeTransport:
    """Reads plain files below ``folder``; nothing stays open between calls, so it can unmount."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def label(self) -> str:
        """The folder."""
        return str(self._folder)

    def read(self, name: str, *, limit: int) -> bytes:
        """The whole file; raises NotThere, NoSource, MediumFailing, FormatError."""
        with self._open(name) as file, self._device_errors(name):
            data = file.read(limit + 1)
        if len(data) > limit:
            raise too_long(self.label, name, limit=limit)
        return data

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        """``length`` bytes from ``offset``; raises NotThere, NoSource, MediumFailing."""
        with self._open(name) as file:
            left = length
            while left:
                with self._device_errors(name):
                    block = os.pread(file.fileno(), min(BLOCK, left), offset + length - left)
                if not block:
                    raise self._short(name, missing=left)
                left -= len(block)
                yield block

    @contextmanager
    def _open(self, name: str) -> Iterator[BinaryIO]:
        *folders, last = split_name(name)
        with self._device_errors(name):
            descriptor = self._descend(folders, last, name)
            file = os.fdopen(descriptor, "rb")
        with file:
            yield file

    def _descend(self, folders: list[str], last: str, name: str) -> int:
        """Descriptor of the regular file ``last``, reached part by part without links."""
        above = self._open_root()
        try:
            for part in folders:
                below = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=above)
                os.close(above)
                above = below
            # O_NONBLOCK: a named pipe on a stick must not hold the box
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(last, flags, dir_fd=above)
        finally:
            os.close(above)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise NotThere(f"{self.label}: {name} is no regular file")
        return descriptor

    def _open_root(self) -> int:
        try:
            return os.open(self._folder, _FOLDER)
        except OSError as error:
            if error.errno in _FAILING:
                raise
            raise self._gone(error) from error

    @contextmanager
    def _device_errors(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._error(name, error) from error

    def _error(self, name: str, error: OSError) -> KexiaError:
        if error.errno in _NO_SUCH_FILE:
            return NotThere(f"{self.label} has no file {name} ({error.strerror})")
        if error.errno in _FAILING:
            return MediumFailing(
                f"{self.label}: reading {name} failed ({error.strerror})",
                hint="the medium is damaged or was pulled out; try it again or use another one",
            )
        return self._gone(error)

    def _gone(self, error: OSError) -> NoSource:
        return NoSource(
            f"{self.label}: cannot be read ({error.strerror})",
            hint="is the medium still plugged in and mounted, and may this user read it?",
        )

    def _short(self, name: str, *, missing: int) -> NoSource:
        return NoSource(
            f"{self.label}: {name} ends {missing} bytes early",
            hint="the copy is not complete; copy it again",
        )
