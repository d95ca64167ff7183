"""Is anything on this medium for us? Names only; what lies there was written by a stranger."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from sync.stick.layout import BACK, BACK_FILE, ROOT

MAX_NAMES = 20_000
"""Names at the top of a medium that are looked at: a million empty files must not hold the box."""
MAX_FILES = 8
"""``.kexia`` files that are taken from one medium."""
SUFFIX = ".kexia"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def carried(folder: Path) -> tuple[str, ...]:
    """What an import is to read: the medium if it has our folder, and its ``.kexia`` files.

    Raises OSError if the medium cannot be read.
    """
    with _opened(folder) as above:
        has_ours = _has_publishers(above)
        with os.scandir(above) as names:
            files = sorted(
                one.name
                for one in islice(names, MAX_NAMES)
                if one.name.lower().endswith(SUFFIX) and one.is_file(follow_symlinks=False)
            )
    return (*([str(folder)] if has_ours else []), *(f"{folder}/{one}" for one in files[:MAX_FILES]))


def asks_for_papers(folder: Path) -> bool:
    """True if it has a folder for the way back of any box; raises OSError."""
    first, second = BACK.split("/")
    with _opened(folder) as above:
        if not _is_folder(above, first):
            return False
        with _below(above, first) as ours:
            return _is_folder(ours, second)


@contextmanager
def back_file(folder: Path, box_id: str, flags: int, name: str = BACK_FILE) -> Iterator[int]:
    """Descriptor of a file in this box's folder, reached without following links.

    Raises FileNotFoundError if the stick has none for this box, OSError if it cannot be opened.
    """
    first, second = BACK.split("/")
    with (
        _opened(folder) as above,
        _below(above, first) as ours,
        _below(ours, second) as back,
        _below(back, box_id) as own,
    ):
        mode = flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(name, mode, dir_fd=own)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileNotFoundError(f"{name} is no regular file")
            yield descriptor
        finally:
            os.close(descriptor)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, _FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _below(above: int, name: str) -> Iterator[int]:
    descriptor = os.open(name, _FOLDER, dir_fd=above)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _has_publishers(above: int) -> bool:
    """True if our folder holds any but that of the way back: some sticks only fetch reports."""
    if not _is_folder(above, ROOT):
        return False
    with _below(above, ROOT) as ours, os.scandir(ours) as names:
        return any(
            one.name != Path(BACK).name and one.is_dir(follow_symlinks=False)
            for one in islice(names, MAX_NAMES)
        )


def _is_folder(above: int, name: str) -> bool:
    with suppress(FileNotFoundError, NotADirectoryError):
        return stat.S_ISDIR(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode)
    return False
