"""What a box passes on: the names of a publisher's repository, and the files here that hold them.

Trust metadata, feeds and whole resources of the served generation, byte for byte as the publisher
gave them out: a neighbour's sync, or a stick's reader, finds the same layout as on a stick
(docs/formats.md). Nothing else of the box has a name here, and no withdrawn lesson's files.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from appliance.config import BoxPaths
from appliance.generation import TRUST, Generation
from appliance.needs import needs_of
from appliance.record import Kept, PublisherState, Record
from sync.digest import Digest, sharded
from sync.directory import CollectionEntry
from sync.feed import Feed, listed, parse_plain
from sync.library import ContentFolder, Store
from sync.stick import recipients

_ROLES = ("snapshot", "targets", "editor", "reviewer", "rollout", "withdraw")
"""Files under a version in the repository, without one in the trust state."""
_CONTENT = re.compile(r"(feeds|resources|tables)/([0-9a-f]{2})/([0-9a-f]{64})")
_ROOT = re.compile(r"root_history/([1-9][0-9]{0,5})\.root\.json")
_CHILD = re.compile(r"roots/[a-z0-9-]{1,32}\.root\.json")
_TARGETS = ("directory", "rollout", "withdraw", recipients.PATH)
DIGEST = 32
"""Bytes of a digest in the list of resources."""


@dataclass(frozen=True, slots=True)
class Held:
    """A file that can be passed on; it never changes, for its name is its content or its seal."""

    path: Path
    tag: str
    """Its SHA-256."""
    mutable: bool = False
    """The one name (``timestamp.json``) that gives something else after the next update."""


class Holdings:
    """What the generation ``generation`` of a box passes on. Reads feeds once, when made.

    Raises ProofFailed or FormatError if a feed is damaged, OSError if it cannot be read.
    """

    def __init__(self, paths: BoxPaths, generation: Generation) -> None:
        store = Store(paths.root)
        record = generation.record
        self._library, self._tables = store.library, store.tables
        self._plain, self._stored = store.feeds, ContentFolder(paths.published)
        self._metadata = {
            state.id: dict(_metadata(generation, state)) for state in record.publishers
        }
        entries = tuple(_entries(record.collections))
        self._feeds = {entry.feed.stored.digest: self._stored for entry in entries}
        self._feeds |= {entry.feed.plain.digest: self._plain for entry in entries}
        self._own_tables = frozenset(ref.table.digest for entry in entries for ref in entry.packs)
        self._resources = _packed(_resources(record, store))

    @property
    def publishers(self) -> tuple[str, ...]:
        """Ids of the publishers whose repositories are passed on, sorted."""
        return tuple(sorted(self._metadata))

    def metadata(self, publisher_id: str) -> Mapping[str, Held]:
        """All names below ``metadata/`` and ``targets/`` of that publisher's repository."""
        return self._metadata.get(publisher_id, {})

    def feeds(self) -> Iterator[tuple[str, Held]]:
        """All feeds that are here, in the form their publishers gave out or as they are."""
        for digest in sorted(self._feeds):
            if found := self._feed(digest):
                yield f"feeds/{sharded(digest)}", found

    def tables(self) -> Iterator[tuple[str, Held]]:
        """All tables that are here of the packs of what is held."""
        for digest in sorted(self._own_tables):
            if found := _held(self._tables, digest):
                yield f"tables/{sharded(digest)}", found

    def resources(self) -> Iterator[Digest]:
        """Digests of the resources that are passed on, sorted; not each needs to be here."""
        packed = self._resources
        for start in range(0, len(packed), DIGEST):
            yield Digest(packed[start : start + DIGEST].hex())

    def find(self, publisher_id: str, name: str) -> Held | None:
        """The file of that name in that publisher's repository, if this box passes it on."""
        if publisher_id not in self._metadata:
            return None
        return self._metadata[publisher_id].get(name) or self.content(name)

    def content(self, name: str) -> Held | None:
        """A file named by its digest: ``feeds/``, ``resources/`` or ``tables/<aa>/<sha256>``."""
        match = _CONTENT.fullmatch(name)
        if match is None or match[2] != match[3][:2]:
            return None
        digest = Digest(match[3])
        if match[1] == "feeds":
            return self._feed(digest)
        if match[1] == "tables":
            return _held(self._tables, digest) if digest in self._own_tables else None
        return _held(self._library, digest) if self._lists(digest) else None

    def _feed(self, digest: Digest) -> Held | None:
        folder = self._feeds.get(digest)
        return _held(folder, digest) if folder is not None else None

    def _lists(self, digest: Digest) -> bool:
        wanted = bytes.fromhex(digest)
        at = bisect_left(_Records(self._resources), wanted)
        return self._resources[at * DIGEST : (at + 1) * DIGEST] == wanted


@dataclass(frozen=True, slots=True)
class _Records:
    """Digests one after the other, looked at as a sequence: a hundred thousand take 3 MiB."""

    data: bytes

    def __len__(self) -> int:
        return len(self.data) // DIGEST

    def __getitem__(self, index: int) -> bytes:
        return self.data[index * DIGEST : (index + 1) * DIGEST]


def _held(folder: ContentFolder, digest: Digest) -> Held | None:
    path = folder.path(digest)
    return Held(path, digest) if path.is_file() else None


def _packed(digests: Iterable[Digest]) -> bytes:
    return b"".join(sorted(bytes.fromhex(digest) for digest in set(digests)))


def _metadata(generation: Generation, state: PublisherState) -> Iterator[tuple[str, Held]]:
    """Names and files of a trust state; the generation's record seals each of them."""
    start = f"{TRUST}/{state.id}/"
    for seal in generation.record.files:
        if seal.path.startswith(start):
            name = repository_name(seal.path.removeprefix(start), seal.digest, state.versions)
            if name:
                mutable = name == "metadata/timestamp.json"
                yield name, Held(generation.folder / seal.path, seal.digest, mutable)


def repository_name(path: str, digest: Digest, versions: Mapping[str, int]) -> str:
    """What a file of a trust state is called in its repository; empty for what is none of it."""
    role = path.removesuffix(".json")
    if root := _ROOT.fullmatch(path):
        return f"metadata/{root[1]}.root.json"
    if path == "timestamp.json":
        return f"metadata/{path}"
    if path != role and role in _ROLES and role in versions:
        return f"metadata/{versions[role]}.{path}"
    if path in _TARGETS or _CHILD.fullmatch(path):
        place = PurePosixPath("targets", path)
        return str(place.with_name(f"{digest}.{place.name}"))
    return ""


def _entries(collections: Iterable[Kept]) -> Iterator[CollectionEntry]:
    for kept in collections:
        yield kept.entry
        if kept.ahead is not None:
            yield kept.ahead.entry


def _resources(record: Record, store: Store) -> Iterator[Digest]:
    for kept in record.collections:
        yield from files_of(kept, record, store)


def files_of(kept: Kept, record: Record, store: Store) -> Iterator[Digest]:
    """Files of a collection's lessons as they are served; none that only withdrawn ones need.

    Raises ProofFailed or FormatError if a feed is damaged.
    """
    gone = {lesson for collection, lesson in record.withdrawn if collection == kept.entry.id}
    yield from _of_edition(store, kept.entry, kept.lessons, gone)
    if kept.ahead is not None:
        yield from _of_edition(store, kept.ahead.entry, kept.ahead.lessons, gone)


def _of_edition(
    store: Store, entry: CollectionEntry, only: tuple[str, ...] | None, gone: set[str]
) -> Iterable[Digest]:
    plain = store.feeds.read(entry.feed.plain.digest, limit=entry.feed.plain.size)
    if only is None and not gone:
        return listed(plain)
    return _of_lessons(parse_plain(plain), only, gone)


def _of_lessons(feed: Feed, only: tuple[str, ...] | None, gone: set[str]) -> set[Digest]:
    needs = needs_of(feed)
    shown = {
        each.digest
        for one in needs
        if (only is None or one.lesson in only) and one.lesson not in gone
        for each in one.resources
    }
    if only is not None:
        return shown
    of_lessons = {each.digest for one in needs for each in one.resources}
    return shown | {each.digest for each in feed.resources if each.digest not in of_lessons}
