"""``kexia box run``: the update process and the serve process side by side, each restarted alone.

For a demo, a container or a laptop; on an image systemd does this with the units in
``appliance/units``. An import that fails can never take the pages down, and the other way round.
"""

import logging
import threading
from collections.abc import Callable, Sequence

from sync.errors import KexiaError, LeaseHeld, UsageError
from sync.run import Process, start

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a process that died is started again; doubled each time."""
STEADY = 60.0
"""Seconds after which a process counts as running well."""
LAST_WORDS = 15.0
"""Seconds a process has to end by itself."""
LOOK = 0.2
HOPELESS = (UsageError.exit_code, LeaseHeld.exit_code)
"""Exit codes of a first start that no restart mends: wrong settings, somebody else at work."""
_LOG = logging.getLogger("kexia.run")


class CannotStart(KexiaError):
    """A process ended at its first start with a code that restarting does not change; it has it."""

    def __init__(self, name: str, exit_code: int) -> None:
        super().__init__(
            f"{name} cannot start (exit code {exit_code}), so nothing runs",
            hint="its own message stands above",
        )
        self.exit_code = exit_code


class Watched:
    """One process, started again when it dies."""

    def __init__(self, name: str, command: Sequence[str], clock: Callable[[], float]) -> None:
        self.name = name
        self._command = list(command)
        self._clock = clock
        self._process: Process | None = None
        self._pause = FIRST_PAUSE
        self._is_first = True
        self._since = self._due = clock()

    @property
    def pid(self) -> int | None:
        """Of the running process."""
        return self._process.pid if self._process else None

    def look(self) -> None:
        """Start it when it is due; note when it died. Raises CannotStart if it never got up."""
        now = self._clock()
        if self._process is None:
            if now >= self._due:
                self._process, self._since = start(self._command), now
            return
        code = self._process.poll()
        if code is None:
            return
        is_steady = now - self._since >= STEADY
        if self._is_first and not is_steady and code in HOPELESS:
            raise CannotStart(self.name, code)
        self._is_first = False
        if is_steady:
            self._pause = FIRST_PAUSE
        _LOG.warning("%s ended with %s, starts again in %.0f s", self.name, code, self._pause)
        self._process, self._due = None, now + self._pause
        self._pause = min(LONGEST_PAUSE, self._pause * 2)

    def ask_to_end(self) -> None:
        """SIGTERM."""
        if self._process is not None:
            self._process.terminate()

    def end(self, deadline: float) -> None:
        """Wait for it; SIGKILL if it has not ended by ``deadline`` of the clock."""
        if self._process is None:
            return
        pause = threading.Event()
        while self._process.poll() is None and self._clock() < deadline:
            pause.wait(LOOK / 4)
        self._process.kill()
        self._process.wait()


def supervise(
    watched: Sequence[Watched], stop: threading.Event, clock: Callable[[], float]
) -> None:
    """Keep all of them running until ``stop`` is set, then end them.

    Raises CannotStart, with all of them ended, when one never got up: there is nothing to keep.
    """
    try:
        while True:
            for one in watched:
                one.look()
            if stop.wait(LOOK):
                return
    finally:
        for one in watched:
            one.ask_to_end()
        for one in watched:
            one.end(clock() + LAST_WORDS)
