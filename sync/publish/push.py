"""Copies the repository to where boxes fetch it: a folder, or a server over SSH with rsync.

Pass after pass in the lawful order; nothing is deleted. A tree that holds a private key is refused
before the first byte leaves. Cut off at any point, what is there is whole; run again to go on.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sync.errors import Fault, Incomplete, InputRefused, UsageError
from sync.files import write_durably
from sync.progress import Progress
from sync.publish import order
from sync.publish.keys import holds_private_key
from sync.publish.order import Rank
from sync.run import run

SSH = re.compile(r"(?:[\w.-]+@)?(?:[\w.-]+|\[[0-9a-fA-F:]+\]):(?P<path>[^\0\n]+)")
KEY_NAME = re.compile(r".*\.(pem|key|p12|pfx|ppk)|id_(rsa|ecdsa|ed25519)")
SCANNED = 64 * 1024
"""Bytes looked at, from the start, of a file with a lawful name; of others, all up to 1 MiB."""
PASS_TIMEOUT = 24 * 3600.0
STALLED = 120
"""Seconds without a byte after which rsync gives up."""
_BROKEN_OFF = (10, 11, 12, 20, 23, 24, 30, 35, 255)
"""rsync's exit codes for a connection or a file that did not make it; 255 is ssh's."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did. ``files`` and ``bytes`` count what was sent, not what was there already."""

    to: str
    files: int
    bytes: int
    ignored: tuple[str, ...]
    """Files that have no place in a repository; they were not sent."""


def push(repository: Path, to: str, progress: Progress) -> Pushed:
    """Bring ``to`` (a folder, or ``[user@]host:path``) up to date.

    Raises InputRefused if the tree holds a private key, Incomplete if the connection broke off.
    """
    names = sorted(_files(repository))
    check_no_keys(repository, names)
    ignored = tuple(name for name in names if order.rank(name) is None)
    if is_remote(to):
        files, size = _push_remote(repository, to, names, progress)
    else:
        files, size = _push_folder(repository, Path(to), names, progress)
    return Pushed(to, files, size, ignored)


def is_remote(to: str) -> bool:
    """True for ``host:path``; a folder with a colon in its name is written ``./a:b``."""
    return "/" not in to.partition(":")[0] and SSH.fullmatch(to) is not None


def check_no_keys(repository: Path, names: Iterable[str]) -> None:
    """Raise InputRefused, naming each, for files that are or hold a private key."""
    faults = tuple(
        Fault(name, "holds a private key", "move it away, and rotate that key: it may be known")
        for name in names
        if _is_key(repository / name, name)
    )
    if faults:
        raise InputRefused(
            f"the repository holds {len(faults)} private key(s); nothing was pushed",
            faults=faults,
        )


def _is_key(path: Path, name: str) -> bool:
    if KEY_NAME.fullmatch(path.name.lower()):
        return True
    with path.open("rb") as file:
        return holds_private_key(file.read(2**20 if order.rank(name) is None else SCANNED))


def _files(repository: Path) -> Iterator[str]:
    for path in repository.rglob("*"):
        if path.is_file():
            yield path.relative_to(repository).as_posix()


def _push_folder(
    repository: Path, to: Path, names: Iterable[str], progress: Progress
) -> tuple[int, int]:
    if to.resolve() == repository.resolve() or repository.resolve() in to.resolve().parents:
        raise UsageError(f"{to} is the repository itself")
    files = size = 0
    for rank, members in order.passes(names):
        missing = [name for name in members if _differs(repository / name, to / name, rank)]
        sizes = {name: (repository / name).stat().st_size for name in missing}
        progress.step(f"push {rank.name.lower()}", total=sum(sizes.values()))
        for name in missing:
            write_durably(to / name, _blocks(repository / name))
            progress.advance(sizes[name])
        files, size = files + len(missing), size + sum(sizes.values())
    return files, size


def _differs(source: Path, target: Path, rank: Rank) -> bool:
    """A file is immutable under its name, except the timestamp; another size is a broken copy."""
    if not target.is_file() or target.stat().st_size != source.stat().st_size:
        return True
    return rank is Rank.TIMESTAMP and target.read_bytes() != source.read_bytes()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(2**20):
            yield block


def _push_remote(
    repository: Path, to: str, names: Iterable[str], progress: Progress
) -> tuple[int, int]:
    files = size = 0
    for rank, members in order.passes(names):
        total = sum((repository / name).stat().st_size for name in members)
        progress.step(f"push {rank.name.lower()}", total=total)
        sent_files, sent_bytes = _rsync(repository, to, rank, members)
        progress.advance(total)
        files, size = files + sent_files, size + sent_bytes
    return files, size


def _rsync(repository: Path, to: str, rank: Rank, names: list[str]) -> tuple[int, int]:
    """One pass. rsync writes beside and renames, so each file is whole or not there."""
    compare = "--checksum" if rank is Rank.TIMESTAMP else "--size-only"
    done = run(
        [
            *("rsync", "--times", compare, "--stats", f"--timeout={STALLED}"),
            *("--chmod=D755,F644", "--partial-dir=.kexia-partial", "--files-from=-", "--from0"),
            *("--", f"{repository}/", to if to.endswith("/") else f"{to}/"),
        ],
        timeout=PASS_TIMEOUT,
        stdin="\0".join(names).encode(),
        accept=(0, *_BROKEN_OFF),
    )
    if done.code != 0:
        words = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise Incomplete(
            f"{to}: pushing {rank.name.lower()} broke off (rsync {done.code}: {words[0][:200]})",
            hint="what is there is whole; run the same command again to send the rest",
        )
    return _statistics(done.stdout.decode(errors="replace"))


_FILES_SENT = re.compile(r"^Number of regular files transferred: ([\d,.]+)", re.MULTILINE)
_BYTES_SENT = re.compile(r"^Total transferred file size: ([\d,.]+)", re.MULTILINE)


def _statistics(text: str) -> tuple[int, int]:
    """Files and bytes sent, as rsync's ``--stats`` tells them; digits may be grouped."""
    found = (_FILES_SENT.search(text), _BYTES_SENT.search(text))
    files, size = (re.sub(r"\D", "", match[1]) if match else "" for match in found)
    return int(files or 0), int(size or 0)
