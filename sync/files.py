"""Durability: the one durable write and the one atomic switch. No other code syncs or renames."""

import errno
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sync.errors import KexiaError, MediumFailing, NoRoom

PARTIAL = ".partial"
"""Suffix of a file being written; whoever finds one at start may remove it."""
_REWRITTEN = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


Owner = tuple[int, int]
"""Numbers of a user and a group."""


def write_durably(
    path: Path, data: bytes | Iterable[bytes], *, mode: int = 0o644, owner: Owner | None = None
) -> None:
    """Write ``data`` so that after a power cut ``path`` holds all of it or what it held before."""
    with durable_file(path, mode=mode, owner=owner) as file:
        for block in (data,) if isinstance(data, bytes) else data:
            file.write(block)


@contextmanager
def durable_file(
    path: Path, *, mode: int = 0o644, owner: Owner | None = None
) -> Iterator[BinaryIO]:
    """A file that takes the name ``path`` when the block ends well, and goes when it fails.

    ``owner``: whose it is from the moment it has its name (only root gives files away).
    """
    make_folder(path.parent)
    partial = path.with_name(path.name + PARTIAL)
    with disk_errors(path):
        descriptor = os.open(partial, _REWRITTEN, mode)
        try:
            with os.fdopen(descriptor, "w+b") as file:
                yield file
                file.flush()
                if owner is not None:
                    os.fchown(file.fileno(), *owner)
                os.fsync(file.fileno())
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        rename_durably(partial, path)


@contextmanager
def growing_file(path: Path) -> Iterator[BinaryIO]:
    """As ``durable_file``, but what was written stays when the block fails, for the next try.

    The file may hold the bytes of an earlier try, from the start; it never follows a link.
    """
    make_folder(path.parent)
    partial = partial_of(path)
    with disk_errors(path):
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(partial, flags, 0o644), "r+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        rename_durably(partial, path)


def forget(descriptor: int) -> None:
    """Let the kernel drop what it keeps in memory of a synced file, so that the medium is read."""
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def write_whole(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write ``data`` so that whoever reads ``path`` finds all of it or what it held before.

    For what need not outlive a power cut: nothing is synced. A file or link that somebody else put
    where the partial file goes is removed, not written through.
    """
    partial = partial_of(path)
    with disk_errors(path):
        partial.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(partial, flags, mode), "wb") as file:
            file.write(data)
        partial.replace(path)


def rename_durably(source: Path, path: Path) -> None:
    """Give a finished and synced file (or folder) its name, and sync the folder that holds it."""
    with disk_errors(path):
        source.replace(path)
        sync_folder(path.parent)


def create_partial(path: str) -> int:
    """Descriptor of a new empty file beside ``path``, to be named by ``name_durably``.

    Clears what a killed run left there, and makes the folder if it is missing (``name_durably``
    brings that one to the disk, too). Paths are texts here: an edition has thousands of files.
    """
    partial = path + PARTIAL
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        try:
            return os.open(partial, flags, 0o644)
        except FileNotFoundError:
            folder = Path(path).parent
            make_folder(folder.parent)
            folder.mkdir(exist_ok=True)
        except FileExistsError:
            Path(partial).unlink()
        return os.open(partial, flags, 0o644)
    except OSError as error:
        raise disk_error(Path(path), error) from error


def partial_of(path: Path) -> Path:
    """Where the bytes of ``path`` are while they are being written."""
    return path.with_name(path.name + PARTIAL)


def name_durably(written: Mapping[str, int]) -> None:
    """Sync many partial files (descriptors by final path), name them, and sync their folders.

    No file is named before all of them are on the disk; one sync per folder covers all its names,
    and one of the folder above covers those that ``create_partial`` made.
    """
    at = ""
    try:
        for at in written:
            os.fsync(written[at])
        for at in written:
            os.replace(at + PARTIAL, at)  # noqa: PTH105 - thousands of names
        folders = {os.path.dirname(path) for path in written}  # noqa: PTH120
        for at in sorted(folders | {os.path.dirname(folder) for folder in folders}):  # noqa: PTH120
            sync_folder(at)
    except OSError as error:
        raise disk_error(Path(at), error) from error


def switch(link: Path, target: str) -> None:
    """Point the symbolic link ``link`` at ``target`` in one atomic step."""
    beside = link.with_name(link.name + PARTIAL)
    beside.unlink(missing_ok=True)
    with disk_errors(link):
        beside.symlink_to(target)
        rename_durably(beside, link)


def sync_file(file: BinaryIO) -> None:
    """Bring a file that goes on being written to the disk (staging, journals)."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path | str) -> None:
    """Bring the names in ``folder`` to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Bring every file and folder below ``folder`` to the disk (a tree written by a library)."""
    for directory, _, names in os.walk(folder):
        for name in names:
            path = Path(directory, name)
            if path.is_symlink():
                continue
            with path.open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(directory))


def make_folder(folder: Path) -> None:
    """Create ``folder`` and the missing ones above it, durably."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with disk_errors(folder):
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file to read it; raises OSError as ``open`` does, EINVAL for anything else.

    For what another user may have put there: a pipe or a device is not waited for.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_bounded(path: Path, most: int) -> bytes:
    """At most the first ``most`` bytes of a regular file; raises OSError as ``open_regular``."""
    with open_regular(path) as file:
        return file.read(most)


def free_space(folder: Path) -> int:
    """Bytes an ordinary user may still write on the file system of ``folder``."""
    return shutil.disk_usage(folder).free


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn the kernel's disk errors into ours: full disk (6), failing medium (8)."""
    try:
        yield
    except OSError as error:
        raise disk_error(path, error) from error


def disk_error(path: Path, error: OSError) -> KexiaError:
    """Our error for the kernel's ``error`` at ``path``."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoRoom(
            f"{path}: no room left on the disk",
            hint="free some space or unpin a collection, then run the same command again",
        )
    if error.errno in (errno.EIO, errno.EROFS, errno.EUCLEAN):
        return MediumFailing(
            f"{path}: {error.strerror}", hint="the disk or card is failing; replace it"
        )
    return KexiaError(f"{path}: {error.strerror}")


def owner_of(folder: Path) -> Owner | None:
    """Whose ``folder`` is, for what root writes there; None: nobody else gives files away."""
    if os.geteuid() != 0:
        return None
    with disk_errors(folder):
        about = folder.stat()
    return about.st_uid, about.st_gid
