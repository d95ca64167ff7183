"""Where a push goes: a folder, or a server over SSH with rsync; both take files and give them up.

Each file arrives beside its place and is renamed, so it is whole or not there.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from sync.errors import Incomplete, KexiaError, UsageError
from sync.files import disk_errors, make_folder, write_durably
from sync.progress import Progress
from sync.publish.order import Rank
from sync.publish.workspace import TIMESTAMP
from sync.run import Finished, run

SSH = re.compile(r"(?:[\w.-]+@)?(?:[\w.-]+|\[[0-9a-fA-F:]+\]):(?P<path>[^\0\n]+)")
TIMESTAMP_LIMIT = 64 * 1024
"""Bytes; a longer one is damaged. Boxes read a quarter of that."""
PASS_TIMEOUT = 24 * 3600.0
STALLED = 120
"""Seconds without a byte after which rsync gives up."""
_BROKEN_OFF = (10, 11, 12, 20, 23, 24, 30, 35, 255)
"""rsync's exit codes for a connection or a file that did not make it; 255 is ssh's."""


@dataclass(frozen=True, slots=True)
class Pass:
    """Files to send together, by their names in the repository."""

    source: Path
    rank: Rank
    names: Sequence[str]
    timestamps: Mapping[str, bytes]
    """Instead of the files of that name, which may be newer by now."""

    def size(self, name: str) -> int:
        """Bytes of one of them."""
        return (self.source / name).stat().st_size

    @property
    def total(self) -> int:
        """Bytes of all."""
        return sum(map(self.size, self.names))


@dataclass
class Sent:
    """Files and bytes that were sent, not those that were there already."""

    files: int = 0
    bytes: int = 0


class Destination(Protocol):
    """A copy of a repository that boxes read meanwhile."""

    def check(self, repository: Path) -> None:
        """Raise UsageError for a place that mixes with the workspace of ``repository``."""

    def make(self, names: Sequence[str]) -> None:
        """Make what folders there have to be; raises UsageError if it cannot be a repository."""

    def timestamp(self) -> bytes | None:
        """The timestamp there, no more of it than proves it too long; ``None`` if there is none."""

    def send(self, step: Pass, progress: Progress) -> Sent:
        """Bring these files there; raises Incomplete, UsageError, or what the disk says."""

    def remove(self, names: Sequence[str]) -> int:
        """Remove these files; how many were there."""


def open_destination(to: str) -> Destination:
    """What ``to`` names: a folder, or ``[user@]host:path``."""
    return Server(to) if is_remote(to) else Folder(Path(to))


def is_remote(to: str) -> bool:
    """True for ``host:path``; a folder with a colon in its name is written ``./a:b``."""
    return "/" not in to.partition(":")[0] and SSH.fullmatch(to) is not None


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of this machine: a mounted server, a stick."""

    to: Path

    def check(self, repository: Path) -> None:
        """In the workspace, or above it, whoever serves the folder would serve ``keys/`` too."""
        target = _real(self.to)
        for kept in (_real(repository), _real(repository.parent)):
            if target.is_relative_to(kept) or kept.is_relative_to(target):
                raise UsageError(
                    f"{self.to} lies in the workspace or holds it: its keys would be served too",
                    hint=f"push to a folder outside {repository.parent} that does not hold it",
                )

    def timestamp(self) -> bytes | None:
        """Read from the folder."""
        with self._possible():
            try:
                with (self.to / TIMESTAMP).open("rb") as file:
                    return file.read(TIMESTAMP_LIMIT + 1)
            except (FileNotFoundError, NotADirectoryError):
                return None

    def send(self, step: Pass, progress: Progress) -> Sent:
        """Write what differs."""
        sent = Sent()
        for name in step.names:
            target, size = self.to / name, step.size(name)
            if self._differs(step, name, target):
                with self._possible():
                    write_durably(target, step.timestamps.get(name) or _blocks(step.source / name))
                sent.files, sent.bytes = sent.files + 1, sent.bytes + size
            progress.advance(size)
        return sent

    def remove(self, names: Sequence[str]) -> int:
        """Unlink those that are there."""
        found = [self.to / name for name in names if (self.to / name).is_file()]
        with self._possible():
            for path in found:
                path.unlink()
        return len(found)

    def make(self, names: Sequence[str]) -> None:
        """The folders right below: what stands in the way shows before anything is sent."""
        with self._possible():
            for folder in sorted({name.partition("/")[0] for name in names}):
                make_folder(self.to / folder)

    def _differs(self, step: Pass, name: str, target: Path) -> bool:
        """A file is immutable under its name, but the timestamp; another size is a broken copy."""
        if not target.is_file():
            return True
        if name in step.timestamps:
            return target.read_bytes() != step.timestamps[name]
        return target.stat().st_size != step.size(name)

    @contextmanager
    def _possible(self) -> Iterator[None]:
        """Make an error that is not of the disk one of the command: it named a wrong folder."""
        try:
            with disk_errors(self.to):
                yield
        except KexiaError as error:
            if error.exit_code != KexiaError.exit_code:
                raise
            raise UsageError(
                f"{self.to} is no folder to push to ({error.fact})",
                hint="name a folder you may write in, or one that can be made",
            ) from error


def _real(path: Path) -> Path:
    """Links followed; unlike ``resolve``, a loop of links is left to whoever opens it."""
    return Path(os.path.realpath(path))


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(2**20):
            yield block


@dataclass(frozen=True, slots=True)
class Server:
    """A folder on another machine; rsync is on both."""

    to: str

    def check(self, repository: Path) -> None:
        """Nothing of ours can be in the way there."""

    def make(self, names: Sequence[str]) -> None:
        """rsync makes the folders."""

    def timestamp(self) -> bytes | None:
        """Fetched; one that is too long to be one is as good as none."""
        with TemporaryDirectory(prefix="kexia-push-") as folder:
            copy = Path(folder, "timestamp.json")
            done = self._rsync(
                *("--copy-links", f"--max-size={TIMESTAMP_LIMIT}"),
                *("--", f"{self.to.rstrip('/')}/{TIMESTAMP}", copy),
            )
            if done.code != 0 and not _MISSING.search(done.stderr.decode(errors="replace")):
                raise self._broken_off("reading what is there", done)
            return copy.read_bytes() if copy.is_file() else None

    def send(self, step: Pass, progress: Progress) -> Sent:
        """One run of rsync."""
        with ExitStack() as stack:
            source = step.source
            if step.rank is Rank.TIMESTAMP:
                source = Path(stack.enter_context(TemporaryDirectory(prefix="kexia-push-")))
                for name in step.names:
                    write_durably(source / name, step.timestamps[name])
            done = self._rsync(
                *("--times", "--checksum" if step.rank is Rank.TIMESTAMP else "--size-only"),
                *("--chmod=D755,F644", "--partial-dir=.kexia-partial"),
                *(*_LISTED, f"{source}/", self._folder),
                names=step.names,
            )
        if done.code != 0:
            raise self._broken_off(f"pushing {step.rank.name.lower()}", done)
        progress.advance(step.total)
        return Sent(_figure(_FILES_SENT, done), _figure(_BYTES_SENT, done))

    def remove(self, names: Sequence[str]) -> int:
        """rsync deletes there what it is told to send and does not find here."""
        if not names:
            return 0
        with TemporaryDirectory(prefix="kexia-push-") as empty:
            for folder in {Path(empty, name).parent for name in names}:
                folder.mkdir(parents=True, exist_ok=True)
            done = self._rsync(
                *("--itemize-changes", "--existing", "--delete-missing-args"),
                *(*_LISTED, f"{empty}/", self._folder),
                names=names,
            )
        if done.code != 0:
            raise self._broken_off("removing what was pruned", done)
        return len(_DELETED.findall(done.stdout.decode(errors="replace")))

    @property
    def _folder(self) -> str:
        return f"{self.to.rstrip('/')}/"

    def _rsync(self, *words: str | Path, names: Sequence[str] = ()) -> Finished:
        return run(
            ["rsync", "--stats", f"--timeout={STALLED}", *words],
            timeout=PASS_TIMEOUT,
            stdin="\0".join(names).encode(),
            accept=(0, *_BROKEN_OFF),
        )

    def _broken_off(self, what: str, done: Finished) -> Incomplete:
        words = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        return Incomplete(
            f"{self.to}: {what} broke off (rsync {done.code}: {words[0][:200]})",
            hint="what is there is whole; run the same command again to send the rest",
        )


_LISTED = ("--files-from=-", "--from0", "--")
_MISSING = re.compile(r"^rsync: .* failed: .* \(2\)\s*$", re.MULTILINE)
"""rsync's words, with the number of ENOENT, for a file or a folder above it that is not there."""
_FILES_SENT = re.compile(r"^Number of regular files transferred: ([\d,.]+)", re.MULTILINE)
_BYTES_SENT = re.compile(r"^Total transferred file size: ([\d,.]+)", re.MULTILINE)
_DELETED = re.compile(r"^\*deleting ", re.MULTILINE)


def _figure(line: re.Pattern[str], done: Finished) -> int:
    """A number of rsync's ``--stats``; its digits may be grouped."""
    match = line.search(done.stdout.decode(errors="replace"))
    return int(re.sub(r"\D", "", match[1]) or 0) if match else 0
