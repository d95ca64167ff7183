"""What each ``kexia publish keys`` command does: list, rotate, introduce, revoke, export."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from appliance.publisher.desk import Keys, writing
from sync.errors import UsageError
from sync.files import write_durably
from sync.publish import children, in_force, rotate
from sync.publish.in_force import Child
from sync.publish.keys import KEY_MODE, read_key, write_key
from sync.publish.roles import KeyRole
from sync.publish.rotate import NewKeys, Rotated
from sync.publish.workspace import open_workspace
from sync.trust import parse_root


@dataclass(frozen=True, slots=True)
class KeyState:
    """One key in force."""

    role: KeyRole
    keyid: str
    is_here: bool
    """True if its private half is in the workspace."""
    threshold: int
    expires: datetime
    """When the metadata it signed last must be signed again."""


def list_keys(root: Path) -> tuple[KeyState, ...]:
    """Every key in force, role by role."""
    workspace = open_workspace(root)
    roles = in_force.read_roles(workspace.metadata)
    ring = Keys().ring(workspace)
    return tuple(
        KeyState(role, keyid, ring.holds(role, keyid), roles.threshold(role), roles.expires(role))
        for role in KeyRole
        for keyid in roles.keyids(role)
    )


@dataclass(frozen=True, slots=True)
class Rotation:
    """Which key is replaced by what: a new key made here, or the one in the file ``new``."""

    role: KeyRole
    only: str = ""
    """Begin of the keyid, where a role has several."""
    new: Path | None = None


def rotate_key(
    root: Path,
    rotation: Rotation,
    keys: Keys,
    passphrase: Callable[[], bytes],
    now: datetime,
) -> Rotated:
    """Replace the key(s) of a role; ``passphrase`` is asked for what is made here."""
    workspace = open_workspace(root)
    with writing(workspace, "keys rotate"):
        if rotation.new is not None:
            new = NewKeys(None, read_key(rotation.new, keys.ask))
        else:
            demo = in_force.read_roles(workspace.metadata).publisher.demo
            new = NewKeys(None if demo else passphrase())
        ring = keys.ring(workspace)
        return rotate.rotate(workspace, ring, rotation.role, new, now, only=rotation.only)


def introduce(
    root: Path, code: str, child_root: Path, urls: tuple[str, ...], keys: Keys, now: datetime
) -> Child:
    """Introduce the publisher ``code`` below us by its ``1.root.json``."""
    workspace = open_workspace(root)
    try:
        data = child_root.read_bytes()
    except OSError as error:
        raise UsageError(f"{child_root}: {error.strerror}") from error
    if parse_root(data).code != code:
        raise UsageError(f"{child_root} is the root of publisher {parse_root(data).code}")
    with writing(workspace, "keys introduce"):
        return children.introduce(workspace, keys.ring(workspace), data, urls, now)


def revoke(root: Path, code: str, keys: Keys, now: datetime) -> Child:
    """Take the introduction of ``code`` back."""
    workspace = open_workspace(root)
    with writing(workspace, "keys revoke"):
        return children.revoke(workspace, keys.ring(workspace), code, now)


def export(
    root: Path,
    role: KeyRole,
    folder: Path,
    keys: Keys,
    passphrase: Callable[[], bytes] | None,
    *,
    keep: bool,
) -> tuple[Path, ...]:
    """Write the private keys of ``role`` that are here to ``folder``, for their holder.

    With ``passphrase`` they are encrypted anew; unless ``keep``, they leave the workspace.
    """
    workspace = open_workspace(root)
    roles = in_force.read_roles(workspace.metadata)
    ring = keys.ring(workspace)
    here = [keyid for keyid in roles.keyids(role) if ring.holds(role, keyid)]
    if not here:
        raise UsageError(f"no key of the role {role} is in the workspace")
    with writing(workspace, "keys export"):
        written = tuple(_export(ring.path(role, keyid), folder, keys, passphrase) for keyid in here)
        if not keep:
            for keyid in here:
                ring.path(role, keyid).unlink()
    return written


def _export(path: Path, folder: Path, keys: Keys, passphrase: Callable[[], bytes] | None) -> Path:
    target = folder / path.name
    if passphrase is None:
        write_durably(target, path.read_bytes(), mode=KEY_MODE)
    else:
        write_key(target, read_key(path, keys.ask), passphrase())
    return target
