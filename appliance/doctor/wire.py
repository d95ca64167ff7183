"""The classroom's network as the box hears it: who answers, who is heard, who reads pages.

Needs root for the questions; without, they are left out. Addresses of people's devices are used to
judge and are in no finding, report or log.
"""

import ipaddress
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from appliance.lan import arp
from appliance.lan.probe import CannotAsk, open_wire

MAX_ASKED = 254
"""Addresses that are asked for; of a larger network those around the box."""
SECONDS = 4.0
MAX_PACKETS = 20_000
MAX_TABLE = 2**20
_ESTABLISHED = "01"
Address = ipaddress.IPv4Address


@dataclass(slots=True)
class Told:
    """What was heard, by address."""

    answered: dict[Address, bytes] = field(default_factory=dict)
    heard: set[Address] = field(default_factory=set)
    elsewhere: set[Address] = field(default_factory=set)
    """Who uses addresses of other networks on this wire."""


def listen(
    card: str,
    own: ipaddress.IPv4Interface,
    *,
    ticks: Callable[[], float],
    seconds: float = SECONDS,
) -> Told:
    """Ask every address, listen, ask those again who were heard; raises CannotAsk."""
    found = Told()
    try:
        with open_wire(card) as wire:
            mac = wire.getsockname()[4]
            for address in neighbours_of(own):
                wire.send(arp.question(mac, address))
            _collect(wire, mac, own, found, until=ticks() + seconds, ticks=ticks)
            for address in found.heard - found.answered.keys():
                wire.send(arp.question(mac, address))
            _collect(wire, mac, own, found, until=ticks() + seconds / 2, ticks=ticks)
    except OSError as error:
        raise CannotAsk(f"{card}: {error.strerror}") from error
    return found


def neighbours_of(own: ipaddress.IPv4Interface) -> list[Address]:
    """The addresses of a network, at most those of the box's own /24."""
    network = own.network
    if network.prefixlen < 24:
        network = ipaddress.IPv4Network((int(own.ip), 24), strict=False)
    return [address for address in network.hosts() if address != own.ip][:MAX_ASKED]


def count_visitors(root: Path, port: int, own: ipaddress.IPv4Interface) -> int:
    """Connections to the pages from the classroom's network just now."""
    with suppress(OSError):
        with (root / "proc/net/tcp").open("rb") as file:
            table = file.read(MAX_TABLE).decode("ascii", "replace")
        return sum(1 for line in table.splitlines()[1:] if _is_visitor(line.split(), port, own))
    return 0


def gateway_of(root: Path, card: str) -> Address | None:
    """The router of a card, from the kernel's table of routes."""
    with suppress(OSError, ValueError):
        with (root / "proc/net/route").open("rb") as file:
            table = file.read(MAX_TABLE).decode("ascii", "replace")
        for line in table.splitlines()[1:]:
            row = line.split()
            if len(row) >= 8 and row[0] == card and row[1] == row[7] == "0" * 8:
                return _address(row[2])
    return None


def _collect(
    wire: socket.socket,
    mac: bytes,
    own: ipaddress.IPv4Interface,
    found: Told,
    *,
    until: float,
    ticks: Callable[[], float],
) -> None:
    for _ in range(MAX_PACKETS):
        left = until - ticks()
        if left <= 0:
            return
        wire.settimeout(left)
        try:
            frame = wire.recv(2048)
        except TimeoutError:
            return
        heard = arp.read(frame)
        if heard is not None and heard.mac != mac:
            note(found, heard, own, is_for_us=frame[:6] == mac)


def note(found: Told, heard: arp.Heard, own: ipaddress.IPv4Interface, *, is_for_us: bool) -> None:
    """Put one packet where it belongs; stop-gap addresses (169.254/16) and questions by nobody
    tell nothing."""
    address = heard.address
    if not int(address) or address.is_link_local or address == own.ip:
        return
    if address not in own.network:
        found.elsewhere.add(address)
    elif is_for_us:
        found.answered[address] = heard.mac
    else:
        found.heard.add(address)


def _is_visitor(row: list[str], port: int, own: ipaddress.IPv4Interface) -> bool:
    with suppress(ValueError, IndexError):
        local, remote = row[1].split(":"), row[2].split(":")
        if row[3] != _ESTABLISHED or int(local[1], 16) != port:
            return False
        return _address(remote[0]) in own.network and _address(remote[0]) != own.ip
    return False


def _address(text: str) -> Address:
    """As the kernel writes it: hexadecimal, in the order of a little-endian machine."""
    return Address(int.from_bytes(bytes.fromhex(text), "little"))
