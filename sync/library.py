"""The library: what a box keeps by digest, between the transport and the pages.

Nothing gets a name here before its bytes were proved and are on the disk; so a name is a promise.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from sync import files
from sync.digest import Digest, parse_digest, prove, sharded
from sync.errors import FormatError, ProofFailed

BLOCK = 256 * 1024
"""Bytes read from disk at once."""
MTIME = 946_684_800
"""Modification time of every library file (2000-01-01), so that equal libraries are equal."""
READ_ONLY = 0o444


class ContentFolder:
    """Files named by their digest below one folder, sharded ``aa/<digest>``, read-only."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, digest: Digest) -> Path:
        """Where the file of that digest is, or would be."""
        return self.root / sharded(digest)

    def has(self, digest: Digest, *, size: int | None = None) -> bool:
        """True if the file is there, and has ``size`` bytes when given. Nothing is re-read."""
        try:
            found = self.path(digest).stat().st_size
        except FileNotFoundError:
            return False
        return size is None or found == size

    def digests(self) -> Iterator[Digest]:
        """Every digest there is a file of, in no order."""
        return iter(self.sizes())

    def sizes(self) -> dict[Digest, int]:
        """Every digest there is a file of, with the file's size in bytes."""
        found: dict[Digest, int] = {}
        for shard in self.root.glob("[0-9a-f][0-9a-f]"):
            with os.scandir(shard) as entries:
                found.update(_sizes(entries))
        return found

    def read(self, digest: Digest, *, limit: int) -> bytes:
        """The file's bytes, proved; raises FormatError above ``limit`` bytes, or ProofFailed."""
        path = self.path(digest)
        try:
            with path.open("rb") as file:
                data = file.read(limit + 1)
        except FileNotFoundError as error:
            raise ProofFailed(f"{path}: missing", hint="sync again to fetch it anew") from error
        except OSError as error:
            raise files.disk_error(path, error) from error
        if len(data) > limit:
            raise FormatError(f"{path}: longer than the {limit} bytes allowed")
        return prove(data, digest, what=str(path))

    def put(self, digest: Digest, data: bytes) -> None:
        """Keep ``data`` durably; raises ProofFailed if that is not its digest."""
        with self.receive(digest) as write:
            write(data)

    @contextmanager
    def receive(self, digest: Digest) -> Iterator[Callable[[bytes | memoryview], object]]:
        """A function that takes the file's blocks; when the block ends the file has its name.

        Raises ProofFailed, and leaves nothing, if the blocks do not have that digest.
        """
        path = self.path(digest)
        # One of a killed run may be read-only already, and then could not be opened for writing.
        path.with_name(path.name + files.PARTIAL).unlink(missing_ok=True)
        proof = hashlib.sha256()
        with files.durable_file(path) as file:

            def write(block: bytes | memoryview) -> None:
                file.write(block)
                proof.update(block)

            yield write
            if proof.hexdigest() != digest:
                raise ProofFailed(f"{path}: what was put together has another digest")
            file.flush()
            os.fchmod(file.fileno(), READ_ONLY)
            os.utime(file.fileno(), (MTIME, MTIME))

    @contextmanager
    def batch(self, named: Callable[[object], None]) -> Iterator["Batch"]:
        """Shim."""
        yield Batch(self)
        named(())

    def proves(self, digest: Digest) -> bool:
        """True if the file is there, can be read, and has its digest (re-reads all of it)."""
        proof = hashlib.sha256()
        try:
            with self.path(digest).open("rb") as file:
                while block := file.read(BLOCK):
                    proof.update(block)
        except OSError:  # missing, or the medium cannot read it: either way it is of no use
            return False
        return proof.hexdigest() == digest

    def remove(self, digest: Digest) -> None:
        """Remove the file, if it is there."""
        self.path(digest).unlink(missing_ok=True)


BATCH_BYTES = 64 * 2**20


class Batch:
    def __init__(self, folder: ContentFolder) -> None:
        self._folder = folder
        self._held: set[Digest] = set()

    @contextmanager
    def receive(self, digest: Digest) -> Iterator[Callable[[bytes | memoryview], object]]:
        with self._folder.receive(digest) as write:
            yield write
        self._held.add(digest)

    def holds(self, digest: Digest) -> bool:
        return digest in self._held

    def path(self, digest: Digest) -> Path:
        return self._folder.path(digest)


def _sizes(entries: "Iterator[os.DirEntry[str]]") -> Iterator[tuple[Digest, int]]:
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
            return dict(_sizes(entries))

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


class Store:
    """What a box keeps by digest, below the box's folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.library = ContentFolder(root / "library")
        self.feeds = ContentFolder(root / "feeds")
        """Plain feeds, by the digest of their plain bytes."""
        self.tables = ContentFolder(root / "tables")
        self.heads = ContentFolder(root / "heads")
        """Heads of update packs on their way."""
        self.staging = root / "staging"
        self.groups = StagedGroups(self.staging / "groups")
        self.quarantine = root / "quarantine"

    def set_aside(self, resource: Digest) -> None:
        """Move a damaged library file into quarantine, so that it is served and reused no more."""
        path = self.library.path(resource)
        if path.exists():
            files.make_folder(self.quarantine)
            files.rename_durably(path, self.quarantine / resource)
