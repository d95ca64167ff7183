"""Which network the classroom gets: one that lies nowhere else, and stays as it is. Pure."""

import ipaddress
from collections.abc import Iterable, Iterator

from sync.errors import UsageError

Network = ipaddress.IPv4Network
PREFIX = 24
"""Room for 230 tablets, and a number somebody can say."""
_FIRST = ("192.168.77.0/24", "192.168.177.0/24", "172.29.77.0/24", "10.77.77.0/24")
"""Networks that routers and phones do not come with: not 192.168.0, .1, .31 or .43."""


def choose(
    taken: Iterable[Network],
    *,
    wanted: ipaddress.IPv4Interface | None = None,
    before: ipaddress.IPv4Interface | None = None,
) -> ipaddress.IPv4Interface:
    """The box's own address in the classroom's network, which overlaps none of ``taken``.

    ``wanted`` by the site, else ``before`` (what the classroom had), else the first that is free;
    so it stays what it is until an uplink's network collides. Raises UsageError if none is free.
    """
    theirs = tuple(taken)
    for own in (wanted, before, *_candidates()):
        if own is not None and not any(own.network.overlaps(network) for network in theirs):
            return own
    raise UsageError(
        "no network is left for the classroom: the uplinks take all private ones",
        hint="set [network] address to a network that is not used around this box",
    )


def pool(own: ipaddress.IPv4Interface) -> tuple[ipaddress.IPv4Address, ipaddress.IPv4Address]:
    """The first and last address that tablets get: the larger side of the box's own.

    The lowest tenth stays free for machines with fixed addresses, where there is room.
    """
    first, last = own.network[1], own.network[-2]
    below = int(own.ip) - int(first)
    above = int(last) - int(own.ip)
    if below > above:
        return first + below // 10, own.ip - 1
    return own.ip + 1 + above // 10, last


def _candidates() -> Iterator[ipaddress.IPv4Interface]:
    for text in _FIRST:
        yield _first_host(Network(text))
    for number in range(1, 255):
        yield _first_host(Network(f"10.{number}.77.0/{PREFIX}"))


def _first_host(network: Network) -> ipaddress.IPv4Interface:
    return ipaddress.IPv4Interface(f"{network[1]}/{network.prefixlen}")
