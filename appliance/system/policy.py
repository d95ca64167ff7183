"""May this system update be installed, and may it be now? Decided before rauc is asked. Pure.

No rule asks the wall clock what the date is: versions are compared with versions, and who signs is
judged at the time of signing. The clock only helps to find the night, where it is believed.
"""

from dataclasses import dataclass
from enum import StrEnum

from appliance.night import Night
from appliance.system.history import History, Outcome, Phase, Running
from catalog.system import System, parse_version

RESERVE = 64 * 2**20
"""Bytes that stay free on the data partition, besides the copy rauc reads."""
NIGHT = Night("01:00", "05:00")
"""Where the box has no night window of its own."""
NIGHT_LOOKS = 1
"""Looks in a row without anybody on the pages, at night."""
DAY_LOOKS = 8
"""The same by day, or where nobody knows the hour: two hours, at four looks an hour."""


class Answer(StrEnum):
    """What is done with an update, and why."""

    INSTALL = "install"
    CURRENT = "current"
    """It runs already."""
    OLDER = "older"
    """Older than what runs, or below the floor: never."""
    OTHER_BOX = "other-box"
    """Made for another kind of box."""
    FAILED = "failed"
    """It failed here before."""
    RESTART = "restart"
    """It is installed; the next start tries it."""
    UNCONFIRMED = "unconfirmed"
    """What runs is not confirmed yet: the other slot is the only way back."""
    BUSY = "busy"
    """Lessons are coming in, or somebody paused updates."""
    IN_USE = "in-use"
    """Somebody is on the pages, or it is no idle hour."""
    NO_ROOM = "no-room"


@dataclass(frozen=True, slots=True)
class Moment:
    """The box just now."""

    free: int
    """Bytes on the data partition."""
    busy: bool
    idle: bool
    """Idle hours; true where somebody at the box asks for it."""


def decide(system: System, running: Running, history: History, moment: Moment) -> Answer:
    """What to do with ``system``, that a signed target names; raises FormatError for no version."""
    ever = may_ever(system, running, history)
    if ever is not Answer.INSTALL:
        return ever
    if not running.confirmed:
        return Answer.UNCONFIRMED
    if moment.busy:
        return Answer.BUSY
    if not moment.idle:
        return Answer.IN_USE
    return Answer.INSTALL if moment.free >= system.size + RESERVE else Answer.NO_ROOM


def may_ever(system: System, running: Running, history: History) -> Answer:
    """The rules that no later hour changes."""
    if system.compatible != running.compatible:
        return Answer.OTHER_BOX
    version = parse_version(system.version)
    if version == parse_version(running.version):
        return Answer.CURRENT
    floors = (running.version, running.floor, history.floor)
    if any(version < parse_version(floor) for floor in floors if floor):
        return Answer.OLDER
    if waits(system, history):
        return Answer.RESTART
    failure = history.failure(system.bundle)
    if failure is None:
        return Answer.INSTALL
    if failure.outcome is Outcome.REFUSED and failure.under != running.version:
        return Answer.INSTALL  # another system runs since then, perhaps with another CA
    return Answer.FAILED


def waits(system: System, history: History) -> bool:
    """Whether ``system`` is installed and waits for a start."""
    pending = history.pending
    if pending is None or pending.phase is not Phase.INSTALLED:
        return False
    return pending.digest == system.bundle


def is_idle(looks: int, *, night: bool) -> bool:
    """Whether so many ``looks`` in a row at unused pages are enough; ``night``: as far as known."""
    return looks >= (NIGHT_LOOKS if night else DAY_LOOKS)
