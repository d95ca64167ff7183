"""Where a publisher's bytes can come from in one sync: its own servers, mirrors, carried copies.

Locations are opened once and metered; which of them belong to a publisher is found here, whether
what they say is true is found by ``trust``.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from random import Random

from sync.digest import Digest, sha256
from sync.errors import FormatError, MediumFailing, NoSource, NotThere
from sync.stick.layout import publisher_folder
from sync.transport.address import is_web
from sync.transport.allowance import Allowance, Purse
from sync.transport.base import Transport
from sync.transport.limit import Bucket, Limit
from sync.transport.locate import open_transport
from sync.transport.meter import Meter
from sync.transport.retry import Retry
from sync.transport.subtree import Subtree
from sync.transport.web import Web

FIRST_ROOT = "metadata/1.root.json"
MAX_ROOT = 512 * 1024
ATTEMPTS = 3
"""How often a silent server is asked; progress gives it new patience (see Retry)."""


class Kind(Enum):
    """Whose word a source is; decides what an old state there means."""

    OWN = "the publisher's own server"
    MIRROR = "a mirror"
    CARRIED = "carried here"


@dataclass(frozen=True, slots=True)
class Source:
    """One repository of one publisher."""

    kind: Kind
    transport: Transport

    @property
    def label(self) -> str:
        """What messages call it."""
        return self.transport.label


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
        self._used: set[str] = set()
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

    def check_carried(self) -> list[NoSource | MediumFailing]:
        """What is wrong with carried locations: unreadable, or of no publisher of this box."""
        problems: list[NoSource | MediumFailing] = []
        for location in (item for item in self._carried if item not in self._used):
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
            except (NoSource, MediumFailing, FormatError):
                digest = Digest("")
            self._known[repository.label] = digest[:16]
        return self._known[repository.label]


def mirror_prefix(publisher_id: str) -> str:
    """Where a repository holds another publisher's."""
    return f"mirrors/{publisher_id}"


def _of_nobody(location: str) -> NoSource:
    return NoSource(
        f"{location}: holds nothing of a publisher this box follows",
        hint="is it the right medium, and is the copy of the repository complete?",
    )
