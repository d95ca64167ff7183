"""The publisher's programme: what each ``kexia publish`` command does, one function each.

Meaning (``editions``) and bytes (``sync.publish``) meet here. The time and the keys are
arguments; whoever writes holds the workspace's lease. Killed anywhere, the same command goes on.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.publisher.desk import Keys, writing
from appliance.version import BUILD_TIME
from sync import lease
from sync.directory import check_collection_id
from sync.errors import Fault, FormatError, Incomplete, InputRefused, TrustRefused, UsageError
from sync.progress import Progress
from sync.publish import in_force, promote, retain, stage
from sync.publish.in_force import Publisher
from sync.publish.init import init_workspace
from sync.publish.promote import Night
from sync.publish.stage import Candidate
from sync.publish.workspace import (
    Registration,
    Shelf,
    SourceKind,
    Workspace,
    open_workspace,
)
from sync.transport.base import Transport
from sync.trust import DemoKeys, TrustClock, Withdrawal

if TYPE_CHECKING:
    from appliance.publisher.editions import Desk
    from sync.publish.mirror import Mirrored
    from sync.publish.packs.cut import CutRequest
    from sync.publish.push import Pushed


def init(root: Path, publisher: Publisher, passphrase: bytes | None, now: datetime) -> Workspace:
    """Found a publisher: keys, root, a repository that offers nothing yet."""
    return init_workspace(root, publisher, passphrase, now)


def add(root: Path, registration: Registration, *, ca: Path | None = None) -> Registration:
    """Register a folder as the source of its collection; raises UsageError, FormatError.

    ``ca``: who must have signed a system update; else only boxes judge that.
    """
    workspace = open_workspace(root)
    code = in_force.read_roles(workspace.metadata).publisher.code
    try:
        check_collection_id(registration.collection, code=code)
    except FormatError as error:
        raise UsageError(error.fact, hint=f"use {code}/<name>, as in {code}/music-1a") from error
    if registration.kind is SourceKind.SYSTEM:
        _check_system(registration.folder, ca)
    elif not registration.folder.is_dir():
        raise UsageError(f"{registration.folder} is no folder")
    elif registration.kind is SourceKind.SITE:
        _check_site(registration.folder)
    with writing(workspace, "add"):
        workspace.register(registration)
    return registration


def _check_site(folder: Path) -> None:
    from appliance.publisher.sites import site_faults

    if faults := site_faults(folder):
        raise InputRefused(f"{folder} is no site", faults=faults)


def _check_system(bundle: Path, ca: Path | None) -> None:
    from appliance.publisher.systems import read_system

    read_system(bundle, ca=ca)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of one folder found."""

    collection: str
    folder: Path
    faults: tuple[Fault, ...]
    notes: tuple[Fault, ...]


def check(place: Path, *, collection: str = "") -> tuple[Checked, ...]:
    """Check one folder, or every source of a workspace; faults are told, not raised."""
    if not Workspace(place).is_founded:
        folder = Registration(collection or "check/folder", place)
        return (_check(folder),)
    found = open_workspace(place).registrations()
    return tuple(_check(each) for each in found if collection in ("", each.collection))


def _check(registration: Registration) -> Checked:
    from appliance.publisher.sites import site_faults
    from appliance.publisher.systems import system_faults
    from catalog.sheets.compile import check_folder

    if registration.kind is SourceKind.SYSTEM:
        faults = system_faults(registration.folder)
        return Checked(registration.collection, registration.folder, faults, ())
    if registration.kind is SourceKind.SITE:
        faults = site_faults(registration.folder)
        return Checked(registration.collection, registration.folder, faults, ())
    report = check_folder(registration.folder, collection=registration.collection)
    return Checked(registration.collection, registration.folder, report.faults, report.notes)


@dataclass(frozen=True, slots=True)
class Released:
    """What a release staged: nothing if nothing changed."""

    candidate: Candidate | None
    notes: tuple[Fault, ...]
    renewal: bool
    """True if nothing changed, but signatures must be renewed before they expire."""


def release(
    root: Path,
    only: Sequence[str],
    now: datetime,
    progress: Progress,
    *,
    reprove: float | None = None,
) -> Released:
    """Stage the next edition of each registered collection that changed (``only`` those named).

    ``reprove`` is the share (0 to 1) of unchanged files that is read again; None: as usual. Raises
    InputRefused with the faults of all folders at once; nothing is staged then.
    """
    from appliance.publisher.editions import Desk
    from appliance.publisher.known import REPROVED
    from appliance.publisher.labels import label

    workspace = open_workspace(root)
    with writing(workspace, "release"), _scratch(workspace) as made:
        desk = Desk(made, workspace.cache, now, REPROVED if reprove is None else reprove)
        requests, notes = _requests(workspace, only, desk, progress)
        candidate = stage.stage_editions(workspace, requests, now, progress, labeller=label)
        if candidate is not None:
            return Released(candidate, notes, renewal=False)
        candidate = _renew(workspace, now)
        return Released(candidate, notes, renewal=candidate is not None)


def _requests(
    workspace: Workspace, only: Sequence[str], desk: "Desk", progress: Progress
) -> tuple[list["CutRequest"], tuple[Fault, ...]]:
    from appliance.publisher import editions

    registered = {each.collection: each for each in workspace.registrations()}
    unknown = [name for name in only if name not in registered]
    if unknown:
        raise UsageError(
            f"{unknown[0]} has no registered folder", hint="`kexia publish add` registers one"
        )
    requests: list[CutRequest] = []
    faults: list[Fault] = []
    notes: list[Fault] = []
    for collection in only or registered:
        try:
            request, found = editions.request(registered[collection], desk, progress)
        except InputRefused as refused:
            faults += [_located(registered[collection], fault) for fault in refused.faults]
        else:
            requests.append(request)
            notes += [_located(registered[collection], note) for note in found]
    if faults:
        raise InputRefused(f"{len(faults)} fault(s); nothing was staged", faults=tuple(faults))
    return requests, tuple(notes)


def _located(registration: Registration, fault: Fault) -> Fault:
    return Fault(f"{registration.collection} {fault.where}", fault.what, fault.cure)


def _renew(workspace: Workspace, now: datetime) -> Candidate | None:
    """The published directory once more, if its signatures near their end and nothing waits."""
    roles = in_force.read_roles(workspace.metadata)
    due = set(stage.SIGNERS) & set(promote.expiring(roles, now))
    if not due or stage.newest_sound(workspace, roles) is not None:
        return None
    return stage.stage_directory(workspace, stage.base(workspace, roles).directory, now)


def nightly(root: Path, keys: Keys, now: datetime, progress: Progress) -> Night:
    """Publish what both have signed, keep the metadata fresh, tell what waits for whom."""
    workspace = open_workspace(root)
    with writing(workspace, "nightly"):
        night = promote.nightly(workspace, keys.ring(workspace), now, progress)
        retain.note(workspace, now)
        return night


@dataclass(frozen=True, slots=True)
class Sent:
    """What pushing did: where it arrived, and why it broke off elsewhere."""

    pushed: "tuple[Pushed, ...]"
    broken_off: tuple[str, ...]


def push(root: Path, destinations: Sequence[str], progress: Progress) -> Sent:
    """Bring each destination up to date; one that fails does not keep the others waiting.

    The workspace stays free for others meanwhile. A destination that must not be overwritten
    (TrustRefused) or cannot be (UsageError) is raised once the others are served.
    """
    workspace = open_workspace(root)
    if not destinations:
        return Sent((), ())
    from sync.publish import gone
    from sync.publish import push as pushes

    pushed: list[Pushed] = []
    broken_off: list[str] = []
    refused: list[TrustRefused | UsageError] = []
    with lease.hold(workspace.push_lease, holder="kexia publish push"):
        with writing(workspace, "push"):
            plan = pushes.make_plan(workspace.repository, gone.recorded(workspace))
        for to in destinations:
            try:
                pushed.append(pushes.push(plan, to, progress))
            except Incomplete as error:
                broken_off.append(error.fact)
            except (TrustRefused, UsageError) as error:
                refused.append(error)
    if refused:
        raise refused[0]
    return Sent(tuple(pushed), tuple(broken_off))


def withdraw(root: Path, lesson_key: str, reason: str, keys: Keys, now: datetime) -> Withdrawal:
    """Hide a lesson at once, with the withdraw key alone; raises UsageError for an unknown one."""
    workspace = open_workspace(root)
    with writing(workspace, "withdraw"):
        _check_lesson(workspace, lesson_key)
        from sync.publish import withdraw as withdrawals

        return withdrawals.withdraw(workspace, keys.ring(workspace), lesson_key, reason, now)


def reinstate(root: Path, number: int, now: datetime) -> Candidate:
    """Stage the undoing of a withdrawal, for editor and reviewer to sign."""
    workspace = open_workspace(root)
    with writing(workspace, "withdraw"):
        from sync.publish import withdraw as withdrawals

        return withdrawals.undo(workspace, number, now)


def _check_lesson(workspace: Workspace, lesson_key: str) -> None:
    collection, _, lesson = lesson_key.rpartition("/")
    listed, _ = promote.published(workspace, in_force.read_roles(workspace.metadata))
    entry = listed.entry(collection)
    if entry is None:
        raise UsageError(
            f"no collection {collection!r} is published",
            hint="a lesson's key is collection/lesson, as in 43/music-1a/l3",
        )
    from appliance.publisher.signing import block_of
    from catalog.model import decode_lessons

    block = decode_lessons(block_of(Shelf([workspace.repository]), entry))
    if lesson not in {each.id for each in block.lessons}:
        raise UsageError(f"{collection} has no lesson {lesson!r}")


def mirror(root: Path, source: Transport, now: datetime, progress: Progress) -> "Mirrored":
    """Mirror another publisher's repository, verified, below ``repository/mirrors/``."""
    from sync.publish import mirror as mirrors

    workspace = open_workspace(root)
    own = in_force.read_roles(workspace.metadata).publisher
    demo = DemoKeys.ACCEPT if own.demo else DemoKeys.REFUSE
    clock = TrustClock(now, wall_is_set=True, floor=BUILD_TIME)
    with writing(workspace, "mirror"):
        return mirrors.mirror(workspace, source, clock, demo, progress)


@contextmanager
def _scratch(workspace: Workspace) -> Iterator[Path]:
    """A folder for files that exist only while an edition is made."""
    folder = workspace.root / "made.partial"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
