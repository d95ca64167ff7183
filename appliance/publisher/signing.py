"""What ``kexia publish sign`` does: editor and reviewer each put their name to what is staged."""

from dataclasses import dataclass
from pathlib import Path

from appliance.publisher.desk import Keys, writing
from catalog.model import decode_lessons
from sync import directory, feed
from sync.directory import CollectionEntry
from sync.errors import UsageError
from sync.publish import in_force, stage
from sync.publish.keys import Signer
from sync.publish.roles import KeyRole
from sync.publish.stage import Candidate
from sync.publish.workspace import Shelf, Workspace, open_workspace


@dataclass(frozen=True, slots=True)
class SignedCollection:
    """A collection that is new with a candidate; ``lessons`` are (id, title)."""

    id: str
    title: str
    edition: int
    lessons: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Signed:
    """What somebody signed."""

    number: int
    role: KeyRole
    directory: str
    """SHA-256 of the directory: editor and reviewer can compare it on the telephone."""
    collections: tuple[SignedCollection, ...]
    reinstated: tuple[int, ...]


def sign_staged(place: Path, role: KeyRole, keys: Keys) -> Signed:
    """Sign the newest candidate of a workspace, or a copy of a staged folder, as ``role``.

    Raises TrustRefused for a key that is not the role's in force, as far as that is known there.
    """
    if not Workspace(place).is_founded:
        candidate = stage.open_candidate(place)
        signer = keys.ring(Workspace(place)).only_brought()
        stage.check_signer(role, signer, _in_force(candidate, role))
        return _sign(candidate, role, signer)
    workspace = open_workspace(place)
    with writing(workspace, "sign"):
        roles = in_force.read_roles(workspace.metadata)
        newest = stage.newest_sound(workspace, roles)
        if newest is None:
            raise UsageError(
                "nothing is staged that can be signed", hint="run `kexia publish release` first"
            )
        ring = keys.ring(workspace)
        if keys.brought:
            signer = ring.only_brought()
        else:
            [signer] = ring.signers(role, roles.keyids(role), threshold=1)
        stage.check_signer(role, signer, roles.keyids(role))
        return _sign(newest, role, signer)


def _in_force(candidate: Candidate, role: KeyRole) -> tuple[str, ...]:
    """The role's keys as the workspace around it says; on another machine, as it was staged."""
    folder = candidate.folder.resolve()
    workspace = Workspace(folder.parent.parent)
    if folder.parent == workspace.staged and workspace.is_founded:
        return in_force.read_roles(workspace.metadata).keyids(role)
    return candidate.keyids(role)


def check_may_sign_all(root: Path) -> None:
    """Raise UsageError unless these are demo keys: editor and reviewer are two people."""
    if not in_force.read_roles(open_workspace(root).metadata).publisher.demo:
        raise UsageError(
            "--sign-all is for demo keys: editor and reviewer are two people",
            hint="let each of them run `kexia publish sign`",
        )


def sign_all(root: Path, keys: Keys) -> tuple[Signed, ...]:
    """Demo keys only: sign the newest candidate as editor and as reviewer, if one waits."""
    check_may_sign_all(root)
    workspace = open_workspace(root)
    if stage.newest_sound(workspace, in_force.read_roles(workspace.metadata)) is None:
        return ()
    return tuple(sign_staged(root, role, keys) for role in stage.SIGNERS)


def _sign(candidate: Candidate, role: KeyRole, signer: Signer) -> Signed:
    signed = _describe(candidate, role)
    stage.sign_candidate(candidate, role, signer)
    return signed


def _describe(candidate: Candidate, role: KeyRole) -> Signed:
    listed = candidate.directory()
    new = [
        e for e in listed.collections if (candidate.folder / directory.feed_name(e.feed)).is_file()
    ]
    stored = in_force.stored_target(in_force.parse_role(candidate.metadata(role)))
    return Signed(
        number=candidate.number,
        role=role,
        directory=stored.digest,
        collections=tuple(_signed_collection(candidate, entry) for entry in new),
        reinstated=listed.reinstated,
    )


def _signed_collection(candidate: Candidate, entry: CollectionEntry) -> SignedCollection:
    lessons = decode_lessons(block_of(Shelf([candidate.folder]), entry)).lessons
    titles = tuple((lesson.id, lesson.title) for lesson in lessons)
    return SignedCollection(entry.id, entry.title, entry.edition, titles)


def block_of(shelf: Shelf, entry: CollectionEntry) -> bytes:
    """The lessons block of an edition."""
    stored = shelf.read(directory.feed_name(entry.feed), entry.feed.stored)
    return feed.decode(stored, entry.feed).lessons
