"""The lease: the sole right to write a box or a workspace, and who holds it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sync import files
from sync.errors import LeaseHeld


@dataclass(frozen=True, slots=True)
class Lease:
    """A held lease: its file, and who holds it."""

    path: Path
    holder: str
    pid: int


@contextmanager
def hold(path: Path, *, holder: str) -> Iterator[Lease]:
    """Hold the lease at ``path`` as long as the block runs; raises LeaseHeld naming its holder.

    The kernel frees it when the process ends, however it ends, so a dead holder leaves no trace
    to clean up. The file stays: removing it would let two processes lock two files of one name.
    """
    files.make_folder(path.parent)
    with files.disk_errors(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        file = os.fdopen(descriptor, "r+b", buffering=0)
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _held(path, file) from None
        lease = Lease(path, holder, os.getpid())
        file.truncate(0)
        file.write(f"{lease.holder}\n{lease.pid}\n".encode())
        yield lease
        file.truncate(0)


def _held(path: Path, file: BinaryIO) -> LeaseHeld:
    name, _, rest = file.read(4096).decode(errors="replace").partition("\n")
    who = f"{name} (process {rest.strip()})" if name else "another process"
    return LeaseHeld(
        f"{path}: {who} is at work", hint="wait until it is done, or end it, then try again"
    )
