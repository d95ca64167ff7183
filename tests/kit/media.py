"""Sticks as image files, made by the tools of each file system, and loop devices to mount them.

image = make(tmp_path / "stick.img", "fat32", label="教学U盘")
with attached(image) as node: ...        # /dev/loop0; needs root and free loop devices
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

MIB = 2**20
SIZES = {"fat12": 4, "fat16": 32, "fat32": 64, "exfat": 16, "ext4": 16, "ntfs": 16}
KERNEL = {"fat12": "vfat", "fat16": "vfat", "fat32": "vfat", "ntfs": "ntfs3"}
TOOLS = "/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Image:
    """A file that holds a file system."""

    path: Path
    fs_type: str
    """The kernel's name."""


def make(path: Path, kind: str, *, files: Path | None = None, mib: int = 0) -> Image:
    """A new file system of ``kind``, on FAT and ext4 with a copy of the folder ``files``."""
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate((mib or SIZES[kind]) * MIB)
    if kind == "ext4":
        tree = ["-d", str(files)] if files else []
        run("mkfs.ext4", "-q", "-F", *tree, str(path))
    elif kind == "exfat":
        run("mkfs.exfat", "-L", "LESSONS", str(path))
    elif kind == "ntfs":
        run("mkfs.ntfs", "-q", "-F", "-f", str(path))
    else:
        run("mkfs.fat", "-F", kind[3:], "-n", "LESSONS", "-i", "12345678", str(path))
        if files:
            run("mcopy", "-s", "-i", str(path), *map(str, sorted(files.iterdir())), "::/")
    return Image(path, KERNEL.get(kind, kind))


def run(*command: str) -> str:
    environment = {**os.environ, "PATH": TOOLS, "MTOOLS_SKIP_CHECK": "1", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def attached(image: Image) -> Iterator[str]:
    """Its loop device as long as the block runs."""
    node = run("losetup", "-f", "--show", str(image.path)).strip()
    run("blockdev", "--setrw", node)  # whoever had the device before may have set it read-only
    try:
        yield node
    finally:
        run("losetup", "-d", node)


@cache
def why_not() -> str:
    """Why nothing can be mounted here; empty if it can."""
    if os.geteuid() != 0:
        return "mounting needs root"
    if shutil.which("losetup", path=TOOLS) is None:
        return "losetup is not installed"
    done = subprocess.run(["losetup", "-f"], env={"PATH": TOOLS}, capture_output=True, check=False)
    return "" if done.returncode == 0 else "no loop devices here (a container, or no right)"


@cache
def kernel_knows(fs_type: str) -> bool:
    """Whether this machine's kernel mounts it, perhaps after loading a module."""
    if modprobe := shutil.which("modprobe", path=TOOLS):
        subprocess.run([modprobe, "-q", fs_type], capture_output=True, check=False)
    names = Path("/proc/filesystems").read_text().split()
    return fs_type in names
