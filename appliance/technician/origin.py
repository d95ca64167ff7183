"""Where a stick's content comes from: repositories in folders, verified as a box would verify them.

Who holds a root gives it; otherwise the repository's own first root counts, which only proves that
nothing was damaged on the way to this desk.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sync import feed as feeds
from sync.directory import CollectionEntry, FeedRef, feed_name, table_name
from sync.errors import FormatError, KexiaError, NoSource, TrustRefused, UsageError
from sync.feed import Feed
from sync.pack import decode_table
from sync.publish.mirror import proved_files
from sync.publish.packs.contents import PackedContents
from sync.publish.workspace import TIMESTAMP, Shelf, Workspace, routes_on
from sync.stick.have import FEED_BYTES
from sync.transport.volume import VolumeTransport
from sync.trust import DemoKeys, Root, TrustClock, Trusted, parse_root, refresh

FIRST_ROOT = "metadata/1.root.json"
MAX_ROOT = 512_000


@dataclass(frozen=True, slots=True)
class Origin:
    """One publisher's repository, proved."""

    folder: Path
    root: Root
    trusted: Trusted
    files: Mapping[str, bytes]
    """Its metadata and targets by their name, byte for byte."""

    @property
    def shelf(self) -> Shelf:
        """Its files."""
        return Shelf([self.folder])

    def feed(self, ref: FeedRef) -> Feed:
        """A feed of the repository; raises FormatError if it is not there, ProofFailed."""
        return feeds.decode(self.shelf.read(feed_name(ref), ref.stored), ref)

    def contents(self, entry: CollectionEntry) -> PackedContents:
        """The bytes of an edition, out of its packs."""
        tables = (
            decode_table(self.shelf.read(table_name(ref.table), ref.table)) for ref in entry.packs
        )
        return PackedContents(tables, self.shelf)

    def editions(self, first: Iterable[str]) -> Iterator[FeedRef]:
        """The feeds of all editions it still knows, those of the collections ``first`` before."""
        wanted = set(first)
        entries = sorted(
            self.trusted.directory.collections, key=lambda entry: entry.id not in wanted
        )
        yield from (entry.feed for entry in entries)
        read = routes_on(self.shelf)
        for entry in entries:
            with suppress(FormatError):  # without its list of routes, fewer old editions are known
                yield from (stop.feed for stop in read(entry).stops)


@dataclass(frozen=True, slots=True)
class Origins:
    """What was found, and why some of it cannot be used."""

    found: Mapping[str, Origin]
    """By publisher id."""
    refused: Mapping[str, KexiaError]
    """By the publisher's code, or by the folder if not even that is known."""
    vouched: bool
    """True if roots were given, False if the repositories' own were taken."""

    def of_code(self, code: str) -> Origin:
        """The publisher with that code; raises what kept it out, or NoSource."""
        for origin in self.found.values():
            if origin.trusted.code == code:
                return origin
        if code in self.refused:
            raise self.refused[code]
        others = "".join(f"; {error.fact}" for error in self.refused.values())
        raise NoSource(
            f"no repository here is of publisher {code}{others}",
            hint="name the folder of its repository with --from, or mirror it first",
        )

    def above(self, code: str) -> tuple[Origin, ...]:
        """The publishers that lead to ``code`` by introduction, as far as they are here."""
        return tuple(
            origin
            for origin in self.found.values()
            if any(child.code == code for child in origin.trusted.children)
        )


@dataclass(frozen=True, slots=True)
class Desk:
    """How this command proves things: roots it was given, its clock, its scratch folder."""

    roots: Sequence[Root]
    clock: TrustClock
    demo: DemoKeys
    scratch: Path


def read_root(path: Path) -> Root:
    """A root somebody holds; raises UsageError if it cannot be read, FormatError."""
    try:
        return parse_root(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error


def open_origins(places: Sequence[Path], desk: Desk) -> Origins:
    """Prove every repository in ``places``, workspaces or plain folders, and what they mirror.

    Raises UsageError for a place that holds none. The newest of several copies counts.
    """
    found: dict[str, Origin] = {}
    refused: dict[str, KexiaError] = {}
    for folder in (folder for place in places for folder in _repositories(place)):
        name = str(folder)
        try:
            root = parse_root(VolumeTransport(folder).read(FIRST_ROOT, limit=MAX_ROOT))
            name = root.code
            origin = _open(folder, root, desk)
        except KexiaError as error:
            refused[name] = error
            continue
        known = found.get(origin.root.publisher_id)
        if known is None or known.trusted.signed_at < origin.trusted.signed_at:
            found[origin.root.publisher_id] = origin
    if desk.roots:
        found, strangers = _vouched(found, desk.roots)
        refused |= strangers
    return Origins(found, refused, vouched=bool(desk.roots))


def _repositories(place: Path) -> Iterator[Path]:
    workspace = Workspace(place)
    folder = workspace.repository if workspace.is_founded else place
    mirrors = [each for each in sorted((folder / "mirrors").glob("*/")) if _is_repository(each)]
    if not _is_repository(folder) and not mirrors:
        raise UsageError(
            f"{place} holds no repository",
            hint="give the folder that has metadata/timestamp.json in it, or a workspace",
        )
    yield from ([folder] if _is_repository(folder) else [])
    yield from mirrors


def _is_repository(folder: Path) -> bool:
    return (folder / TIMESTAMP).is_file()


def _open(folder: Path, root: Root, desk: Desk) -> Origin:
    scratch = desk.scratch / str(len(list(desk.scratch.iterdir())))
    trusted = refresh(VolumeTransport(folder), scratch, root=root, clock=desk.clock, demo=desk.demo)
    return Origin(folder, root, trusted, proved_files(scratch, trusted))


def _vouched(
    found: Mapping[str, Origin], roots: Iterable[Root]
) -> tuple[dict[str, Origin], dict[str, KexiaError]]:
    """Those of the given roots and those they introduce; the others with why not."""
    known = {root.publisher_id for root in roots}
    kept: dict[str, Origin] = {}
    while new := [found[each] for each in sorted(known & found.keys()) if each not in kept]:
        for origin in new:
            kept[origin.root.publisher_id] = origin
            known |= {child.root.publisher_id for child in origin.trusted.children}
    strangers: dict[str, KexiaError] = {
        origin.trusted.code: TrustRefused(
            f"{origin.folder} is of publisher {origin.root.publisher_id} ({origin.trusted.code}), "
            "which is none of those given with --root and introduced by none of them",
            hint="give the publisher's 1.root.json with --root if you trust it",
        )
        for each, origin in found.items()
        if each not in kept
    }
    return kept, strangers


def feeds_by_half(origin: Origin, first: Iterable[str], halves: set[bytes]) -> dict[bytes, FeedRef]:
    """The feeds whose plain digests begin so, as far as the repository still has them."""
    found: dict[bytes, FeedRef] = {}
    for ref in origin.editions(first):
        half = bytes.fromhex(ref.plain.digest)[:FEED_BYTES]
        if half in halves:
            found[half] = ref
        if len(found) == len(halves):
            break
    return found
