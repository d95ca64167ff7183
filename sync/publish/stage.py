"""Candidates: what the next published state would be, waiting for editor and reviewer.

``staged/<n>/`` is self-contained: directory, ``<n>.editor.json`` and ``<n>.reviewer.json`` to be
signed in place, ``release.json`` for people, and every content file the repository lacks, the
directory's shorter forms among them. A candidate builds on the newest one before it, so publishing
one publishes those before it too.
"""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sync import directory, feed, pack
from sync.digest import sha256
from sync.directory import CollectionEntry, Directory, Stored, routes_name
from sync.errors import FormatError, TrustRefused, UsageError
from sync.files import PARTIAL, make_folder, rename_durably, sync_tree, write_durably
from sync.progress import Progress
from sync.publish.bases import published_bases
from sync.publish.in_force import (
    Roles,
    format_time,
    is_signed,
    parse_role,
    read_roles,
    stored_target,
    target_custom,
    versions,
)
from sync.publish.keys import Signer
from sync.publish.roles import KeyRole
from sync.publish.sign import make_role, sign_role
from sync.publish.workspace import (
    Shelf,
    Workspace,
    content,
    place,
    prove_file,
    read_directory,
    routes_on,
)
from sync.shortened import Shortened, custom_value, parse_custom, shorten

if TYPE_CHECKING:  # only a release cuts; a night starts without what that needs
    from sync.publish.packs.cut import CutRequest, Previous
    from sync.publish.packs.routes import Labeller

DIRECTORY = "directory"
RELEASE = "release.json"
SIGNERS = (KeyRole.EDITOR, KeyRole.REVIEWER)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A staged folder; its number is the version of its editor and reviewer metadata."""

    number: int
    folder: Path

    def metadata(self, role: KeyRole) -> bytes:
        """The metadata that ``role`` signs."""
        return _read(self.folder / f"{self.number}.{role}.json")

    def directory(self) -> Directory:
        """The directory; raises FormatError unless both metadata files name exactly it."""
        data = _read(self.folder / DIRECTORY)
        found = Stored(sha256(data), len(data))
        for role in SIGNERS:
            if stored_target(parse_role(self.metadata(role))) != found:
                raise FormatError(f"{self.number}.{role}.json names another directory than this")
        return directory.decode(data)

    def forms(self) -> Shortened:
        """The directory's shorter forms, which lie in the folder by their repository name."""
        metadata = parse_role(self.metadata(KeyRole.EDITOR))
        return parse_custom(target_custom(metadata), size=stored_target(metadata).size)

    def signed_by(self) -> tuple[KeyRole, ...]:
        """Who has put a signature on it, good or bad."""
        return tuple(role for role in SIGNERS if is_signed(self.metadata(role)))

    def changes(self) -> dict[str, object]:
        """What ``release.json`` says; empty if it is missing or damaged, as it only informs."""
        try:
            value = json.loads(_read(self.folder / RELEASE))
        except (FormatError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}

    def keyids(self, role: KeyRole) -> tuple[str, ...]:
        """The keys of ``role`` in force when it was staged; empty if it does not say."""
        said = self.changes().get("keys")
        ids = said.get(role) if isinstance(said, dict) else None
        return tuple(map(str, ids)) if isinstance(ids, list) else ()


@dataclass(frozen=True, slots=True)
class Base:
    """What a new candidate builds on: the newest candidate, or what is published."""

    number: int
    """0 for the published state."""
    directory: Directory
    shelf: Shelf

    def previous(self, collection: str) -> "Previous | None":
        """The edition before, if there is one."""
        from sync.publish.packs.cut import Previous

        entry = self.directory.entry(collection)
        if entry is None:
            return None
        name = directory.feed_name(entry.feed)
        stored = self.shelf.read(name, entry.feed.stored)
        tables = tuple(
            pack.decode_table(self.shelf.read(directory.table_name(ref.table), ref.table))
            for ref in entry.packs
        )
        return Previous(entry, feed.decode(stored, entry.feed), tables)


def candidates(workspace: Workspace, roles: Roles) -> tuple[Candidate, ...]:
    """Candidates newer than what is published, oldest first."""
    published = max(roles.version(role) for role in SIGNERS)
    found = sorted(number for number in _numbers(workspace) if number > published)
    return tuple(Candidate(number, workspace.staged / str(number)) for number in found)


def newest_sound(workspace: Workspace, roles: Roles) -> Candidate | None:
    """The candidate to sign and to build on; damaged ones, if newer, are passed over."""
    for candidate in reversed(candidates(workspace, roles)):
        try:
            for name, stored in lacking(workspace, candidate):
                prove_file(candidate.folder / name, stored)
        except TrustRefused:  # `nightly` and `status` say what is wrong with it
            continue
        return candidate
    return None


def lacking(workspace: Workspace, candidate: Candidate) -> list[tuple[str, Stored]]:
    """Name and proof of every file the repository lacks, in the lawful order of writing.

    All but the directory itself, its shorter forms last.
    """
    here = workspace.repository
    listed = candidate.directory().collections
    new = [entry for entry in listed if not _is_published(here, entry)]
    needed = content(new, routes_on(Shelf([candidate.folder, here])))
    named = (*needed, *candidate.forms().names())
    return [(name, stored) for name, stored in named if not (here / name).is_file()]


def _is_published(repository: Path, entry: CollectionEntry) -> bool:
    """Its list of routes is written last, so where that is, all is."""
    return entry.routes is not None and (repository / routes_name(entry.routes)).is_file()


def open_candidate(folder: Path) -> Candidate:
    """A staged folder anywhere, also a copy on another machine; raises UsageError if it is none."""
    numbers = [path.name.split(".")[0] for path in folder.glob("*.editor.json")]
    if len(numbers) != 1 or not numbers[0].isdigit():
        raise UsageError(
            f"{folder} is no staged folder", hint="copy the whole folder staged/<number>"
        )
    return Candidate(int(numbers[0]), folder)


def base(workspace: Workspace, roles: Roles) -> Base:
    """What the next candidate builds on."""
    newest = newest_sound(workspace, roles)
    if newest is not None:
        shelf = Shelf([newest.folder, workspace.repository])
        return Base(newest.number, newest.directory(), shelf)
    shelf = Shelf([workspace.repository])
    return Base(0, read_directory(shelf, roles.target(KeyRole.EDITOR)), shelf)


def stage_editions(
    workspace: Workspace,
    requests: Iterable["CutRequest"],
    now: datetime,
    progress: Progress,
    *,
    labeller: "Labeller | None" = None,
) -> Candidate | None:
    """Cut what changed into a new candidate; ``None`` if nothing did. Needs the lease."""
    from sync.publish.packs.cut import cut
    from sync.publish.packs.routes import Desk, add_updates, no_labels

    roles = read_roles(workspace.metadata)
    before = base(workspace, roles)
    filled = [replace(each, previous=before.previous(each.collection)) for each in requests]
    changed = [request for request in filled if not request.unchanged]
    if not changed:
        return None
    number, partial = _begin(workspace)
    desk = Desk(
        Shelf([partial, *before.shelf.folders]), partial, workspace.cache, labeller or no_labels
    )
    entries = [
        add_updates(request, cut(request, partial, progress), desk, progress) for request in changed
    ]
    after = replace(before.directory, collections=_merged(before.directory, entries))
    changes = [_describe(request, entry) for request, entry in zip(changed, entries, strict=True)]
    return _finish(workspace, _New(number, partial, before, after, changes, _keyids(roles)), now)


def stage_directory(
    workspace: Workspace,
    changed: Directory,
    now: datetime,
    *,
    above: int = 0,
    new_keys: Mapping[KeyRole, Sequence[str]] | None = None,
) -> Candidate:
    """Stage a directory that needs no new content (reinstating, renewing, a key's rotation).

    Its number is greater than ``above``; ``new_keys`` come into force before it is signed.
    """
    roles = read_roles(workspace.metadata)
    before = base(workspace, roles)
    number, partial = _begin(workspace, above=above)
    keyids = {**_keyids(roles), **(new_keys or {})}
    return _finish(workspace, _New(number, partial, before, changed, [], keyids), now)


def sign_candidate(candidate: Candidate, role: KeyRole, signer: Signer) -> None:
    """Sign in place as ``role``; raises FormatError if the folder does not belong together."""
    candidate.directory()
    signed = sign_role(candidate.metadata(role), signer)
    write_durably(candidate.folder / f"{candidate.number}.{role}.json", signed)


def check_signer(role: KeyRole, signer: Signer, in_force: Sequence[str]) -> None:
    """Raise TrustRefused for a key that is not among ``in_force``, if that is known."""
    keyid = signer.public_key.keyid
    if in_force and keyid not in in_force:
        raise TrustRefused(
            f"this is not the {role}'s key ({keyid[:16]}); "
            f"in force is {' or '.join(each[:16] for each in in_force)}",
            hint=f"bring the {role}'s own key; if it was replaced, copy the newest staged folder",
        )


def remove_up_to(workspace: Workspace, number: int) -> None:
    """Remove candidates that are published or superseded, and what a kill left half made."""
    for found in _numbers(workspace):
        if found <= number:
            shutil.rmtree(workspace.staged / str(found))
    _remove_partial(workspace)


@dataclass(frozen=True, slots=True)
class _New:
    number: int
    partial: Path
    before: Base
    after: Directory
    changes: Sequence[dict[str, object]]
    keyids: Mapping[KeyRole, Sequence[str]]
    """Who may sign it."""


def _begin(workspace: Workspace, *, above: int = 0) -> tuple[int, Path]:
    _remove_partial(workspace)
    number = max(next_number(workspace), above + 1)
    partial = workspace.staged / f"{number}{PARTIAL}"
    make_folder(partial)
    return number, partial


def next_number(workspace: Workspace) -> int:
    """A number that no candidate and no published metadata ever had."""
    used = [versions(workspace.metadata, role)[-1] for role in SIGNERS]
    return max(*used, *_numbers(workspace), 0) + 1


def _finish(workspace: Workspace, new: _New, now: datetime) -> Candidate:
    """Make the folder self-contained, bring it to the disk, and give it its name."""
    data = directory.encode(new.after)
    target = Stored(sha256(data), len(data))
    write_durably(new.partial / DIRECTORY, data)
    forms, files = shorten(data, _bases(workspace, new.before))
    for name, form in files.items():
        write_durably(new.partial / name, form)
    for role in SIGNERS:
        custom = custom_value(forms) if role is KeyRole.EDITOR else None
        unsigned = make_role(role, new.number, target, [], now, custom=custom)
        write_durably(new.partial / f"{new.number}.{role}.json", unsigned)
    shelf = Shelf([new.partial, *new.before.shelf.folders])
    for name, _ in content(new.after.collections, routes_on(shelf)):
        if not (workspace.repository / name).is_file() and not (new.partial / name).is_file():
            place(new.before.shelf.find(name), new.partial / name)
    release = {
        "number": new.number,
        "builds_on": new.before.number,
        "made": format_time(now),
        "changes": list(new.changes),
        "keys": {str(role): list(keyids) for role, keyids in new.keyids.items()},
        "reinstated": sorted(set(new.after.reinstated) - set(new.before.directory.reinstated)),
    }
    text = json.dumps(release, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    write_durably(new.partial / RELEASE, text.encode())
    sync_tree(new.partial)
    rename_durably(new.partial, workspace.staged / str(new.number))
    return Candidate(new.number, workspace.staged / str(new.number))


def _bases(workspace: Workspace, before: Base) -> list[bytes]:
    """Where deltas start: what is published, and a candidate that may be published before."""
    unpublished = [directory.encode(before.directory)] if before.number else []
    return [*unpublished, *published_bases(workspace)]


def _keyids(roles: Roles) -> dict[KeyRole, tuple[str, ...]]:
    return {role: roles.keyids(role) for role in SIGNERS}


def _merged(before: Directory, entries: Iterable[CollectionEntry]) -> tuple[CollectionEntry, ...]:
    by_id = {entry.id: entry for entry in (*before.collections, *entries)}
    return tuple(by_id[collection] for collection in sorted(by_id))


def _describe(request: "CutRequest", entry: CollectionEntry) -> dict[str, object]:
    """What a reviewer wants to know of one changed collection."""
    previous = request.previous
    old = set() if previous is None else set(previous.feed.resources)
    new = {source.resource for source in request.sources}
    return {
        "collection": entry.id,
        "title": entry.title,
        "edition": entry.edition,
        "edition_before": 0 if previous is None else previous.entry.edition,
        "lessons": entry.lessons,
        "lessons_before": 0 if previous is None else previous.entry.lessons,
        "resources_added": len(new - old),
        "resources_removed": len(old - new),
        "bytes_added": sum(resource.size for resource in new - old),
    }


def _numbers(workspace: Workspace) -> list[int]:
    if not workspace.staged.is_dir():
        return []
    return sorted(int(path.name) for path in workspace.staged.iterdir() if path.name.isdigit())


def _remove_partial(workspace: Workspace) -> None:
    if workspace.staged.is_dir():
        for path in workspace.staged.glob(f"*{PARTIAL}"):
            shutil.rmtree(path)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FormatError(
            f"{path.name} is missing from the staged folder", hint="copy the whole folder again"
        ) from error
