"""Which networks are the neighbourhood, and who stands in it: decided from what is known. Pure.

A neighbour is met only on a network this machine is connected to directly, by an interface that
somebody allowed: never on the Wi-Fi of the classroom, never on a line that somebody pays for by the
byte, never behind a router. What is known of the interfaces is read in ``network``.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LAN = "lan"
"""In ``interfaces``: every wired one with a private address that is neither Wi-Fi nor a phone."""
PHONES = frozenset({"rndis_host", "cdc_ether", "cdc_ncm", "ipheth"})
"""Drivers of phones that share their line: Android (the first three, by age) and iPhones."""
TETHERS = PHONES | {"cdc_mbim", "qmi_wwan", "option", "huawei_cdc_ncm"}
"""Kernel drivers of phones and modems on USB: lines that somebody pays for."""
LOOPBACK, ETHERNET = 772, 1
"""Types of interfaces (``ARPHRD_…`` of linux/if_arp.h)."""
_PRIVATE = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"))
)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Connected = ipaddress.IPv4Interface | ipaddress.IPv6Interface


@dataclass(frozen=True, slots=True)
class PeerPolicy:
    """``[peers]`` of kexia.toml."""

    serve: bool = False
    """Give what this box holds to neighbours."""
    use: bool = False
    """Take from neighbours what they hold."""
    interfaces: tuple[str, ...] = (LAN,)
    """Names of interfaces, or LAN."""
    port: int = 8082
    """Where neighbours are served; of no page and no site."""
    rate_kib: int = 4096
    """KiB a second that all neighbours together are given; 0: as fast as it goes."""
    fault_kib: int = 4096
    """KiB that a neighbour's fault may cost, after which nothing more is taken from it."""


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface as the kernel describes it."""

    name: str
    kind: int
    """Its ``ARPHRD_…`` type."""
    is_up: bool
    is_wireless: bool
    """It, or an interface below it (of a bridge, of a VLAN), is Wi-Fi."""
    drivers: frozenset[str]
    """Kernel drivers of it and of those below it."""
    addresses: tuple[Connected, ...]

    @property
    def is_metered(self) -> bool:
        """True for a phone or a modem."""
        return bool(self.drivers & TETHERS)


@dataclass(frozen=True, slots=True)
class Link:
    """An interface that neighbours may be met on, with the networks it is connected to."""

    name: str
    addresses: tuple[Connected, ...]
    """Of this machine, each with its network."""

    def reaches(self, address: Address) -> bool:
        """True if ``address`` is on one of its networks."""
        return any(address in own.network for own in self.addresses)


def links(interfaces: Iterable[Interface], policy: PeerPolicy) -> tuple[Link, ...]:
    """The interfaces that neighbours may be met on, in their order."""
    found: list[Link] = []
    for one in interfaces:
        addresses = tuple(own for own in one.addresses if _is_private(own))
        if one.is_up and addresses and _is_allowed(one, policy):
            found.append(Link(one.name, addresses))
    return tuple(found)


def _is_allowed(one: Interface, policy: PeerPolicy) -> bool:
    """A name allows what it names, whatever that is; LAN only wired Ethernet nobody pays for."""
    if one.kind == LOOPBACK:
        return False
    if one.name in policy.interfaces:
        return True
    if LAN not in policy.interfaces:
        return False
    return one.kind == ETHERNET and not (one.is_wireless or one.is_metered)


def _is_private(own: Connected) -> bool:
    """An address of a local network (RFC 1918, RFC 4193) that has room for others."""
    return own.network.num_addresses > 1 and any(own.ip in network for network in _PRIVATE)


def link_to(address: str, among: Sequence[Link]) -> Link | None:
    """The link whose network ``address`` (text, no name) is on; None: it is no neighbour's.

    Not this machine's own addresses, and not a network's address for all.
    """
    if "%" in address:  # a zone: not of any address that is asked
        return None
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    for link in among:
        for own in link.addresses:
            if found == own.ip:
                return None
            if found in own.network and not _is_for_all(found, own):
                return link
    return None


def _is_for_all(address: Address, own: Connected) -> bool:
    if isinstance(own, ipaddress.IPv6Interface) or own.network.prefixlen >= 31:
        return False
    return address in (own.network.network_address, own.network.broadcast_address)


def host_of(address: str) -> str:
    """``address`` as it stands in a URL."""
    return f"[{address}]" if ":" in address else address
