"""Lets a stick wait for boxes: a file for each, as long as it will ever be."""

from collections.abc import Sequence
from pathlib import Path

from sync.errors import NoRoom, UsageError
from sync.files import free_space, write_durably
from sync.stick import back
from sync.stick.have import ID
from sync.stick.layout import BACK, BACK_FILE

_BLOCK = bytes(2**20)


def expect(stick: Path, boxes: Sequence[str], size: int = back.DEFAULT_SIZE) -> tuple[Path, ...]:
    """Make the files that are not there yet; what boxes wrote stays. Raises UsageError, NoRoom."""
    if not stick.is_dir():
        raise UsageError(f"{stick} is no folder", hint="give the folder the stick is mounted at")
    back.room(size)
    for box in boxes:
        if not ID.fullmatch(box):
            raise UsageError(
                f"{box[:80]!r} is no box's id", hint="`kexia box status BOX` shows it: 16 digits"
            )
    files = tuple(stick / BACK / box / BACK_FILE for box in boxes)
    missing = [file for file in files if not file.exists()]
    if len(missing) * size > free_space(stick):
        raise NoRoom(
            f"{stick}: {len(missing) * size} bytes are needed, {free_space(stick)} are free",
            hint="free some space, or let it wait for fewer boxes",
        )
    for file in missing:
        whole, rest = divmod(size, len(_BLOCK))
        write_durably(file, [*[_BLOCK] * whole, _BLOCK[:rest]])
    return files
