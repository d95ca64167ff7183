"""Carry: from what is wanted to what is held: take what lies ready, fetch the lists, plan, apply.

Each turn leaves out what the last one found unusable (a damaged file of the box's own, an update
pack that is missing or wrong), so there is an end to it: chunk packs alone are the last way.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from sync import apply as applying
from sync.apply import Applied, apply
from sync.deflate import reproduces
from sync.digest import Digest
from sync.directory import CollectionEntry
from sync.errors import BudgetSpent, KexiaError, MediumFailing, NoSource
from sync.feed import Feed, Resource
from sync.fetch import SHORT, Start, fetch_tables, fetch_wanted, kept_feed, receive_feed
from sync.library import Store
from sync.plan import Have, Plan, Share, Unplanned, Wanted, make_plan
from sync.progress import Progress
from sync.raw import Place, RawSource, check_room, raw_sources, take
from sync.seed import survey_for
from sync.transport.base import Transport

Order = Callable[[CollectionEntry, Feed], tuple[Share, ...] | None]
"""Which resources of an edition to bring, by ranks; None: all, as listed."""
Lacking = BudgetSpent | NoSource | MediumFailing
"""Why the lists of an edition cannot be had now."""
LONGEST = 64 * 2**20
"""Bytes asked for at once, at the most: a long import stops between two requests."""
PORTION = 3 * 2**20
"""Bytes of plain feeds from which on the rest waits for the next plan: some 10,000 small files."""


def as_listed(_entry: CollectionEntry, _feed: Feed) -> None:
    """All resources, in the order of the lessons."""


class Carrier:
    """Brings editions in from one transport."""

    def __init__(
        self,
        transport: Transport,
        store: Store,
        progress: Progress,
        held: Mapping[str, CollectionEntry],
        *,
        order: Order = as_listed,
        stride: int = LONGEST,
    ) -> None:
        """``held``: by collection, the entry of the edition the box holds whole.

        ``order`` says what of an edition to bring, first things first; ``stride`` is the longest
        range in bytes, short where first things shall really come first.
        """
        self._transport = transport
        self._store = store
        self._progress = progress
        self._held = held
        self._order = order
        self._stride = stride
        self._raw = raw_sources(transport)
        self._ready: dict[Digest, Place] = {}
        self.bad: tuple[KexiaError, ...] = ()
        """What raw sources had damaged or could not give: a line for each."""

    def plan(self, entries: Sequence[CollectionEntry], *, short: int = SHORT) -> Plan:
        """What ``carry`` would do first, but for what raw sources have; what is fetched is kept.

        ``short``: the longest update packs that are read whole, in bytes; 0 if only lists shall
        come.
        """
        self._ready = self._find_ready(entries)
        wanted, lacking = self._look_at(entries, short)
        if lacking is not None:
            raise lacking
        return self._plan(wanted)

    @property
    def ready_bytes(self) -> int:
        """Bytes of whole resources at raw sources that ``plan`` counted as had."""
        return sum(place.resource.size for place in self._ready.values())

    def carry(self, entries: Sequence[CollectionEntry]) -> Applied:
        """Make all resources of the entries' editions, durably.

        Raises NoRoom, NoSource, ProofFailed (the source delivers something else), FormatError (what
        was signed contradicts itself); what is done is kept.

        Many editions come in portion by portion, as a plan is in memory whole; yet nothing of the
        first is written unless there is room for all. An edition whose lists are not to be had does
        not keep out the others.
        """
        portions = tuple(_portions(entries))
        if len(portions) > 1:
            self._check_room(portions)
        total = Applied()
        for portion in portions:
            total = total.plus(self._take(portion))
        missing: Lacking | None = None
        for portion in portions:
            wanted, lacking = self._look_at(portion, SHORT)
            total = total.plus(self.execute(self._plan(wanted)))
            if isinstance(lacking, BudgetSpent):
                raise lacking
            missing = missing or lacking
        if missing is not None:
            raise missing
        return total

    def _take(self, entries: Sequence[CollectionEntry]) -> Applied:
        """Take what lies ready at raw sources; what none of them has is left to the plan."""
        total = Applied()
        for source in self._raw:
            taken = take(self._places(source, entries), source, self._store, self._progress)
            total = total.plus(taken.applied)
            self.bad += taken.bad
        return total

    def _places(self, source: RawSource, entries: Sequence[CollectionEntry]) -> tuple[Place, ...]:
        """Where what the entries lack lies at ``source``; the feeds it has are kept."""
        lacking: dict[Digest, Resource] = {}
        for entry in entries:
            feed = receive_feed(entry, source.transport, self._store)
            if feed is not None:
                resources = Wanted(entry, feed, order=self._order(entry, feed)).resources
                held = self._store.library.sizes_of(one.digest for one in resources)
                lacking.update({one.digest: one for one in resources if one.digest not in held})
        return source.places(lacking.values())

    def _find_ready(self, entries: Sequence[CollectionEntry]) -> dict[Digest, Place]:
        """What lies ready of the entries at any raw source."""
        found: dict[Digest, Place] = {}
        for source in self._raw:
            places = self._places(source, entries)
            found.update((one.resource.digest, one) for one in places)
        return found

    def _check_room(self, portions: Iterable[Sequence[CollectionEntry]]) -> None:
        """As far as the budget reaches: apply looks again before it writes."""
        taken = 0
        for portion in portions:
            self._ready = self._find_ready(portion)
            check_room(tuple(self._ready.values()), self._store, besides=taken)
            taken += self.ready_bytes
            wanted, lacking = self._look_at(portion, SHORT)
            plan = self._plan(wanted)
            applying.check_room(plan, self._store, besides=taken)
            taken += sum(resource.size for resource in plan.resources)
            if isinstance(lacking, BudgetSpent):
                break
        self._ready = {}

    def _look_at(
        self, entries: Sequence[CollectionEntry], short: int
    ) -> tuple[list[Wanted], Lacking | None]:
        """The lists of those whose lists can be had, and why not all of them can.

        A stick may have the lists of those that come later.
        """
        self._progress.step("plan", total=len(entries), unit="collections")
        found: list[Wanted] = []
        lacking: Lacking | None = None
        for entry in entries:
            try:
                found.append(self._wanted(entry, short))
            except BudgetSpent as error:
                lacking = lacking if isinstance(lacking, BudgetSpent) else error
            except (NoSource, MediumFailing) as error:
                lacking = lacking or error
        return found, lacking

    def execute(self, plan: Plan) -> Applied:
        """Apply ``plan``, and plan again what it could not make; raises as ``carry``."""
        total = Applied()
        while True:
            done = apply(plan, self._transport, self._store, self._progress)
            total = total.plus(done)
            if not (done.damaged or done.unsound or done.refused):
                return total
            if done.refused and not any(one.steps for one in plan.wanted):
                raise done.refused[0]
            bad = frozenset(total.unsound)
            if done.refused:
                bad |= {step.name for one in plan.wanted for step in one.steps}
            plan = self._plan([_without(one, bad) for one in plan.wanted])

    def _wanted(self, entry: CollectionEntry, short: int) -> Wanted:
        whole = self._whole(entry)
        if whole is not None:
            return whole
        start = Start(self._held.get(entry.id))
        found = fetch_wanted(entry, start, self._transport, self._store, short=short)
        self._progress.advance(1)
        found = replace(found, order=self._order(entry, found.feed))
        return self._with_tables(found) if _is_little(found) else found

    def _whole(self, entry: CollectionEntry) -> Wanted | None:
        """The edition without any list to plan it from, if nothing of it is lacking."""
        feed = kept_feed(entry, self._store)
        if feed is None:
            return None
        one = Wanted(entry, feed, order=self._order(entry, feed))
        unready = [each for each in one.resources if each.digest not in self._ready]
        held = self._store.library.sizes_of(each.digest for each in unready)
        if any(held.get(each.digest) != each.size for each in unready):
            return None
        self._progress.advance(1)
        return one

    def _plan(self, wanted: Sequence[Wanted]) -> Plan:
        """Raises FormatError if even the tables do not make what the feed lists."""
        have = self.have(wanted)
        try:
            return make_plan(wanted, have)
        except Unplanned as lacking:
            more = [
                self._with_tables(one) if one.entry.id in lacking.collections else one
                for one in wanted
            ]
        return make_plan(more, self.have(more))

    def have(self, wanted: Sequence[Wanted]) -> Have:
        """What a plan of ``wanted`` can count on."""
        deflates = all(reproduces(one.deflates) for one in wanted)
        have = survey_for(self._store, wanted, deflates=deflates)
        ready = {digest: place.resource.size for digest, place in self._ready.items()}
        return replace(have, stride=self._stride, resources={**have.resources, **ready})

    def _with_tables(self, one: Wanted) -> Wanted:
        tables = fetch_tables(one.entry, self._transport, self._store)
        return replace(one, tables=tables)


def _portions(entries: Sequence[CollectionEntry]) -> Iterator[Sequence[CollectionEntry]]:
    """The entries in their order, as many at once as their feeds are short."""
    portion: list[CollectionEntry] = []
    size = 0
    for entry in entries:
        if portion and size + entry.feed.plain.size > PORTION:
            yield portion
            portion, size = [], 0
        portion.append(entry)
        size += entry.feed.plain.size
    if portion:
        yield portion


def _is_little(one: Wanted) -> bool:
    """Whether so little of the edition is wanted that chunk packs may well cost less."""
    wanted = sum(resource.size for resource in one.resources)
    return bool(one.steps) and 2 * wanted < sum(each.size for each in one.feed.resources)


def _without(one: Wanted, bad: frozenset[str]) -> Wanted:
    """``one`` without the update packs that are of no use; a way with a gap leads nowhere."""
    if any(step.name in bad for step in one.steps):
        return replace(one, steps=())
    return one
