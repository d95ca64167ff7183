"""The night window: when a box may fetch much by itself, by the clock on the wall. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))
"""The one time of all schools; windows are told in it."""
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def check_clock(text: str) -> str:
    """What is wrong with a time of day; empty if nothing is."""
    return "" if _CLOCK.fullmatch(text) else "must be a time of day, like 22:00"


@dataclass(frozen=True, slots=True)
class Night:
    """From ``begin`` to ``end``, ``22:00`` to ``06:00``; both empty: at any time."""

    begin: str = ""
    end: str = ""

    @property
    def is_lawful(self) -> bool:
        """Both times, or neither."""
        return self == Night() or all(map(_CLOCK.fullmatch, (self.begin, self.end)))

    def holds(self, now: datetime) -> bool:
        """True if ``now`` lies within; a window from a time to the same time is the whole day."""
        if self.begin == self.end:
            return True
        clock = now.astimezone(CHINA).strftime("%H:%M")
        if self.begin < self.end:
            return self.begin <= clock < self.end
        return clock >= self.begin or clock < self.end
