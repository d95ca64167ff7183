"""Which time expiry is judged at, on a machine whose clock may be anywhere. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sync.errors import FormatError

MAX_AHEAD = timedelta(days=180)
"""A wall clock further ahead of signed time is not believed. Roles are signed for at least 200
days, so no clock, false or true, can refuse metadata that was signed within the last 20."""
TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class TrustClock:
    """What the box knows about the time; all in UTC."""

    wall: datetime
    wall_is_set: bool
    """True if NTP, a clock chip or the administrator set it since start."""
    floor: datetime
    """No earlier than this: the build time of the software, or the newest verified signed time."""


def reference_time(clock: TrustClock) -> datetime:
    """The wall clock if somebody set it and it is plausible, else the floor."""
    plausible = clock.floor <= clock.wall <= clock.floor + MAX_AHEAD
    return clock.wall if clock.wall_is_set and plausible else clock.floor


def parse_time(text: object, *, what: str) -> datetime:
    """``2026-11-23T06:00:00Z``; raises FormatError naming ``what`` for any other spelling."""
    try:
        if isinstance(text, str):
            parsed = datetime.strptime(text, TIME).replace(tzinfo=UTC)
            if format_time(parsed) == text:
                return parsed
    except ValueError:
        pass
    raise FormatError(f"{what}: {str(text)[:40]!r} is no time like 2026-11-23T06:00:00Z")


def format_time(time: datetime) -> str:
    """The one spelling of a UTC time, to the second."""
    return time.strftime(TIME)
