"""When a box asks by itself, and how much of the wall clock it believes. Pure.

Intervals, not hours of the day: a Pi starts without knowing the hour, and the night window
(``appliance.night``) counts only where a clock is set. Every box has its own delay, drawn from its
name, so that ten thousand boxes that got their power back in one minute do not knock in one.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

AFTER_START = timedelta(minutes=2)
"""The box first serves, then asks."""
SPREAD = timedelta(minutes=10)
"""The longest delay of a box's own."""
FIRST_RETRY = timedelta(minutes=5)
_PATIENT = (4, 9)
"""Exit codes that time may mend: no source, incomplete."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a box asks, and its own delay."""

    every: timedelta
    """Zero: only on demand."""
    delay: timedelta

    @property
    def is_on(self) -> bool:
        """True if the box asks by itself at all."""
        return self.every > timedelta(0)


def rhythm(name: str, *, every: timedelta) -> Rhythm:
    """The rhythm of the box of that name; the same name gives the same delay."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return Rhythm(every, SPREAD * (number / 2**64))


def first_wait(own: Rhythm) -> timedelta:
    """From the start of the process to its first question."""
    return AFTER_START + own.delay


def next_wait(own: Rhythm, *, exit_code: int, failures: int) -> timedelta:
    """From the end of one sync to the next; ``failures``: how many in a row ended so (from 1).

    What time may mend is tried again soon, each time after twice as long, never rarer than usual.
    """
    if exit_code not in _PATIENT:
        return own.every
    doublings = min(max(failures, 1) - 1, 20)
    return min(own.every, FIRST_RETRY * (1 << doublings) + own.delay)
