"""Is there room? What files take on a medium, counted in its clusters before any is written."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sync.errors import NoRoom
from sync.files import disk_errors

MOUNTS = Path("/proc/self/mountinfo")
FAT = ("vfat", "msdos")
LONGEST_ON_FAT = 2**32 - 1
"""Bytes of the longest file of FAT32."""
ENTRY = 256
"""Bytes a name of ours takes in its folder, at most: FAT's entries of 32 bytes for 13 letters."""
_ESCAPES = (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\"))


@dataclass(frozen=True, slots=True)
class Room:
    """What a medium offers."""

    free: int
    """Bytes for ordinary users."""
    cluster: int
    """Bytes a file takes at least, and a multiple of which it takes."""
    longest: int | None
    """Bytes of the longest file; None: no bound that matters."""

    def taken(self, size: int) -> int:
        """What a file of ``size`` bytes takes."""
        return -(-size // self.cluster) * self.cluster


def room_on(folder: Path, mounts: Path = MOUNTS) -> Room:
    """The room on the file system that ``folder`` is on."""
    with disk_errors(folder):
        found = os.statvfs(folder)
    longest = LONGEST_ON_FAT if file_system(folder, mounts) in FAT else None
    return Room(found.f_bavail * found.f_frsize, found.f_frsize, longest)


def file_system(folder: Path, mounts: Path = MOUNTS) -> str:
    """The type of the file system that ``folder`` is on; empty if the system does not say."""
    number = folder.stat().st_dev
    device = f"{os.major(number)}:{os.minor(number)}"
    return next((one.type for one in mounted(mounts) if one.device == device), "")


@dataclass(frozen=True, slots=True)
class Mounted:
    """A line of ``mountinfo``."""

    device: str
    """``major:minor``."""
    place: Path
    type: str


def mounted(mounts: Path = MOUNTS) -> Iterable[Mounted]:
    """What is mounted where, as the kernel says it (proc(5))."""
    for line in mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        yield Mounted(fields[2], Path(_unescaped(fields[4])), after.split(" ")[0])


def _unescaped(text: str) -> str:
    for escape, letter in _ESCAPES:
        text = text.replace(escape, letter)
    return text


def needed(files: Iterable[tuple[str, int]], room: Room) -> int:
    """What these files (name, bytes) take, their folders included."""
    total = 0
    names: dict[PurePosixPath, int] = {}
    for name, size in files:
        total += room.taken(size)
        path = PurePosixPath(name)
        for folder in path.parents:
            names.setdefault(folder, 0)
        names[path.parent] += 1
    return total + sum(max(room.cluster, room.taken(ENTRY * each)) for each in names.values())


def check(files: Iterable[tuple[str, int]], room: Room, *, freed: int, where: str) -> None:
    """Raise NoRoom unless all of ``files`` fit; ``freed`` bytes are removed before."""
    listed = tuple(files)
    if room.longest is not None:
        for name, size in listed:
            if size > room.longest:
                raise NoRoom(
                    f"{where}: {name} has {size} bytes, and FAT holds files of at most "
                    f"{room.longest}",
                    hint="use a stick with exFAT or ext4",
                )
    total, free = needed(listed, room), room.free + freed
    if total > free:
        raise NoRoom(
            f"{where}: {total} bytes are needed in clusters of {room.cluster}, {free} are free: "
            f"{total - free} too few; nothing was written",
            hint="use a larger stick, name fewer boxes or collections, or remove other files",
        )
