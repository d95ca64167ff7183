"""From what was heard by mDNS to the neighbours that are asked, and why others are not. Pure.

Whoever announces says what he likes. An address is taken only if it lies on a network this machine
is connected to by an allowed interface, as a number, and is none of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from appliance.announcement import BASE, Announcement, parse
from appliance.onlink import Link, host_of, link_to
from sync.errors import FormatError

MOST = 4
"""Neighbours asked in one sync."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One announcement as it came, nothing of it checked."""

    name: str
    """Of the service instance."""
    port: int | None
    addresses: tuple[str, ...]
    txt: Mapping[bytes, bytes | None]


@dataclass(frozen=True, slots=True)
class Peer:
    """A box next door."""

    said: Announcement
    address: str
    interface: str
    """Of this machine, on whose network it is."""

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{host_of(self.address)}:{self.said.port}{BASE}"

    @property
    def keys(self) -> tuple[str, str]:
        """What it is remembered by."""
        return self.said.box, self.address


@dataclass(frozen=True, slots=True)
class Passed:
    """An announcement that was passed over."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Around:
    """Who is there."""

    links: tuple[Link, ...] = ()
    """Where was looked."""
    peers: tuple[Peer, ...] = ()
    passed: tuple[Passed, ...] = ()


@dataclass(frozen=True)
class Chooser:
    """What neighbours are measured by."""

    links: tuple[Link, ...]
    own: str
    """This box's peer id."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Reason by peer id or address."""
    goes_straight: Callable[[str], bool] = lambda _: True
    """Whether the kernel would send to an address without a router between."""
    most: int = MOST

    def choose(self, sightings: Sequence[Sighting]) -> Around:
        """The first ``most`` in the order of their ids that hold; each box and address once."""
        peers: list[Peer] = []
        passed: list[Passed] = []
        for sighting in sorted(sightings, key=lambda one: one.name):
            try:
                peer = self._measure(sighting)
                self._compare(peer, peers)
            except FormatError as error:
                passed.append(Passed(printable(sighting.name), printable(error.fact)))
            else:
                if peer.said.box != self.own:
                    peers.append(peer)
        return Around(self.links, tuple(peers), tuple(passed))

    def _measure(self, sighting: Sighting) -> Peer:
        said = parse(sighting.txt, sighting.port)
        if said.box == self.own:
            return Peer(said, "", "")
        for address in sighting.addresses:
            link = link_to(address, self.links)
            if link is not None:
                return self._known(Peer(said, address, link.name))
        given = ", ".join(sighting.addresses[:3]) or "none"
        raise FormatError(f"its address ({given}) is on no network of an allowed interface")

    def _known(self, peer: Peer) -> Peer:
        for key in peer.keys:
            if key in self.refused:
                raise FormatError(f"set aside for a while: {self.refused[key]}")
        if not self.goes_straight(peer.address):
            raise FormatError(f"the way to {peer.address} leads over a router")
        return peer

    def _compare(self, peer: Peer, peers: Sequence[Peer]) -> None:
        if any(set(peer.keys) & set(one.keys) for one in peers):
            raise FormatError("announces a box or an address that another one announced")
        if len(peers) >= self.most and peer.said.box != self.own:
            raise FormatError(f"{self.most} others are asked already")


def printable(text: str) -> str:
    """Foreign text for a terminal: no control characters, not long."""
    return "".join(char if char.isprintable() else "?" for char in text[:160])
