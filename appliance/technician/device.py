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
KNOWN = Path("/proc/filesystems")
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
        quiet = "noload" if (kind, access) == ("ext4", Access.READ) else ""  # replays no journal
        options = ",".join(filter(None, (access.value, "nosuid,nodev,noexec", TYPES[kind], quiet)))
        _mount(kind, options, device, folder)
        try:
            yield Path(folder)
        finally:
            _unmount(folder)


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
    kind = _said(device, "TYPE")
    if kind in TYPES:
        return kind
    if not kind and _said(device, "PTTYPE"):
        raise UsageError(
            f"{device} is a whole disk with partitions", hint=f"give the partition: {device}1"
        )
    raise InputRefused(
        f"{device} has {f'the file system {kind[:40]}' if kind else 'no file system'}",
        hint=f"format it as FAT32 (mkfs.vfat -F 32 {device}), exFAT or ext4; "
        "formatting deletes everything on it",
    )


def _said(device: Path, tag: str) -> str:
    """What the device's first bytes say of it; empty if nothing."""
    call = ["blkid", "-p", "-o", "value", "-s", tag, str(device)]
    return run(call, timeout=PATIENCE, accept=(0, 2)).stdout.decode(errors="replace").strip()


def _mount(kind: str, options: str, device: Path, folder: str) -> None:
    try:
        run(["mount", "-t", kind, "-o", options, device, folder], timeout=PATIENCE)
    except ProgramFailed as error:
        if kind not in KNOWN.read_text(encoding="ascii").split():
            raise UsageError(
                f"this computer does not know the file system {kind} of {device}",
                hint="use another computer, or mount it by other means and give the folder",
            ) from error
        raise MediumFailing(
            error.fact, hint="is the stick still plugged in, and may this user mount it?"
        ) from error


def _unmount(folder: str) -> None:
    try:
        run(["umount", folder], timeout=FLUSHING)
    except ProgramFailed as error:
        raise MediumFailing(
            error.fact, hint="do not pull the stick out yet; unmount it, then check it"
        ) from error
