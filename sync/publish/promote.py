"""Puts into the repository what is signed: content, roles, snapshot, and the timestamp last.

Every change of the repository goes through :func:`commit`. It writes new names only, so whoever
reads the old timestamp finds all of the old state, and a kill at any instant leaves that in force;
files it left behind are listed by nothing, and their version numbers never used again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sync.directory import CollectionEntry, Directory, Stored
from sync.errors import TrustRefused, UsageError
from sync.files import write_durably
from sync.progress import Progress
from sync.publish import sign
from sync.publish.keys import KeyRing, Signer
from sync.publish.roles import KeyRole
from sync.publish.sign import Roles
from sync.publish.stage import DIRECTORY, SIGNERS, Candidate, candidates, remove_up_to
from sync.publish.workspace import (
    TIMESTAMP,
    Shelf,
    Workspace,
    content,
    place,
    prove_file,
    read_directory,
    target_name,
)

REFRESH_AFTER = timedelta(days=7)
"""A night that publishes nothing signs a new timestamp only when the old one is older than this."""
RENEWED = (KeyRole.ROLLOUT, KeyRole.WITHDRAW, KeyRole.TARGETS)
"""Roles that a night signs anew before they expire, if their key is there."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit adds: target files by their repository name, roles as (version, metadata)."""

    targets: Mapping[str, bytes] = field(default_factory=dict)
    roles: Mapping[KeyRole, tuple[int, bytes]] = field(default_factory=dict)
    cosigners: Mapping[KeyRole, Signer] = field(default_factory=dict)
    """New keys of snapshot or timestamp, which sign beside the old ones while a root changes."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A candidate that is not published, and whose signatures it lacks."""

    number: int
    missing: tuple[KeyRole, ...]


@dataclass(frozen=True, slots=True)
class Night:
    """What a night did."""

    published: int | None
    """Number of the candidate that was published."""
    collections: tuple[CollectionEntry, ...]
    """The entries that are new with it."""
    timestamp_signed: bool
    waiting: tuple[Waiting, ...]
    expiring: tuple[KeyRole, ...]
    """Offline roles that must be signed anew within 200 days of their end."""


def nightly(workspace: Workspace, ring: KeyRing, now: datetime, progress: Progress) -> Night:
    """Publish the newest candidate that both have signed, and keep the metadata fresh.

    Changes no byte when there is nothing to do. Raises TrustRefused, with the repository as it
    was, for a candidate with a signature that is not of its role's key.
    """
    roles = sign.read_roles(workspace.metadata)
    sign.check_keys(roles)
    waiting = candidates(workspace, roles)
    chosen = choose(waiting, roles, now)
    before = read_directory(Shelf([workspace.repository]), roles.target(KeyRole.EDITOR))
    after = before if chosen is None else chosen.directory()
    if chosen is not None:
        _place_content(workspace, chosen, after, progress)
    change = _night_change(workspace, roles, chosen, ring, now)
    needed = bool(change.roles) or _stale(roles, now)
    if needed:
        roles = commit(workspace, roles, change, ring, now)
    remove_up_to(workspace, max(roles.version(role) for role in SIGNERS))
    return Night(
        published=None if chosen is None else chosen.number,
        collections=_changed(before, after),
        timestamp_signed=needed,
        waiting=tuple(waits(each) for each in candidates(workspace, roles)),
        expiring=expiring(roles, now),
    )


def choose(waiting: Sequence[Candidate], roles: Roles, now: datetime) -> Candidate | None:
    """The newest candidate both have signed; every signature down to it must hold."""
    for candidate in reversed(waiting):
        signed = candidate.signed_by()
        for role in signed:
            check_candidate(candidate, role, roles, now)
        if set(signed) == set(SIGNERS):
            return candidate
    return None


def check_candidate(candidate: Candidate, role: KeyRole, roles: Roles, now: datetime) -> None:
    """Raise TrustRefused unless ``role``'s key in force signed this very directory."""
    metadata = sign.check_role(roles, role, candidate.metadata(role), now)
    if metadata.signed.version != candidate.number:
        raise TrustRefused(f"candidate {candidate.number}: signed under another number")
    if candidate.directory().code != roles.publisher.code:
        raise TrustRefused(f"candidate {candidate.number} is another publisher's")


def commit(
    workspace: Workspace, roles: Roles, change: Change, ring: KeyRing, now: datetime
) -> Roles:
    """Write ``change``, then a snapshot that lists it, then the timestamp that puts it in force."""
    if now < roles.signed_at:
        raise UsageError(
            f"this machine's clock says {sign.format_time(now)}, but the repository was signed "
            f"at {sign.format_time(roles.signed_at)}",
            hint="set the clock",
        )
    signers = {role: _online(roles, role, ring, change) for role in _ONLINE}
    listed = {role: roles.version(role) for role in sign.LISTED}
    for name, data in change.targets.items():
        write_durably(workspace.repository / name, data)
    for role, (version, data) in change.roles.items():
        write_durably(workspace.metadata / f"{version}.{role}.json", data)
        listed[role] = version
    snapshot = sign.versions(workspace.metadata, KeyRole.SNAPSHOT)[-1] + 1
    write_durably(
        workspace.metadata / f"{snapshot}.snapshot.json",
        sign.make_snapshot(snapshot, listed, signers[KeyRole.SNAPSHOT], now),
    )
    version = roles.version(KeyRole.TIMESTAMP) + 1
    timestamp = sign.make_timestamp(version, snapshot, signers[KeyRole.TIMESTAMP], now)
    write_durably(workspace.repository / TIMESTAMP, timestamp)
    return sign.read_roles(workspace.metadata)


def next_version(workspace: Workspace, role: KeyRole) -> int:
    """A version of ``role`` that was never written."""
    return sign.versions(workspace.metadata, role)[-1] + 1


def renewal(
    roles: Roles, role: KeyRole, version: int, ring: KeyRing, now: datetime
) -> tuple[int, bytes]:
    """The same content of rollout, withdraw or targets, signed anew."""
    signers = ring.signers(role, roles.keyids(role), threshold=1)
    if role is KeyRole.TARGETS:
        return version, sign.next_targets(roles, sign.TargetsChange(), version, signers, now)
    return version, sign.make_role(role, version, roles.target(role), signers, now)


def expiring(roles: Roles, now: datetime) -> tuple[KeyRole, ...]:
    """Roles whose metadata should be signed anew: fewer than 200 days are left."""
    offline = (KeyRole.ROOT, KeyRole.TARGETS, *SIGNERS)
    return tuple(role for role in offline if roles.expires(role) - now < sign.SAFE_REST)


_ONLINE = (KeyRole.SNAPSHOT, KeyRole.TIMESTAMP)


def _online(roles: Roles, role: KeyRole, ring: KeyRing, change: Change) -> list[Signer]:
    cosigner = [change.cosigners[role]] if role in change.cosigners else []
    old = ring.signers(role, roles.keyids(role), threshold=0 if cosigner else 1)
    return [*old, *cosigner]


def _night_change(
    workspace: Workspace, roles: Roles, chosen: Candidate | None, ring: KeyRing, now: datetime
) -> Change:
    targets: dict[str, bytes] = {}
    changed: dict[KeyRole, tuple[int, bytes]] = {}
    if chosen is not None:
        data = (chosen.folder / DIRECTORY).read_bytes()
        stored = sign.stored_target(sign.parse_role(chosen.metadata(KeyRole.EDITOR)))
        targets[target_name(stored, "directory")] = data
        changed |= {role: (chosen.number, chosen.metadata(role)) for role in SIGNERS}
    for role in RENEWED:
        due = roles.expires(role) - now < sign.SAFE_REST
        if due and any(ring.holds(role, keyid) for keyid in roles.keyids(role)):
            changed[role] = renewal(roles, role, next_version(workspace, role), ring, now)
    return Change(targets=targets, roles=changed)


def _place_content(
    workspace: Workspace, candidate: Candidate, after: Directory, progress: Progress
) -> None:
    """Content into the repository, each file proved first; in lawful order."""
    missing = [
        (name, stored)
        for name, stored in content(after.collections)
        if not (workspace.repository / name).is_file()
    ]
    progress.step("publish", total=sum(stored.size for _, stored in missing))
    for name, stored in missing:
        prove_file(candidate.folder / name, stored)
        place(candidate.folder / name, workspace.repository / name)
        progress.advance(stored.size)


def _stale(roles: Roles, now: datetime) -> bool:
    old = now - roles.signed_at >= REFRESH_AFTER
    return old or roles.expires(KeyRole.SNAPSHOT) - now < sign.SAFE_REST


def _changed(before: Directory, after: Directory) -> tuple[CollectionEntry, ...]:
    return tuple(entry for entry in after.collections if entry != before.entry(entry.id))


def waits(candidate: Candidate) -> Waiting:
    """Whose signatures a candidate lacks."""
    signed = candidate.signed_by()
    return Waiting(candidate.number, tuple(role for role in SIGNERS if role not in signed))


def published(workspace: Workspace, roles: Roles) -> tuple[Directory, Stored]:
    """The directory in force and its proof."""
    stored = roles.target(KeyRole.EDITOR)
    return read_directory(Shelf([workspace.repository]), stored), stored
