"""From facts to findings: what is wrong with a box, the worst first. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum

from appliance.doctor.facts import Clock, Disk, Facts, Network, Power, Programmes, Uplink
from appliance.doctor.isolation import Isolation
from appliance.doctor.sayings import SAYINGS, Code
from appliance.firststart.note import Note
from appliance.sticks import Saying

FULL, NEARLY_FULL = 256 * 2**20, 1024 * 2**20
"""Bytes free below which nothing comes in any more, and below which it soon may not."""
MAX_AHEAD = timedelta(days=180)
"""As in ``sync.trust.clock``, whose libraries the pages' process must not carry."""
HOT = 80.0
"""Degrees Celsius from which a Pi works more slowly."""
WORN = 90


class Severity(IntEnum):
    """How much it matters."""

    NOTE = 1
    """Good to know; lessons are not touched."""
    WARNING = 2
    """Something will go wrong, or does not work that need not."""
    BAD = 3
    """Lessons cannot be reached, or the box will break."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    code: Code
    severity: Severity
    detail: str = ""
    """Names and numbers, the same in every language."""

    @property
    def saying(self) -> Saying:
        """What it is and what to do, as message ids."""
        return SAYINGS[self.code]

    @property
    def exit_code(self) -> int:
        """Of ``kexia box doctor``, if this is the worst."""
        return 0 if self.severity is Severity.NOTE else _EXIT.get(self.code, 9)


_EXIT = {
    Code.CARD_DYING: 8,
    Code.CARD_READ_ONLY: 8,
    Code.CARD_WORN: 8,
    Code.DISK_FULL: 6,
    Code.DISK_NEARLY_FULL: 6,
    Code.UPLINK_NO_LINE: 4,
    Code.UPLINK_NO_ADDRESS: 4,
    Code.UPLINK_NO_NAMES: 4,
    Code.UPLINK_SILENT: 4,
    Code.UPLINK_PORTAL: 4,
}
_NETWORK_PROBLEMS = {
    "no-wifi-card": (Code.NO_WIFI_CARD, Severity.WARNING),
    "uplink-not-there": (Code.UPLINK_CARD, Severity.WARNING),
    "conflict": (Code.CONFLICT, Severity.WARNING),
    "rolled-back": (Code.ROLLED_BACK, Severity.WARNING),
    "refused": (Code.NETWORK_REFUSED, Severity.WARNING),
}
_UPLINKS = {
    Uplink.NO_LINE: Code.UPLINK_NO_LINE,
    Uplink.NO_ADDRESS: Code.UPLINK_NO_ADDRESS,
    Uplink.NO_NAMES: Code.UPLINK_NO_NAMES,
    Uplink.SILENT: Code.UPLINK_SILENT,
    Uplink.PORTAL: Code.UPLINK_PORTAL,
}


def findings(facts: Facts) -> tuple[Finding, ...]:
    """What is wrong, the worst first; none: all that could be measured is well."""
    found = [
        *_power(facts.power),
        *_disk(facts.disk),
        *_programmes(facts.programmes),
        *_network(facts.network),
        *_clock(facts.clock),
        *_first_start(facts.first_start),
    ]
    if facts.uplink in _UPLINKS:
        found.append(Finding(_UPLINKS[facts.uplink], Severity.WARNING, facts.uplink_detail))
    return tuple(sorted(found, key=lambda one: -one.severity))


def exit_code(found: tuple[Finding, ...]) -> int:
    """That of the worst; 0: nothing, or only notes."""
    return found[0].exit_code if found else 0


def _power(power: Power) -> Iterator[Finding]:
    if power.is_low:
        yield Finding(Code.UNDER_VOLTAGE, Severity.BAD)
    if power.celsius is not None and power.celsius >= HOT:
        yield Finding(Code.HOT, Severity.WARNING, f"{power.celsius:.0f} °C")


def _disk(disk: Disk) -> Iterator[Finding]:
    if disk.is_read_only:
        yield Finding(Code.CARD_READ_ONLY, Severity.BAD)
    if disk.errors or disk.faults:
        yield Finding(Code.CARD_DYING, Severity.BAD, f"ext4: {disk.errors or 0}, {disk.faults}")
    if disk.worn is not None and disk.worn >= WORN:
        yield Finding(Code.CARD_WORN, Severity.WARNING, f"{disk.worn} %")
    if disk.free is not None and disk.free < NEARLY_FULL:
        is_full = disk.free < FULL
        yield Finding(
            Code.DISK_FULL if is_full else Code.DISK_NEARLY_FULL,
            Severity.BAD if is_full else Severity.WARNING,
            f"{disk.free // 2**20} MiB",
        )


def _programmes(programmes: Programmes) -> Iterator[Finding]:
    if programmes.pages_answer is False:
        yield Finding(Code.PAGES_SILENT, Severity.BAD)
    if programmes.failed:
        yield Finding(Code.SERVICE_FAILED, Severity.BAD, ", ".join(programmes.failed))
    if programmes.update_answers is False:
        yield Finding(Code.UPDATE_SILENT, Severity.WARNING)
    if programmes.bad_slots:
        yield Finding(Code.SLOT_BAD, Severity.NOTE, ", ".join(programmes.bad_slots))


def _network(network: Network) -> Iterator[Finding]:
    if not network.is_told:
        if network.is_wanted:
            yield Finding(Code.NETWORK_UNKNOWN, Severity.WARNING)
        return
    problem = _NETWORK_PROBLEMS.get(network.problem)
    if problem is not None:
        yield Finding(*problem, network.detail or network.address)
    yield from _reached(network)


def _reached(network: Network) -> Iterator[Finding]:
    """Whether tablets can reach the box; only the first obstacle is told."""
    where = f"{network.card} {network.ssid}".strip()
    if not network.has_link:
        is_wired = network.mode == "wired"
        yield Finding(Code.NO_LINK if is_wired else Code.WIFI_DOWN, Severity.BAD, where)
    elif not network.address:
        yield Finding(Code.NO_ADDRESS, Severity.BAD, where)
    elif network.strangers:
        theirs = ", ".join(network.strangers)
        yield Finding(Code.WRONG_NETWORK, Severity.BAD, f"{network.address} ≠ {theirs}")
    elif network.isolation is Isolation.SURE:
        yield Finding(Code.ISOLATED, Severity.BAD, where)
    elif network.is_gateway_there is False:
        yield Finding(Code.NO_GATEWAY, Severity.WARNING, network.detail)
    elif network.isolation is Isolation.PERHAPS:
        yield Finding(Code.PERHAPS_ISOLATED, Severity.NOTE, where)


def _first_start(note: Note) -> Iterator[Finding]:
    code = trouble_of(note)
    if code is not None:
        yield Finding(code, Severity.WARNING, "; ".join(note.faults) or note.problem)


def trouble_of(note: Note) -> Code | None:
    """What the first start could not do; None: all is well."""
    if not note.problem:
        return None
    if note.refused:
        return Code.SITE_REFUSED
    return Code.RESET_FAILED if note.wiped else Code.SITE_SECRETS


def _clock(clock: Clock) -> Iterator[Finding]:
    told = f"{clock.wall:%Y-%m-%d %H:%M} UTC"
    if clock.wall < clock.floor:
        yield Finding(Code.CLOCK_BEHIND, Severity.WARNING, told)
    elif clock.wall > clock.floor + MAX_AHEAD and not clock.is_set:
        # If somebody set it, it is the publishers who have been silent for long.
        yield Finding(Code.CLOCK_AHEAD, Severity.WARNING, told)
    elif not (clock.is_set or clock.has_chip):
        yield Finding(Code.CLOCK_NOT_SET, Severity.NOTE, told)
