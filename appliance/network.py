"""The network interfaces of this machine, read from the kernel: what ``onlink`` decides from.

The only door to ifaddr. sysfs is what is seen from inside the network namespace it is mounted in.
"""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import ifaddr

from appliance.onlink import Connected, Interface, Link, PeerPolicy, link_to, links

SYSFS = Path("/sys/class/net")
_UP, _RUNNING_STATES = 0x1, ("up", "unknown")
_DEEPEST = 4
"""Interfaces stacked on each other that are looked through (VLAN on bridge on card)."""


def read_interfaces(sysfs: Path = SYSFS) -> tuple[Interface, ...]:
    """All interfaces with an address; what cannot be read of one counts as unknown, so not up."""
    return tuple(
        _interface(sysfs, adapter.nice_name, tuple(_connected(adapter)))
        for adapter in ifaddr.get_adapters()
    )


def read_links(policy: PeerPolicy) -> tuple[Link, ...]:
    """The interfaces that neighbours may be met on now."""
    return links(read_interfaces(), policy)


def goes_straight(address: str, among: tuple[Link, ...]) -> bool:
    """Whether the kernel would send to ``address`` from the very link whose network it is on.

    A route can be narrower than the network it leads out of (a VPN): then it is no neighbour.
    Nothing is sent.
    """
    link = link_to(address, among)
    if link is None:
        return False
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
            source = ipaddress.ip_address(probe.getsockname()[0])
    except OSError:
        return False
    return any(source == own.ip for own in link.addresses)


def _interface(sysfs: Path, name: str, addresses: tuple[Connected, ...]) -> Interface:
    stack = tuple(_stack(sysfs, name, _DEEPEST))
    return Interface(
        name=name,
        kind=_number(sysfs / name / "type"),
        is_up=bool(_number(sysfs / name / "flags") & _UP)
        and _text(sysfs / name / "operstate") in _RUNNING_STATES,
        is_wireless=any(_is_wireless(sysfs / one) for one in stack),
        drivers=frozenset(driver for one in stack if (driver := _driver(sysfs / one))),
        addresses=addresses,
    )


def _stack(sysfs: Path, name: str, depth: int) -> Iterator[str]:
    """The interface, and those it is made of: members of a bridge, the card below a VLAN."""
    yield name
    if depth:
        for lower in sorted((sysfs / name).glob("lower_*")):
            yield from _stack(sysfs, lower.name.removeprefix("lower_"), depth - 1)


def _is_wireless(folder: Path) -> bool:
    return any((folder / mark).exists() for mark in ("wireless", "phy80211"))


def _driver(folder: Path) -> str:
    with suppress(OSError):
        return (folder / "device" / "driver").readlink().name
    return ""


def _text(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="ascii").strip()
    return ""


def _number(path: Path) -> int:
    with suppress(ValueError):
        return int(_text(path), 0)
    return 0


def _connected(adapter: ifaddr.Adapter) -> Iterator[Connected]:
    for item in adapter.ips:
        text = item.ip if isinstance(item.ip, str) else item.ip[0]
        with suppress(ValueError):
            yield ipaddress.ip_interface(f"{text}/{item.network_prefix}")
