"""Carry: from what is wanted to what is held: fetch the lists, plan, apply, until all is in.

Each turn leaves out what the last one found unusable (a damaged file of the box's own, an update
pack that is missing or wrong), so there is an end to it: chunk packs alone are the last way.
"""

from collections.abc import Mapping, Sequence

from sync.apply import Applied, apply
from sync.deflate import reproduces
from sync.directory import CollectionEntry
from sync.fetch import SHORT, Start, fetch_tables, fetch_wanted
from sync.library import Store
from sync.plan import Plan, Unplanned, Wanted, make_plan
from sync.progress import Progress
from sync.seed import kept_tables, survey
from sync.transport.base import Transport


class Carrier:
    """Brings editions in from one transport."""

    def __init__(
        self,
        transport: Transport,
        store: Store,
        progress: Progress,
        held: Mapping[str, CollectionEntry],
        *,
        short: int = SHORT,
    ) -> None:
        """``held``: by collection, the entry of the edition the box holds whole.

        ``short``: the longest update packs that are read whole, in bytes; 0 if only a plan is
        asked for.
        """
        self._transport = transport
        self._store = store
        self._progress = progress
        self._held = held
        self._short = short

    def plan(self, entries: Sequence[CollectionEntry]) -> Plan:
        """What ``carry`` would do first; only lists are fetched, and kept."""
        self._progress.step("plan", total=len(entries), unit="collections")
        return self._plan([self._wanted(entry) for entry in entries])

    def carry(self, entries: Sequence[CollectionEntry]) -> Applied:
        """Make all resources of the entries' editions, durably.

        Raises NoRoom, NoSource, ProofFailed (the source delivers something else), FormatError (what
        was signed contradicts itself); what is done is kept.
        """
        return self.execute(self.plan(entries))

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

    def _wanted(self, entry: CollectionEntry) -> Wanted:
        start = Start(self._held.get(entry.id))
        found = fetch_wanted(entry, start, self._transport, self._store, short=self._short)
        self._progress.advance(1)
        return found

    def _plan(self, wanted: Sequence[Wanted]) -> Plan:
        """Raises FormatError if even the tables do not make what the feed lists."""
        have = survey(self._store, kept_tables(self._store), deflates=reproduces())
        try:
            return make_plan(wanted, have)
        except Unplanned as lacking:
            more = [
                self._with_tables(one) if one.entry.id in lacking.collections else one
                for one in wanted
            ]
        have = survey(self._store, kept_tables(self._store), deflates=reproduces())
        return make_plan(more, have)

    def _with_tables(self, one: Wanted) -> Wanted:
        tables = fetch_tables(one.entry, self._transport, self._store)
        return Wanted(one.entry, one.feed, tables, one.steps)


def _without(one: Wanted, bad: frozenset[str]) -> Wanted:
    """``one`` without the update packs that are of no use; a way with a gap leads nowhere."""
    if any(step.name in bad for step in one.steps):
        return Wanted(one.entry, one.feed, one.tables)
    return one
