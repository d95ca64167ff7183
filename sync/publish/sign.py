"""TUF metadata of one publisher: made, signed, checked. Bytes in, bytes out; others write.

The rules are those of ``docs/architecture.md``; a box enforces them again in ``sync.trust``.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
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
from tuf.api.serialization.json import JSONSerializer

from sync.directory import Stored
from sync.errors import TrustRefused
from sync.publish.in_force import (
    DEMO,
    LISTED,
    PATHS,
    PUBLISHER,
    ROOT_ROLES,
    SIGNED_AT,
    Child,
    Publisher,
    Roles,
    child_path,
    format_time,
    parse_role,
)
from sync.publish.keys import ROOT_THRESHOLD, Signer
from sync.publish.roles import KeyRole
from sync.stick import recipients
from sync.trust.policy import check_root, check_targets

ROOT_LIFETIME = timedelta(days=3650)
ROLE_LIFETIME = timedelta(days=400)
TIMESTAMP_LIFETIME = timedelta(days=220)
SAFE_REST = timedelta(days=200)
"""Metadata that expires sooner than this is renewed: then no box's clock can refuse it."""


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
    """What the next targets version changes."""

    children: Mapping[str, Child | None] = field(default_factory=dict)
    """By code; None: revoked."""
    recipients: Stored | None = None
    """The new list of recipients; None: as it is."""
    keys: Mapping[KeyRole, Signer] = field(default_factory=dict)


def next_targets(
    roles: Roles, change: TargetsChange, version: int, signers: Sequence[Signer], now: datetime
) -> bytes:
    """The top-level targets that follow; raises TrustRefused for keys a box would refuse."""
    targets = deepcopy(roles.targets)
    for code, child in change.children.items():
        targets.targets.pop(child_path(code), None)
        if child is not None:
            targets.targets[child_path(code)] = _child_target(child)
    if change.recipients is not None:
        targets.targets[recipients.PATH] = _target(recipients.PATH, change.recipients)
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


def _child_target(child: Child) -> TargetFile:
    return _target(
        child_path(child.code), child.root, {"name": child.name, "urls": list(child.urls)}
    )
