"""``kexia box system``: settle what the last start showed, decide about what lies ready, do it.

Runs as root, every quarter of an hour and when a technician asks. Everything it learns of the
machine comes in ``Machine``; what was decided stands in one ``Outcome``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from appliance.config import BoxConfig, BoxPaths
from appliance.system import policy
from appliance.system.history import (
    Event,
    History,
    Outcome,
    Phase,
    Running,
    forgiven,
    settle,
)
from appliance.system.install import Desk
from appliance.system.offer import NothingReady, Ready, find_ready
from appliance.system.policy import Answer, Moment, decide, is_idle
from sync.errors import KexiaError, TrustRefused, UsageError
from sync.files import free_space
from sync.progress import Progress
from sync.trust import TrustClock
from sync.trust.clock import format_time, reference_time


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine as this programme needs it."""

    running: Running
    slot: str
    clock: TrustClock
    busy: Callable[[], bool]
    """Lessons are coming in, or somebody paused updates."""
    looks: Callable[[], int]
    """Looks in a row at which nobody was on the pages; asking is a look."""
    restart: Callable[[], None]
    desk: Desk = field(default_factory=Desk)


@dataclass(frozen=True, slots=True)
class State:
    """What is known, for people and scripts."""

    running: str
    slot: str
    confirmed: bool
    floor: str
    collection: str
    """That brings updates; empty: none does."""
    ready: str
    """Version that lies ready; empty: none."""
    answer: str
    """What is done with it (``policy.Answer``); empty: nothing lies ready."""
    why: str
    """Why nothing lies ready; empty otherwise."""
    pending: str
    """Version that is under way, and how far; empty: none."""
    failed: tuple[str, ...]
    """Versions that failed here."""
    events: tuple[Event, ...]

    def value(self) -> dict[str, object]:
        """For JSON."""
        return {
            "running": self.running,
            "slot": self.slot,
            "confirmed": self.confirmed,
            "floor": self.floor,
            "collection": self.collection,
            "ready": self.ready,
            "answer": self.answer,
            "why": self.why,
            "pending": self.pending,
            "failed": list(self.failed),
            "events": [
                {"version": one.version, "outcome": str(one.outcome), "at": one.at}
                for one in self.events
            ],
        }


@dataclass(frozen=True, slots=True)
class Attendant:
    """One box and its machine."""

    paths: BoxPaths
    config: BoxConfig
    machine: Machine

    def state(self) -> State:
        """What is known, this start taken into account; changes nothing."""
        history = settle(self._history(), self.machine.running, self._at())
        ready, why = self._ready()
        answer = policy.may_ever(ready.system, self.machine.running, history) if ready else None
        return self._told(history, ready, answer, why)

    def run(self, progress: Progress) -> State:
        """What is to be done by itself now; raises TrustRefused, InstallFailed, NoRoom."""
        history = self.machine.desk.settle(self.machine.running, self._at())
        idle = self._idle()
        ready, why = self._ready()
        answer: Answer | None = None
        if ready is not None:
            moment = Moment(self._free(), self.machine.busy(), idle)
            answer = decide(ready.system, self.machine.running, history, moment)
            if answer is Answer.INSTALL:
                history = self._install(ready, ready.bundle, progress)
                answer, idle = Answer.RESTART, self._idle()
        if self._waits(history) and idle and not self.machine.busy():
            self.machine.restart()
        return self._told(history, ready, answer, why)

    def install(self, bundle: Path | None, *, again: bool, progress: Progress) -> State:
        """Install what lies ready, whatever the hour; ``bundle``: the same from elsewhere.

        ``again``: also if it failed here before. Raises UsageError if that is not to be done,
        TrustRefused if its signature does not hold.
        """
        history = self.machine.desk.settle(self.machine.running, self._at())
        ready, why = self._ready()
        if ready is None:
            raise UsageError(why, hint=f"bring it first: kexia box sync {self.paths.root}")
        if again:
            history = forgiven(history, ready.system.bundle)
            self.machine.desk.write(history)
        moment = Moment(self._free(), busy=False, idle=True)
        answer = decide(ready.system, self.machine.running, history, moment)
        if answer is Answer.FAILED and _was_refused(history, ready):
            raise TrustRefused(
                f"{ready.system.version}: its signature did not hold here before",
                hint="with --again it is judged once more",
            )
        if answer is not Answer.INSTALL:
            fact, hint = REFUSALS[answer]
            raise UsageError(f"{ready.system.version}: {fact}", hint=hint)
        history = self._install(ready, bundle or ready.bundle, progress)
        return self._told(history, ready, Answer.RESTART, "")

    def _install(self, ready: Ready, bundle: Path, progress: Progress) -> History:
        desk, running = self.machine.desk, self.machine.running
        return desk.install(ready.system, bundle, running, self._at(), progress)

    def _ready(self) -> tuple[Ready | None, str]:
        try:
            return find_ready(self.paths, self.config, self.machine.clock), ""
        except NothingReady as nothing:
            return None, nothing.fact

    def _history(self) -> History:
        return self.machine.desk.read()

    def _waits(self, history: History) -> bool:
        pending = history.pending
        boot = self.machine.running.boot
        return pending is not None and (pending.phase, pending.boot) == (Phase.INSTALLED, boot)

    def _idle(self) -> bool:
        clock = self.machine.clock
        window = self.config.night if self.config.night.begin else policy.NIGHT
        night = clock.wall_is_set and window.holds(clock.wall)
        return is_idle(self.machine.looks(), night=night)

    def _free(self) -> int:
        folder = self.machine.desk.folder
        free = free_space(folder if folder.is_dir() else folder.parent)
        return free + self.machine.desk.left_over()

    def _at(self) -> str:
        clock = self.machine.clock
        return format_time(clock.wall) if reference_time(clock) == clock.wall else ""

    def _told(
        self, history: History, ready: Ready | None, answer: Answer | None, why: str
    ) -> State:
        pending, running = history.pending, self.machine.running
        return State(
            running=running.version,
            slot=self.machine.slot,
            confirmed=running.confirmed,
            floor=history.floor or running.floor,
            collection=self.config.system,
            ready=ready.system.version if ready else "",
            answer=str(answer) if answer else "",
            why=why,
            pending=f"{pending.version} {pending.phase}" if pending else "",
            failed=tuple(one.version for one in history.failed),
            events=history.events,
        )


def _was_refused(history: History, ready: Ready) -> bool:
    failure = history.failure(ready.system.bundle)
    return failure is not None and failure.outcome is Outcome.REFUSED


REFUSALS: dict[Answer, tuple[str, str]] = {
    Answer.CURRENT: ("this system runs already", "nothing is to be done"),
    Answer.OLDER: ("older than what this box may go back to", "publish a newer one"),
    Answer.OTHER_BOX: ("made for another kind of box", "subscribe to the collection of this kind"),
    Answer.FAILED: ("it was tried here and did not hold", "with --again it is tried once more"),
    Answer.RESTART: ("it is installed", "restart the box; it is tried then"),
    Answer.UNCONFIRMED: (
        "the system that runs is not confirmed yet",
        "wait some minutes after the start; `kexia box health` says what is not sound",
    ),
    Answer.NO_ROOM: ("no room for a copy of it", "remove lessons or wait for the next prune"),
    Answer.BUSY: ("lessons are coming in", "wait until they are here"),
    Answer.IN_USE: ("somebody is on the pages", "wait for the night"),
}


class NoImage(KexiaError):
    """This machine was started from no box's image: it has no slots."""

    exit_code = 2
