"""What lies on a medium somebody else wrote: names, sizes and kinds, bounded, no link followed."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from sync.errors import InputRefused, MediumFailing

MAX_NAMES = 200_000
"""Most names looked at; no stick that was prepared has so many."""


class Kind(Enum):
    """What a name leads to."""

    FILE = "file"
    LINK = "symbolic link"
    OTHER = "device, pipe or socket"


@dataclass(frozen=True, slots=True)
class Found:
    """A name on the medium that is no folder."""

    name: str
    """Below the medium's root."""
    kind: Kind
    size: int
    """Bytes of a file."""


def walk(root: Path, below: str) -> Iterator[Found]:
    """Everything below the folder ``below`` of ``root``, the folder itself included if it is none.

    Raises InputRefused for more than ``MAX_NAMES`` names, MediumFailing if it cannot be read.
    """
    left = MAX_NAMES
    waiting = [below]
    while waiting:
        folder = waiting.pop()
        for entry in _entries(root, folder):
            left -= 1
            if left < 0:
                raise InputRefused(
                    f"{root / below}: more than {MAX_NAMES} names",
                    hint="this is no stick of ours; empty it, or use another one",
                )
            name = f"{folder}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                waiting.append(name)
            else:
                yield _found(name, entry.stat(follow_symlinks=False))


def _entries(root: Path, folder: str) -> Iterator[os.DirEntry[str]]:
    path = root / folder
    try:
        if not stat.S_ISDIR(path.lstat().st_mode):
            return
        with os.scandir(path) as entries:
            yield from entries
    except FileNotFoundError:
        return
    except OSError as error:
        raise MediumFailing(
            f"{path}: cannot be read ({error.strerror})",
            hint="the medium is damaged or was pulled out; try it again or use another one",
        ) from error


def _found(name: str, status: os.stat_result) -> Found:
    if stat.S_ISREG(status.st_mode):
        return Found(name, Kind.FILE, status.st_size)
    return Found(name, Kind.LINK if stat.S_ISLNK(status.st_mode) else Kind.OTHER, 0)
