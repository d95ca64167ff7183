"""Copies the repository to where boxes fetch it: a folder, or a server over SSH with rsync.

Pass after pass in the lawful order; nothing is deleted but what was pruned here and has been left
behind there (``sync.publish.gone``). A tree that holds a private key is refused before the first
byte leaves, and so is one older than what is there, or forked from it: boxes would refuse it as a
roll-back. Cut off at any point, what is there is whole; run again to go on.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sync.errors import Fault, FormatError, InputRefused, TrustRefused
from sync.progress import Progress
from sync.publish import order
from sync.publish.destination import TIMESTAMP_LIMIT, Pass, open_destination
from sync.publish.gone import left_behind
from sync.publish.in_force import timestamp_version
from sync.publish.keys import holds_private_key
from sync.publish.order import Rank
from sync.publish.workspace import TIMESTAMP

KEY_NAME = re.compile(r".*\.(pem|key|p12|pfx|ppk)|id_(rsa|ecdsa|ed25519)")
SCANNED = 64 * 1024
"""Bytes looked at, from the start, of a file with a lawful name; of others, all up to 1 MiB."""


@dataclass(frozen=True, slots=True)
class PushPlan:
    """What a push sends. Made under the lease; sent without it, while others may publish on."""

    repository: Path
    names: tuple[str, ...]
    timestamps: Mapping[str, bytes]
    """As they were when the plan was made: a newer one may lead to files that are not in it."""
    ignored: tuple[str, ...]
    """Files that have no place in a repository; they are not sent."""
    pruned: Mapping[str, int]
    """Files that are no longer here, with the timestamp's version when they went."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did. ``files`` and ``bytes`` count what was sent, not what was there already."""

    to: str
    files: int
    bytes: int
    ignored: tuple[str, ...]
    removed: int
    """Files that were pruned here and are gone there now."""


def make_plan(repository: Path, pruned: Mapping[str, int]) -> PushPlan:
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
        pruned=pruned,
    )


def push(plan: PushPlan, to: str, progress: Progress) -> Pushed:
    """Bring ``to`` (a folder, or ``[user@]host:path``) up to date.

    Raises Incomplete if the connection broke off: what is there is whole, run again to go on.
    Raises, before anything is sent, UsageError for a folder that cannot be one or that mixes with
    the workspace, and TrustRefused if what is there is newer than the plan, or of its age but not
    the same. A damaged timestamp there is mended: no box believes it, so it holds nothing back.
    """
    there = open_destination(to)
    there.check(plan.repository)
    found = there.timestamp()
    _refuse_older(plan, to, found)
    there.make(plan.names)
    removed = there.remove(_left_behind(plan, found))
    files = size = 0
    for rank, names in order.passes(plan.names):
        step = Pass(plan.repository, rank, names, plan.timestamps)
        progress.step(f"push {rank.name.lower()}", total=step.total)
        sent = there.send(step, progress)
        files, size = files + sent.files, size + sent.bytes
    return Pushed(to, files, size, plan.ignored, removed)


def _left_behind(plan: PushPlan, there: bytes | None) -> tuple[str, ...]:
    version = None if there is None else _version(there)
    return () if version is None else left_behind(plan.repository, plan.pruned, version)


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
