"""What a build calls on this machine: all that is missing, said at once, and how to install it."""

import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from image_build.builder.boards import Board
from sync.errors import UsageError

_PROGRAMS = {
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "gpgv": "gpgv",
    "genimage": "genimage",
    "grub-editenv": "grub-common",
    "grub-mkimage": "grub-common",
    "mcopy": "mtools",
    "mke2fs": "e2fsprogs",
    "mkfs.vfat": "dosfstools",
    "mmdebstrap": "mmdebstrap",
    "tar2sqfs": "squashfs-tools-ng",
    "xz": "xz-utils",
}
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_BINFMT = Path("/proc/sys/fs/binfmt_misc")


@dataclass(frozen=True, slots=True)
class Here:
    """The machine a build runs on."""

    path: str
    """Where programs are looked for."""
    machine: str
    """Its architecture as the kernel says it: ``x86_64``."""
    root: bool
    """Does the build run as root?"""


def missing(board: Board, here: Here) -> tuple[str, ...]:
    """Debian packages to install before an image of ``board`` can be built; sorted."""
    programs = _PROGRAMS if here.root else {**_PROGRAMS, "newuidmap": "uidmap"}
    lacking = {
        package
        for program, package in programs.items()
        if shutil.which(program, path=here.path) is None
    }
    if find_spec("pip") is None:
        lacking.add("python3-pip")
    if not _KEYRING.exists():
        lacking.add("debian-archive-keyring")
    if board.machine != here.machine and not (_BINFMT / f"qemu-{board.machine}").exists():
        lacking |= {"qemu-user-static", "binfmt-support"}
    return tuple(sorted(lacking))


def require(board: Board, here: Here) -> None:
    """Raise UsageError with one line that installs all that is missing."""
    if lacking := missing(board, here):
        raise UsageError(
            f"to build an image for {board.name} this machine lacks {', '.join(lacking)}",
            hint=f"as root: apt install {' '.join(lacking)}",
        )
