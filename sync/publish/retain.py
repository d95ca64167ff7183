"""Retention: which files of the repository stay, and the removal of the others.

What is in force stays with all it names, and so do the candidates, the last editions by policy,
every root, and whatever went out of force less than a grace period ago: a reader may be on its way
through it. When that was is written down (``note``), because a file's times only hint at it; what
nobody wrote down counts as gone out of force just now. First planned, then removed, against the
lawful order: what lists a file goes before the file, so a kill leaves nothing that lists what is
gone.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

from sync import directory
from sync.digest import parse_digest
from sync.directory import Directory, Stored
from sync.errors import FormatError, TrustRefused, UsageError
from sync.files import sync_folder, write_durably
from sync.publish import gone, in_force
from sync.publish.in_force import PATHS, Roles, format_time, parse_time
from sync.publish.order import passes, rank
from sync.publish.promote import check_clock
from sync.publish.roles import KeyRole
from sync.publish.stage import DIRECTORY, SIGNERS, candidates
from sync.publish.workspace import TIMESTAMP, Shelf, Workspace, content, routes_on, target_name

RECORD = "out-of-force.json"
"""Name in the workspace of what ``note`` writes."""
FORMAT = "kexia-out-of-force-1"
_ROLE = re.compile(r"metadata/(?P<version>\d+)\.(?P<role>[a-z]+)\.json")
_DIRECTORY = re.compile(r"targets/(?P<digest>[0-9a-f]{64})\.directory")
_ALWAYS = re.compile(r"metadata/(\d+\.root|timestamp)\.json|targets/(roots|review|config)/.*")


@dataclass(frozen=True, slots=True)
class Policy:
    """What stays besides what is in force and what waits."""

    editions: int = 3
    """The newest published directories, the one in force among them; at least 1."""
    grace: timedelta = timedelta(days=7)
    """How long what went out of force stays for readers that are under way."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What a pruning removes, in the order of removal, and how much stays."""

    removed: tuple[str, ...]
    """Names in the repository."""
    bytes: int
    """Of what is removed."""
    kept: int
    """Files that stay."""


@dataclass(frozen=True, slots=True)
class Tree:
    """One repository, ours or a mirrored one, as its metadata describe it."""

    folder: Path
    prefix: str
    """Of its names in our repository: "" or ``mirrors/<publisher-id>/``."""
    roles: Roles
    names: frozenset[str]
    """Files with a place in a repository, by their name in this one."""

    def in_force(self) -> frozenset[str]:
        """Metadata and targets that the timestamp leads to, and those above them by number."""
        current = {
            target_name(self.roles.target(role), path.rpartition("/")[2])
            for role, path in PATHS.items()
        }
        return frozenset(current | {name for name in self.names if self._is_current(name)})

    def fleeting(self) -> frozenset[str]:
        """Metadata and targets that are out of force, or were never in it."""
        listed = {name for name in self.names if name.startswith(("metadata/", "targets/"))}
        return frozenset(listed - self.in_force())

    def newest(self, count: int) -> frozenset[str]:
        """The last ``count`` directories by the editor's numbers, and what signed them."""
        found: dict[str, list[str]] = {}
        for version in reversed(in_force.versions(self.folder / "metadata", KeyRole.EDITOR)):
            data = (self.folder / f"metadata/{version}.{KeyRole.EDITOR}.json").read_bytes()
            name = target_name(in_force.stored_target(in_force.parse_role(data)), DIRECTORY)
            if name in self.names and (name in found or len(found) < count):
                signed = [f"metadata/{version}.{role}.json" for role in SIGNERS]
                found.setdefault(name, [name]).extend(signed)
        return frozenset(name for names in found.values() for name in names)

    def _is_current(self, name: str) -> bool:
        if _ALWAYS.fullmatch(name):
            return True
        match = _ROLE.fullmatch(name)
        return match is not None and int(match["version"]) >= self.roles.version(
            KeyRole(match["role"])
        )


def note(workspace: Workspace, now: datetime) -> None:
    """Write down what went out of force since the last time. Needs the lease.

    Called when a night has published; changes no byte when nothing changed.
    """
    _note(workspace, trees(workspace), now)


def make_plan(workspace: Workspace, policy: Policy, now: datetime) -> Retention:
    """What may be removed at ``now``. Needs the lease.

    Raises UsageError for a clock that cannot be right, FormatError if a directory or a candidate
    that counts cannot be read: nothing is removed on a guess.
    """
    if policy.editions < 1:
        raise UsageError("the edition in force always stays", hint="give --editions 1 or more")
    own, *mirrors = trees(workspace)
    check_clock(own.roles, tuple(KeyRole), now)
    recorded = _note(workspace, (own, *mirrors), now)
    unneeded = [name for tree in mirrors for name in _unneeded(tree, (), policy, recorded, now)]
    unneeded += _unneeded(own, _candidate_directories(workspace, own.roles), policy, recorded, now)
    count = sum(len(tree.names) for tree in (own, *mirrors))
    ordered = tuple(name for _, names in reversed(passes(unneeded)) for name in reversed(names))
    size = sum((workspace.repository / name).stat().st_size for name in ordered)
    return Retention(ordered, size, count - len(ordered))


def execute(workspace: Workspace, plan: Retention) -> None:
    """Remove what the plan says; killed anywhere, the same command goes on. Needs the lease."""
    gone.note(workspace, plan.removed)
    for _, names in groupby(plan.removed, key=_kind):
        paths = [workspace.repository / name for name in names]
        for path in paths:
            path.unlink(missing_ok=True)
        for folder in {path.parent for path in paths}:
            sync_folder(folder)  # a list must not come back after what it lists


def _kind(name: str) -> str:
    """The folder of a repository that a file is in: packs, tables, targets …"""
    parts = name.split("/")
    return parts[2] if parts[0] == "mirrors" else parts[0]


def trees(workspace: Workspace) -> tuple[Tree, ...]:
    """Our repository, and each mirrored one that is whole enough to have a timestamp."""
    repository = workspace.repository
    mirrors = sorted((repository / "mirrors").glob("*/")) if repository.is_dir() else []
    whole = [folder for folder in mirrors if (folder / TIMESTAMP).is_file()]
    return (_tree(repository, ""), *(_tree(each, f"mirrors/{each.name}/") for each in whole))


def _tree(folder: Path, prefix: str) -> Tree:
    found = (
        path.relative_to(folder).as_posix()
        for top in ("metadata", "targets", "packs", "updates", "tables", "feeds", "routes")
        for path in (folder / top).rglob("*")
        if path.is_file()
    )
    names = frozenset(name for name in found if rank(name) is not None)
    return Tree(folder, prefix, in_force.read_roles(folder / "metadata"), names)


def _unneeded(
    tree: Tree,
    waiting: Iterable[tuple[Shelf, Directory]],
    policy: Policy,
    recorded: Mapping[str, datetime],
    now: datetime,
) -> Iterator[str]:
    """Names, in our repository, of the files that nothing kept needs."""
    recent = {name for name in tree.fleeting() if now - recorded[tree.prefix + name] < policy.grace}
    lists = (tree.in_force() | tree.newest(policy.editions) | recent) & tree.names
    shelf = Shelf([tree.folder])
    listed = [(shelf, _read(shelf, name)) for name in sorted(lists) if _DIRECTORY.fullmatch(name)]
    needed = {name for each in (*listed, *waiting) for name in needed_by(*each)}
    for name in sorted(tree.names - lists - needed):
        if not tree.prefix or not _is_young(tree.folder / name, policy, now):
            yield tree.prefix + name


def _is_young(path: Path, policy: Policy, now: datetime) -> bool:
    """Perhaps brought by a mirroring that was cut off, and goes on with what it has.

    A file's time is a hint only, but here it can only keep more.
    """
    return now - datetime.fromtimestamp(path.stat().st_mtime, UTC) < policy.grace


def needed_by(shelf: Shelf, listed: Directory) -> frozenset[str]:
    """Names of all content that a directory leads to, by its routes too. Raises FormatError."""
    return frozenset(name for name, _ in content(listed.collections, routes_on(shelf)))


def _read(shelf: Shelf, name: str) -> Directory:
    match = _DIRECTORY.fullmatch(name)
    if match is None:
        raise AssertionError(f"{name} is no directory")
    path = shelf.find(name)
    stored = Stored(parse_digest(match["digest"]), path.stat().st_size)
    return directory.decode(shelf.read(name, stored))


def _candidate_directories(workspace: Workspace, roles: Roles) -> Iterator[tuple[Shelf, Directory]]:
    """What waits for signatures, sound or not: as long as it can be read, it counts."""
    for candidate in candidates(workspace, roles):
        shelf = Shelf([candidate.folder, workspace.repository])
        try:
            yield shelf, directory.decode((candidate.folder / DIRECTORY).read_bytes())
        except (OSError, TrustRefused) as error:
            raise FormatError(
                f"staged/{candidate.number} cannot be read, so nobody knows what it needs",
                hint=f"mend it or remove staged/{candidate.number}, then run this again",
            ) from error


def _note(workspace: Workspace, found: Iterable[Tree], now: datetime) -> Mapping[str, datetime]:
    """Bring the record up to date; since when each file that is out of force is so."""
    place = workspace.root / RECORD
    before = _recorded(place)
    names = sorted(tree.prefix + name for tree in found for name in tree.fleeting())
    after = {name: min(before.get(name, now), now) for name in names}
    if after != before:
        value = {"format": FORMAT, "since": {name: format_time(after[name]) for name in names}}
        write_durably(place, (json.dumps(value, indent=1) + "\n").encode())
    return after


def _recorded(place: Path) -> dict[str, datetime]:
    """What was written down; nothing if it is damaged, so that all counts from now."""
    try:
        value = json.loads(place.read_bytes())
        if value["format"] != FORMAT:
            return {}
        return {str(name): parse_time(at) for name, at in value["since"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, FormatError):
        return {}
