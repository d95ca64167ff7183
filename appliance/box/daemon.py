"""The update process: the only writer of lessons, at idle priority, asked over its socket.

It asks by itself in its rhythm, and at once when somebody asks it to. One work at a time: whoever
comes second waits. It may be killed at any instant; the supervisor or systemd starts it again.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta

from appliance import config
from appliance.box.gate import Gate
from appliance.box.identity import open_identity
from appliance.box.schedule import Rhythm, first_wait, next_wait, rhythm
from appliance.box.works import Works
from appliance.config import BoxPaths
from appliance.control import Event, Server
from appliance.folder import bring_forward
from appliance.update.mend import mend
from appliance.update.sync import Machine
from sync.errors import Incomplete, KexiaError, UsageError
from sync.lease import hold
from sync.library import Store
from sync.progress import Progress, Silent

_LOG = logging.getLogger("kexia.update")
_WRITING = frozenset({"sync", "plan", "rollback", "release", "offered", "back", "backup"})
"""Commands that use the library, the scratch folder or the key, so only one at a time."""
_FETCHING = frozenset({"sync", "plan", "offered"})
"""Commands that ask sources, so they would wait while paused."""
LOOK = 30.0
"""Seconds between two looks at the clock."""


class UpdateProcess:
    """Serves the socket and keeps the rhythm until ``stop`` is set."""

    def __init__(
        self,
        paths: BoxPaths,
        machine: Machine,
        *,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._paths = paths
        self._gate = Gate()
        network = replace(machine.network, wrap=self._gate.wrap)
        self._works = Works(paths, replace(machine, network=network))
        self._stop = stop
        self._clock = clock
        self._began = clock()
        self._turn = threading.Lock()
        self._writing_config = threading.Lock()
        self._doing = ""
        self._now = machine.clock
        self._own = self._rhythm()

    def run(self) -> None:
        """Hold the lease, listen, sync in rhythm; raises LeaseHeld if somebody else holds it."""
        with hold(self._paths.lease, holder="kexia box update"):
            bring_forward(self._paths)
            for warning in mend(self._paths, Store(self._paths.root), Silent()):
                _LOG.warning("%s", warning)
            self._know_itself()
            with Server(self._paths, self.handle).listening():
                self._keep_rhythm()
            # The lease is not given back before the work that needs it has ended.
            self._gate.shut()
            with self._turn:
                _LOG.info("ended")

    def _know_itself(self) -> None:
        """At the first start the box makes its key; without one it serves all the same."""
        try:
            _LOG.info("this is box %s", open_identity(self._paths).box)
        except KexiaError as error:
            _LOG.error("%s", error.fact)

    def handle(self, message: Mapping[str, object], progress: Progress) -> Event:
        """One request from the socket; raises what the work raises, Incomplete while paused."""
        command = str(message.get("command"))
        if command == "pause":
            self._gate.close()
            return self._state()
        if command == "resume":
            self._gate.open()
            return self._state()
        if command == "status":
            return {**self._works(message, progress), "update": self._state()}
        if command == "set":
            with self._writing_config:
                return self._works(message, progress)
        if command not in _WRITING:
            return self._works(message, progress)
        if command in _FETCHING and not self._gate.is_open:
            raise Incomplete(
                "the update process is paused",
                hint=f"go on with: kexia box resume {self._paths.root}",
            )
        return self._in_turn(command, message, progress)

    def _in_turn(self, command: str, message: Mapping[str, object], progress: Progress) -> Event:
        """Begun, it waits at the gate if somebody pauses."""
        with self._taking_turn(command, progress), self._gate.telling(progress) as told:
            return self._works(message, told)

    def _state(self) -> Event:
        return {"running": True, "doing": self._doing, "paused": not self._gate.is_open}

    @contextmanager
    def _taking_turn(self, command: str, progress: Progress) -> Iterator[None]:
        if not self._turn.acquire(blocking=False):
            progress.step(f"waiting for {self._doing or 'other work'}", unit="turns")
            self._turn.acquire()
        self._doing = command
        try:
            yield
        finally:
            self._doing = ""
            self._turn.release()

    def _keep_rhythm(self) -> None:
        own = self._own
        due = self._began + first_wait(own).total_seconds()
        failures = 0
        while not self._stop.wait(self._until(due, own)):
            own = self._rhythm_or(own)
            if own.is_on and self._may_ask() and self._clock() >= due:
                code = self._sync_once()
                failures = failures + 1 if code else 0
                wait = next_wait(own, exit_code=code, failures=failures)
                due = self._clock() + wait.total_seconds()

    def _until(self, due: float, own: Rhythm) -> float:
        """Seconds to the next look; whoever resumes finds a sync that fell due within LOOK."""
        if not (own.is_on and self._may_ask()):
            return LOOK
        return min(LOOK, max(0.0, due - self._clock()))

    def _may_ask(self) -> bool:
        """Nobody paused, and it is night; an empty box, or one with no clock, does not wait."""
        if not self._gate.is_open:
            return False
        now = self._now()
        return not (now.wall_is_set and self._paths.current.exists()) or self._night.holds(now.wall)

    def _rhythm(self) -> Rhythm:
        box = config.load(self._paths)
        self._night = box.night
        return rhythm(box.name, every=timedelta(hours=box.sync_every_hours))

    def _rhythm_or(self, known: Rhythm) -> Rhythm:
        """That of kexia.toml; ``known`` while somebody's slip of the pen stands there."""
        try:
            return self._rhythm()
        except UsageError:
            return known

    def _sync_once(self) -> int:
        try:
            report = self._in_turn("sync", {"command": "sync"}, Silent())
        except KexiaError as error:
            _LOG.error("sync: %s", error.fact)
            return error.exit_code
        code = report.get("exit_code")
        _LOG.info("sync: generation %s, exit code %s", report.get("generation"), code)
        return code if isinstance(code, int) else 0


def lower_priority() -> None:
    """Give way to the pages in everything: CPU at idle priority where the kernel allows it."""
    with suppress(OSError):
        os.nice(19)
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
