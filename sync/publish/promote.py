"""Puts into the repository what is signed: content, roles, snapshot, and the timestamp last.

Every change of the repository goes through :func:`commit`. It writes new names only, so whoever
reads the old timestamp finds all of the old state, and a kill at any instant leaves that in force;
files it left behind are listed by nothing, and their version numbers never used again.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sync.directory import CollectionEntry, Directory, Stored
from sync.errors import Fault, TrustRefused, UsageError
from sync.files import write_durably
from sync.progress import Progress
from sync.publish import in_force, sign
from sync.publish.in_force import Roles
from sync.publish.keys import KeyRing, Signer
from sync.publish.roles import KeyRole
from sync.publish.stage import (
    DIRECTORY,
    SIGNERS,
    Candidate,
    candidates,
    lacking,
    remove_up_to,
)
from sync.publish.workspace import (
    TIMESTAMP,
    Shelf,
    Workspace,
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
class Judged:
    """What the keys in force say of every candidate: each is sound, or refused with its faults."""

    sound: tuple[Candidate, ...]
    waiting: tuple[Waiting, ...]
    """What each sound one lacks."""
    refused: tuple[Fault, ...]

    @property
    def ready(self) -> tuple[Candidate, ...]:
        """Those that both have signed."""
        return tuple(
            candidate
            for candidate, waits in zip(self.sound, self.waiting, strict=True)
            if not waits.missing
        )


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
    refused: tuple[Fault, ...] = ()
    """Candidates that cannot be published as they are: the file, what is wrong, the cure."""


def nightly(workspace: Workspace, ring: KeyRing, now: datetime, progress: Progress) -> Night:
    """Publish the newest sound candidate that both have signed, and keep the metadata fresh.

    Changes no byte when there is nothing to do. A candidate that is damaged, or signed by a key
    that is not its role's, is told in ``refused`` and keeps nothing else from being published.
    """
    roles = in_force.read_roles(workspace.metadata)
    sign.check_keys(roles)
    _check_not_before(roles, now)
    chosen, damaged = _choose(workspace, judge(workspace, roles, now), progress)
    before = read_directory(Shelf([workspace.repository]), roles.target(KeyRole.EDITOR))
    after = before if chosen is None else chosen.directory()
    renewed = _due(roles, ring, now)
    needed = chosen is not None or bool(renewed) or _stale(roles, now)
    if needed:
        check_clock(roles, (*renewed, *(() if chosen is None else SIGNERS)), now)
        _place_content(workspace, chosen)
        change = _night_change(workspace, roles, chosen, renewed, ring, now)
        roles = commit(workspace, roles, change, ring, now)
    remove_up_to(workspace, max(roles.version(role) for role in SIGNERS))
    left = judge(workspace, roles, now)
    return Night(
        published=None if chosen is None else chosen.number,
        collections=_changed(before, after),
        timestamp_signed=needed,
        waiting=tuple(each for each in left.waiting if each.number not in damaged),
        expiring=expiring(roles, now),
        refused=(*left.refused, *damaged.values()),
    )


def judge(workspace: Workspace, roles: Roles, now: datetime) -> Judged:
    """Judge every candidate by the keys in force; content is proved when it is published."""
    sound: list[Candidate] = []
    waiting: list[Waiting] = []
    refused: list[Fault] = []
    for candidate in candidates(workspace, roles):
        missing, faults = _judge(candidate, roles, now)
        refused += faults
        if not faults:
            sound.append(candidate)
            waiting.append(Waiting(candidate.number, missing))
    return Judged(tuple(sound), tuple(waiting), tuple(refused))


def _judge(
    candidate: Candidate, roles: Roles, now: datetime
) -> tuple[tuple[KeyRole, ...], list[Fault]]:
    """Whose signatures it lacks, and what is wrong with it."""
    missing: list[KeyRole] = []
    faults: list[Fault] = []
    for role in SIGNERS:
        try:
            if in_force.is_signed(candidate.metadata(role)):
                _check_signed(candidate, role, roles, now)
            else:
                missing.append(role)
        except TrustRefused as error:
            faults.append(_fault(candidate, f"{candidate.number}.{role}.json", error))
    if not faults:
        try:
            if candidate.directory().code != roles.publisher.code:
                raise TrustRefused(f"candidate {candidate.number} is another publisher's")
        except TrustRefused as error:
            faults.append(_fault(candidate, DIRECTORY, error))
    return tuple(missing), faults


def _check_signed(candidate: Candidate, role: KeyRole, roles: Roles, now: datetime) -> None:
    """Raise TrustRefused unless ``role``'s key in force signed under this very number."""
    metadata = sign.check_role(roles, role, candidate.metadata(role), now)
    if metadata.signed.version != candidate.number:
        raise TrustRefused(f"candidate {candidate.number}: signed under another number")


def _fault(candidate: Candidate, name: str, error: TrustRefused) -> Fault:
    staged = f"staged/{candidate.number}"
    again = f"remove {staged} and run `kexia publish release` again"
    return Fault(
        f"{staged}/{name}" if name else staged,
        error.fact,
        f"{error.hint}; or {again}" if error.hint else again,
    )


def check_clock(roles: Roles, renewed: Collection[KeyRole], now: datetime) -> None:
    """Raise UsageError if no true clock can say ``now`` while ``roles`` are in force.

    A timestamp from the far future would lock its publisher out: boxes refuse a role that had
    expired when it was signed, and nothing can be signed before the time it names.
    ``renewed`` are signed anew together with it, snapshot and timestamp always.
    """
    _check_not_before(roles, now)
    if now - roles.signed_at > sign.ROLE_LIFETIME:
        raise UsageError(
            f"this machine's clock says {in_force.format_time(now)}, more than "
            f"{sign.ROLE_LIFETIME.days} days after the repository was signed last, "
            f"at {in_force.format_time(roles.signed_at)}",
            hint=f"set the clock; if it is right, {_LAPSED}",
        )
    for role in KeyRole:
        if role not in (*renewed, *_ONLINE) and roles.expires(role) <= now:
            raise UsageError(
                f"this machine's clock says {in_force.format_time(now)}, but the role {role} "
                f"expired at {in_force.format_time(roles.expires(role))}",
                hint=f"set the clock; if it is right, {role} must be signed anew first: {_LAPSED}",
            )


_LAPSED = 'docs/keys.md, "Nobody signed in time"'
_WRONG_CLOCK = 'docs/keys.md, "Signed under a wrong clock"'


def _check_not_before(roles: Roles, now: datetime) -> None:
    if now < roles.signed_at:
        raise UsageError(
            f"this machine's clock says {in_force.format_time(now)}, but the repository was signed "
            f"at {in_force.format_time(roles.signed_at)}",
            hint="set the clock; if it is right, the repository was signed under a wrong clock: "
            f"{_WRONG_CLOCK}",
        )


def commit(
    workspace: Workspace, roles: Roles, change: Change, ring: KeyRing, now: datetime
) -> Roles:
    """Write ``change``, then a snapshot that lists it, then the timestamp that puts it in force."""
    check_clock(roles, change.roles, now)
    signers = {role: _online(roles, role, ring, change) for role in _ONLINE}
    listed = {role: roles.version(role) for role in in_force.LISTED}
    for name, data in change.targets.items():
        write_durably(workspace.repository / name, data)
    for role, (version, data) in change.roles.items():
        write_durably(workspace.metadata / f"{version}.{role}.json", data)
        listed[role] = version
    snapshot = in_force.versions(workspace.metadata, KeyRole.SNAPSHOT)[-1] + 1
    write_durably(
        workspace.metadata / f"{snapshot}.snapshot.json",
        sign.make_snapshot(snapshot, listed, signers[KeyRole.SNAPSHOT], now),
    )
    version = roles.version(KeyRole.TIMESTAMP) + 1
    timestamp = sign.make_timestamp(version, snapshot, signers[KeyRole.TIMESTAMP], now)
    write_durably(workspace.repository / TIMESTAMP, timestamp)
    return in_force.read_roles(workspace.metadata)


def next_version(workspace: Workspace, role: KeyRole) -> int:
    """A version of ``role`` that was never written."""
    return in_force.versions(workspace.metadata, role)[-1] + 1


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


def _choose(
    workspace: Workspace, judged: Judged, progress: Progress
) -> tuple[Candidate | None, dict[int, Fault]]:
    """The newest candidate to publish, all its content proved; and the newer ones damaged."""
    damaged: dict[int, Fault] = {}
    for candidate in reversed(judged.ready):
        try:
            _prove_content(workspace, candidate, progress)
        except TrustRefused as error:
            damaged[candidate.number] = _fault(candidate, "", error)
        else:
            return candidate, damaged
    return None, damaged


def _due(roles: Roles, ring: KeyRing, now: datetime) -> tuple[KeyRole, ...]:
    """Roles that near their end and whose key is here."""
    return tuple(
        role
        for role in RENEWED
        if roles.expires(role) - now < sign.SAFE_REST
        and any(ring.holds(role, keyid) for keyid in roles.keyids(role))
    )


def _night_change(
    workspace: Workspace,
    roles: Roles,
    chosen: Candidate | None,
    renewed: Collection[KeyRole],
    ring: KeyRing,
    now: datetime,
) -> Change:
    targets: dict[str, bytes] = {}
    changed: dict[KeyRole, tuple[int, bytes]] = {}
    if chosen is not None:
        data = (chosen.folder / DIRECTORY).read_bytes()
        stored = in_force.stored_target(in_force.parse_role(chosen.metadata(KeyRole.EDITOR)))
        targets[target_name(stored, "directory")] = data
        changed |= {role: (chosen.number, chosen.metadata(role)) for role in SIGNERS}
    for role in renewed:
        changed[role] = renewal(roles, role, next_version(workspace, role), ring, now)
    return Change(targets=targets, roles=changed)


def _prove_content(workspace: Workspace, candidate: Candidate, progress: Progress) -> None:
    """Raise TrustRefused unless every file the repository lacks is here as it was signed."""
    missing = lacking(workspace, candidate)
    progress.step("publish", total=sum(stored.size for _, stored in missing))
    for name, stored in missing:
        prove_file(candidate.folder / name, stored)
        progress.advance(stored.size)


def _place_content(workspace: Workspace, candidate: Candidate | None) -> None:
    """Proved content into the repository, in lawful order."""
    if candidate is not None:
        for name, _ in lacking(workspace, candidate):
            place(candidate.folder / name, workspace.repository / name)


def _stale(roles: Roles, now: datetime) -> bool:
    old = now - roles.signed_at >= REFRESH_AFTER
    return old or roles.expires(KeyRole.SNAPSHOT) - now < sign.SAFE_REST


def _changed(before: Directory, after: Directory) -> tuple[CollectionEntry, ...]:
    return tuple(entry for entry in after.collections if entry != before.entry(entry.id))


def published(workspace: Workspace, roles: Roles) -> tuple[Directory, Stored]:
    """The directory in force and its proof."""
    stored = roles.target(KeyRole.EDITOR)
    return read_directory(Shelf([workspace.repository]), stored), stored
