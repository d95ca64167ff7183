"""Publishers below: introduced by the targets role with their first root; revoked the same way."""

from collections.abc import Mapping
from datetime import datetime

from sync.digest import sha256
from sync.directory import Stored, is_address
from sync.errors import TrustRefused, UsageError
from sync.publish import in_force, sign
from sync.publish.in_force import Child, Roles
from sync.publish.keys import KeyRing
from sync.publish.promote import Change, commit, next_version
from sync.publish.roles import KeyRole
from sync.publish.sign import TargetsChange
from sync.publish.workspace import Workspace, target_name
from sync.trust import lies_below, parse_root


def introduce(
    workspace: Workspace, ring: KeyRing, root: bytes, urls: tuple[str, ...], now: datetime
) -> Child:
    """Introduce the publisher whose ``1.root.json`` this is; again replaces root and URLs.

    Raises UsageError for an address no box can fetch from; TrustRefused if it is no valid root or
    its code does not lie below ours.
    """
    for url in urls:
        if not is_address(url):
            raise UsageError(
                f"{url[:200]!r} is no http:// or https:// address",
                hint="give the address of that publisher's repository",
            )
    roles = in_force.read_roles(workspace.metadata)
    parsed = parse_root(root)
    own = roles.publisher
    if not lies_below(parsed.code, own.code):
        raise TrustRefused(
            f"publisher {parsed.code} does not lie below {own.code}",
            hint="a publisher introduces only those whose code continues its own",
        )
    if parsed.demo and not own.demo:
        raise TrustRefused(f"publisher {parsed.code} signs with demo keys")
    child = Child(parsed.code, parsed.name, urls, Stored(sha256(root), len(root)))
    if child in roles.children:
        return child
    name = target_name(child.root, child.path)
    _commit(workspace, roles, ring, TargetsChange(children={child.code: child}), {name: root}, now)
    return child


def revoke(workspace: Workspace, ring: KeyRing, code: str, now: datetime) -> Child:
    """Withdraw the introduction of ``code``; boxes that follow it learn at their next sync."""
    roles = in_force.read_roles(workspace.metadata)
    for child in roles.children:
        if child.code == code:
            _commit(workspace, roles, ring, TargetsChange(children={code: None}), {}, now)
            return child
    raise UsageError(f"publisher {code} was not introduced", hint="see `keys WORKSPACE list`")


def _commit(
    workspace: Workspace,
    roles: Roles,
    ring: KeyRing,
    change: TargetsChange,
    files: Mapping[str, bytes],
    now: datetime,
) -> None:
    signers = ring.signers(KeyRole.TARGETS, roles.keyids(KeyRole.TARGETS), threshold=1)
    version = next_version(workspace, KeyRole.TARGETS)
    targets = sign.next_targets(roles, change, version, signers, now)
    commit(workspace, roles, Change(files, {KeyRole.TARGETS: (version, targets)}), ring, now)
