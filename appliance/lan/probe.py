"""Asking a network whether an address is taken, before the box claims it: packets on the wire."""

import socket
import time
from collections.abc import Callable

from appliance.lan import arp

QUESTIONS, SECONDS = 3, 0.7
"""Asked so often, and waited so long after each (RFC 5227 asks three times, too)."""


class CannotAsk(OSError):
    """The card is gone, down, or this is not root."""


def is_taken(
    card: str, address: arp.Address, *, ticks: Callable[[], float] = time.monotonic
) -> bool:
    """Whether somebody on ``card``'s network has ``address``. Needs root; raises CannotAsk."""
    try:
        with open_wire(card) as wire:
            mac = wire.getsockname()[4]
            for _ in range(QUESTIONS):
                wire.send(arp.question(mac, address))
                if _answered(wire, mac, address, ticks):
                    return True
    except OSError as error:
        raise CannotAsk(f"{card}: {error.strerror}") from error
    return False


def open_wire(card: str) -> socket.socket:
    """A socket that hears ARP on one card; raises OSError."""
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(arp.ETHERTYPE))
    try:
        wire.bind((card, arp.ETHERTYPE))
    except OSError:
        wire.close()
        raise
    return wire


def _answered(
    wire: socket.socket, mac: bytes, address: arp.Address, ticks: Callable[[], float]
) -> bool:
    until = ticks() + SECONDS
    while (left := until - ticks()) > 0:
        wire.settimeout(left)
        try:
            heard = arp.read(wire.recv(2048))
        except TimeoutError:
            return False
        if heard is not None and arp.is_conflict(heard, mac, address):
            return True
    return False
