"""Between what is wished for and the bytes: from which sources, in which order, what they lack."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum
from functools import partial
from itertools import chain

from appliance.needs import needs_in, needs_of
from appliance.night import CHINA
from appliance.onlink import PeerPolicy
from appliance.record import Record
from appliance.update.build import read_feed
from appliance.update.candidates import Heard
from appliance.update.decide import Policy, Wish
from appliance.update.lessons import lessons_of
from appliance.update.matters import ASKED, shares, urgencies
from appliance.update.proofs import Register, inform
from appliance.update.sources import Kind
from catalog.model import decode_lessons
from sync.apply import Applied
from sync.carry import LONGEST, Carrier, Order
from sync.digest import Digest
from sync.directory import CollectionEntry
from sync.errors import KexiaError, MediumFailing
from sync.feed import Feed
from sync.fetch import fetch_tables
from sync.library import Store
from sync.plan import Have, Plan, Share, make_plan
from sync.progress import Progress
from sync.transport.pool import Pool, Priced
from sync.transport.shift import Shift, Shifted
from sync.trust import TrustClock, reference_time

NAMED = 10
"""Damaged files of a stick that are named one by one."""
STRIDE = 2**20
"""Longest request in bytes while the bytes may not suffice."""
NOTHING = make_plan((), Have())


class Haste(Enum):
    """How much is asked for at once."""

    ALL_AT_ONCE = "all at once"
    FIRST_THINGS_FIRST = "first things first"
    """The bytes may not suffice: lesson by lesson, in short requests."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What is the same for every publisher of one sync."""

    store: Store
    policy: Policy
    served: Record | None
    progress: Progress
    haste: Haste
    clock: TrustClock
    shift: Shift
    """How long content comes in before what is whole of it is shown."""
    peers: PeerPolicy = field(default_factory=PeerPolicy)
    """What is given to boxes next door, and what a fault of theirs may cost."""


class Carrying:
    """What is wished for on its way here."""

    def __init__(self, wanted: Wish, heard: Heard, desk: Desk) -> None:
        self._wanted, self._heard, self._desk = wanted, heard, desk
        self._sources = _pool(heard, desk.shift) if wanted.take else None
        self._carrier = _carrier(self._sources, desk, heard) if self._sources else None
        self._peers = tuple(one.wary.label for one in heard.sources if one.wary is not None)

    def carry(self) -> Applied:
        """Bring all of it; raises as Carrier does."""
        return self._carrier.carry(self._wanted.take) if self._carrier else Applied()

    def keep_tables(self) -> None:
        """For boxes next door: with the tables they can prove long files piece by piece.

        A box that takes update packs needs none itself. Whatever fails is tried with the next sync.
        """
        if not self._desk.peers.serve or not self._heard.sources:
            return
        sources = self._sources or _pool(self._heard, self._desk.shift)
        entries = (*self._wanted.take, *(kept.entry for kept in self._wanted.keep))
        for entry in entries:
            with suppress(KexiaError):
                fetch_tables(entry, sources, self._desk.store)

    def plan(self) -> Plan:
        """What ``carry`` would do; only lists are fetched."""
        return self._carrier.plan(self._wanted.take, short=0) if self._carrier else NOTHING

    def have(self, plan: Plan) -> Have:
        """What ``plan`` counted on, so that each collection can be planned alone."""
        return self._carrier.have(plan.wanted) if self._carrier else Have()

    @property
    def ready(self) -> int:
        """Bytes of whole resources that a stick has, after ``plan``."""
        return self._carrier.ready_bytes if self._carrier else 0

    @property
    def failing(self) -> MediumFailing | None:
        """What a stick could not read; then another copy helps, and nothing is written to it."""
        bad = self._carrier.bad if self._carrier else ()
        return next((one for one in bad if isinstance(one, MediumFailing)), None)

    @property
    def notes(self) -> tuple[str, ...]:
        """Which sources were set aside, and why; which files on a stick are damaged."""
        if self._sources is None or self._carrier is None:
            return ()
        bad = [error.fact for error in self._carrier.bad if not self._is_of_peer(error.fact)]
        more = [f"and {len(bad) - NAMED} more like these"] if len(bad) > NAMED else []
        dropped = [
            f"{label} was set aside: {reason}"
            for label, reason in self._sources.dropped
            if not self._is_of_peer(label)
        ]
        return (*bad[:NAMED], *more, *dropped)

    def _is_of_peer(self, text: str) -> bool:
        """Of a box next door the sync tells once, in one line (``Sources.peer_notes``)."""
        return bool(self._peers) and text.startswith(self._peers)


def _pool(heard: Heard, shift: Shift) -> Pool:
    """All sources that answered: what was carried here costs nothing, a mirror as much as any."""
    return Pool(
        [
            Priced(Shifted(one.transport, shift), _COSTS[one.kind], has_raw=one.kind in _HAVE_RAW)
            for one in heard.sources
        ]
    )


_COSTS = {Kind.CARRIED: 0, Kind.PEER: 1, Kind.OWN: 10, Kind.MIRROR: 10}
_HAVE_RAW = frozenset({Kind.CARRIED, Kind.PEER})


def _carrier(sources: Pool, desk: Desk, heard: Heard) -> Carrier:
    held = desk.served.collections if desk.served else ()
    editions = {kept.entry.id: kept.entry for kept in held}
    order: Order = partial(_only, desk=desk)
    stride = LONGEST
    if desk.haste is Haste.FIRST_THINGS_FIRST:
        sizes, today = desk.store.library.sizes(), _today(heard, desk)
        order, stride = partial(_order, desk=desk, sizes=sizes, today=today), STRIDE
    register = Register(desk.store, sources, desk.peers.fault_kib * 1024)
    if inform(heard.sources, register):
        order = partial(_learning, order=order, register=register)
    return Carrier(sources, desk.store, desk.progress, editions, order=order, stride=stride)


def _learning(
    entry: CollectionEntry, feed: Feed, *, order: Order, register: Register
) -> tuple[Share, ...] | None:
    """``order``; on the way the register hears of the edition, before anything of it is asked."""
    register.learn(entry, feed)
    return order(entry, feed)


def _only(entry: CollectionEntry, feed: Feed, *, desk: Desk) -> tuple[Share, ...] | None:
    """All of an edition, or the files of the only lessons asked for."""
    only = desk.policy.wanted_of(entry.id)
    if only is None:
        return None
    chosen = (one.resources for one in needs_of(feed) if one.lesson in only)
    return (Share((ASKED,), tuple(dict.fromkeys(chain.from_iterable(chosen)))),)


def _order(
    entry: CollectionEntry, feed: Feed, *, desk: Desk, sizes: Mapping[Digest, int], today: date
) -> tuple[Share, ...]:
    """Lesson by lesson, what matters most first."""
    only = desk.policy.wanted_of(entry.id)
    asked = frozenset(lesson for each, lesson in desk.policy.wants if each == entry.id)
    lessons = decode_lessons(feed.lessons)
    needs, known = needs_in(lessons.lessons, feed), _known(entry.id, desk)
    urgent = urgencies(lessons, desk.policy.classes, today, asked)
    if only is None:
        return shares(needs, urgent, known, sizes, rest=feed.resources)
    return shares((one for one in needs if one.lesson in only), urgent, known, sizes)


def _known(collection: str, desk: Desk) -> frozenset[str]:
    """Lessons of a collection that are served in some state."""
    kept = desk.served.kept(collection) if desk.served else None
    if kept is None:
        return frozenset()
    try:
        served = lessons_of(kept, partial(read_feed, desk.store))
    except KexiaError:  # a damaged list is mended elsewhere; here it only costs an order
        return frozenset()
    return frozenset(lesson.id for lesson in served.lessons)


def _today(heard: Heard, desk: Desk) -> date:
    """China's date, as far as it is known: no earlier than the newest signature."""
    newest = heard.newest
    floor = max(desk.clock.floor, newest.signed_at) if newest else desk.clock.floor
    return reference_time(replace(desk.clock, floor=floor)).astimezone(CHINA).date()
