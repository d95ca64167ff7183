"""Does the access point keep its clients apart, so that no tablet can reach the box? Pure.

Nothing tells a box so outright. What it can see: it asks every address of its network (ARP) and
listens a while to who asks others. Broadcasts of other devices reach it through many isolating
access points, answers between devices do not. So:

- somebody beside the router answers, or a tablet has a connection to the pages: not isolated;
- somebody was heard, who then does not answer, and nobody else did: isolated, as good as certain;
- the router answers for all the others too (proxy ARP): isolated, as good as certain;
- only the router answers and nobody is heard: nobody is there, or isolated. A person has to look:
  a tablet that is on that Wi-Fi and cannot open the page settles it.

On a cable there is no such thing between the box and the access point, but there is between the
access point's own clients and its cable in some ("guest network"): the same signs, the same advice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address


class Isolation(StrEnum):
    """What the signs come to."""

    NONE = "none"
    PERHAPS = "perhaps"
    """Only the router is there for us; either nobody else is, or we are kept apart."""
    SURE = "sure"
    UNKNOWN = "unknown"
    """Not even the router answers: another trouble comes first."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What was seen on the classroom's network; never who it was, that stays here."""

    gateway: IPv4Address | None
    answered: Mapping[IPv4Address, bytes]
    """Hardware address by address that answered our question."""
    heard: frozenset[IPv4Address]
    """Who was heard asking others."""
    visitors: int = 0
    """Connections to the pages from this network just now."""


def judge(signs: Signs) -> Isolation:
    """The verdict."""
    router = signs.answered.get(signs.gateway) if signs.gateway is not None else None
    others = {mac for address, mac in signs.answered.items() if address != signs.gateway}
    if signs.visitors or others - {router}:
        return Isolation.NONE
    silent = signs.heard - signs.answered.keys() - {signs.gateway}
    if silent or (router is not None and router in others):
        return Isolation.SURE
    return Isolation.UNKNOWN if router is None else Isolation.PERHAPS
