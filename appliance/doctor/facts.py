"""What was measured on a box, for the doctor to judge; None: it could not be measured. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from appliance.doctor.isolation import Isolation
from appliance.firststart.note import Note


class Uplink(StrEnum):
    """What became of asking the publishers' own addresses; nothing else is ever asked."""

    WELL = "well"
    NOT_WANTED = "not-wanted"
    """No publisher has an address, or the site has no line: sticks bring the lessons."""
    NO_LINE = "no-line"
    """No card that leads out has somebody at its other end."""
    NO_ADDRESS = "no-address"
    """There is a line, but nobody gave the box an address on it."""
    NO_NAMES = "no-names"
    """The publishers' names cannot be looked up."""
    SILENT = "silent"
    """No answer."""
    PORTAL = "portal"
    """Something answers, but not the publisher: a sign-in page on the way."""


@dataclass(frozen=True, slots=True)
class Network:
    """The classroom's network."""

    is_wanted: bool = False
    """The site said which network it wants."""
    is_told: bool = False
    """The network process says what is in force."""
    mode: str = ""
    card: str = ""
    ssid: str = ""
    address: str = ""
    has_link: bool = False
    problem: str = ""
    """Code of ``appliance.lan``."""
    detail: str = ""
    isolation: Isolation | None = None
    strangers: tuple[str, ...] = ()
    """Networks that others on this wire use, and this box is not in."""
    is_gateway_there: bool | None = None


@dataclass(frozen=True, slots=True)
class Power:
    """Electricity and heat."""

    is_low: bool | None = None
    """Under-voltage now or since the last look."""
    celsius: float | None = None


@dataclass(frozen=True, slots=True)
class Disk:
    """The card or disk that the box's folder lies on."""

    free: int | None = None
    """Bytes."""
    size: int | None = None
    is_read_only: bool = False
    errors: int | None = None
    """Errors that ext4 has noted on this file system, ever."""
    faults: int = 0
    """Lines of the kernel since start about errors of this disk."""
    worn: int | None = None
    """Per cent of its life that are used up, by its own account (eMMC)."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The time."""

    wall: datetime
    floor: datetime
    """It cannot be earlier."""
    is_set: bool
    """By NTP, a chip or the administrator."""
    has_chip: bool


@dataclass(frozen=True, slots=True)
class Programmes:
    """What should run."""

    failed: tuple[str, ...] = ()
    """Units that systemd gave up."""
    pages_answer: bool | None = None
    update_answers: bool | None = None
    bad_slots: tuple[str, ...] = ()
    """System slots that were given up."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything."""

    clock: Clock
    network: Network = field(default_factory=Network)
    power: Power = field(default_factory=Power)
    disk: Disk = field(default_factory=Disk)
    uplink: Uplink | None = None
    uplink_detail: str = ""
    programmes: Programmes = field(default_factory=Programmes)
    first_start: Note = field(default_factory=Note)
