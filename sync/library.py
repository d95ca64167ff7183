"""The library: what a box keeps by digest, between the transport and the pages.

Nothing gets a name here before its bytes were proved and are on the disk; so a name is a promise.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from sync import files
from sync.digest import Digest, is_digest, prove, sharded
from sync.errors import FormatError, KexiaError, ProofFailed
from sync.staging import BLOCK, StagedGroups, StagedResources, sizes

MTIME = 946_684_800
"""Modification time of every library file (2000-01-01), so that equal libraries are equal."""
READ_ONLY = 0o444
BATCH_FILES = 256
"""Files a batch brings to the disk together; each holds a descriptor until then."""
BATCH_BYTES = 64 * 2**20
"""Bytes after which a batch is brought to the disk, however few its files are."""


class ContentFolder:
    """Files named by their digest below one folder, sharded ``aa/<digest>``, read-only."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._root = str(root)

    def path(self, digest: Digest) -> Path:
        """Where the file of that digest is, or would be."""
        return self.root / sharded(digest)

    def place(self, digest: Digest) -> str:
        """``path`` as a text, for work on thousands of files: a Path takes longer than a read."""
        return f"{self._root}/{digest[:2]}/{digest}"

    def has(self, digest: Digest, *, size: int | None = None) -> bool:
        """True if the file is there, and has ``size`` bytes when given. Nothing is re-read."""
        try:
            found = os.stat(self.place(digest)).st_size  # noqa: PTH116 - thousands of names
        except FileNotFoundError:
            return False
        return size is None or found == size

    def digests(self) -> Iterator[Digest]:
        """Every digest there is a file of, in no order; few are in memory at once."""
        for shard in self.shards():
            names = os.listdir(shard)  # noqa: PTH208 - a hundred thousand names
            yield from (Digest(name) for name in names if is_digest(name))

    def sizes(self) -> dict[Digest, int]:
        """Every digest there is a file of, with the file's size in bytes."""
        found: dict[Digest, int] = {}
        for shard in self.shards():
            with os.scandir(shard) as entries:
                found.update(sizes(entries))
        return found

    def shards(self) -> Iterator[Path]:
        """The folders that there are, each with the files whose digests begin alike."""
        return self.root.glob("[0-9a-f][0-9a-f]")

    def sizes_of(self, digests: Iterable[Digest]) -> dict[Digest, int]:
        """Those of ``digests`` that there is a file of, with its size in bytes."""
        found: dict[Digest, int] = {}
        for digest in digests:
            with suppress(FileNotFoundError):
                found[digest] = os.stat(self.place(digest)).st_size  # noqa: PTH116
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

    def adopt(self, digest: Digest, proved: Path) -> None:
        """Give a file of this file system, whose bytes were proved, its name, durably."""
        path = self.path(digest)
        files.make_folder(path.parent)
        with files.disk_errors(proved):
            proved.chmod(READ_ONLY)
            os.utime(proved, (MTIME, MTIME))
            with proved.open("rb") as file:
                files.sync_file(file)
        files.rename_durably(proved, path)

    @contextmanager
    def batch(self, named: Callable[[Sequence[Digest]], object]) -> Iterator["Batch"]:
        """Receive many files at the cost of few waits for the disk.

        ``named`` is told the digests that have their names durably. What was received whole is
        named even if the block fails, unless the disk fails too.
        """
        batch = Batch(self, named)
        try:
            yield batch
        except BaseException:
            with suppress(KexiaError):  # what stopped the block says more
                batch.flush()
            raise
        batch.flush()

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


class Batch:
    """Files received into one folder and not yet named; see ``ContentFolder.batch``."""

    def __init__(self, folder: ContentFolder, named: Callable[[Sequence[Digest]], object]) -> None:
        self._folder = folder
        self._named = named
        self._waiting: dict[Digest, int] = {}
        self._bytes = 0

    def holds(self, digest: Digest) -> bool:
        """True if that file was received whole and waits for its name."""
        return digest in self._waiting

    def place(self, digest: Digest) -> str:
        """Where the file's bytes can be read now, named or not."""
        place = self._folder.place(digest)
        return place + files.PARTIAL if digest in self._waiting else place

    @contextmanager
    def receive(self, digest: Digest) -> Iterator[Callable[[bytes | memoryview], object]]:
        """A function that takes the file's blocks; when the block ends the file waits for a name.

        Raises ProofFailed, and leaves nothing of this file, if the blocks do not have that digest.
        """
        if digest in self._waiting:  # its partial file must not be written over
            self.flush()
        place = self._folder.place(digest)
        descriptor = files.create_partial(place)
        try:
            writing = _Writing(descriptor)
            yield writing.write
            size = writing.finish(digest, what=place)
        except OSError as error:
            _discard(place, descriptor)
            raise files.disk_error(Path(place), error) from error
        except BaseException:
            _discard(place, descriptor)
            raise
        self._waiting[digest] = descriptor
        self._bytes += size
        if len(self._waiting) >= BATCH_FILES or self._bytes >= BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Bring all that was received to the disk and name it; raises NoRoom or MediumFailing.

        What could not be named is removed.
        """
        waiting, self._waiting, self._bytes = self._waiting, {}, 0
        if not waiting:
            return
        written = {self._folder.place(digest): number for digest, number in waiting.items()}
        try:
            files.name_durably(written)
        except BaseException:
            for place, descriptor in written.items():
                _discard(place, descriptor)
            raise
        for descriptor in written.values():
            os.close(descriptor)
        self._named(tuple(waiting))


def _discard(place: str, descriptor: int) -> None:
    """Close a partial file, and remove it if it was not named."""
    os.close(descriptor)
    with suppress(OSError):
        Path(place + files.PARTIAL).unlink()


class _Writing:
    """One file on its way to a descriptor: small blocks are hashed and written together."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._proof = hashlib.sha256()
        self._pending = bytearray()
        self._size = 0

    def write(self, block: bytes | memoryview) -> None:
        """Take the next block; it may be reused by the caller afterwards."""
        if len(self._pending) + len(block) < BLOCK:
            self._pending += block
            return
        self._spill()
        self._out(block)

    def finish(self, digest: Digest, *, what: str) -> int:
        """Prove all of it and give it its mode and time; its size in bytes."""
        self._spill()
        if self._proof.hexdigest() != digest:
            raise ProofFailed(f"{what}: what was put together has another digest")
        os.fchmod(self._descriptor, READ_ONLY)
        os.utime(self._descriptor, (MTIME, MTIME))
        return self._size

    def _spill(self) -> None:
        if self._pending:
            pending, self._pending = self._pending, bytearray()
            self._out(pending)

    def _out(self, block: bytes | bytearray | memoryview) -> None:
        self._proof.update(block)
        self._size += len(block)
        rest = memoryview(block)
        while rest:  # the kernel may take less than all, on a disk that becomes full
            rest = rest[os.write(self._descriptor, rest) :]


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
        self.raw = StagedResources(self.staging / "raw", self.library.adopt)
        self.quarantine = root / "quarantine"

    def set_aside(self, resource: Digest) -> None:
        """Move a damaged library file into quarantine, so that it is served and reused no more."""
        path = self.library.path(resource)
        if path.exists():
            files.make_folder(self.quarantine)
            files.rename_durably(path, self.quarantine / resource)
