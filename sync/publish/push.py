"""Copies the repository to where boxes fetch it: a folder, or a server over SSH with rsync.

Pass after pass in the lawful order; nothing is deleted. A tree that holds a private key is refused
before the first byte leaves, and so is one older than what is there, or forked from it: boxes would
refuse it as a roll-back. Cut off at any point, what is there is whole; run again to go on.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sync.errors import (
    Fault,
    FormatError,
    Incomplete,
    InputRefused,
    KexiaError,
    TrustRefused,
    UsageError,
)
from sync.files import disk_errors, make_folder, write_durably
from sync.progress import Progress
from sync.publish import order
from sync.publish.in_force import timestamp_version
from sync.publish.keys import holds_private_key
from sync.publish.order import Rank
from sync.publish.workspace import TIMESTAMP
from sync.run import Finished, run

SSH = re.compile(r"(?:[\w.-]+@)?(?:[\w.-]+|\[[0-9a-fA-F:]+\]):(?P<path>[^\0\n]+)")
KEY_NAME = re.compile(r".*\.(pem|key|p12|pfx|ppk)|id_(rsa|ecdsa|ed25519)")
SCANNED = 64 * 1024
"""Bytes looked at, from the start, of a file with a lawful name; of others, all up to 1 MiB."""
TIMESTAMP_LIMIT = 64 * 1024
"""Bytes; a longer one is damaged. Boxes read a quarter of that."""
PASS_TIMEOUT = 24 * 3600.0
STALLED = 120
"""Seconds without a byte after which rsync gives up."""
_BROKEN_OFF = (10, 11, 12, 20, 23, 24, 30, 35, 255)
"""rsync's exit codes for a connection or a file that did not make it; 255 is ssh's."""


@dataclass(frozen=True, slots=True)
class PushPlan:
    """What a push sends. Made under the lease; sent without it, while others may publish on."""

    repository: Path
    names: tuple[str, ...]
    timestamps: Mapping[str, bytes]
    """As they were when the plan was made: a newer one may lead to files that are not in it."""
    ignored: tuple[str, ...]
    """Files that have no place in a repository; they are not sent."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did. ``files`` and ``bytes`` count what was sent, not what was there already."""

    to: str
    files: int
    bytes: int
    ignored: tuple[str, ...]


def make_plan(repository: Path) -> PushPlan:
    """What there is to push; raises InputRefused, naming each, if the tree holds private keys."""
    names = sorted(
        path.relative_to(repository).as_posix() for path in repository.rglob("*") if path.is_file()
    )
    check_no_keys(repository, names)
    timestamps = [name for name in names if order.rank(name) is Rank.TIMESTAMP]
    return PushPlan(
        repository,
        names=tuple(name for name in names if order.rank(name) is not None),
        timestamps={name: (repository / name).read_bytes() for name in timestamps},
        ignored=tuple(name for name in names if order.rank(name) is None),
    )


def push(plan: PushPlan, to: str, progress: Progress) -> Pushed:
    """Bring ``to`` (a folder, or ``[user@]host:path``) up to date.

    Raises Incomplete if the connection broke off: what is there is whole, run again to go on.
    Raises, before anything is sent, UsageError for a folder that cannot be one or that mixes with
    the workspace, and TrustRefused if what is there is newer than the plan, or of its age but not
    the same. A damaged timestamp there is mended: no box believes it, so it holds nothing back.
    """
    files = size = 0
    send = _send_remote if is_remote(to) else _send_folder
    if not is_remote(to):
        _refuse_mixing(plan.repository, Path(to))
    _refuse_older(plan, to, _read_remote(to) if is_remote(to) else _read_folder(Path(to)))
    if not is_remote(to):
        _make_folders(plan, Path(to))
    for rank, names in order.passes(plan.names):
        total = sum((plan.repository / name).stat().st_size for name in names)
        progress.step(f"push {rank.name.lower()}", total=total)
        sent = send(plan, to, _Pass(rank, names), progress)
        files, size = files + sent[0], size + sent[1]
    return Pushed(to, files, size, plan.ignored)


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


@dataclass(frozen=True, slots=True)
class _Pass:
    rank: Rank
    names: list[str]


def _refuse_mixing(repository: Path, to: Path) -> None:
    """In the workspace, or above it, whoever serves the folder would serve ``keys/`` too."""
    target = _real(to)
    for kept in (_real(repository), _real(repository.parent)):
        if target.is_relative_to(kept) or kept.is_relative_to(target):
            raise UsageError(
                f"{to} lies in the workspace or holds it: its keys would be served too",
                hint=f"push to a folder outside {repository.parent} that does not hold it",
            )


def _real(path: Path) -> Path:
    """Links followed; unlike ``resolve``, a loop of links is left to whoever opens it."""
    return Path(os.path.realpath(path))


def _refuse_older(plan: PushPlan, to: str, there: bytes | None) -> None:
    """Raise TrustRefused if ``there``, the timestamp at ``to``, is not one that ours follows."""
    ours = plan.timestamps.get(TIMESTAMP)
    if ours is None or there is None or there == ours:
        return
    mine, theirs = _version(ours), _version(there)
    if mine is None:
        raise FormatError(
            f"{plan.repository / TIMESTAMP} is damaged; nothing was pushed",
            hint=f"copy it back from {to} or from a backup of the workspace",
        )
    if theirs is None or theirs < mine:
        return
    place = f"{to.rstrip('/')}/{TIMESTAMP}"
    if theirs > mine:
        fact = f"{to} is newer (timestamp {theirs}) than this workspace ({mine})"
    else:
        fact = f"{to} has another timestamp {theirs} than this workspace"
    raise TrustRefused(
        f"{fact}: somebody else published to it from another copy of the workspace, "
        "or this copy is an old one; nothing was pushed",
        hint="push from the workspace that published last, and keep only that one; "
        f"if what is there must not stay, remove {place} and push again",
    )


def _version(timestamp: bytes) -> int | None:
    """The version a timestamp says it has; ``None`` if it is damaged."""
    if len(timestamp) > TIMESTAMP_LIMIT:
        return None
    try:
        return timestamp_version(timestamp)
    except FormatError:
        return None


def _read_folder(to: Path) -> bytes | None:
    """The timestamp in a folder, no more than proves it too long; ``None`` if there is none."""
    path = to / TIMESTAMP
    with _possible(to):
        try:
            with path.open("rb") as file:
                return file.read(TIMESTAMP_LIMIT + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None


def _make_folders(plan: PushPlan, to: Path) -> None:
    """The folders right below ``to``: what stands in the way shows before anything is sent."""
    with _possible(to):
        for folder in sorted({name.partition("/")[0] for name in plan.names}):
            make_folder(to / folder)


@contextmanager
def _possible(to: Path) -> Iterator[None]:
    """Make an error that is not of the disk one of the command: it named a wrong folder."""
    try:
        with disk_errors(to):
            yield
    except KexiaError as error:
        if error.exit_code != KexiaError.exit_code:
            raise
        raise UsageError(
            f"{to} is no folder to push to ({error.fact})",
            hint="name a folder you may write in, or one that can be made",
        ) from error


def _send_folder(plan: PushPlan, to: str, step: _Pass, progress: Progress) -> tuple[int, int]:
    files = size = 0
    for name in step.names:
        source, target = plan.repository / name, Path(to, name)
        length = source.stat().st_size
        if _differs(plan, name, target):
            with _possible(Path(to)):
                write_durably(target, plan.timestamps.get(name) or _blocks(source))
            files, size = files + 1, size + length
        progress.advance(length)
    return files, size


def _differs(plan: PushPlan, name: str, target: Path) -> bool:
    """A file is immutable under its name, except the timestamp; another size is a broken copy."""
    if not target.is_file():
        return True
    if name in plan.timestamps:
        return target.read_bytes() != plan.timestamps[name]
    return target.stat().st_size != (plan.repository / name).stat().st_size


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(2**20):
            yield block


_MISSING = re.compile(r"^rsync: .* failed: .* \(2\)\s*$", re.MULTILINE)
"""rsync's words, with the number of ENOENT, for a file or a folder above it that is not there."""


def _read_remote(to: str) -> bytes | None:
    """The timestamp on a server; ``None`` if there is none or it is too long to be one."""
    with TemporaryDirectory(prefix="kexia-push-") as folder:
        copy = Path(folder, "timestamp.json")
        done = run(
            [
                *("rsync", "--copy-links", f"--max-size={TIMESTAMP_LIMIT}"),
                *(f"--timeout={STALLED}", "--", f"{to.rstrip('/')}/{TIMESTAMP}", copy),
            ],
            timeout=PASS_TIMEOUT,
            accept=(0, *_BROKEN_OFF),
        )
        if done.code != 0 and not _MISSING.search(done.stderr.decode(errors="replace")):
            raise _broken_off(to, "reading what is there", done)
        return copy.read_bytes() if copy.is_file() else None


def _send_remote(plan: PushPlan, to: str, step: _Pass, progress: Progress) -> tuple[int, int]:
    with ExitStack() as stack:
        source = plan.repository
        if step.rank is Rank.TIMESTAMP:
            source = Path(stack.enter_context(TemporaryDirectory(prefix="kexia-push-")))
            for name in step.names:
                write_durably(source / name, plan.timestamps[name])
        sent = _rsync(source, to, step)
    progress.advance(sum((plan.repository / name).stat().st_size for name in step.names))
    return sent


def _rsync(source: Path, to: str, step: _Pass) -> tuple[int, int]:
    """One pass. rsync writes beside and renames, so each file is whole or not there."""
    compare = "--checksum" if step.rank is Rank.TIMESTAMP else "--size-only"
    done = run(
        [
            *("rsync", "--times", compare, "--stats", f"--timeout={STALLED}"),
            *("--chmod=D755,F644", "--partial-dir=.kexia-partial", "--files-from=-", "--from0"),
            *("--", f"{source}/", to if to.endswith("/") else f"{to}/"),
        ],
        timeout=PASS_TIMEOUT,
        stdin="\0".join(step.names).encode(),
        accept=(0, *_BROKEN_OFF),
    )
    if done.code != 0:
        raise _broken_off(to, f"pushing {step.rank.name.lower()}", done)
    return _statistics(done.stdout.decode(errors="replace"))


def _broken_off(to: str, what: str, done: Finished) -> Incomplete:
    words = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
    return Incomplete(
        f"{to}: {what} broke off (rsync {done.code}: {words[0][:200]})",
        hint="what is there is whole; run the same command again to send the rest",
    )


_FILES_SENT = re.compile(r"^Number of regular files transferred: ([\d,.]+)", re.MULTILINE)
_BYTES_SENT = re.compile(r"^Total transferred file size: ([\d,.]+)", re.MULTILINE)


def _statistics(text: str) -> tuple[int, int]:
    """Files and bytes sent, as rsync's ``--stats`` tells them; digits may be grouped."""
    found = (_FILES_SENT.search(text), _BYTES_SENT.search(text))
    files, size = (re.sub(r"\D", "", match[1]) if match else "" for match in found)
    return int(files or 0), int(size or 0)
