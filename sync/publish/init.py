"""Founds a publisher: keys, root, and a repository that offers nothing yet, in one atomic step."""

import shutil
from datetime import datetime
from pathlib import Path

from sync import directory
from sync.digest import sha256
from sync.directory import CODE, Directory, Stored
from sync.errors import UsageError
from sync.files import PARTIAL, make_folder, rename_durably, sync_tree, write_durably
from sync.publish import in_force, sign
from sync.publish.in_force import PATHS, ROOT_ROLES, Publisher
from sync.publish.keys import ROOT_KEYS, KeyRing, Signer
from sync.publish.roles import KeyRole
from sync.publish.workspace import TIMESTAMP, Workspace, target_name
from sync.trust.notices import encode_held, encode_withdrawals

Signers = dict[KeyRole, list[Signer]]


def init_workspace(
    root: Path, publisher: Publisher, passphrase: bytes | None, now: datetime
) -> Workspace:
    """Make the workspace ``root``; raises UsageError if something is there already.

    ``passphrase`` encrypts every key; demo keys go without. Number 1, the empty directory, is
    signed by all roles here, so that a box can follow the publisher from the first day.
    """
    _check(root, publisher, passphrase)
    partial = root.with_name(root.name + PARTIAL)
    if partial.exists():
        shutil.rmtree(partial)
    workspace = Workspace(partial)
    for folder in (workspace.sources, workspace.staged, workspace.metadata):
        make_folder(folder)
    ring = KeyRing(workspace.keys)
    signers = {
        role: [ring.make(role, passphrase) for _ in range(ROOT_KEYS if role is KeyRole.ROOT else 1)]
        for role in KeyRole
    }
    _write_repository(workspace, publisher, signers, now)
    sync_tree(partial)
    rename_durably(partial, root)
    return Workspace(root)


def _check(root: Path, publisher: Publisher, passphrase: bytes | None) -> None:
    if not CODE.fullmatch(publisher.code):
        raise UsageError(
            f"{publisher.code!r} is no publisher code",
            hint="an administrative division code (43, 430121), or a name in small letters (cn)",
        )
    if root.exists() and any(root.iterdir()):
        raise UsageError(f"{root} is not empty", hint="choose a new folder for the workspace")
    if passphrase is None and not publisher.demo:
        raise UsageError("keys without a passphrase are for demo publishers only")
    if passphrase is not None and not passphrase:
        raise UsageError("the passphrase is empty")


def _write_repository(
    workspace: Workspace, publisher: Publisher, signers: Signers, now: datetime
) -> None:
    first = {
        KeyRole.EDITOR: directory.encode(Directory(publisher.code, publisher.name, ())),
        KeyRole.ROLLOUT: encode_held(()),
        KeyRole.WITHDRAW: encode_withdrawals(()),
    }
    first[KeyRole.REVIEWER] = first[KeyRole.EDITOR]
    for role, data in first.items():
        stored = Stored(sha256(data), len(data))
        if role is not KeyRole.REVIEWER:
            write_durably(workspace.repository / target_name(stored, PATHS[role]), data)
        _write(workspace, f"1.{role}.json", sign.make_role(role, 1, stored, signers[role], now))
    delegated = {role: signers[role][0] for role in PATHS}
    targets = sign.make_targets(delegated, signers[KeyRole.TARGETS][0], now)
    of_root = {role: signers[role] for role in ROOT_ROLES}
    listed = dict.fromkeys(in_force.LISTED, 1)
    _write(workspace, "1.root.json", sign.make_root(publisher, of_root, now))
    _write(workspace, "1.targets.json", targets)
    snapshot = sign.make_snapshot(1, listed, signers[KeyRole.SNAPSHOT], now)
    _write(workspace, "1.snapshot.json", snapshot)
    timestamp = sign.make_timestamp(1, 1, signers[KeyRole.TIMESTAMP], now)
    write_durably(workspace.repository / TIMESTAMP, timestamp)


def _write(workspace: Workspace, name: str, data: bytes) -> None:
    write_durably(workspace.metadata / name, data)
