"""TUF metadata of one publisher: read, made, signed, checked. Bytes in, bytes out; others write.

The rules are those of ``docs/architecture.md``; a box enforces them again in ``sync.trust``.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from tuf.api.exceptions import UnsignedMetadataError
from tuf.api.metadata import (  # type: ignore[attr-defined]  # its documented API, no __all__
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError
from tuf.api.serialization.json import JSONSerializer

from sync.digest import parse_digest
from sync.directory import Stored
from sync.errors import FormatError, TrustRefused
from sync.publish.keys import ROOT_THRESHOLD, Signer
from sync.publish.roles import KeyRole
from sync.trust.policy import check_root, check_targets

ROOT_LIFETIME = timedelta(days=3650)
ROLE_LIFETIME = timedelta(days=400)
TIMESTAMP_LIFETIME = timedelta(days=220)
SAFE_REST = timedelta(days=200)
"""Metadata that expires sooner than this is renewed: then no box's clock can refuse it."""
PATHS = {
    KeyRole.EDITOR: "directory",
    KeyRole.REVIEWER: "review/directory",
    KeyRole.ROLLOUT: "rollout",
    KeyRole.WITHDRAW: "withdraw",
}
"""The one path each delegated role may sign."""
ROOT_ROLES = (KeyRole.ROOT, KeyRole.TARGETS, KeyRole.SNAPSHOT, KeyRole.TIMESTAMP)
LISTED = (KeyRole.TARGETS, *PATHS)
"""The roles a snapshot lists."""
SIGNED_AT = "x-kexia-signed-at"
PUBLISHER = "x-kexia-publisher"
DEMO = "x-kexia-demo"

AnyRole = Metadata[Root] | Metadata[Targets] | Metadata[Snapshot] | Metadata[Timestamp]


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who publishes, as the root says it."""

    code: str
    name: str
    demo: bool


@dataclass(frozen=True, slots=True)
class Child:
    """A publisher below, as the targets role introduces it."""

    code: str
    name: str
    urls: tuple[str, ...]
    root: Stored

    @property
    def path(self) -> str:
        """Its target path."""
        return _child_path(self.code)


@dataclass(frozen=True, slots=True)
class Roles:
    """All metadata in force in one repository: the newest root, and what the timestamp leads to."""

    root: Metadata[Root]
    listed: Mapping[KeyRole, Metadata[Targets]]
    snapshot: Metadata[Snapshot]
    timestamp: Metadata[Timestamp]

    def version(self, role: KeyRole) -> int:
        """Version of the role's metadata."""
        return self._any(role).signed.version

    def expires(self, role: KeyRole) -> datetime:
        """When the role's metadata expires."""
        return self._any(role).signed.expires

    def keyids(self, role: KeyRole) -> tuple[str, ...]:
        """Ids of the role's keys, as root or targets name them."""
        if role in ROOT_ROLES:
            return tuple(self.root.signed.roles[role].keyids)
        return tuple(_delegated(self.targets, role).keyids)

    def threshold(self, role: KeyRole) -> int:
        """How many of its keys must sign."""
        return ROOT_THRESHOLD if role is KeyRole.ROOT else 1

    def target(self, role: KeyRole) -> Stored:
        """The one file a delegated role signs."""
        return stored_target(self.listed[role])

    def custom(self, role: KeyRole) -> dict[str, object] | None:
        """What a delegated role says of its file besides."""
        return target_custom(self.listed[role])

    @property
    def targets(self) -> Targets:
        """The top-level targets role."""
        return self.listed[KeyRole.TARGETS].signed

    @property
    def publisher(self) -> Publisher:
        """Who publishes."""
        fields = self.root.signed.unrecognized_fields
        said = fields[PUBLISHER]
        return Publisher(said["code"], said["name"], demo=fields.get(DEMO) is True)

    @property
    def signed_at(self) -> datetime:
        """When the timestamp was signed."""
        return parse_time(self.timestamp.signed.unrecognized_fields[SIGNED_AT])

    @property
    def children(self) -> tuple[Child, ...]:
        """The publishers introduced, by their code."""
        return tuple(_child(target) for _, target in sorted(self.targets.targets.items()))

    def _any(self, role: KeyRole) -> AnyRole:
        if role in self.listed:
            return self.listed[role]
        if role is KeyRole.ROOT:
            return self.root
        return self.snapshot if role is KeyRole.SNAPSHOT else self.timestamp


def read_roles(metadata: Path) -> Roles:
    """Parse what is in force below ``repository/metadata``; raises FormatError if it is broken."""
    try:
        timestamp = Metadata[Timestamp].from_file(str(metadata / "timestamp.json"))
        version = timestamp.signed.snapshot_meta.version
        snapshot = Metadata[Snapshot].from_file(str(metadata / f"{version}.snapshot.json"))
        listed = {
            role: Metadata[Targets].from_file(
                str(metadata / f"{snapshot.signed.meta[f'{role}.json'].version}.{role}.json")
            )
            for role in LISTED
        }
        newest = max(versions(metadata, KeyRole.ROOT))
        root = Metadata[Root].from_file(str(metadata / f"{newest}.root.json"))
    except (OSError, KeyError, ValueError, DeserializationError) as error:
        raise FormatError(
            f"{metadata}: metadata missing or damaged ({error})",
            hint="copy the repository back from a mirror or a backup",
        ) from error
    return Roles(root, listed, snapshot, timestamp)


def versions(metadata: Path, role: KeyRole) -> list[int]:
    """Every version of a role that was ever written here, published or not; never reused."""
    names = (path.name.split(".") for path in metadata.glob(f"*.{role}.json"))
    return sorted(int(parts[0]) for parts in names if len(parts) == 3 and parts[0].isdigit())


def make_root(
    publisher: Publisher, signers: Mapping[KeyRole, Sequence[Signer]], now: datetime
) -> bytes:
    """The first root: three keys of its own, one each for targets, snapshot and timestamp."""
    fields: dict[str, object] = {PUBLISHER: {"code": publisher.code, "name": publisher.name}}
    if publisher.demo:
        fields[DEMO] = True
    root = Root(consistent_snapshot=True, unrecognized_fields=fields)
    for role in ROOT_ROLES:
        for signer in signers[role]:
            root.add_key(signer.public_key, role)
    root.roles[KeyRole.ROOT].threshold = ROOT_THRESHOLD
    return _signed(root, 1, _expiry(now, ROOT_LIFETIME), signers[KeyRole.ROOT])


def next_root(
    roles: Roles,
    role: KeyRole,
    replaced: Mapping[str, Signer],
    signers: Sequence[Signer],
    now: datetime,
) -> bytes:
    """The root that follows, a new key for each old keyid; ``signers`` are root's, old and new.

    Raises TrustRefused for keys that a box would refuse.
    """
    root = deepcopy(roles.root.signed)
    for keyid, signer in replaced.items():
        root.revoke_key(keyid, role)
        root.add_key(signer.public_key, role)
    check_root(root)
    return _signed(root, root.version + 1, _expiry(now, ROOT_LIFETIME), signers)


def make_targets(keys: Mapping[KeyRole, Signer], signer: Signer, now: datetime) -> bytes:
    """The first top-level targets: no children, one key for each delegated role."""
    delegations = Delegations(
        {key.public_key.keyid: key.public_key for key in keys.values()},
        {
            role: DelegatedRole(
                role, [keys[role].public_key.keyid], 1, terminating=True, paths=[path]
            )
            for role, path in PATHS.items()
        },
    )
    targets = Targets(delegations=delegations)
    return _signed(targets, 1, _expiry(now, ROLE_LIFETIME), [signer])


@dataclass(frozen=True, slots=True)
class TargetsChange:
    """What the next targets version changes: children by code (None: revoked), keys by role."""

    children: Mapping[str, Child | None] = field(default_factory=dict)
    keys: Mapping[KeyRole, Signer] = field(default_factory=dict)


def next_targets(
    roles: Roles, change: TargetsChange, version: int, signers: Sequence[Signer], now: datetime
) -> bytes:
    """The top-level targets that follow; raises TrustRefused for keys a box would refuse."""
    targets = deepcopy(roles.targets)
    for code, child in change.children.items():
        targets.targets.pop(_child_path(code), None)
        if child is not None:
            targets.targets[_child_path(code)] = _child_target(child)
    for role, signer in change.keys.items():
        for keyid in roles.keyids(role):
            targets.revoke_key(keyid, role)
        targets.add_key(signer.public_key, role)
    check_targets(targets)
    return _signed(targets, version, _expiry(now, ROLE_LIFETIME), signers)


def make_role(
    role: KeyRole,
    version: int,
    target: Stored,
    signers: Sequence[Signer],
    now: datetime,
    *,
    custom: dict[str, object] | None = None,
) -> bytes:
    """Metadata of a delegated role that names its one file; without signers it waits for them."""
    path = PATHS[role]
    targets = Targets(targets={path: _target(path, target, custom)})
    return _signed(targets, version, _expiry(now, ROLE_LIFETIME), signers)


def make_snapshot(
    version: int, listed: Mapping[KeyRole, int], signers: Sequence[Signer], now: datetime
) -> bytes:
    """The snapshot that lists these versions."""
    snapshot = Snapshot(meta={f"{role}.json": MetaFile(listed[role]) for role in LISTED})
    return _signed(snapshot, version, _expiry(now, ROLE_LIFETIME), signers)


def make_timestamp(version: int, snapshot: int, signers: Sequence[Signer], now: datetime) -> bytes:
    """The timestamp that leads to that snapshot and says when it was signed."""
    timestamp = Timestamp(
        snapshot_meta=MetaFile(snapshot), unrecognized_fields={SIGNED_AT: format_time(now)}
    )
    return _signed(timestamp, version, _expiry(now, TIMESTAMP_LIFETIME), signers)


def sign_role(data: bytes, signer: Signer) -> bytes:
    """``data`` with one signature in place of any it had; raises FormatError if it is no role."""
    metadata = parse_role(data)
    metadata.sign(signer, append=False)
    return metadata.to_bytes(_COMPACT)


def parse_role(data: bytes) -> Metadata[Targets]:
    """Read a delegated role's metadata; raises FormatError."""
    try:
        metadata = Metadata[Targets].from_bytes(data)
    except (DeserializationError, ValueError) as error:
        raise FormatError(f"role metadata cannot be read ({error})") from error
    if metadata.signed.type != Targets.type:
        raise FormatError(f"this is metadata of the role {metadata.signed.type}")
    return metadata


def timestamp_version(data: bytes) -> int:
    """The version a timestamp says it has, whoever signed it; raises FormatError if damaged."""
    try:
        return int(Metadata[Timestamp].from_bytes(data).signed.version)
    except (DeserializationError, RecursionError) as error:
        raise FormatError(f"the timestamp cannot be read ({error})") from error


def stored_target(metadata: Metadata[Targets]) -> Stored:
    """The one file that a delegated role's metadata names; raises FormatError for none or more."""
    targets = list(metadata.signed.targets.values())
    if len(targets) != 1 or targets[0].path not in PATHS.values():
        raise FormatError("role metadata must name exactly one file")
    return Stored(parse_digest(targets[0].hashes.get("sha256")), targets[0].length)


def target_custom(metadata: Metadata[Targets]) -> dict[str, object] | None:
    """The ``custom`` field of the one file that a delegated role's metadata names."""
    targets = list(metadata.signed.targets.values())
    return targets[0].custom if len(targets) == 1 else None


def is_signed(data: bytes) -> bool:
    """True if ``data`` bears any signature at all, good or bad."""
    return bool(parse_role(data).signatures)


def check_role(roles: Roles, role: KeyRole, data: bytes, now: datetime) -> Metadata[Targets]:
    """Parse metadata signed by the key in force of ``role``; raises TrustRefused for any other."""
    metadata = parse_role(data)
    try:
        roles.targets.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except UnsignedMetadataError as error:
        raise TrustRefused(
            f"{metadata.signed.version}.{role}.json is not signed by the {role}'s key",
            hint=f"sign it with the {role}'s own key; a revoked or another role's key cannot",
        ) from error
    if PATHS[role] not in metadata.signed.targets:
        raise TrustRefused(f"the {role} signed another path than {PATHS[role]}")
    if metadata.signed.is_expired(now):
        raise TrustRefused(f"{metadata.signed.version}.{role}.json expired before it was published")
    return metadata


def check_keys(roles: Roles) -> None:
    """Raise TrustRefused for keys a box would refuse (sync.trust.policy says which)."""
    check_root(roles.root.signed)
    check_targets(roles.targets)


def format_time(now: datetime) -> str:
    """``2026-11-23T06:00:00Z``."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """Read what :func:`format_time` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")


_COMPACT = JSONSerializer(compact=True)
Content = TypeVar("Content", Root, Targets, Snapshot, Timestamp)


def _signed(content: Content, version: int, expires: datetime, signers: Iterable[Signer]) -> bytes:
    content.version, content.expires = version, expires
    metadata = Metadata(content)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes(_COMPACT)


def _expiry(now: datetime, lifetime: timedelta) -> datetime:
    return (now + lifetime).astimezone(UTC).replace(microsecond=0)


def _target(path: str, stored: Stored, custom: dict[str, object] | None = None) -> TargetFile:
    fields = {} if custom is None else {"custom": custom}
    return TargetFile(stored.size, {"sha256": stored.digest}, path, fields)


def _child_path(code: str) -> str:
    return f"roots/{code}.root.json"


def _child_target(child: Child) -> TargetFile:
    return _target(
        _child_path(child.code), child.root, {"name": child.name, "urls": list(child.urls)}
    )


def _child(target: TargetFile) -> Child:
    code = target.path.removeprefix("roots/").removesuffix(".root.json")
    stored = Stored(parse_digest(target.hashes["sha256"]), target.length)
    custom = target.custom or {}
    return Child(code, custom["name"], tuple(custom["urls"]), stored)


def _delegated(targets: Targets, role: KeyRole) -> DelegatedRole:
    if targets.delegations is None or targets.delegations.roles is None:
        raise FormatError("targets delegates nothing")
    return targets.delegations.roles[role]
