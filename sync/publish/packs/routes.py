"""The ways to an edition: which update packs are cut for it, and the lists of all that are kept.

By policy there is a pack from the edition before, from some editions farther back, and from nothing
for new boxes, cut anew when these would fetch too much in vain (``beginnings``).
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from sync import feed as feeds
from sync.digest import sha256
from sync.directory import (
    CollectionEntry,
    Stored,
    UpdateRef,
    feed_name,
    older_routes_name,
    routes_name,
    table_name,
)
from sync.errors import FormatError, ProofFailed
from sync.feed import Feed, Resource, plain_bytes
from sync.files import write_durably
from sync.pack import Table, decode_table
from sync.plan.route import NOTHING, Leg, cheapest
from sync.progress import Progress
from sync.publish.packs.beginnings import Renewal, new_box, steps_of
from sync.publish.packs.contents import Contents, FileContents, PackedContents
from sync.publish.packs.cut import CutRequest
from sync.publish.packs.kept import Kept, keep
from sync.publish.packs.pairs import Labels
from sync.publish.packs.sketchbook import SketchBook
from sync.publish.packs.streams import Trials
from sync.publish.packs.update import LEVEL, Edition, UpdateRequest, cut_update
from sync.publish.packs.vain import fetched
from sync.publish.workspace import Shelf, routes_on
from sync.updates import routes as ways
from sync.updates.head import Base
from sync.updates.routes import Routes, Stop, entry_at, stop_of

_LOG = logging.getLogger(__name__)
FAR_LEVEL = 16
"""zstd level of packs from farther back: half the work of 19, for the few that need them."""
Labeller = Callable[[Feed, Contents], Labels]
"""Says what an edition's resources are called: it knows what lessons mean, ``sync`` does not."""


def no_labels(_feed: Feed, _contents: Contents) -> Labels:
    """Content alone tells which files belong together."""
    return {}


@dataclass(frozen=True, slots=True)
class Policy:
    """Which update packs a publisher cuts and keeps."""

    back: tuple[int, ...] = (1, 3, 10, 30)
    """So many editions back; where that edition is kept."""
    kept: int = 31
    """Editions a box may start from."""
    detour: float = 1.15
    """A pack from farther back is cut only if the packs between take more than this times what it
    would, as far as their heads tell: where every night changes other files, they do not."""
    renewal: Renewal = field(default_factory=Renewal)
    """When a pack from nothing is cut again."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What is at hand while update packs are cut."""

    shelf: Shelf
    """Finds the new edition's files and those of the kept ones."""
    out: Path
    cache: Path
    """A folder for sketches, which may be lost."""
    labeller: Labeller = no_labels
    policy: Policy = Policy()


def add_updates(
    request: CutRequest, entry: CollectionEntry, desk: Desk, progress: Progress
) -> CollectionEntry:
    """The entry of a freshly cut edition with its update packs, which are written to ``desk.out``.

    Raises FormatError if a kept edition's files are missing from the repository.
    """
    before = request.previous.entry if request.previous else None
    known = routes_on(desk.shelf)(before) if before else Routes(entry.id, ())
    if before and known.stop(before.edition) is None:
        known = replace(known, stops=(*known.stops, stop_of(before)))
    work = _Work(request, entry, desk, progress)
    starts = _starts(known, entry.edition, desk.policy)
    updates: tuple[UpdateRef, ...] = ()
    for stop in starts:  # the edition before comes first
        last = next(iter(updates), None) if known.stop(entry.edition - 1) else None
        if work.gains(known, stop, last):
            updates = (*updates, work.cut(stop))
    first = work.beginning(known, updates)
    if first:
        updates, known = (*updates, *first), _without_beginnings(known)
    work.save_sketches()
    direct = tuple(one for one in updates if one.base in (0, entry.edition - 1))
    entry = replace(entry, updates=direct)
    farther = tuple(one for one in updates if one not in direct)
    stop = replace(stop_of(entry), updates=(*direct, *farther))
    routes = Routes(entry.id, (*known.stops, stop)[-desk.policy.kept :])
    return replace(entry, routes=_write_routes(routes, entry, desk.out))


def _starts(known: Routes, edition: int, policy: Policy) -> list[Stop]:
    """The editions to cut packs from."""
    stops = [known.stop(edition - back) for back in policy.back]
    return [stop for stop in stops if stop is not None]


def _without_beginnings(known: Routes) -> Routes:
    """Earlier packs from nothing lead new boxes astray, and take room."""
    stops = (
        replace(stop, updates=tuple(one for one in stop.updates if one.base != NOTHING))
        for stop in known.stops
    )
    return replace(known, stops=tuple(stops))


class _Work:
    """The update packs of one edition."""

    def __init__(
        self, request: CutRequest, entry: CollectionEntry, desk: Desk, progress: Progress
    ) -> None:
        self._entry = entry
        self._desk = desk
        self._progress = progress
        self._feed = request.feed(entry.edition)
        paths = {source.resource.digest: source.path for source in request.sources}
        self._new = self._edition(self._feed, FileContents(paths))
        self._tables = self._read_tables(entry)
        self._trials = Trials()
        self._book = SketchBook(desk.cache / f"{sha256(entry.id.encode())[:16]}.sketches")

    def cut(self, start: Stop) -> UpdateRef:
        """The pack from ``start`` to the new edition."""
        level = LEVEL if start.edition == self._entry.edition - 1 else FAR_LEVEL
        request = UpdateRequest(self._new, self._old(start), self._tables, trials=self._trials)
        return self._cut(request, start.edition, level)

    def cut_afresh(self, kept: Kept) -> UpdateRef:
        """The pack from nothing, with what the last one still serves, unless that is damaged."""
        request = UpdateRequest(
            self._new, None, self._tables, kept, again=self._entry.edition > 1, trials=self._trials
        )
        try:
            return self._cut(request, NOTHING, LEVEL)
        except ProofFailed as error:
            if not kept.groups:
                raise
            _LOG.warning("%s; the pack for new boxes is cut afresh without it", error)
            return self.cut_afresh(Kept())

    def _cut(self, request: UpdateRequest, base: int, level: int) -> UpdateRef:
        pack, head = cut_update(request, self._book, self._desk.out, self._progress, level=level)
        return UpdateRef(base, pack, head)

    def gains(self, known: Routes, start: Stop, last: UpdateRef | None) -> bool:
        """Whether a pack from ``start`` spares a box enough beside the packs in between.

        ``last``: the pack from the edition before, which is the last of them.
        """
        before = known.stop(self._entry.edition - 1)
        if last is None or before is None:
            return True
        legs = cheapest(entry_at(self._entry, before), known, start.edition, start.packs)
        if not legs or legs[0].update.base != start.edition:
            return True
        feed = self._read_feed(start)
        way = (*legs, Leg(last, self._entry))
        try:
            steps = steps_of(way, Base(plain_bytes(feed), feed), self._desk.shelf)
        except FormatError:
            return True
        lists = [step.head.size for step in steps]
        groups, vain = fetched([step.head for step in steps])
        return groups + sum(lists) > self._desk.policy.detour * (groups - vain + max(lists))

    def beginning(self, known: Routes, updates: tuple[UpdateRef, ...]) -> tuple[UpdateRef, ...]:
        """The pack from nothing, if it is worth its work beside the packs that lead here."""
        entry = replace(self._entry, updates=updates)
        try:
            box = new_box(entry, known, self._desk.shelf)
            kept = keep(box.first, box.path, self._feed) if box else Kept()
        except FormatError:
            box, kept = None, Kept()
        policy = self._desk.policy.renewal
        if box is None or box.wasted > policy.most:
            return (self.cut_afresh(kept),)
        if box.wasted <= policy.waste:
            return ()
        affordable = policy.work * self._brought(known, box.edition)
        return (self.cut_afresh(kept),) if self._to_compress(kept) <= affordable else ()

    def _to_compress(self, kept: Kept) -> int:
        """Bytes that a pack from nothing would compress."""
        made = kept.resources
        return sum(
            one.size
            for one in self._feed.resources
            if one not in made and one.digest not in kept.lying
        )

    def _brought(self, known: Routes, since: int) -> int:
        """Bytes of new files in all editions after ``since``."""
        stops = sorted(
            (stop for stop in known.stops if stop.edition >= since), key=lambda one: one.edition
        )
        passed = [*map(self._resources, stops), frozenset(self._feed.resources)]
        return sum(_added(one, other) for one, other in pairwise(passed))

    def _resources(self, stop: Stop | CollectionEntry) -> frozenset[Resource]:
        return frozenset(self._read_feed(stop).resources)

    def _read_feed(self, stop: Stop | CollectionEntry) -> Feed:
        stored = self._desk.shelf.read(feed_name(stop.feed), stop.feed.stored)
        return feeds.decode(stored, stop.feed)

    def save_sketches(self) -> None:
        """Keep the sketches of the new edition for the next one."""
        for resource in self._feed.resources:
            self._book.of(resource, self._new.contents)
        self._book.save(self._feed.resources)

    def _old(self, stop: Stop) -> Edition:
        feed = self._read_feed(stop)
        tables = self._read_tables(replace(self._entry, packs=stop.packs))
        return self._edition(feed, PackedContents(tables, self._desk.shelf))

    def _edition(self, feed: Feed, contents: Contents) -> Edition:
        return Edition(feed, contents, self._desk.labeller(feed, contents))

    def _read_tables(self, entry: CollectionEntry) -> tuple[Table, ...]:
        return tuple(
            decode_table(self._desk.shelf.read(table_name(ref.table), ref.table))
            for ref in entry.packs
        )


def _added(before: frozenset[Resource], after: frozenset[Resource]) -> int:
    """Bytes of the files that are new."""
    return sum(one.size for one in after - before)


def _write_routes(routes: Routes, entry: CollectionEntry, out: Path) -> Stored:
    """Write the lists, the one that names the others last."""
    first, *older = ways.encode_all(routes, entry)
    for data in older:
        write_durably(out / older_routes_name(_stored(data)), data)
    write_durably(out / routes_name(_stored(first)), first)
    return _stored(first)


def _stored(data: bytes) -> Stored:
    return Stored(sha256(data), len(data))
