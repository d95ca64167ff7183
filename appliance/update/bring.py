"""Plan → fetch → apply for one publisher: its newest state whose bytes are all to be had.

A candidate whose bytes are incomplete is given up for the next older one; what arrived is kept
for the next sync. Bytes come from any source that answered, so a stick spares the line.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from appliance.record import Kept, PublisherState, Record
from appliance.update.candidates import Candidate, Followed, Heard
from appliance.update.decide import Answer, Offer, Policy, Wish, format_time, wish
from appliance.update.report import PlannedCollection, PlanReport, Problem
from sync.apply import Applied, check_room
from sync.carry import Carrier
from sync.deflate import reproduces
from sync.directory import CollectionEntry
from sync.errors import Incomplete, KexiaError, MediumFailing, NoRoom, NoSource, TrustRefused
from sync.fetch import SHORT
from sync.library import Store
from sync.plan import Wanted, make_plan
from sync.progress import Progress
from sync.seed import kept_tables, survey
from sync.transport.base import Transport
from sync.transport.first import FirstOf
from sync.trust import Trusted


@dataclass(frozen=True, slots=True)
class Desk:
    """What is the same for every publisher of one sync."""

    store: Store
    policy: Policy
    served: Record | None
    progress: Progress


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

    @property
    def followed(self) -> Followed:
        """Whose."""
        return self.heard.followed

    @property
    def trusted(self) -> Trusted | None:
        """What is trusted of it from now on: the chosen state, else the served one."""
        return self.chosen.trusted if self.chosen else self.heard.served

    def answer(self) -> Answer | None:
        """Its part of the next generation; None if it keeps what it has."""
        if self.chosen is None or self.wish is None:
            return None
        return Answer(
            state=state_of(self.chosen.trusted),
            collections=(
                *self.wish.keep,
                *(Kept(self.followed.id, entry) for entry in self.wish.take),
            ),
            withdrawn=withdrawn_of(self.chosen.trusted),
            mended=self.heard.served is None or bool(self.chosen.trusted.repaired),
        )


def bring(heard: Heard, desk: Desk) -> Arrival:
    """The newest candidate of ``heard`` whose content is whole in the library when this returns."""
    arrival = Arrival(heard, None, None, Applied(), heard.problems, heard.notes)
    for candidate in heard.candidates:
        wanted = _wish(candidate, desk)
        try:
            applied = _fulfil(wanted, heard, desk)
        except NoRoom as error:
            return _with(arrival, error)
        except (NoSource, MediumFailing, TrustRefused) as error:
            arrival = _with(arrival, _given_up(candidate, error))
            arrival = replace(arrival, unfinished=(*arrival.unfinished, *wanted.take))
        else:
            notes = (*arrival.notes, *wanted.notes)
            return replace(arrival, chosen=candidate, wish=wanted, applied=applied, notes=notes)
    return arrival


def plan_only(heard: Heard, desk: Desk) -> PlanReport:
    """What ``bring`` would do with the newest candidate; only feeds and tables are fetched."""
    report = PlanReport(notes=heard.notes, problems=heard.problems)
    for candidate in heard.candidates[:1]:
        wanted = _wish(candidate, desk)
        report = replace(report, notes=(*report.notes, *wanted.notes), removed=wanted.drop)
        try:
            report = _planned(report, wanted, heard, desk)
        except (NoSource, MediumFailing, TrustRefused, NoRoom) as error:
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


def _with(arrival: Arrival, error: KexiaError) -> Arrival:
    problem = Problem(arrival.followed.code, error)
    return replace(arrival, problems=(*arrival.problems, problem))


def _fulfil(wanted: Wish, heard: Heard, desk: Desk) -> Applied:
    if not wanted.take:
        return Applied()
    refused: list[TrustRefused] = []
    for transport in _orders(heard):
        try:
            return _carrier(transport, desk).carry(wanted.take)
        except TrustRefused as error:
            refused.append(error)  # altered bytes: perhaps the next source has the true ones
    raise refused[0]


def _wish(candidate: Candidate, desk: Desk) -> Wish:
    trusted = candidate.trusted
    offer = Offer(trusted.publisher_id, trusted.directory, trusted.held)
    return wish(offer, desk.policy, desk.served)


def _orders(heard: Heard) -> Iterator[Transport]:
    """All sources together, each once as the first asked."""
    transports = [source.transport for source in heard.sources]
    for start in range(len(transports)):
        yield FirstOf([*transports[start:], *transports[:start]])


def _carrier(transport: Transport, desk: Desk, *, short: int = SHORT) -> Carrier:
    held = desk.served.collections if desk.served else ()
    editions = {kept.entry.id: kept.entry for kept in held}
    return Carrier(transport, desk.store, desk.progress, editions, short=short)


def _planned(report: PlanReport, wanted: Wish, heard: Heard, desk: Desk) -> PlanReport:
    if not wanted.take:
        return report
    transport = FirstOf([source.transport for source in heard.sources])
    plan = _carrier(transport, desk, short=0).plan(wanted.take)
    report = replace(
        report,
        collections=tuple(_planned_collection(one, desk) for one in plan.wanted),
        files=plan.files,
        bytes_to_fetch=plan.bytes_to_fetch,
        bytes_reused=plan.bytes_reused,
        room_needed=plan.room_needed,
        requests=plan.requests,
    )
    try:
        check_room(plan, desk.store)
    except NoRoom as error:
        problem = Problem(heard.followed.code, error)
        return replace(report, problems=(*report.problems, problem))
    return report


def _planned_collection(one: Wanted, desk: Desk) -> PlannedCollection:
    alone = make_plan([one], survey(desk.store, kept_tables(desk.store), deflates=reproduces()))
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
