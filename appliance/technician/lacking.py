"""What boxes lack: their have-lists against what is published now, collection by collection."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from appliance.needs import needs_of
from appliance.technician.origin import Origin, Origins, feeds_by_half
from sync.digest import Digest
from sync.directory import CollectionEntry, FeedRef
from sync.errors import FormatError, TrustRefused, UsageError
from sync.feed import Feed, Resource
from sync.stick import have as haves
from sync.stick.have import HaveList, Held
from sync.stick.sealing import PAPER_BYTES, Kind, Paper, open_paper


class Measure(Enum):
    """How much of an edition goes onto the stick."""

    LACKING = "what the boxes lack"
    WHOLE = "whole editions"


@dataclass(frozen=True, slots=True)
class Load:
    """What of one collection a stick brings: the edition and some of its resources."""

    entry: CollectionEntry
    feed: Feed
    resources: tuple[Resource, ...]
    """In the order of the feed."""

    @property
    def size(self) -> int:
        """Bytes of its resources."""
        return sum(resource.size for resource in self.resources)


def read_have(path: Path) -> HaveList:
    """A have-list as a box signed it; raises UsageError, FormatError, TrustRefused."""
    return read_signed_have(path)[1]


def read_signed_have(path: Path) -> tuple[Paper, HaveList]:
    """The same, with the paper it came as: it names the box's key."""
    limit = haves.MAX_STORED + PAPER_BYTES
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read ({error.strerror})",
            hint="give a have-list as `kexia stick collect` leaves it",
        ) from error
    try:
        paper = open_paper(data, kind=Kind.HAVE, limit=limit)
        have = haves.decode(paper.body)
    except TrustRefused as error:
        raise type(error)(f"{path}: {error.fact}", hint=error.hint) from error
    if (have.box, have.epoch, have.sequence) != (paper.box, paper.epoch, paper.sequence):
        raise TrustRefused(f"{path}: the list is of another box than the one that signed it")
    return paper, have


def loads_for(
    origins: Origins, boxes: Sequence[HaveList], measure: Measure
) -> tuple[list[tuple[Origin, list[Load]]], list[str]]:
    """By publisher, what these boxes lack together; and what cannot be brought, one line each.

    Raises what keeps a publisher out that a box follows.
    """
    parts: dict[str, dict[str, dict[Digest, Resource]]] = {}
    lines: list[str] = []
    for box in boxes:
        asked = sorted({*box.subscriptions, *(collection for collection, _ in box.wants)})
        for code in sorted({collection.partition("/")[0] for collection in asked}):
            origin = origins.of_code(code)
            mine = [one for one in asked if one.startswith(f"{code}/")]
            held = Inventory(origin, box, mine) if measure is Measure.LACKING else None
            for collection in mine:
                entry = origin.trusted.directory.entry(collection)
                if entry is None:
                    lines.append(f"{collection}: asked for by box {box.box}, but not published")
                    continue
                resources = _asked(box, origin.feed(entry.feed), held)
                found = parts.setdefault(origin.root.publisher_id, {}).setdefault(collection, {})
                found |= {resource.digest: resource for resource in resources}
    followed = [*parts, *(publisher for box in boxes for publisher in box.publishers)]
    return _loads(origins, parts, followed), lines


def loads_of(origins: Origins, collections: Iterable[str]) -> list[tuple[Origin, list[Load]]]:
    """By publisher, these collections whole; raises UsageError for one that is not published."""
    parts: dict[str, dict[str, dict[Digest, Resource]]] = {}
    for collection in collections:
        origin = origins.of_code(collection.partition("/")[0])
        entry = origin.trusted.directory.entry(collection)
        if entry is None:
            raise UsageError(
                f"{collection} is not published by {origin.trusted.code} {origin.root.name}",
                hint="`kexia publish status` lists what is",
            )
        resources = origin.feed(entry.feed).resources
        parts.setdefault(origin.root.publisher_id, {})[collection] = {
            resource.digest: resource for resource in resources
        }
    return _loads(origins, parts, [*parts])


def _loads(
    origins: Origins, parts: dict[str, dict[str, dict[Digest, Resource]]], concerned: Iterable[str]
) -> list[tuple[Origin, list[Load]]]:
    """With the publishers above, too: a box learns from their metadata who is introduced."""
    origin_of = {each: origins.found[each] for each in concerned if each in origins.found}
    for _ in range(len(origins.found)):
        above = [one for each in origin_of.values() for one in origins.above(each.trusted.code)]
        origin_of |= {one.root.publisher_id: one for one in above}
    return [
        (
            origin,
            [_load(origin, name, found) for name, found in sorted(parts.get(each, {}).items())],
        )
        for each, origin in sorted(origin_of.items())
    ]


def _load(origin: Origin, collection: str, found: dict[Digest, Resource]) -> Load:
    entry = origin.trusted.directory.entry(collection)
    if entry is None:
        raise AssertionError(f"{collection} was there a moment ago")
    feed = origin.feed(entry.feed)
    return Load(entry, feed, tuple(one for one in feed.resources if one.digest in found))


def _asked(box: HaveList, feed: Feed, held: "Inventory | None") -> Iterable[Resource]:
    """Of an edition, what the box asked for and does not hold."""
    asked: Iterable[Resource] = feed.resources
    if feed.collection not in box.subscriptions:
        lessons = {lesson for collection, lesson in box.wants if collection == feed.collection}
        asked = (one for each in needs_of(feed) if each.lesson in lessons for one in each.resources)
    return asked if held is None else [one for one in asked if not held.has(one)]


class Inventory:
    """What a box holds of one publisher's resources, as far as its have-list can be followed."""

    def __init__(self, origin: Origin, box: HaveList, first: Iterable[str]) -> None:
        """``first``: the collections whose editions are looked for first."""
        refs = feeds_by_half(origin, first, {held.feed for held in box.held})
        self._digests: set[Digest] = set()
        for held in box.held:
            if held.feed in refs:
                self._take(origin, held, refs[held.feed])

    def has(self, resource: Resource) -> bool:
        """Whether the box says it has the resource."""
        return resource.digest in self._digests

    def _take(self, origin: Origin, held: Held, ref: FeedRef) -> None:
        try:
            feed = origin.feed(ref)
        except FormatError:
            return  # an edition the repository no longer has: what is of it counts as not held
        missing = frozenset(held.missing or ())
        self._digests |= {
            one.digest for place, one in enumerate(feed.resources) if place not in missing
        }
