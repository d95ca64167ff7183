"""Plan → fetch → apply for one publisher: its newest state whose bytes are all to be had.

A candidate whose bytes are incomplete is given up for the next older one; what arrived is kept
for the next sync. Bytes come from any source that answered, so a stick spares the line.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from appliance.needs import needs_of
from appliance.record import Ahead, Kept, PublisherState
from appliance.update.build import read_feed
from appliance.update.candidates import Candidate, Followed, Heard
from appliance.update.carrying import Carrying, Desk
from appliance.update.decide import Answer, Offer, Wish, format_time, wish
from appliance.update.report import PlannedCollection, PlanReport, Problem
from sync.apply import Applied, check_room
from sync.digest import Digest
from sync.directory import CollectionEntry
from sync.errors import (
    BudgetSpent,
    Incomplete,
    KexiaError,
    MediumFailing,
    NoRoom,
    NoSource,
    ShiftOver,
    TrustRefused,
)
from sync.plan import Have, Wanted, make_plan
from sync.trust import Trusted


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of one publisher: the state that is whole, or None if nothing was to be had."""

    heard: Heard
    chosen: Candidate | None
    wish: Wish | None
    applied: Applied
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    unfinished: tuple[CollectionEntry, ...] = ()
    """Editions that began to come in and wait for their rest."""
    taken: tuple[Kept, ...] = ()
    """Collections that are new in what is served; of some perhaps only lessons that are whole."""
    partly: Candidate | None = None
    """The state of which ``taken`` holds some lessons already."""

    @property
    def waits_for_the_next_shift(self) -> bool:
        """True if more would have come had not the time been up to show something."""
        return any(isinstance(problem.error, ShiftOver) for problem in self.problems)

    @property
    def followed(self) -> Followed:
        """Whose."""
        return self.heard.followed

    @property
    def trusted(self) -> Trusted | None:
        """What is trusted of it from now on: the chosen state, else the served one."""
        return self.chosen.trusted if self.chosen else self.heard.served

    def took(self, entry: CollectionEntry) -> bool:
        """Whether it was to bring this edition in."""
        return self.wish is not None and entry in self.wish.take

    def answer(self) -> Answer | None:
        """Its part of the next generation; None if it keeps what it has."""
        heard = self.chosen or self.partly
        trusted = self.trusted
        if heard is None or trusted is None or self.wish is None:
            return None
        return Answer(
            state=state_of(trusted),
            collections=(
                *self.wish.keep,
                *self.taken,
            ),
            withdrawn=withdrawn_of(heard.trusted),
            mended=self.heard.served is None or bool(trusted.repaired),
        )


def bring(heard: Heard, desk: Desk) -> Arrival:
    """The newest candidate of ``heard`` whose content is whole in the library when this returns."""
    arrival = Arrival(heard, None, None, Applied(), heard.problems, heard.notes)
    begun: tuple[Candidate, Wish] | None = None
    for candidate in heard.candidates:
        wanted = _wish(candidate, desk)
        carrying = Carrying(wanted, heard, desk)
        try:
            applied, taken = _carry(carrying, candidate, wanted, desk)
        except NoRoom as error:
            return _with(arrival, error)
        except (BudgetSpent, ShiftOver) as error:
            return _partly(_with(arrival, error, *carrying.notes), candidate, wanted, desk)
        except (NoSource, MediumFailing, TrustRefused) as error:
            worst = carrying.failing or _given_up(candidate, error)
            arrival = _with(arrival, worst, *carrying.notes)
            arrival = replace(arrival, unfinished=(*arrival.unfinished, *wanted.take))
            if not isinstance(error, TrustRefused):
                begun = begun or (candidate, wanted)
        else:
            if begun and not wanted.take:  # nothing older is new here: what is whole of the newer
                return _partly(arrival, *begun, desk)
            notes = (*arrival.notes, *wanted.notes, *carrying.notes)
            carrying.keep_tables()
            return replace(
                arrival, chosen=candidate, wish=wanted, applied=applied, notes=notes, taken=taken
            )
    return _partly(arrival, *begun, desk) if begun else arrival


def plan_only(heard: Heard, desk: Desk) -> PlanReport:
    """What ``bring`` would do with the newest candidate; only lists are fetched."""
    report = PlanReport(notes=heard.notes, problems=heard.problems)
    for candidate in heard.candidates[:1]:
        wanted = _wish(candidate, desk)
        report = replace(report, notes=(*report.notes, *wanted.notes), removed=wanted.drop)
        try:
            report = _planned(report, wanted, heard, desk)
        except (NoSource, MediumFailing, TrustRefused, NoRoom, BudgetSpent) as error:
            problem = Problem(heard.followed.code, error)
            report = replace(report, problems=(*report.problems, problem))
    return report


def state_of(trusted: Trusted) -> PublisherState:
    """What the record says of a publisher."""
    return PublisherState(
        id=trusted.publisher_id,
        code=trusted.code,
        name=trusted.directory.name,
        versions=dict(trusted.versions),
        signed_at=format_time(trusted.signed_at),
    )


def withdrawn_of(trusted: Trusted) -> frozenset[tuple[str, str]]:
    """Lessons the publisher hides, of its own collections only."""
    return frozenset(
        (item.collection, item.lesson)
        for item in trusted.withdrawals
        if item.collection.startswith(f"{trusted.code}/")
    )


def _with(arrival: Arrival, error: KexiaError, *notes: str) -> Arrival:
    problem = Problem(arrival.followed.code, error)
    return replace(arrival, problems=(*arrival.problems, problem), notes=(*arrival.notes, *notes))


def _wish(candidate: Candidate, desk: Desk) -> Wish:
    trusted = candidate.trusted
    offer = Offer(trusted.publisher_id, trusted.directory, trusted.held)
    return wish(offer, desk.policy, desk.served)


def _taken(entry: CollectionEntry, publisher: str, desk: Desk) -> Kept:
    """An edition that came in whole, or the only lessons that were wanted of it."""
    only = desk.policy.wanted_of(entry.id)
    if only is None:
        return Kept(publisher, entry)
    known = {one.lesson for one in needs_of(read_feed(desk.store, entry))}
    return Kept(publisher, entry, tuple(lesson for lesson in only if lesson in known))


def _carry(
    carrying: Carrying, candidate: Candidate, wanted: Wish, desk: Desk
) -> tuple[Applied, tuple[Kept, ...]]:
    """Bring what is wished for; what was done, and what is to be kept of each edition."""
    try:
        applied = carrying.carry()
    except (NoSource, MediumFailing):
        if shown := _shown(candidate, wanted, desk):
            return Applied(), shown
        raise
    publisher = candidate.trusted.publisher_id
    return applied, tuple(_taken(entry, publisher, desk) for entry in wanted.take)


def _shown(candidate: Candidate, wanted: Wish, desk: Desk) -> tuple[Kept, ...]:
    """The editions wished for, if all is here but files that only withdrawn lessons need.

    Neighbours do not pass those on. When such a lesson is let through again it comes then: of an
    edition that is kept by its lessons, the rest is asked for with every sync. Else nothing.
    """
    hidden, sizes = withdrawn_of(candidate.trusted), desk.store.library.sizes()
    found: list[Kept] = []
    for entry in wanted.take:
        if not desk.store.feeds.has(entry.feed.plain.digest):
            return ()
        only = desk.policy.wanted_of(entry.id)
        needs = [
            one
            for one in needs_of(read_feed(desk.store, entry))
            if (only is None or one.lesson in only) and (entry.id, one.lesson) not in hidden
        ]
        if not needs or not all(one.is_whole(sizes) for one in needs):
            return ()
        lessons = tuple(sorted(one.lesson for one in needs))
        found.append(Kept(candidate.trusted.publisher_id, entry, lessons))
    return tuple(found)


def _partly(arrival: Arrival, candidate: Candidate, wanted: Wish, desk: Desk) -> Arrival:
    """What of a state can be served although its rest has to wait: the lessons that are whole.

    The trust state does not go on with it: a stick that holds an older state whole stays welcome.
    Only a box that has none yet takes it, as its first.
    """
    sizes = desk.store.library.sizes()
    taken = [_part(entry, arrival.followed.id, desk, sizes) for entry in wanted.take]
    return replace(
        arrival,
        chosen=None if arrival.heard.served else candidate,
        partly=candidate,
        wish=wanted,
        taken=tuple(kept for kept in taken if kept is not None),
        unfinished=(*arrival.unfinished, *wanted.take),
    )


def _part(
    entry: CollectionEntry, publisher: str, desk: Desk, sizes: Mapping[Digest, int]
) -> Kept | None:
    """What is served of a collection while ``entry`` comes in; None if nothing of it is here."""
    before = desk.served.kept(entry.id) if desk.served else None
    if not desk.store.feeds.has(entry.feed.plain.digest):
        return before
    needs, only = needs_of(read_feed(desk.store, entry)), desk.policy.wanted_of(entry.id)
    asked = [one for one in needs if only is None or one.lesson in only]
    whole = tuple(sorted(one.lesson for one in asked if one.is_whole(sizes)))
    if len(whole) == len(asked):
        return _taken(entry, publisher, desk)
    if not whole:
        return before
    if before is None or before.entry.feed == entry.feed:
        return Kept(publisher, entry, whole)
    return Kept(publisher, before.entry, before.lessons, Ahead(entry, whole))


def _planned(report: PlanReport, wanted: Wish, heard: Heard, desk: Desk) -> PlanReport:
    if not wanted.take:
        return report
    carrying = Carrying(wanted, heard, desk)
    plan = carrying.plan()
    have = carrying.have(plan)
    report = replace(
        report,
        collections=tuple(_planned_collection(one, have) for one in plan.wanted),
        files=plan.files,
        bytes_to_fetch=plan.bytes_to_fetch,
        bytes_reused=plan.bytes_reused,
        bytes_ready=carrying.ready,
        room_needed=plan.room_needed,
        requests=plan.requests,
    )
    try:
        check_room(plan, desk.store, besides=carrying.ready)
    except NoRoom as error:
        problem = Problem(heard.followed.code, error)
        return replace(report, problems=(*report.problems, problem))
    return report


def _planned_collection(one: Wanted, have: Have) -> PlannedCollection:
    alone = make_plan([one], have)
    return PlannedCollection(
        id=one.entry.id,
        title=one.entry.title,
        edition=one.entry.edition,
        files=alone.files,
        bytes_to_fetch=alone.bytes_to_fetch,
        bytes_reused=alone.bytes_reused,
    )


def _given_up(candidate: Candidate, error: KexiaError) -> KexiaError:
    if not isinstance(error, NoSource):
        return error
    where = candidate.source.label if candidate.source else "this box"
    return Incomplete(
        f"the state of {where} is not complete anywhere: {error.fact}",
        hint="what has arrived is kept; sync again when the source is complete",
    )
