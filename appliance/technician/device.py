"""A stick as a block device: mounted in a private folder for one piece of work, then unmounted."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory

from appliance.technician.room import mounted as mounts
from sync.errors import InputRefused, MediumFailing, UsageError
from sync.run import ProgramFailed, run

SYSTEM = Path("/sys/dev/block")
TYPES = {"vfat": "utf8=1", "exfat": "", "ext4": ""}
"""File systems we write, with what each needs so that names stay as they are."""
PATIENCE = 120.0
"""Seconds that mounting may take: a stick may be checked first."""
FLUSHING = 1800.0
"""Seconds that unmounting may take: what the kernel still holds goes to a slow stick."""


class Access(Enum):
    """What is going to be done with the device."""

    READ = "ro"
    WRITE = "rw"


def is_device(path: Path) -> bool:
    """Whether the path leads to a block device."""
    try:
        return stat.S_ISBLK(path.stat().st_mode)
    except OSError:
        return False


@contextmanager
def mounted(device: Path, access: Access) -> Iterator[Path]:
    """The folder where the device is mounted while the block runs.

    Raises UsageError if it is mounted already or no partition, InputRefused for a file system that
    is none of ours, MediumFailing if it cannot be mounted or unmounted.
    """
    kind = _checked(device)
    with TemporaryDirectory(prefix="kexia-stick-") as folder:
        options = ",".join(filter(None, (access.value, "nosuid,nodev,noexec", TYPES[kind])))
        _call("mount", "-t", kind, "-o", options, str(device), folder, timeout=PATIENCE)
        try:
            yield Path(folder)
        finally:
            _call("umount", folder, timeout=FLUSHING)


def _checked(device: Path) -> str:
    """The type of the file system; raises unless it may be mounted."""
    number = device.stat().st_rdev
    name = f"{os.major(number)}:{os.minor(number)}"
    for each in mounts():
        if each.device == name:
            raise UsageError(
                f"{device} is mounted at {each.place} already",
                hint=f"give that folder (--to {each.place}), or unmount it first",
            )
    parts = [path.parent.name for path in (SYSTEM / name).glob("*/partition")]
    if parts:
        raise UsageError(
            f"{device} is a whole disk with partitions",
            hint=f"give the partition: /dev/{sorted(parts)[0]}",
        )
    if any((SYSTEM / name / "holders").glob("*")):
        raise UsageError(f"{device} is part of another device", hint="give the stick's partition")
    return _type_of(device)


def _type_of(device: Path) -> str:
    found = run(
        ["blkid", "-p", "-o", "value", "-s", "TYPE", device], timeout=PATIENCE, accept=(0, 2)
    )
    kind = found.stdout.decode(errors="replace").strip()
    if kind not in TYPES:
        raise InputRefused(
            f"{device} has {'no file system' if not kind else f'the file system {kind[:40]}'}",
            hint=f"format it as FAT32 (mkfs.vfat -F 32 {device}), exFAT or ext4; "
            "formatting deletes everything on it",
        )
    return kind


def _call(*words: str, timeout: float) -> None:
    try:
        run(words, timeout=timeout)
    except ProgramFailed as error:
        raise MediumFailing(
            error.fact,
            hint="is the stick still plugged in, may this user mount, and does this system know "
            "the stick's file system?",
        ) from error
