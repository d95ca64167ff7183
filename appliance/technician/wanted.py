"""What one box needs, as its have-list or its own folder says: to be held against a stick."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from appliance import config
from appliance.config import BoxPaths
from appliance.generation import current
from appliance.needs import needs_of
from appliance.record import Record
from appliance.technician.origin import read_root
from sync.digest import Digest
from sync.directory import CollectionEntry
from sync.feed import Feed, Resource
from sync.library import Store
from sync.stick.have import FEED_BYTES, HaveList
from sync.trust import DemoKeys, Root

Held = Callable[[Iterable[Resource]], frozenset[Digest]]


@dataclass(frozen=True, slots=True)
class Wisher:
    """A box as the check sees it."""

    name: str
    id: str
    """Empty if only its folder is known."""
    subscriptions: frozenset[str]
    wants: frozenset[tuple[str, str]]
    holds: Held
    """Which of these resources it has."""
    editions: Mapping[str, int]
    """Of the collections it serves, where that is known."""
    signed: Mapping[str, str]
    """By publisher id, when the state it trusts was signed; where that is known."""
    certain: bool
    """False if it may hold more than ``holds`` knows of."""

    def asks_for(self, feed: Feed) -> tuple[Resource, ...]:
        """What it wants of an edition."""
        if feed.collection in self.subscriptions:
            return feed.resources
        lessons = {lesson for collection, lesson in self.wants if collection == feed.collection}
        if not lessons:
            return ()
        return tuple(
            {
                one.digest: one
                for each in needs_of(feed)
                if each.lesson in lessons
                for one in each.resources
            }.values()
        )


def from_have(have: HaveList, editions: Iterable[tuple[CollectionEntry, Feed]]) -> Wisher:
    """A box by its have-list; what it holds is known of ``editions``, which are on the stick."""
    held = {each.feed: each for each in have.held}
    digests: set[Digest] = set()
    found: dict[str, int] = {}
    for entry, feed in editions:
        half = bytes.fromhex(entry.feed.plain.digest)[:FEED_BYTES]
        if half in held:
            missing = frozenset(held.pop(half).missing or ())
            found[entry.id] = entry.edition
            digests |= {
                one.digest for place, one in enumerate(feed.resources) if place not in missing
            }
    return Wisher(
        name=have.name,
        id=have.box,
        subscriptions=frozenset(have.subscriptions),
        wants=frozenset(have.wants),
        holds=lambda asked: frozenset(one.digest for one in asked if one.digest in digests),
        editions=found,
        signed={},
        certain=not held,
    )


def from_folder(folder: Path) -> Wisher:
    """A box by its folder; raises UsageError if it is none."""
    paths = BoxPaths(folder)
    known = config.load(paths)
    served = current(paths)
    record: Record | None = served.record if served else None
    library = Store(folder).library

    def holds(asked: Iterable[Resource]) -> frozenset[Digest]:
        listed = {one.digest: one.size for one in asked}
        sizes = library.sizes_of(listed)
        return frozenset(each for each, size in listed.items() if sizes.get(each) == size)

    return Wisher(
        name=known.name,
        id="",
        subscriptions=frozenset(known.subscriptions),
        wants=frozenset(known.wants),
        holds=holds,
        editions={kept.entry.id: kept.entry.edition for kept in record.collections}
        if record
        else {},
        signed={each.id: each.signed_at for each in record.publishers} if record else {},
        certain=True,
    )


def roots_of(folder: Path) -> tuple[tuple[Root, ...], DemoKeys]:
    """Whom the box at ``folder`` trusts."""
    paths = BoxPaths(folder)
    known = config.load(paths)
    roots = tuple(read_root(folder / each.root) for each in known.publishers)
    return roots, DemoKeys.ACCEPT if known.demo else DemoKeys.REFUSE
