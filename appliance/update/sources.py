"""Where a publisher's bytes can come from in one sync: its servers, mirrors, carried copies, peers.

Locations are opened once and metered; which of them belong to a publisher is found here, whether
what they say is true is found by ``trust``.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from random import Random

from appliance.announcement import mark
from sync.digest import Digest, sha256
from sync.errors import (
    FormatError,
    KexiaError,
    MediumFailing,
    NoSource,
    NotThere,
    TrustRefused,
)
from sync.stick.layout import publisher_folder
from sync.transport.address import is_web
from sync.transport.allowance import Allowance, Purse
from sync.transport.base import Transport
from sync.transport.deadline import GRACE, Deadline, TooSlow
from sync.transport.http import HttpTransport
from sync.transport.limit import Bucket, Limit
from sync.transport.locate import open_transport
from sync.transport.meter import Meter
from sync.transport.retry import Retry
from sync.transport.subtree import Subtree
from sync.transport.wary import CAP, Wary
from sync.transport.web import Timeouts, Web

FIRST_ROOT = "metadata/1.root.json"
MAX_ROOT = 512 * 1024
PEER_TIMEOUTS = Timeouts(connect=2.0, read=5.0)
"""A box next door answers at once, or is not there."""
ATTEMPTS = 3
"""How often a silent server is asked; progress gives it new patience (see Retry)."""


class Kind(Enum):
    """Whose word a source is; decides what an old state there means."""

    OWN = "the publisher's own server"
    MIRROR = "a mirror"
    CARRIED = "carried here"
    PEER = "a box next door"


@dataclass(frozen=True, slots=True)
class Source:
    """One repository of one publisher."""

    kind: Kind
    transport: Transport
    wary: Wary | None = None
    """Of a box next door: what ends it at the first fault."""
    is_current: bool = False
    """A box next door that announces the very state this box serves: good for bytes."""

    @property
    def label(self) -> str:
        """What messages call it."""
        return self.transport.label


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A box next door, found for this sync."""

    box: str
    """Its id, as it says."""
    url: str
    """Where it answers; ``/repositories/<publisher-id>`` below is a repository."""
    marks: frozenset[str] = frozenset()
    """Of the states it announces."""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """How boxes next door are found, asked and remembered."""

    find: Callable[[], Sequence[Neighbour]] = tuple
    """Looks around; takes a few seconds, so once a sync."""
    refuse: Callable[[Neighbour, str], None] = lambda _box, _reason: None
    """Take nothing from this one for a while: what it gave did not hold."""
    ticks: Callable[[], float] = time.monotonic
    cap: int = CAP
    """Bytes that a fault may cost."""
    grace: float = GRACE
    """Seconds an answer may take beside what its bytes take."""


@dataclass(frozen=True, slots=True)
class Network:
    """How locations are opened; what a programme decides and tests change."""

    rng: Random
    sleep: Callable[[float], None]
    web: Web = field(default_factory=Web)
    """The way to web servers: proxy, certificates, limits for each host."""
    bucket: Bucket | None = None
    """How fast all web servers together may be read; None: no cap."""
    purse: Callable[[], Purse | None] = lambda: None
    """What web servers may give in one sync; None: as much as there is."""
    neighbours: Neighbours = Neighbours()
    wrap: Callable[[Transport], Transport] = lambda transport: transport
    """Around every source: the update process waits here while it is paused."""


@dataclass(frozen=True, slots=True)
class Count:
    """Bytes and requests of all sources together, at one moment."""

    bytes: int = 0
    requests: int = 0

    def since(self, before: "Count") -> "Count":
        """What was added after ``before``."""
        return Count(self.bytes - before.bytes, self.requests - before.requests)

    def plus(self, more: "Count") -> "Count":
        """Both together."""
        return Count(self.bytes + more.bytes, self.requests + more.requests)


class Sources:
    """The locations of one sync."""

    def __init__(self, network: Network, carried: Sequence[str]) -> None:
        self._network = network
        self._meters: list[Meter] = []
        self._open: dict[str, Transport] = {}
        self._carried = tuple(carried)
        self._known: dict[str, str] = {}
        self._failing: dict[str, MediumFailing] = {}
        self._used: set[str] = set()
        self._peers: list[_Peer] | None = None
        self.purse = network.purse()
        """The budget of this sync."""

    def count(self) -> Count:
        """What all of them gave so far."""
        return Count(
            sum(meter.bytes for meter in self._meters),
            sum(meter.requests for meter in self._meters),
        )

    def carried(self, publisher_id: str) -> list[Source]:
        """Copies of that publisher's repository in what was carried here: whole, in mirrors/ or on
        a stick.
        """
        found: list[Source] = []
        for location in self._carried:
            whole = self._at(location)
            mirror = Subtree(whole, mirror_prefix(publisher_id))
            stick = Subtree(whole, publisher_folder(publisher_id))
            every = (whole, mirror, stick)
            here = [item for item in every if self._publisher(item) == publisher_id]
            found += [Source(Kind.CARRIED, transport) for transport in here]
            self._used.update([location] if here else [])
        return found

    def own(self, urls: Iterable[str]) -> list[Source]:
        """The publisher's own servers, in the order to ask them."""
        return [Source(Kind.OWN, self._at(url)) for url in urls]

    def mirrors(self, publisher_id: str, others: Iterable[str]) -> list[Source]:
        """Where other publishers' servers may mirror it."""
        prefix = mirror_prefix(publisher_id)
        return [Source(Kind.MIRROR, Subtree(self._at(url), prefix)) for url in others]

    def peers(self, publisher_id: str, served: int) -> list[Source]:
        """Boxes next door that may hold something of it; ``served``: our timestamp's version."""
        if self._peers is None:
            found = self._network.neighbours.find()
            self._peers = [self._approach(one) for one in found]
        own = mark(publisher_id, served)
        return [
            Source(
                Kind.PEER,
                self._network.wrap(Subtree(peer.wary, f"repositories/{publisher_id}")),
                peer.wary,
                own in peer.neighbour.marks,
            )
            for peer in self._peers
            if peer.wary.fault is None
        ]

    def peer_count(self) -> Count:
        """What the boxes next door gave so far, in vain or not."""
        meters = [peer.meter for peer in self._peers or ()]
        return Count(sum(one.bytes for one in meters), sum(one.requests for one in meters))

    def peer_notes(self) -> list[str]:
        """One line for each box next door that was set aside."""
        return [
            f"neighbour {peer.neighbour.box[:8]} was set aside: {peer.wary.fault}"
            for peer in self._peers or ()
            if peer.wary.fault is not None
        ]

    def _approach(self, neighbour: Neighbour) -> "_Peer":
        """A way to it that leads nowhere else: no proxy, no redirect; not of any budget or cap."""
        ways = self._network.neighbours
        web = Web(timeouts=PEER_TIMEOUTS, redirects=0)
        meter = Meter(HttpTransport(neighbour.url, web=web))
        self._meters.append(meter)

        def refuse(error: KexiaError) -> None:
            if isinstance(error, TrustRefused | TooSlow):
                ways.refuse(neighbour, error.fact)

        slow = Deadline(meter, ticks=ways.ticks, grace=ways.grace)
        return _Peer(neighbour, Wary(slow, cap=ways.cap, on_fault=refuse), meter)

    def check_carried(self) -> list[NoSource | MediumFailing]:
        """What is wrong with carried locations: unreadable, or of no publisher of this box."""
        problems: list[NoSource | MediumFailing] = []
        for location in (item for item in self._carried if item not in self._used):
            if failing := self._failing_at(location):
                problems.append(failing)
                continue
            try:
                self._at(location).read(FIRST_ROOT, limit=MAX_ROOT)
            except NotThere:
                problems.append(_of_nobody(location))
            except FormatError as error:
                problems.append(NoSource(error.fact, hint=error.hint))
            except (NoSource, MediumFailing) as error:
                problems.append(error)
            else:
                problems.append(_of_nobody(location))
        return problems

    def _failing_at(self, location: str) -> MediumFailing | None:
        """What of it could not be read while it was asked whose it is."""
        found = (error for label, error in self._failing.items() if label.startswith(location))
        return next(found, None)

    def _at(self, location: str) -> Transport:
        if location not in self._open:
            transport = open_transport(location, web=self._network.web)
            if self._network.bucket is not None and is_web(location):
                transport = Limit(transport, self._network.bucket)
            meter = Meter(transport)
            self._meters.append(meter)
            patient = Retry(
                meter, rng=self._network.rng, sleep=self._network.sleep, attempts=ATTEMPTS
            )
            paid: Transport = patient
            if self.purse is not None and is_web(location):
                paid = Allowance(patient, self.purse)
            self._open[location] = self._network.wrap(paid)
        return self._open[location]

    def _publisher(self, repository: Transport) -> str:
        """Id of the publisher whose repository it is; empty if it is none or cannot be read."""
        if repository.label not in self._known:
            try:
                digest = sha256(repository.read(FIRST_ROOT, limit=MAX_ROOT))
            except MediumFailing as error:
                self._failing[repository.label] = error
                digest = Digest("")
            except (NoSource, FormatError):
                digest = Digest("")
            self._known[repository.label] = digest[:16]
        return self._known[repository.label]


@dataclass(frozen=True, slots=True)
class _Peer:
    neighbour: Neighbour
    wary: Wary
    meter: Meter


def mirror_prefix(publisher_id: str) -> str:
    """Where a repository holds another publisher's."""
    return f"mirrors/{publisher_id}"


def _of_nobody(location: str) -> NoSource:
    return NoSource(
        f"{location}: holds nothing of a publisher this box follows",
        hint="is it the right medium, and is the copy of the repository complete?",
    )
