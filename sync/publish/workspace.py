"""The publisher's workspace: where keys, registered sources, candidates and the repository lie.

Only ``repository/`` is ever pushed or served. Who publishes is said by the root in it alone.
"""

import hashlib
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import tomli_w

from sync import directory
from sync.digest import Digest, prove, sha256
from sync.directory import CollectionEntry, Directory, Stored
from sync.errors import FormatError, ProofFailed, UsageError
from sync.files import make_folder, sync_folder, write_durably
from sync.updates import routes
from sync.updates.routes import Routes, Stop

TIMESTAMP = "metadata/timestamp.json"


class SourceKind(StrEnum):
    """What a registered folder holds."""

    SHEET = "sheet"
    """Lessons under a metadata sheet."""
    SITE = "site"
    """One interactive: a folder with an ``index.html``."""
    SYSTEM = "system"
    """A system update for boxes: a file, the signed bundle."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A folder that is the source of one collection; of a system, the bundle's file."""

    collection: str
    folder: Path
    title: str = ""
    """Empty: the compiler finds one."""
    kind: SourceKind = SourceKind.SHEET


@dataclass(frozen=True, slots=True)
class Workspace:
    """Paths of one workspace."""

    root: Path

    @property
    def keys(self) -> Path:
        """Private keys, encrypted."""
        return self.root / "keys"

    @property
    def sources(self) -> Path:
        """One registration file per collection."""
        return self.root / "sources"

    @property
    def staged(self) -> Path:
        """Candidates: ``staged/<number>/``."""
        return self.root / "staged"

    @property
    def repository(self) -> Path:
        """What is published."""
        return self.root / "repository"

    @property
    def metadata(self) -> Path:
        """TUF metadata of the repository."""
        return self.repository / "metadata"

    @property
    def cache(self) -> Path:
        """What is made again if it is lost: sketches of published files, digests of sources."""
        return self.root / "cache"

    @property
    def lease(self) -> Path:
        """The right to write this workspace."""
        return self.root / "publish.lease"

    @property
    def push_lease(self) -> Path:
        """The right to push: an older push must not finish after a newer one."""
        return self.root / "push.lease"

    @property
    def is_founded(self) -> bool:
        """True if there is a workspace here."""
        return (self.repository / TIMESTAMP).is_file()

    @property
    def publisher_id(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the first root."""
        return sha256((self.metadata / "1.root.json").read_bytes())[:16]

    def register(self, registration: Registration) -> None:
        """Make a folder the source of its collection; again replaces the earlier one."""
        value = {
            "collection": registration.collection,
            "folder": str(registration.folder),
            "title": registration.title,
            "kind": str(registration.kind),
        }
        write_durably(self._registration(registration.collection), tomli_w.dumps(value).encode())

    def registrations(self) -> tuple[Registration, ...]:
        """All registered sources, by collection; raises UsageError for a file it cannot read."""
        paths = sorted(self.sources.glob("*.toml")) if self.sources.is_dir() else []
        return tuple(_read_registration(path) for path in paths)

    def _registration(self, collection: str) -> Path:
        return self.sources / f"{collection.partition('/')[2]}.toml"


def open_workspace(root: Path) -> Workspace:
    """The workspace at ``root``; raises UsageError if there is none."""
    workspace = Workspace(root)
    if not workspace.is_founded:
        raise UsageError(
            f"{root} is no workspace", hint=f"make one: kexia publish init {root} --code … --name …"
        )
    return workspace


def _read_registration(path: Path) -> Registration:
    try:
        value = tomllib.loads(path.read_text(encoding="utf-8"))
        return Registration(
            collection=str(value["collection"]),
            folder=Path(value["folder"]),
            title=str(value.get("title", "")),
            kind=SourceKind(value.get("kind", SourceKind.SHEET)),
        )
    except KeyError as error:
        raise _unreadable(path, f"it has no {error.args[0]}") from error
    except (OSError, TypeError, ValueError, RecursionError) as error:
        raise _unreadable(path, str(error)) from error


def _unreadable(path: Path, why: str) -> UsageError:
    hint = "run `kexia publish add` for it again, or remove the file"
    return UsageError(f"{path} cannot be read: {why}", hint=hint)


class Shelf:
    """Repository-shaped folders looked through in order: a candidate's, then the repository."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = tuple(folders)

    def find(self, name: str) -> Path:
        """Where the file of that name is; raises FormatError if nowhere."""
        for folder in self.folders:
            if (folder / name).is_file():
                return folder / name
        raise FormatError(
            f"{name} is missing from the workspace",
            hint="copy it back from a mirror or a backup of the repository",
        )

    def read(self, name: str, stored: Stored) -> bytes:
        """The proved bytes of a file."""
        return prove(self.find(name).read_bytes(), stored.digest, what=name)


def target_name(stored: Stored, path: str) -> str:
    """Name in the repository of the target ``path``: TUF's consistent snapshots, SHA-256."""
    folder, _, name = path.rpartition("/")
    return f"targets/{folder}{'/' if folder else ''}{stored.digest}.{name}"


def read_directory(shelf: Shelf, stored: Stored) -> Directory:
    """The published directory."""
    return directory.decode(shelf.read(target_name(stored, "directory"), stored))


ReadRoutes = Callable[[CollectionEntry], Routes]
"""Reads the lists of update packs that an entry leads to."""


def content(
    entries: Iterable[CollectionEntry], read_routes: ReadRoutes
) -> Iterator[tuple[str, Stored]]:
    """Name and proof of every file that these collections need, in the lawful order of writing.

    Also of what their lists of routes name: the editions a box may start from.
    """
    listed = tuple(entries)
    ways = [read_routes(entry) for entry in listed if entry.routes]
    stops = [stop for way in ways for stop in way.stops]
    needed: tuple[CollectionEntry | Stop, ...] = (*listed, *stops)
    found: dict[str, Stored] = {}
    for one in needed:
        found |= {directory.pack_name(ref.pack): ref.pack for ref in one.packs}
    for one in needed:
        found |= {directory.update_name(ref.pack): ref.pack for ref in one.updates}
    for one in needed:
        found |= {directory.table_name(ref.table): ref.table for ref in one.packs}
    for one in needed:
        found[directory.feed_name(one.feed)] = one.feed.stored
    for way in ways:
        found |= {directory.older_routes_name(stored): stored for stored in way.older}
    for entry in listed:
        if entry.routes:
            found[directory.routes_name(entry.routes)] = entry.routes
    yield from found.items()


def routes_on(shelf: Shelf) -> ReadRoutes:
    """Reads lists of routes from ``shelf``."""
    return lambda entry: routes.read_all(entry, shelf.read)


def prove_file(path: Path, stored: Stored) -> None:
    """Raise FormatError if the file is missing, ProofFailed if it is not what was signed."""
    try:
        with path.open("rb") as file:
            found = Stored(Digest(hashlib.file_digest(file, "sha256").hexdigest()), file.tell())
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror}", hint="copy the folder again") from error
    if found != stored:
        raise ProofFailed(
            f"{path} is damaged: its digest is not the signed one",
            hint="copy the folder again, or run `kexia publish release` again",
        )


def place(source: Path, target: Path) -> None:
    """Put an immutable file where ``target`` says: a hard link, or a copy where links cannot be."""
    if target.is_file():
        return
    make_folder(target.parent)
    try:
        target.hardlink_to(source)
        sync_folder(target.parent)
    except OSError:
        with source.open("rb") as file:
            write_durably(target, iter(lambda: file.read(2**20), b""))
