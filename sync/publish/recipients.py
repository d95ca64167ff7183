"""Recipients of what boxes send back: named by the targets role, for boxes at their next sync."""

from collections.abc import Callable
from datetime import datetime

from sync.digest import sha256
from sync.directory import Stored
from sync.errors import FormatError, UsageError
from sync.publish import in_force, sign
from sync.publish.in_force import Roles
from sync.publish.keys import KeyRing
from sync.publish.promote import Change, commit, next_version
from sync.publish.roles import KeyRole
from sync.publish.sign import TargetsChange
from sync.publish.workspace import Shelf, Workspace, target_name
from sync.stick import recipients as lists
from sync.stick.recipients import Recipient

Recipients = tuple[Recipient, ...]


def read_recipients(workspace: Workspace, roles: Roles) -> Recipients:
    """Those in force; raises FormatError if the list is lost or damaged."""
    stored = roles.recipients
    if stored is None:
        return ()
    return lists.decode(Shelf([workspace.repository]).read(target_name(stored, lists.PATH), stored))


def add(workspace: Workspace, ring: KeyRing, new: Recipient, now: datetime) -> Recipients:
    """Let one more read; the same key with another name renames it. Raises UsageError."""
    return _change(
        workspace,
        ring,
        lambda known: (*(each for each in known if each.public != new.public), new),
        now,
    )


def remove(workspace: Workspace, ring: KeyRing, key: str, now: datetime) -> Recipients:
    """No longer seal to the key that begins with ``key`` (8 digits or more); or UsageError."""

    def without(known: Recipients) -> Recipients:
        found = [each for each in known if len(key) >= 8 and each.public.hex().startswith(key)]
        if len(found) != 1:
            raise UsageError(
                f"{len(found)} recipients have a key that begins with {key[:64]!r}",
                hint="`kexia publish recipients WORKSPACE list` shows them; give 8 digits or more",
            )
        return tuple(each for each in known if each not in found)

    return _change(workspace, ring, without, now)


def _change(
    workspace: Workspace,
    ring: KeyRing,
    change: Callable[[Recipients], Recipients],
    now: datetime,
) -> Recipients:
    roles = in_force.read_roles(workspace.metadata)
    known = read_recipients(workspace, roles)
    after = tuple(sorted(change(known)))
    if after == known:
        return known
    try:
        data = lists.encode(after)
    except FormatError as error:
        raise UsageError(error.fact, hint="remove one first") from error
    stored = Stored(sha256(data), len(data))
    signers = ring.signers(KeyRole.TARGETS, roles.keyids(KeyRole.TARGETS), threshold=1)
    version = next_version(workspace, KeyRole.TARGETS)
    targets = sign.next_targets(roles, TargetsChange(recipients=stored), version, signers, now)
    changed = Change({target_name(stored, lists.PATH): data}, {KeyRole.TARGETS: (version, targets)})
    commit(workspace, roles, changed, ring, now)
    return after
