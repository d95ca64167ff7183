"""Asking whether an address is taken: ARP packets, made and read (RFC 826, RFC 5227). Pure."""

import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass

ETHERTYPE = 0x0806
BROADCAST = b"\xff" * 6
LENGTH = 42
"""Bytes of an Ethernet frame with an ARP packet in it; on the wire it is padded to 60."""
TRIES = 16
"""Addresses beside a wanted one that are looked at before the box gives up."""
_FRAME = struct.Struct("!6s6sHHHBBH6s4s6s4s")
_KIND = (1, 0x0800, 6, 4)
_REQUEST, _REPLY = 1, 2
Address = ipaddress.IPv4Address


@dataclass(frozen=True, slots=True)
class Heard:
    """What an ARP packet of somebody says."""

    mac: bytes
    address: Address
    """0.0.0.0: it asks for one itself."""
    asked: Address


def question(mac: bytes, address: Address) -> bytes:
    """A frame that asks who has ``address``, without claiming one for us."""
    return _FRAME.pack(
        BROADCAST, mac, ETHERTYPE, *_KIND, _REQUEST, mac, bytes(4), bytes(6), address.packed
    )


def read(frame: bytes) -> Heard | None:
    """What a frame says; None if it is no ARP of Ethernet and IPv4, or cut off."""
    if len(frame) < LENGTH:
        return None
    values = _FRAME.unpack_from(frame)
    if values[2] != ETHERTYPE or values[3:7] != _KIND or values[7] not in (_REQUEST, _REPLY):
        return None
    return Heard(values[8], Address(values[9]), Address(values[11]))


def is_conflict(heard: Heard, own_mac: bytes, address: Address) -> bool:
    """True if somebody else has ``address``, or asks for it at the same time as we do."""
    if heard.mac == own_mac:
        return False
    asks_too = not int(heard.address) and heard.asked == address
    return heard.address == address or asks_too


def instead_of(
    own: ipaddress.IPv4Interface, avoid: frozenset[Address]
) -> Iterator[ipaddress.IPv4Interface]:
    """Addresses to take in place of ``own``: the next ones of its network, none of ``avoid``."""
    first, last = int(own.network[1]), int(own.network[-2])
    found = 0
    for step in range(1, last - first + 1):
        address = Address(first + (int(own.ip) - first + step) % (last - first + 1))
        if address not in avoid:
            yield ipaddress.IPv4Interface(f"{address}/{own.network.prefixlen}")
            found += 1
        if found == TRIES:
            return
