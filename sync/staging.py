"""Staging: what is on its way into the library, in files named by the digest they will prove."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from sync import files
from sync.digest import Digest, parse_digest
from sync.errors import FormatError, ProofFailed

BLOCK = 256 * 1024
"""Bytes read from disk at once."""
WRITABLE = 0o644
"""Of what is on its way: a file that was proved and cut off before it had its name is read-only."""


def sizes(entries: "Iterator[os.DirEntry[str]]") -> Iterator[tuple[Digest, int]]:
    """Digest and size in bytes of each entry that is named by a digest."""
    for entry in entries:
        with suppress(FormatError):  # a partial file of a killed run
            yield parse_digest(entry.name), entry.stat().st_size


class StagedGroups:
    """Groups on their way: what was received of each, in one file named by the group's digest.

    Not durable until ``keep``: a power cut may leave anything here, so it is proved when used.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, digest: Digest) -> Path:
        """Where the bytes received of that group are."""
        return self.root / digest

    def sizes(self) -> Mapping[Digest, int]:
        """Bytes received of each group."""
        if not self.root.is_dir():
            return {}
        with os.scandir(self.root) as entries:
            return dict(sizes(entries))

    @contextmanager
    def append(self, digest: Digest, *, at: int) -> Iterator[BinaryIO]:
        """The group's file, to go on at byte ``at``; each write reaches the kernel at once."""
        files.make_folder(self.root)
        path = self.path(digest)
        with files.disk_errors(path):
            path.touch()
            with path.open("r+b", buffering=0) as file:
                file.truncate(at)
                file.seek(at)
                yield file

    def read(self, digest: Digest, *, size: int) -> bytes:
        """The ``size`` bytes of a whole group, unproved; raises ProofFailed if they fall short."""
        try:
            data = self.path(digest).read_bytes()
        except OSError as error:
            raise ProofFailed(f"{self.path(digest)}: {error.strerror}") from error
        if len(data) != size:
            raise ProofFailed(f"{self.path(digest)}: {len(data)} bytes, not {size}")
        return data

    def keep(self, digest: Digest) -> None:
        """Bring the group's bytes to the disk, so that a power cut does not cost them."""
        with files.disk_errors(self.path(digest)), self.path(digest).open("rb") as file:
            files.sync_file(file)

    def drop(self, digest: Digest) -> None:
        """Forget what was received of the group."""
        self.path(digest).unlink(missing_ok=True)


class StagedResources:
    """Long resources on their way as they are: one file each, named by the resource's digest."""

    def __init__(self, root: Path, adopt: Callable[[Digest, Path], None]) -> None:
        """``adopt`` gives a proved file its name in the library."""
        self.root = root
        self._adopt = adopt

    def sizes(self) -> Mapping[Digest, int]:
        """Bytes received of each."""
        if not self.root.is_dir():
            return {}
        with os.scandir(self.root) as entries:
            return dict(sizes(entries))

    def drop(self, digest: Digest) -> None:
        """Forget what was received of it."""
        (self.root / digest).unlink(missing_ok=True)

    @contextmanager
    def receive(
        self, digest: Digest, *, at: int
    ) -> Iterator[Callable[[bytes | memoryview], object]]:
        """A function that takes the blocks from byte ``at`` on; then the library has the resource.

        Raises ProofFailed, and forgets all of it, if that is not its digest. If the block fails,
        what came stays for the next time.
        """
        path = self.root / digest
        files.make_folder(self.root)
        with files.disk_errors(path):
            path.touch()
            path.chmod(WRITABLE)
            with path.open("r+b", buffering=0) as file:
                proof = _hash_of(file, at)
                file.truncate(at)

                def write(block: bytes | memoryview) -> None:
                    rest = memoryview(block)
                    while rest:  # the kernel may take less than all, on a disk that becomes full
                        rest = rest[file.write(rest) :]
                    proof.update(block)

                try:
                    yield write
                except BaseException:
                    files.sync_file(file)
                    raise
        if proof.hexdigest() != digest:
            self.drop(digest)
            raise ProofFailed(f"{path}: what came has another digest")
        self._adopt(digest, path)


def _hash_of(file: BinaryIO, length: int) -> "hashlib._Hash":
    """The hash of the first ``length`` bytes, which the file is then behind."""
    proof = hashlib.sha256()
    file.seek(0)
    while length:
        block = file.read(min(BLOCK, length))
        if not block:
            break
        proof.update(block)
        length -= len(block)
    return proof
