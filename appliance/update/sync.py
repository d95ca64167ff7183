"""One sync: trust → plan → fetch → apply → ingest → index → switch.

Only who holds the lease may run it. What it does before the switch is of use to the next sync and
unseen by ``serve``; killed at any instant, the box serves the old generation or the new one.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.config import BoxConfig, BoxPaths
from appliance.firststart.noted import read_site_of
from appliance.generation import KEPT, survey
from appliance.record import Record
from appliance.timetable import keep as timetables
from appliance.timetable.week import Period
from appliance.update.bring import Arrival, bring, plan_only
from appliance.update.build import Bench, build, tidy
from appliance.update.candidates import Ear, Followed, Heard, hear
from appliance.update.carrying import Desk, Haste
from appliance.update.decide import Answer, Content, Policy, compose, is_worth_keeping
from appliance.update.follow import Part, Visit, configured, follow
from appliance.update.matters import Classes
from appliance.update.memory import publisher_states, readable_records, remember, trust_folder
from appliance.update.mend import mend
from appliance.update.published import forget_published, keep_published
from appliance.update.report import PlanReport, Problem, SyncReport, together
from appliance.update.sources import Count, Network, Sources
from sync.errors import KexiaError
from sync.files import make_folder
from sync.library import Store
from sync.progress import Progress
from sync.transport.shift import Shift
from sync.trust import DemoKeys, TrustClock, Trusted

SHIFT_SECONDS = 600.0
"""How long content comes in before lessons that are whole are shown."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What a sync takes from the machine it runs on: the time, the ways out."""

    clock: Callable[[], TrustClock]
    network: Network
    ticks: Callable[[], float]
    """Seconds that never go back."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box at work: its folder, its configuration, its machine."""

    paths: BoxPaths
    config: BoxConfig
    machine: Machine

    @property
    def store(self) -> Store:
        """What it keeps by digest."""
        return Store(self.paths.root)

    @property
    def demo(self) -> DemoKeys:
        """Whether it takes publishers with demo keys."""
        return DemoKeys.ACCEPT if self.config.demo else DemoKeys.REFUSE


def sync(box: Box, carried: Sequence[str], progress: Progress) -> SyncReport:
    """Bring in what the publishers sign and this box wants; ``carried``: folders or URLs.

    A publisher or source that fails is a problem in the report; what was whole is served.
    Raises KexiaError only for what stops everything (no room for the catalogue, a failing disk).
    """
    with _Round(box, carried, progress).begun() as work:
        while True:
            arrivals = work.each(work.bring)
            content = compose(_answers(arrivals), work.policy, work.record)
            if is_worth_keeping(content, work.record):
                work.switch_to(content, arrivals)
            work.tidy(arrivals)
            if not any(one.waits_for_the_next_shift for one in arrivals):
                return work.report(arrivals, content)
            work.begin_shift(arrivals, content)


def plan(box: Box, carried: Sequence[str], progress: Progress) -> PlanReport:
    """What ``sync`` would do; fetches feeds and tables, changes nothing that is served."""
    with _Round(box, carried, progress).begun() as work:
        reports = work.each(work.plan)
        return together(
            [
                *reports,
                PlanReport(notes=(*work.warnings, *work.line()), problems=work.own_problems()),
            ]
        )


def hear_all(
    box: Box, carried: Sequence[str], progress: Progress
) -> list[tuple[Trusted | None, tuple[Problem, ...]]]:
    """The newest state of every publisher, and what went wrong with it; nothing is kept."""
    with _Round(box, carried, progress).begun() as work:
        return [*work.each(work.listen), (None, work.own_problems())]


class _Round:
    """One sync of one box, step by step."""

    def __init__(self, box: Box, carried: Sequence[str], progress: Progress) -> None:
        self._box, self._progress = box, progress
        self._sources = Sources(box.machine.network, carried)
        self._first, self._unusable = configured(box.paths, box.config)
        self.warnings = mend(box.paths, box.store, progress)
        self._metadata = Count()
        self._is_new = False
        self._haste = Haste.ALL_AT_ONCE if self._sources.purse is None else Haste.FIRST_THINGS_FIRST
        self._earlier: tuple[Arrival, ...] = ()
        """Of the shifts that are over."""
        self._removed: tuple[str, ...] = ()
        self._look()

    @contextmanager
    def begun(self) -> Iterator["_Round"]:
        """With an empty scratch folder, gone at the end."""
        scratch = self._box.paths.scratch
        self._clear()
        try:
            yield self
        finally:
            if self._sources.purse is not None:
                self._sources.purse.close()
            shutil.rmtree(scratch, ignore_errors=True)

    def begin_shift(self, arrivals: Sequence[Arrival], content: Content) -> None:
        """Go on after what was whole is shown; as it takes long, lesson by lesson."""
        self._earlier += tuple(arrivals)
        self._removed += content.removed
        self._haste = Haste.FIRST_THINGS_FIRST
        self._clear()
        self._look()

    def _clear(self) -> None:
        shutil.rmtree(self._box.paths.scratch, ignore_errors=True)
        make_folder(self._box.paths.scratch)

    def _look(self) -> None:
        """See what is served now."""
        self._found = survey(self._box.paths)
        self._served = self._found.whole[0] if self._found.whole else None
        self._shift = Shift(SHIFT_SECONDS, self._box.machine.ticks)
        self.record = self._read_record()
        self.policy = self._read_policy()

    def each(self, visit: Visit[Part]) -> list[Part]:
        """Visit every publisher this box follows."""
        return follow(self._first, self._box.config, visit)

    def bring(self, followed: Followed, others: Sequence[str]) -> tuple[Arrival, Trusted | None]:
        """Trust → plan → fetch → apply, for one publisher."""
        arrival = bring(self._hear(followed, others), self._desk)
        return arrival, arrival.trusted

    def plan(self, followed: Followed, others: Sequence[str]) -> tuple[PlanReport, Trusted | None]:
        """Trust → plan, for one publisher."""
        heard = self._hear(followed, others)
        return plan_only(heard, self._desk), heard.newest

    def listen(
        self, followed: Followed, others: Sequence[str]
    ) -> tuple[tuple[Trusted | None, tuple[Problem, ...]], Trusted | None]:
        """Trust, for one publisher."""
        heard = self._hear(followed, others)
        return (heard.newest, heard.problems), heard.newest

    def switch_to(self, content: Content, arrivals: Sequence[Arrival]) -> None:
        """Ingest → index → switch."""
        bench = Bench(self._box.paths, self._box.store, self._served, self._progress)
        self._served = build(bench, content, self._trust(content, arrivals))
        self._is_new = True

    def tidy(self, arrivals: Sequence[Arrival]) -> None:
        """What nobody needs any more goes; also after a sync that was killed before it could."""
        if self._is_new or len(self._found.folders) > KEPT:
            unfinished = [entry for one in arrivals for entry in one.unfinished]
            tidy(self._box.paths, self._box.store, unfinished)
        self._keep_published()

    def _keep_published(self) -> None:
        """What neighbours ask for and this box has in another form only."""
        if not self._box.config.peers.serve:
            forget_published(self._box.paths)
        elif self._served is not None:
            keep_published(self._box.paths, self._served.record)

    def report(self, arrivals: Sequence[Arrival], content: Content) -> SyncReport:
        """What came of it."""
        total = self._sources.count()
        every = (*self._earlier, *arrivals)
        served = self._served.record.collections if self._served else ()
        taken = [kept.entry for kept in served if any(one.took(kept.entry) for one in every)]
        problems = (problem for one in arrivals for problem in one.problems)
        notes = (note for one in arrivals for note in one.notes)
        return SyncReport(
            generation=self._served.number if self._served else 0,
            is_new=self._is_new,
            editions={entry.id: entry.edition for entry in taken},
            removed=tuple(dict.fromkeys((*self._removed, *content.removed))),
            withdrawn=len(content.withdrawn),
            bytes_fetched=total.since(self._metadata).bytes,
            metadata_bytes=self._metadata.bytes,
            peer_bytes=self._sources.peer_count().bytes,
            requests=total.requests,
            bytes_reused=sum(one.applied.bytes_reused for one in every),
            resources_new=sum(one.applied.resources_new for one in every),
            notes=(*self.warnings, *self.line(), *notes, *self._sources.peer_notes()),
            problems=(*self.own_problems(), *problems),
        )

    def line(self) -> tuple[str, ...]:
        """What makes the line a metered one."""
        purse = self._sources.purse
        return (purse.why,) if purse is not None and purse.why else ()

    def own_problems(self) -> tuple[Problem, ...]:
        """Those of no publisher that was visited: a useless root, a useless medium."""
        media = (Problem("", error) for error in self._sources.check_carried())
        return (*self._unusable, *media)

    def _hear(self, followed: Followed, others: Sequence[str]) -> Heard:
        """Trust: what its sources sign, none of it durable yet."""
        self._progress.step(f"trust {followed.code}", unit="files")
        before = self._sources.count()
        clock, demo = self._box.machine.clock(), self._box.demo
        scratch = self._box.paths.scratch
        known = remember(self._found, scratch, root=followed.root, clock=clock, demo=demo)
        heard = hear(Ear(followed, known, clock, demo), self._sources, followed, others)
        self._metadata = self._metadata.plus(self._sources.count().since(before))
        return heard

    def _read_record(self) -> Record | None:
        """What the served generation was made from, with the newest known of each publisher."""
        if self._served is None:
            return None
        known = self._served.record.publishers
        newest = tuple(publisher_states(self._found, state.id)[0] for state in known)
        return replace(self._served.record, publishers=newest)

    def _read_policy(self) -> Policy:
        number = self._served.number if self._served else 0
        lost = (one for one in readable_records(self._found) if one.number > number)
        return Policy(
            subscriptions=self._box.config.subscriptions,
            wants=frozenset(self._box.config.wants),
            classes=_classes(self._box.paths),
            holds=self._served.record.holds if self._served else {},
            withdrawn=frozenset(pair for one in lost for pair in one.withdrawn),
        )

    @property
    def _desk(self) -> Desk:
        return Desk(
            self._box.store,
            self.policy,
            self.record,
            self._progress,
            self._haste,
            self._box.machine.clock(),
            self._shift,
            self._box.config.peers,
        )

    def _trust(self, content: Content, arrivals: Sequence[Arrival]) -> dict[str, Path]:
        """Where each publisher's trust state lies: as chosen now, else the newest kept."""
        known = {state.id: trust_folder(self._found, state.id) for state in content.publishers}
        chosen = {one.followed.id: one.chosen.folder for one in arrivals if one.chosen}
        return {key: path for key, path in {**known, **chosen}.items() if path is not None}


def _classes(paths: BoxPaths) -> Classes:
    """Who learns where this box stands, by its timetable and its site file; else everybody."""
    week: tuple[Period, ...] = ()
    with suppress(KexiaError):  # one that cannot be read: as if there were none
        week = timetables.load(paths)
    taught = frozenset((one.grade, one.subject) for each in week for one in each.taught)
    site = read_site_of(paths)
    grades = {f"g{grade}" for grade in site.grades} if site else set()
    subjects = frozenset(site.subjects) if site else frozenset()
    return Classes(frozenset(grades | {grade for grade, _ in taught}), subjects, taught)


def _answers(arrivals: Sequence[Arrival]) -> list[Answer]:
    return [answer for one in arrivals if (answer := one.answer()) is not None]
