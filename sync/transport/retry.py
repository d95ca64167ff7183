"""Patience with bad lines: what broke off is asked for again, from where it broke off."""

from collections.abc import Callable, Iterator
from random import Random

from sync.errors import Busy, NoSource, NotThere
from sync.transport.base import Transport

ATTEMPTS = 4
BASE = 0.5
"""Seconds the first pause lasts at most; each next one at most twice as long."""
LONGEST = 20.0
"""Seconds no pause of our own choice exceeds."""
LONGEST_ASKED = 120.0
"""Seconds a busy source may ask us to stay away; if it wants more, this sync goes without it."""


class Retry:
    """Asks ``inner`` up to ``attempts`` times while it gives NoSource; NotThere is an answer.

    Pauses are drawn from ``rng`` (full jitter: ten thousand boxes must not knock in step) and
    spent in ``sleep``; a busy source's own wish (Retry-After) comes on top, up to LONGEST_ASKED.
    A stream that moved forward may fail as often again: progress is patience.
    """

    def __init__(
        self,
        inner: Transport,
        *,
        rng: Random,
        sleep: Callable[[float], None],
        attempts: int = ATTEMPTS,
    ) -> None:
        self._inner = inner
        self._rng = rng
        self._sleep = sleep
        self._attempts = attempts

    @property
    def label(self) -> str:
        """The inner source's."""
        return self._inner.label

    def read(self, name: str, *, limit: int) -> bytes:
        """The whole file; raises what the last attempt raised."""
        failures = 0
        while True:
            try:
                return self._inner.read(name, limit=limit)
            except NotThere:
                raise
            except NoSource as error:
                failures += 1
                self._pause_or_raise(failures, error)

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        """``length`` bytes from ``offset``; raises what the last attempt without gain raised."""
        done = failures = 0
        while True:
            try:
                for block in self._inner.stream(name, offset=offset + done, length=length - done):
                    done += len(block)
                    failures = 0
                    yield block
            except NotThere:
                raise
            except NoSource as error:
                failures += 1
                self._pause_or_raise(failures, error)
            else:
                return

    def _pause_or_raise(self, failures: int, error: NoSource) -> None:
        asked = error.retry_after if isinstance(error, Busy) else 0.0
        if failures >= self._attempts or asked > LONGEST_ASKED:
            raise error
        jitter = self._rng.uniform(0, min(LONGEST, BASE * 2 ** (failures - 1)))
        self._sleep(asked + jitter)
