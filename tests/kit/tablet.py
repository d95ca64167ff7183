"""A tablet on a network: its address from DHCP, its questions for names, its requests by HTTP."""

import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from tests.kit.netns import Lab

LEASE = """#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr flush dev $interface
ip addr add $ip/$mask dev $interface
[ -z "$router" ] || ip route replace default via ${router%% *}
echo "$ip $router $dns $lease" > $LEASE_FILE
"""
"""What udhcpc runs when it has a lease."""


@dataclass(frozen=True)
class Lease:
    """What DHCP gave."""

    address: str
    router: str
    dns: str
    seconds: int


@dataclass(frozen=True)
class Answer:
    """What a name server said."""

    code: int
    addresses: tuple[str, ...]


def join(lab: Lab, place: str, card: str, folder: Path) -> Lease:
    """Ask for an address as an Android tablet does."""
    script, lease = folder / f"{place}.sh", folder / f"{place}.lease"
    script.write_text(LEASE.replace("$LEASE_FILE", str(lease)))
    script.chmod(0o755)
    lease.unlink(missing_ok=True)
    lab.check(
        place,
        ["busybox", "udhcpc", "-i", card, "-n", "-q", "-t", "8", "-T", "1", "-s", script],
    )
    address, router, dns, seconds = lease.read_text().split()
    return Lease(address, router, dns, int(seconds))


def lookup(lab: Lab, place: str, server: str, name: str, kind: int = 1) -> Answer:
    """Ask ``server`` for a name (kind 1: IPv4, 28: IPv6)."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    question = struct.pack(">6H", 77, 0x100, 1, 0, 0, 0) + labels + b"\0"
    question += struct.pack(">2H", kind, 1)
    with lab.inside(place), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.settimeout(5)
        wire.sendto(question, (server, 53))
        reply = wire.recv(2048)
    count = struct.unpack(">H", reply[6:8])[0]
    rest, found = reply[len(question) :], []
    for _ in range(count):
        _, kind_found, _, _, length = struct.unpack(">3HIH", rest[:12])
        if kind_found == 1:
            found.append(socket.inet_ntoa(rest[12 : 12 + length]))
        rest = rest[12 + length :]
    return Answer(reply[3] & 15, tuple(found))


def knock(lab: Lab, place: str, address: str, port: int, *, seconds: float = 3) -> str:
    """``open``, ``refused`` or ``silent``."""
    with lab.inside(place), socket.socket(socket.AF_INET, socket.SOCK_STREAM) as wire:
        wire.settimeout(seconds)
        try:
            wire.connect((address, port))
        except ConnectionRefusedError:
            return "refused"
        except OSError:
            return "silent"
        return "open"
