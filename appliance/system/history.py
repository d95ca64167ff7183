"""What this box did with system updates: the state on the data partition, and how it goes on. Pure.

Format 1: canonical JSON, ``/data/system/update.json``; it outlives every change of the root. It is
settled after each start: an update that runs was tried and holds, another one was rolled back.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from catalog.system import System, parse_version
from sync import canonical
from sync.digest import Digest, parse_digest
from sync.errors import FormatError

FORMAT = "kexia-system-state-1"
MAX_SIZE = 64 * 1024
MOST_FAILED = 64
"""Bundles remembered because they failed; the newest stay."""
MOST_EVENTS = 20


class Phase(StrEnum):
    """How far an update is."""

    INSTALLING = "installing"
    """Being written to the other slot."""
    INSTALLED = "installed"
    """Written; the next start tries it."""


class Outcome(StrEnum):
    """What became of an update."""

    CONFIRMED = "confirmed"
    ROLLED_BACK = "rolled-back"
    """It was started and given up; never tried again by itself."""
    REFUSED = "refused"
    """Its signature does not hold under this system's CA; another system may carry another CA."""
    NOT_INSTALLED = "not-installed"
    """Writing it failed again and again; perhaps the card."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The update that is under way."""

    digest: Digest
    version: str
    phase: Phase
    boot: str
    """The kernel's boot id when this was written: another one means a start lies between."""
    tries: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A bundle that is not tried again."""

    digest: Digest
    version: str
    outcome: Outcome
    under: str
    """The version that ran when it failed."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line for people."""

    version: str
    outcome: Outcome
    at: str
    """Empty: the clock was not to be believed."""


@dataclass(frozen=True, slots=True)
class History:
    """All of it."""

    floor: str = ""
    """The lowest version that may ever be installed, as the highest confirmed system said."""
    pending: Pending | None = None
    failed: tuple[Failed, ...] = ()
    events: tuple[Event, ...] = ()

    def failure(self, digest: Digest) -> Failed | None:
        """Why a bundle is not tried again, if it is not."""
        return next((one for one in self.failed if one.digest == digest), None)


@dataclass(frozen=True, slots=True)
class Running:
    """The system that runs."""

    compatible: str
    version: str
    floor: str
    boot: str
    """The kernel's boot id."""
    confirmed: bool
    """Its slot was confirmed: it is a place to come back to."""
    fallen_back: bool | None
    """GRUB's environment names the other slot first: that one was started and given up. None: the
    environment cannot be read."""


MOST_TRIES = 5
"""Times an installation is begun before its bundle is given up; power cuts count."""


def settle(history: History, running: Running, at: str) -> History:
    """What is known once the machine has started: did the update that was pending hold?"""
    history = _raised(history, running)
    pending = history.pending
    if pending is None or pending.boot == running.boot:
        return history
    if pending.version == running.version:
        if not running.confirmed:
            return history
        return ended(history, Outcome.CONFIRMED, running.version, at)
    if pending.phase is Phase.INSTALLED and running.fallen_back is None:
        return history
    if pending.phase is Phase.INSTALLED and running.fallen_back:
        return ended(history, Outcome.ROLLED_BACK, running.version, at)
    if pending.tries >= MOST_TRIES:
        return ended(history, Outcome.NOT_INSTALLED, running.version, at)
    # Else the order to start it was torn with grubenv: nothing is known against it.
    return replace(history, pending=replace(pending, phase=Phase.INSTALLING))


def begun(history: History, system: System, running: Running) -> History:
    """The installation of ``system`` begins."""
    before = history.pending
    again = before is not None and before.digest == system.bundle
    tries = before.tries + 1 if before and again else 1
    pending = Pending(system.bundle, system.version, Phase.INSTALLING, running.boot, tries)
    failed = tuple(one for one in history.failed if one.digest != system.bundle)
    return replace(history, pending=pending, failed=failed)


def forgiven(history: History, digest: Digest) -> History:
    """Somebody wants a failed bundle tried again."""
    return replace(history, failed=tuple(one for one in history.failed if one.digest != digest))


def installed(history: History) -> History:
    """It is written; the next start tries it."""
    if history.pending is None:
        return history
    return replace(history, pending=replace(history.pending, phase=Phase.INSTALLED))


def ended(history: History, outcome: Outcome, under: str, at: str) -> History:
    """The pending update came to an end, good or bad."""
    pending = history.pending
    if pending is None:
        return history
    failed = history.failed
    if outcome is not Outcome.CONFIRMED:
        failed = (*failed, Failed(pending.digest, pending.version, outcome, under))[-MOST_FAILED:]
    events = (*history.events, Event(pending.version, outcome, at))[-MOST_EVENTS:]
    return replace(history, pending=None, failed=failed, events=events)


def _raised(history: History, running: Running) -> History:
    """The floor only rises, and only by what a confirmed system says."""
    floors = [floor for floor in (history.floor, running.floor) if floor]
    if not running.confirmed or not floors:
        return history
    return replace(history, floor=max(floors, key=parse_version))


def encode(history: History) -> bytes:
    """Bytes of the state file."""
    pending = history.pending
    return canonical.dumps(
        {
            "format": FORMAT,
            "floor": history.floor,
            "pending": {
                "digest": pending.digest,
                "version": pending.version,
                "phase": str(pending.phase),
                "boot": pending.boot,
                "tries": pending.tries,
            }
            if pending
            else {},
            "failed": [
                [one.digest, one.version, str(one.outcome), one.under] for one in history.failed
            ],
            "events": [[one.version, str(one.outcome), one.at] for one in history.events],
        }
    )


def decode(data: bytes) -> History:
    """Read the state file; raises FormatError."""
    if len(data) > MAX_SIZE:
        raise FormatError(f"update.json: {len(data)} bytes, at most {MAX_SIZE} are allowed")
    value = canonical.loads(data, what="update.json")
    if value.get("format") != FORMAT:
        raise FormatError(f"update.json: format {str(value.get('format'))[:40]!r} is not {FORMAT}")
    try:
        return History(
            floor=_version(value["floor"]) if value["floor"] else "",
            pending=_pending(canonical.as_object(value["pending"])),
            failed=tuple(map(_failed, canonical.as_list(value["failed"]))),
            events=tuple(map(_event, canonical.as_list(value["events"]))),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"update.json: a field is missing or wrong ({error})") from error


def _pending(value: dict[str, object]) -> Pending | None:
    if not value:
        return None
    return Pending(
        digest=parse_digest(value["digest"]),
        version=_version(value["version"]),
        phase=Phase(canonical.as_text(value["phase"])),
        boot=canonical.as_text(value["boot"]),
        tries=canonical.as_count(value["tries"]),
    )


def _failed(value: object) -> Failed:
    digest, version, outcome, under = canonical.as_list(value)
    return Failed(
        parse_digest(digest),
        _version(version),
        Outcome(canonical.as_text(outcome)),
        canonical.as_text(under),
    )


def _event(value: object) -> Event:
    version, outcome, at = map(canonical.as_text, _three(canonical.as_list(value)))
    return Event(_version(version), Outcome(outcome), at)


def _three(values: Iterable[object]) -> tuple[object, object, object]:
    one, two, three = values
    return one, two, three


def _version(value: object) -> str:
    text = canonical.as_text(value)
    parse_version(text)
    return text
