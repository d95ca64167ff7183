"""A stick as one file: the same items in one tar, gone on with where an earlier try ended."""

import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from appliance.technician import room
from appliance.technician.items import Item
from sync.errors import InputRefused, MediumFailing, NoRoom
from sync.files import forget, growing_file, make_folder, partial_of
from sync.progress import Progress
from sync.transport.archive import (
    MAX_MEMBERS,
    ArchiveTransport,
    Member,
    end,
    filled,
    header,
    members_of,
    padding,
)
from sync.transport.base import BLOCK


def write_tar(path: Path, items: Sequence[Item], progress: Progress) -> list[Item]:
    """Write ``items`` in their order to ``path`` and read them back; returns those written now.

    Raises NoRoom before anything is written, MediumFailing if the file reads back differently.
    """
    make_folder(path.parent)
    placed = list(members_of((item.name, item.size) for item in items))
    length = sum(512 + filled(item.size) for item in items) + len(end())
    _check_members(items, path)
    _check_room(path, length)
    with growing_file(path) as file:
        kept = _kept(file, items, [member for _, member in placed], progress)
        left = items[kept:]
        progress.step("write", total=sum(item.size for item in left))
        file.seek(placed[kept][1].offset - 512 if left else length - len(end()))
        file.truncate()
        for item in left:
            _write(file, item, progress)
        file.write(end())
    _read_back(path, items, progress)
    return list(left)


def _check_members(items: Sequence[Item], path: Path) -> None:
    folders = {above for item in items for above in Path(item.name).parents}
    if len(items) + len(folders) > MAX_MEMBERS:
        raise InputRefused(
            f"{path}: {len(items)} files are more than a .kexia file may hold ({MAX_MEMBERS})",
            hint="prepare several files, or a stick",
        )


def _check_room(path: Path, length: int) -> None:
    there = room.room_on(path.parent)
    if there.longest is not None and length > there.longest:
        raise NoRoom(
            f"{path}: it would have {length} bytes, and FAT holds files of at most {there.longest}",
            hint="write it to another disk, or prepare a stick instead",
        )
    partial = partial_of(path)
    begun = partial.stat().st_size if partial.is_file() else 0
    room.check([(path.name, length)], there, freed=there.taken(begun), where=str(path.parent))


def _kept(
    file: BinaryIO, items: Sequence[Item], places: Sequence[Member], progress: Progress
) -> int:
    """How many of the first items are in the file already, as they must be."""
    there = os.fstat(file.fileno()).st_size
    if not there:
        return 0
    progress.step("look at what is there", total=there)
    for number, (item, place) in enumerate(zip(items, places, strict=True)):
        file.seek(place.offset - 512)
        if file.read(512) != header(item.name, item.size) or not _proves(file, item, progress):
            return number
        if file.read(len(padding(item.size))) != padding(item.size):
            return number
    return len(items)


def _proves(file: BinaryIO, item: Item, progress: Progress) -> bool:
    for piece in item.pieces:
        proof, left = sha256(), piece.size
        while left:
            block = file.read(min(BLOCK, left))
            if not block:
                return False
            proof.update(block)
            progress.advance(len(block))
            left -= len(block)
        if proof.hexdigest() != piece.digest:
            return False
    return True


def _write(file: BinaryIO, item: Item, progress: Progress) -> None:
    file.write(header(item.name, item.size))
    for block in item.blocks():
        file.write(block)
        progress.advance(len(block))
    file.write(padding(item.size))


def _read_back(path: Path, items: Sequence[Item], progress: Progress) -> None:
    """Read the file as a box will, from the medium."""
    progress.step("read back", total=sum(item.size for item in items))
    with path.open("rb") as file:
        forget(file.fileno())
        members = ArchiveTransport(path).members
        for item in items:
            file.seek(members[item.name].offset)
            if not _proves(file, item, progress):
                raise MediumFailing(
                    f"{path}: {item.name} reads back differently from what was written",
                    hint="the disk is failing; write the file to another one",
                )
