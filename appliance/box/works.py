"""What can be asked of the box's update side: one request in, one result out.

The command line hands a request to the update process if one runs; if not, it takes the lease and
does the same work itself. Either way it is done here. What a sync does without is imported by the
request that needs it: a sync from the command line spends most of its time on its start.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from appliance import config
from appliance.config import BoxPaths
from appliance.control import Event, NotRunning, ask
from appliance.update import sync as update
from appliance.update.history import SYNCS, believable, note_sync, result_of
from appliance.update.last import keep_error, keep_report
from appliance.update.report import PlanReport, SyncReport, Usage
from appliance.update.sources import Neighbours
from appliance.update.sync import Box, Machine
from sync.errors import KexiaError, UsageError
from sync.lease import hold
from sync.progress import Progress, Silent
from sync.stick.report import SyncResult
from sync.transport.allowance import Purse

if TYPE_CHECKING:
    from appliance.sticks import Stick

_LOG = logging.getLogger("kexia.update")


class Works:
    """Does what is asked of one box; only who holds its lease may ask for more than status."""

    def __init__(self, paths: BoxPaths, machine: Machine) -> None:
        self._paths = paths
        self._machine = machine
        self._commands: dict[str, Callable[[Mapping[str, object], Progress], Event]] = {
            "status": self._status,
            "sync": self._sync,
            "plan": self._plan,
            "rollback": self._rollback,
            "release": self._release,
            "offered": self._offered,
            "set": self._set,
            "back": self._back,
            "backup": self._backup,
            "instruct": self._instruct,
        }

    def __call__(self, message: Mapping[str, object], progress: Progress) -> Event:
        """Do it; raises UsageError for a request nobody knows, else what the work raises."""
        command = self._commands.get(str(message.get("command")))
        if command is None:
            raise UsageError(
                f"unknown command {str(message.get('command'))[:40]!r}",
                hint=f"known are: {', '.join(sorted(self._commands))}",
            )
        return command(message, progress)

    def _box(self, message: Mapping[str, object], budget: int | None = None) -> Box:
        """``budget``: bytes for this work alone, in place of the configured budget.

        A message with ``peers`` false takes nothing from boxes next door.
        """
        machine = self._machine
        if message.get("peers", True) is False:
            network = replace(machine.network, neighbours=Neighbours())
            machine = replace(machine, network=network)
        if budget is not None:
            network = replace(machine.network, purse=lambda: Purse(budget))
            machine = replace(machine, network=network)
        return Box(self._paths, config.load(self._paths), machine)

    def _status(self, _message: Mapping[str, object], _progress: Progress) -> Event:
        return _seen(self._paths)

    def _sync(self, message: Mapping[str, object], progress: Progress) -> Event:
        box = self._box(message, count(message, "budget"))
        clock, kept = self._machine.clock(), self._paths.last_sync
        at = believable(clock)
        try:
            done = measured(lambda: update.sync(box, texts(message, "from"), progress)).value()
        except KexiaError as error:
            with _only_informing():
                note_sync(self._paths.root / SYNCS, SyncResult(at, error.exit_code, 0, 0))
            with _only_informing():
                keep_error(kept, clock.wall, error)
            raise
        with _only_informing():
            note_sync(self._paths.root / SYNCS, result_of(done, at))
        with _only_informing():
            keep_report(kept, clock.wall, done)
        return done

    def _plan(self, message: Mapping[str, object], progress: Progress) -> Event:
        report: PlanReport = update.plan(self._box(message), texts(message, "from"), progress)
        return report.value()

    def _rollback(self, message: Mapping[str, object], progress: Progress) -> Event:
        from appliance.update import rollback

        to = message.get("to")
        if not (to is None or isinstance(to, int)):
            raise UsageError("rollback: `to` is the number of a generation")
        return rollback.rollback(self._box(message), to, progress).value()

    def _release(self, message: Mapping[str, object], progress: Progress) -> Event:
        from appliance.update import rollback

        return rollback.release(self._box(message), progress).value()

    def _offered(self, message: Mapping[str, object], progress: Progress) -> Event:
        from appliance.update.subscribe import offered

        return offered(self._box(message), texts(message, "from"), progress).value()

    def _back(self, _message: Mapping[str, object], progress: Progress) -> Event:
        from appliance.box.papers import prepare

        progress.step("papers", unit="papers")
        return prepare(self._box({})).value()

    def _backup(self, message: Mapping[str, object], progress: Progress) -> Event:
        from appliance.box.papers import save_backup

        to = message.get("to")
        if not isinstance(to, str):
            raise UsageError("backup: `to` is a file to write")
        progress.step("backup", unit="files")
        return save_backup(self._box({}), Path(to))

    def _instruct(self, message: Mapping[str, object], _progress: Progress) -> Event:
        place = message.get("from")
        if not isinstance(place, str):
            raise UsageError("instruct: `from` is the folder a stick is mounted at")
        from appliance.box.instructions import follow_instruction

        return {"done": follow_instruction(self._paths, Path(place))}

    def _set(self, message: Mapping[str, object], _progress: Progress) -> Event:
        from appliance.update.subscribe import set_subscriptions, set_wants

        more, fewer = texts(message, "subscribe"), texts(message, "unsubscribe")
        lessons, no_lessons = texts(message, "want"), texts(message, "no_longer_want")
        return {
            "subscriptions": list(set_subscriptions(self._paths, more, fewer)),
            "wants": list(set_wants(self._paths, lessons, no_lessons)),
        }


def perform(
    paths: BoxPaths, machine: Machine, message: Mapping[str, object], progress: Progress
) -> Event:
    """Have the update process do it, or do it here with the lease; raises what the work raises."""
    config.load(paths)
    try:
        return ask(paths, message, progress)
    except NotRunning:
        with hold(paths.lease, holder=f"kexia box {message.get('command')}"):
            return Works(paths, machine)(message, progress)


def look(paths: BoxPaths) -> Event:
    """The box's status, with what the update process does if one runs; needs no lease."""
    from appliance import sticks

    try:
        value = ask(paths, {"command": "status"}, Silent())
    except NotRunning:
        value = _seen(paths)
    return {**value, "sticks": [_spoken(stick) for stick in sticks.read(paths.volumes).sticks]}


def _spoken(stick: "Stick") -> Event:
    """A stick with its sentences in every language of the box."""
    from appliance.language import Language, speech

    saying = stick.saying
    what = {language.value: speech(language).say(saying.what) for language in Language}
    do = {language.value: speech(language).say(saying.do) for language in Language}
    return {**stick.value(), "percent": stick.percent, "what": what, "do": do}


def _seen(paths: BoxPaths) -> Event:
    from appliance.box.neighbourhood import now
    from appliance.box.neighbours_found import peers_status
    from appliance.box.papers import sending
    from appliance.box.status import read_status
    from appliance.generation import current

    box, served = config.load(paths), current(paths)
    found = read_status(paths, box, served).value()
    return {**found, **sending(paths, served), "peers": peers_status(paths, box, now())}


@contextmanager
def _only_informing() -> Iterator[None]:
    """What a sync came to is told as it was, also where a full disk keeps no note of it."""
    try:
        yield
    except KexiaError as error:
        _LOG.warning("no note of this sync is kept: %s", error.fact)


def measured(work: Callable[[], SyncReport]) -> SyncReport:
    """The report of ``work`` with what it cost this machine."""
    began, cpu = time.monotonic(), time.process_time()
    report = work()
    usage = Usage(
        seconds=time.monotonic() - began,
        cpu_seconds=time.process_time() - cpu,
        peak_rss=peak_rss(),
    )
    return replace(report, usage=usage)


def peak_rss() -> int:
    """Most resident memory of this process so far, in bytes.

    Not getrusage's figure: that one begins with what the process that started us had.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    [line] = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def count(message: Mapping[str, object], name: str) -> int | None:
    """A number in a request, if it is there; raises UsageError."""
    value = message.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UsageError(f"{name}: a number is expected")
    return value


def texts(message: Mapping[str, object], name: str) -> list[str]:
    """A list of texts in a request; raises UsageError."""
    value = message.get(name, [])
    if not isinstance(value, list) or len(value) > 10_000:
        raise UsageError(f"{name}: a list is expected")
    if not all(isinstance(item, str) for item in value):
        raise UsageError(f"{name}: a list of texts is expected")
    return value
