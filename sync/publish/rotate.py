"""Replaces the key of a role, so that every box that follows the old one follows the new one.

A new root is written last: until then the old one is in force. What a changed root judges anew
(timestamp, snapshot, targets) is signed by the old key and the new one first, so that it holds on
both sides of the change, wherever a kill or a half-finished push leaves the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sync.errors import UsageError
from sync.files import write_durably
from sync.publish import in_force, sign
from sync.publish.in_force import ROOT_ROLES, Roles
from sync.publish.keys import KeyRing, Signer
from sync.publish.promote import Change, check_clock, commit, next_version
from sync.publish.roles import KeyRole
from sync.publish.sign import TargetsChange
from sync.publish.stage import (
    SIGNERS,
    Candidate,
    base,
    newest_sound,
    next_number,
    remove_up_to,
    stage_directory,
)
from sync.publish.workspace import Workspace


@dataclass(frozen=True, slots=True)
class NewKeys:
    """Where a role's new keys come from: made here under ``passphrase``, or brought by its holder.

    A brought key signs here once and is not kept.
    """

    passphrase: bytes | None
    brought: Signer | None = None


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did: old keyid → new keyid, and the candidate to be signed again, if any."""

    role: KeyRole
    keys: Mapping[str, str]
    restaged: Candidate | None = None


def rotate(
    workspace: Workspace,
    ring: KeyRing,
    role: KeyRole,
    new: NewKeys,
    now: datetime,
    *,
    only: str = "",
) -> Rotated:
    """Replace the keys of ``role``; ``only`` those whose keyid begins so (one of three of root).

    Raises UsageError if a key that must sign the change is not here.
    """
    roles = in_force.read_roles(workspace.metadata)
    old = [keyid for keyid in roles.keyids(role) if keyid.startswith(only)]
    if not old or (new.brought is not None and len(old) > 1):
        raise UsageError(
            f"{len(old)} keys of the role {role} begin with {only!r}",
            hint="`kexia publish keys WORKSPACE list` shows them; name one with --only",
        )
    _check_signers(roles, ring, role)
    check_clock(roles, (role,) if role in ROOT_ROLES else (role, KeyRole.TARGETS), now)
    replaced = {keyid: new.brought or ring.make(role, new.passphrase) for keyid in old}
    restaged = None
    if role in ROOT_ROLES:
        _change_root(workspace, roles, ring, role, replaced, now)
    else:
        restaged = _change_delegated(workspace, roles, ring, role, replaced, now)
    ring.retire(role, in_force=in_force.read_roles(workspace.metadata).keyids(role))
    keys = {keyid: signer.public_key.keyid for keyid, signer in replaced.items()}
    return Rotated(role, keys, restaged)


def _check_signers(roles: Roles, ring: KeyRing, role: KeyRole) -> None:
    """Refuse before a key is made or a byte written."""
    above = KeyRole.ROOT if role in ROOT_ROLES else KeyRole.TARGETS
    ring.signers(above, roles.keyids(above), threshold=roles.threshold(above))
    for online in (KeyRole.SNAPSHOT, KeyRole.TIMESTAMP):
        if online is not role:
            ring.signers(online, roles.keyids(online), threshold=1)


def _change_root(
    workspace: Workspace,
    roles: Roles,
    ring: KeyRing,
    role: KeyRole,
    replaced: Mapping[str, Signer],
    now: datetime,
) -> None:
    old_root = ring.signers(KeyRole.ROOT, roles.keyids(KeyRole.ROOT), threshold=2)
    new_root = list(replaced.values()) if role is KeyRole.ROOT else []
    root = sign.next_root(roles, role, replaced, [*old_root, *new_root], now)
    if role is not KeyRole.ROOT:
        change = _cosigned(workspace, roles, ring, role, next(iter(replaced.values())), now)
        commit(workspace, roles, change, ring, now)
    version = roles.version(KeyRole.ROOT) + 1
    write_durably(workspace.metadata / f"{version}.root.json", root)


def _cosigned(
    workspace: Workspace,
    roles: Roles,
    ring: KeyRing,
    role: KeyRole,
    new: Signer,
    now: datetime,
) -> Change:
    """The role's metadata signed by the old key, if it is not lost, and the new one."""
    if role is not KeyRole.TARGETS:
        return Change(cosigners={role: new})
    old = ring.signers(role, roles.keyids(role), threshold=0)
    version = next_version(workspace, role)
    data = sign.next_targets(roles, TargetsChange(), version, [*old, new], now)
    return Change(roles={role: (version, data)})


def _change_delegated(
    workspace: Workspace,
    roles: Roles,
    ring: KeyRing,
    role: KeyRole,
    replaced: Mapping[str, Signer],
    now: datetime,
) -> Candidate | None:
    """New targets, and what the role signed last signed by its new key: in force together."""
    new = next(iter(replaced.values()))
    restaged = None
    if role in SIGNERS:
        version = next_number(workspace)
        if (
            newest_sound(workspace, roles) is not None
        ):  # under a higher number than the version used up here
            restaged = stage_directory(
                workspace,
                base(workspace, roles).directory,
                now,
                above=version,
                new_keys={role: [new.public_key.keyid]},
            )
    else:
        version = next_version(workspace, role)
    above = ring.signers(KeyRole.TARGETS, roles.keyids(KeyRole.TARGETS), threshold=1)
    number = next_version(workspace, KeyRole.TARGETS)
    targets = sign.next_targets(roles, TargetsChange(keys={role: new}), number, above, now)
    signed = sign.make_role(
        role, version, roles.target(role), [new], now, custom=roles.custom(role)
    )
    change = Change(roles={role: (version, signed), KeyRole.TARGETS: (number, targets)})
    roles = commit(workspace, roles, change, ring, now)
    if restaged is not None:
        remove_up_to(workspace, max(roles.version(each) for each in SIGNERS))
    return restaged
