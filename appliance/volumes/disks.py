"""The disks this machine lives on, so that they are never taken for a stick; and its mounts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

MOUNTS, SWAPS = Path("/proc/self/mountinfo"), Path("/proc/swaps")
SYS = Path("/sys")
FOR_GUESTS = (Path("/media"), Path("/mnt"), Path("/run/media"))
"""Where a person or a desktop mounts what comes and goes."""
_OCTAL = re.compile(r"\\([0-7]{3})")
_DEEP = 8
"""Layers of device mapper, RAID and the like that are looked through."""


@dataclass(frozen=True, slots=True)
class Mounted:
    """One mount of this machine."""

    place: Path
    numbers: str
    """The device's (``8:17``)."""
    source: str
    """What was mounted (``/dev/sdb1``)."""


def mounted(table: Path = MOUNTS) -> Iterator[Mounted]:
    """Every mount, as the kernel lists them."""
    for line in table.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        fields, _, rest = line.partition(" - ")
        parts, behind = fields.split(" "), rest.split(" ")
        if len(parts) > 4 and len(behind) > 1:
            yield Mounted(Path(_plain(parts[4])), parts[2], _plain(behind[1]))


def own_disks(ours: Path, table: Path = MOUNTS, swaps: Path = SWAPS) -> frozenset[str]:
    """Names of the disks with a file system or swap in use, but for guests; ``ours``: our mounts.

    To be asked once, at the start, before anything is mounted for a stick.
    """
    found: set[str] = set()
    for one in mounted(table):
        if not any(one.place.is_relative_to(folder) for folder in (*FOR_GUESTS, ours)):
            found |= _behind(SYS / "dev" / "block" / one.numbers)
            found |= _of_source(one.source)
    for line in swaps.read_text().splitlines()[1:] if swaps.exists() else ():
        found |= _of_source(line.split(" ")[0])
    return frozenset(found)


def _of_source(source: str) -> set[str]:
    """Btrfs and the like show numbers of no device, but name it."""
    if not source.startswith("/dev/"):
        return set()
    return _behind(SYS / "class" / "block" / Path(source).resolve().name)


def _behind(device: Path, depth: int = _DEEP) -> set[str]:
    """The disk that ``device`` in sysfs is on, and those below it."""
    if not depth or not device.exists():
        return set()
    real = device.resolve()
    disk = real.parent if (real / "partition").exists() else real
    below = islice((real / "slaves").iterdir(), 64) if (real / "slaves").is_dir() else iter(())
    return {disk.name}.union(*(_behind(one, depth - 1) for one in below))


def _plain(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)
