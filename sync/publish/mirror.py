"""Mirrors another publisher's repository byte for byte, so that its signatures stay unbroken.

Verified as a box would (``sync.trust``), every file proved before it has its name, in the lawful
order. A mirror vouches for nothing: boxes check it against the root they know by themselves.
"""

import hashlib
import shutil
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from sync.digest import Digest, prove, sha256
from sync.directory import CollectionEntry, Stored, routes_name
from sync.errors import FormatError, NotThere, ProofFailed
from sync.files import PARTIAL, durable_file, write_durably
from sync.progress import Progress
from sync.publish import in_force
from sync.publish.order import passes
from sync.publish.roles import KeyRole
from sync.publish.workspace import TIMESTAMP, ReadRoutes, Workspace, content, target_name
from sync.shortened import parse_custom
from sync.stick import recipients
from sync.transport.base import Transport
from sync.trust import DemoKeys, RolledBack, Root, TrustClock, Trusted, parse_root, refresh
from sync.updates import routes
from sync.updates.routes import Routes

MAX_ROOT = 512_000
"""Bytes of the longest root."""
_TARGETS = ("directory", "rollout", "withdraw")


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What a mirroring brought; ``files`` and ``bytes`` count what was new."""

    publisher_id: str
    code: str
    name: str
    files: int
    bytes: int


def mirror(
    workspace: Workspace,
    source: Transport,
    clock: TrustClock,
    demo: DemoKeys,
    progress: Progress,
) -> Mirrored:
    """Bring ``repository/mirrors/<publisher-id>/`` up to what ``source`` publishes.

    Raises NoSource, TrustRefused for a source that is not what its root says, RolledBack for one
    older than the mirror; the mirror stays as it was.
    """
    root = parse_root(source.read("metadata/1.root.json", limit=MAX_ROOT))
    target = workspace.repository / "mirrors" / root.publisher_id
    scratch = workspace.root / f"mirror{PARTIAL}"
    if scratch.exists():
        shutil.rmtree(scratch)
    trusted = refresh(source, scratch, root=root, clock=clock, demo=demo)
    _refuse_older(target, trusted, source)
    copied = _copy(source, target, trusted, proved_files(scratch, trusted), progress)
    shutil.rmtree(scratch)
    return _mirrored(root, copied)


def _mirrored(root: Root, copied: list[int]) -> Mirrored:
    return Mirrored(root.publisher_id, root.code, root.name, len(copied), sum(copied))


def _refuse_older(target: Path, trusted: Trusted, source: Transport) -> None:
    if not (target / TIMESTAMP).is_file():
        return
    held = in_force.read_roles(target / "metadata").version(KeyRole.TIMESTAMP)
    if trusted.versions[KeyRole.TIMESTAMP] < held:
        raise RolledBack(
            f"{source.label} is older than the mirror of it here",
            hint="nothing was changed; if this is the publisher's own address, ask there",
        )


def proved_files(scratch: Path, trusted: Trusted) -> dict[str, bytes]:
    """Metadata and targets by their repository name: what ``refresh`` proved, byte for byte."""
    files = {
        f"metadata/{path.name}": path.read_bytes()
        for path in (scratch / "root_history").glob("*.root.json")
    }
    for role in (*in_force.LISTED, KeyRole.SNAPSHOT):
        data = (scratch / f"{role}.json").read_bytes()
        files[f"metadata/{trusted.versions[role]}.{role}.json"] = data
    children = (f"roots/{child.code}.root.json" for child in trusted.children)
    named = (recipients.PATH,) if (scratch / recipients.PATH).is_file() else ()
    for path in (*_TARGETS, *children, *named):
        data = (scratch / path).read_bytes()
        files[target_name(Stored(sha256(data), len(data)), path)] = data
    return files | {TIMESTAMP: (scratch / "timestamp.json").read_bytes()}


def _copy(
    source: Transport,
    target: Path,
    trusted: Trusted,
    proved: dict[str, bytes],
    progress: Progress,
) -> list[int]:
    """Everything that is missing, in lawful order; returns the sizes of what was written."""
    forms = _forms(proved, trusted)
    needed = content(trusted.directory.collections, _routes_from(source))
    streamed = dict(needed) | forms
    written: list[int] = []
    for rank, names in passes([*streamed, *proved]):
        missing = [name for name in names if not (target / name).is_file() or name == TIMESTAMP]
        total = sum(streamed[name].size for name in missing if name in streamed)
        progress.step(f"mirror {rank.name.lower()}", total=total)
        for name in missing:
            if name in streamed:
                # a source that lacks a shorter form is whole without it
                with suppress(NotThere) if name in forms else nullcontext():
                    _write_proved(target / name, source, name, streamed[name], progress)
                    written.append(streamed[name].size)
            elif _write_changed(target / name, proved[name]):
                written.append(len(proved[name]))
    return written


def _routes_from(source: Transport) -> ReadRoutes:
    """Reads lists of routes from a repository, proved."""

    def read(entry: CollectionEntry) -> Routes:
        if entry.routes is None:
            return Routes(entry.id, ())
        if entry.routes.size > routes.MAX_STORED:
            raise FormatError(f"{entry.id}: its list of routes is too long")
        name = routes_name(entry.routes)
        data = source.read(name, limit=entry.routes.size)
        return routes.decode(prove(data, entry.routes.digest, what=f"{source.label}: {name}"))

    return read


def _forms(proved: dict[str, bytes], trusted: Trusted) -> dict[str, Stored]:
    """Name and proof of the directory's shorter forms, as its editor signed them."""
    editor = f"metadata/{trusted.versions[KeyRole.EDITOR]}.{KeyRole.EDITOR}.json"
    metadata = in_force.parse_role(proved[editor])
    size = in_force.stored_target(metadata).size
    return dict(parse_custom(in_force.target_custom(metadata), size=size).names())


def _write_changed(path: Path, data: bytes) -> bool:
    if path.is_file() and path.read_bytes() == data:
        return False
    write_durably(path, data)
    return True


def _write_proved(
    path: Path, source: Transport, name: str, stored: Stored, progress: Progress
) -> None:
    """Stream a file to the disk; it takes its name only if its digest is the signed one."""
    proof = hashlib.sha256()
    with durable_file(path) as file:
        for block in source.stream(name, offset=0, length=stored.size):
            proof.update(block)
            file.write(block)
            progress.advance(len(block))
        if Digest(proof.hexdigest()) != stored.digest:
            raise ProofFailed(
                f"{source.label}: {name} is not what was signed",
                hint="the source altered or damaged it; mirror from another source",
            )
