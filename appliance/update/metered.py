"""Before web servers are asked: does the line go over somebody's phone? Then it is a metered one.

A phone that shares its line over USB is, to Linux, a network card with one of a few drivers. The
decision is pure; the reader takes the root folder, so that a made tree can stand for a machine.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from appliance.config import Uplink
from appliance.onlink import PHONES
from appliance.update.ledger import MIB, Ledger
from sync.transport.allowance import Purse

MAX_TABLE = 256 * 1024
"""Bytes read of the kernel's table of routes; a box has a few lines of it."""
_UP, _REJECT = 0x1, 0x200
_NAME = 15
"""Longest name of a network card in Linux (IFNAMSIZ less one)."""


@dataclass(frozen=True, slots=True)
class Phone:
    """The card a default route goes over, when it is a phone's."""

    interface: str
    driver: str

    def __str__(self) -> str:
        return f"a phone on USB ({self.interface}, {self.driver})"


@dataclass(frozen=True, slots=True)
class Route:
    """A default route: the card it goes over, and its metric (lower ones are used first)."""

    interface: str
    metric: int


def find_phone(root: Path = Path("/")) -> Phone | None:
    """The phone that the default route of IPv4 or IPv6 goes over; None if there is none.

    ``root`` holds ``proc/net/`` and ``sys/class/net/``; what cannot be read counts as not there.
    """
    tables = (
        defaults_4(_read(root / "proc/net/route")),
        defaults_6(_read(root / "proc/net/ipv6_route")),
    )
    return decide(tables, lambda interface: _driver(root, interface))


def decide(tables: Iterable[Iterable[Route]], driver: Callable[[str], str]) -> Phone | None:
    """Of each table the default route with the lowest metric; the first that is a phone. Pure."""
    for routes in tables:
        best = min(routes, key=lambda route: route.metric, default=None)
        if best is not None and (found := driver(best.interface)) in PHONES:
            return Phone(best.interface, found)
    return None


def defaults_4(table: str) -> list[Route]:
    """Default routes of ``/proc/net/route``. Pure."""
    rows = (line.split() for line in table.splitlines()[1:])
    return [
        Route(row[0], int(row[6]))
        for row in rows
        if len(row) >= 8
        and _is_name(row[0])
        and row[1] == row[7] == "0" * 8
        and _flags(row[3]) & _UP
        and not _flags(row[3]) & _REJECT
        and row[6].isdecimal()
    ]


def defaults_6(table: str) -> list[Route]:
    """Default routes of ``/proc/net/ipv6_route``. Pure."""
    rows = (line.split() for line in table.splitlines())
    return [
        Route(row[9], _flags(row[5]))
        for row in rows
        if len(row) == 10
        and _is_name(row[9])
        and row[0] == "0" * 32
        and row[1] == "00"
        and _flags(row[8]) & _UP
        and not _flags(row[8]) & _REJECT
    ]


def purse(
    phone: Phone | None,
    network: Uplink,
    ledgers: tuple[Ledger, Ledger],
    clock: Callable[[], datetime],
) -> Purse | None:
    """What web servers may give in one sync; None: as much as there is.

    ``ledgers``: that of every line, and that of phones alone, which counts what came over them.
    """
    every, phones = ledgers
    ordinary = every.purse(network, clock)
    if phone is None:
        return ordinary
    left = max(0, network.metered_mib * MIB - phones.spent(clock()))
    if ordinary is not None:
        left = min(left, ordinary.left)
    why = f"the line is {phone}: at most {network.metered_mib} MiB a night come over it"

    def note(count: int) -> None:
        phones.add(clock(), count)
        if ordinary is not None:
            every.add(clock(), count)

    return Purse(left, note, why=why)


def _flags(text: str) -> int:
    """A hexadecimal number of a table; 0 for what is none."""
    try:
        return int(text, 16)
    except ValueError:
        return 0


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _NAME and "/" not in text and text not in (".", "..")


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_TABLE).decode("ascii", "replace")
    except OSError:
        return ""


def _driver(root: Path, interface: str) -> str:
    """Name of the driver of a card; empty for one without a device (a bridge, a tunnel)."""
    try:
        return (root / "sys/class/net" / interface / "device/driver").readlink().name
    except OSError:
        return ""
