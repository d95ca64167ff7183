"""A prepared box folder becomes a data partition: ext4 made without mounting, files as user kexia.

It is as small as what is in it; the box grows it at its first start. Blocks are 4096 bytes: what
mke2fs would take for something so small (1024) stays for ever, also when it has grown to 64 GB.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from image_build.partitions.content import DATA, Part
from sync.errors import NoRoom, UsageError
from sync.files import free_space
from sync.run import ProgramFailed, run

USER = 990
"""uid and gid of user kexia on the box (overlay, sysusers.d)."""
BOX = "kexia"
"""The box's folder on the data partition."""
BLOCK = 4096
_PER_INODE = 16384
_SPARE = 64 * 2**20
_SECONDS = 4 * 3600.0
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "MKE2FS_SYNC": "0"}


@dataclass(frozen=True, slots=True)
class Amount:
    """What a tree takes."""

    files: int
    """With folders and links."""
    bytes: int
    """In whole blocks."""

    @property
    def size(self) -> int:
        """Bytes of a file system that holds it: data, inodes, a journal, a spare twentieth."""
        return self.bytes * 21 // 20 + self.inodes * 256 + _SPARE

    @property
    def inodes(self) -> int:
        """As many as a grown file system of that size would have, and enough for the tree."""
        return max(self.files * 5 // 4 + 256, (self.bytes + _SPARE) // _PER_INODE)


def make_data(tree: Path, path: Path) -> Part:
    """The partition in the file ``path``, with what lies in ``tree``; needs root for its owners.

    Raises UsageError without that right, NoRoom, ProgramFailed.
    """
    amount = measure(tree)
    if free_space(path.parent) < amount.bytes + 2 * _SPARE:
        raise NoRoom(
            f"{path.parent} has no room for {amount.bytes} bytes of lessons",
            hint="set TMPDIR to a folder on a larger disk",
        )
    _give(tree)
    size = -(-amount.size // 2**20) * 2**20
    words = ["mke2fs", "-q", "-F", "-t", "ext4", "-b", str(BLOCK), "-L", DATA, "-m", "0"]
    words += ["-N", str(amount.inodes), "-E", "lazy_itable_init=0,lazy_journal_init=0"]
    try:
        run(
            [*words, "-d", tree, path, f"{size // 1024}k"],
            timeout=_SECONDS,
            environment=_ENVIRONMENT,
        )
    except ProgramFailed:
        path.unlink(missing_ok=True)
        raise
    return Part(DATA, path, size)


def measure(tree: Path) -> Amount:
    """What ``tree`` takes on the partition."""
    files = taken = 0
    for path in _all(tree):
        status = path.lstat()
        files += 1
        taken += max(BLOCK, -(-status.st_size // BLOCK) * BLOCK)
    return Amount(files, taken)


def _give(tree: Path) -> None:
    """Everything in ``tree`` to user kexia; the partition's own top folder stays root's."""
    try:
        for path in _all(tree):
            os.chown(path, USER, USER, follow_symlinks=False)
    except PermissionError as error:
        raise UsageError(
            "lessons can be put on a card by root only", hint="run the same command with sudo"
        ) from error


def _all(tree: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(tree):
        for name in (*folders, *files):
            yield Path(folder, name)
