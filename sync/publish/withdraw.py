"""Withdrawals: hiding a lesson at once with one key; lifting that again takes editor and reviewer.

The file ``withdraw`` keeps every withdrawal ever made; one is lifted by its number in the
directory's ``reinstated``, so what one key hid only two others can show again.
"""

from dataclasses import replace
from datetime import datetime

from sync.digest import sha256
from sync.directory import Stored
from sync.errors import UsageError
from sync.publish import in_force, sign
from sync.publish.in_force import Roles
from sync.publish.keys import KeyRing
from sync.publish.promote import Change, commit, next_version, published
from sync.publish.roles import KeyRole
from sync.publish.stage import Candidate, base, stage_directory
from sync.publish.workspace import Shelf, Workspace, target_name
from sync.trust.notices import Withdrawal, decode_withdrawals, encode_withdrawals


def all_withdrawals(workspace: Workspace, roles: Roles) -> tuple[Withdrawal, ...]:
    """Every withdrawal of this publisher, lifted or not."""
    stored = roles.target(KeyRole.WITHDRAW)
    data = Shelf([workspace.repository]).read(target_name(stored, "withdraw"), stored)
    return decode_withdrawals(data, code=roles.publisher.code)


def unlifted(workspace: Workspace, roles: Roles) -> tuple[Withdrawal, ...]:
    """Those that the published directory has not lifted."""
    directory, _ = published(workspace, roles)
    return tuple(
        each
        for each in all_withdrawals(workspace, roles)
        if each.number not in directory.reinstated
    )


def withdraw(
    workspace: Workspace, ring: KeyRing, lesson_key: str, reason: str, now: datetime
) -> Withdrawal:
    """Hide ``collection/lesson`` in every box at its next sync; again changes nothing."""
    roles = in_force.read_roles(workspace.metadata)
    collection, _, lesson = lesson_key.rpartition("/")
    for each in unlifted(workspace, roles):
        if (each.collection, each.lesson) == (collection, lesson):
            return each
    earlier = all_withdrawals(workspace, roles)
    number = max((each.number for each in earlier), default=0) + 1
    made = Withdrawal(number, collection, lesson, reason, in_force.format_time(now))
    data = encode_withdrawals((*earlier, made))
    stored = Stored(sha256(data), len(data))
    signers = ring.signers(KeyRole.WITHDRAW, roles.keyids(KeyRole.WITHDRAW), threshold=1)
    version = next_version(workspace, KeyRole.WITHDRAW)
    metadata = sign.make_role(KeyRole.WITHDRAW, version, stored, signers, now)
    change = Change(
        {target_name(stored, "withdraw"): data}, {KeyRole.WITHDRAW: (version, metadata)}
    )
    commit(workspace, roles, change, ring, now)
    return made


def undo(workspace: Workspace, number: int, now: datetime) -> Candidate:
    """Stage a directory that lifts withdrawal ``number``; editor and reviewer must sign it."""
    roles = in_force.read_roles(workspace.metadata)
    if number not in {each.number for each in all_withdrawals(workspace, roles)}:
        raise UsageError(f"there is no withdrawal {number}", hint="see `kexia publish status`")
    directory = base(workspace, roles).directory
    if number in directory.reinstated:
        raise UsageError(f"withdrawal {number} is lifted already, or waits for signatures")
    reinstated = tuple(sorted((*directory.reinstated, number)))
    return stage_directory(workspace, replace(directory, reinstated=reinstated), now)
