"""Fetch: what a plan is made from (feeds, heads of update packs, tables), bounded and proved.

The usual night costs one request a collection: the head of the update pack that leads from the
held edition, or the whole pack where it is short. Everything else is asked for only if that way
does not lead there.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from sync import feed as feeds
from sync.digest import prove
from sync.directory import (
    CollectionEntry,
    FeedRef,
    PackRef,
    Stored,
    feed_name,
    older_routes_name,
    plain_feed_name,
    routes_name,
    table_name,
    update_name,
)
from sync.errors import FormatError, MediumFailing, NoSource, NotThere, ProofFailed
from sync.feed import Feed
from sync.library import ContentFolder, Store
from sync.pack import MAX_TABLE, Table, decode_table
from sync.plan import Step, Wanted
from sync.plan.route import NOTHING, Leg, cheapest, direct, length
from sync.staging import BLOCK
from sync.transport.base import Transport
from sync.transport.pool import set_aside
from sync.updates import routes as ways
from sync.updates.head import MAX_HEAD, Base, Head, decode_head
from sync.updates.routes import Routes

SHORT = 256 * 1024
"""Update packs up to so many bytes are read whole, as a second request costs more than it saves."""
WORTH = 50
"""Another list of update packs is read only if the way known is so many times as long."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a box begins: the edition of a collection it holds whole, if any."""

    entry: CollectionEntry | None = None

    @property
    def edition(self) -> int:
        """Its number; 0 for none."""
        return self.entry.edition if self.entry else NOTHING


def fetch_wanted(
    entry: CollectionEntry,
    start: Start,
    transport: Transport,
    store: Store,
    *,
    short: int = SHORT,
) -> Wanted:
    """The edition with its update packs where a way leads from ``start``, else with its tables.

    ``short``: the longest update packs that are read whole, in bytes; 0 if only lists shall come.
    Raises NoSource, ProofFailed or FormatError only for what it cannot do without.
    """
    try:
        steps = _fetch_steps(entry, start, transport, store, short)
    except (NotThere, ProofFailed, FormatError, MediumFailing):
        steps = ()  # a missing or broken update pack costs only the fallback
    if steps:
        return Wanted(entry, steps[-1].head.feed, steps=steps)
    feed = fetch_feed(entry, transport, store)
    return Wanted(entry, feed, fetch_tables(entry, transport, store))


def fetch_feed(entry: CollectionEntry, transport: Transport, store: Store) -> Feed:
    """The entry's feed, from the box if it is there, else fetched and kept.

    Raises NoSource, ProofFailed, or FormatError: not a feed, or not that collection and edition.
    """
    kept = kept_feed(entry, store)
    if kept is not None:
        return kept
    ref = entry.feed
    _check_size(ref.stored, limit=feeds.MAX_STORED, what=f"feed of {entry.id}")
    plain = _feed_in_any_form(ref, transport, store)
    store.feeds.put(ref.plain.digest, plain)
    return _checked(feeds.parse_plain(plain), entry)


def kept_feed(entry: CollectionEntry, store: Store) -> Feed | None:
    """The entry's feed if the box has it; a damaged copy is removed."""
    kept = _kept(store.feeds, entry.feed.plain)
    return None if kept is None else _checked(feeds.parse_plain(kept), entry)


def receive_feed(entry: CollectionEntry, transport: Transport, store: Store) -> Feed | None:
    """The entry's feed if the box has it or ``transport`` gives it; None is no fault of anyone's.

    Raises FormatError if what was signed contradicts itself.
    """
    try:
        return fetch_feed(entry, transport, store)
    except (NoSource, MediumFailing, ProofFailed):
        return None


def _feed_in_any_form(ref: FeedRef, transport: Transport, store: Store) -> bytes:
    """As it was published; where nobody has that, plain, as boxes keep it: both are signed."""
    try:
        return feeds.open_stored(_receive(feed_name(ref), ref.stored, transport, store), ref)
    except NotThere as missing:
        _check_size(ref.plain, limit=feeds.MAX_PLAIN, what="plain feed")
        try:
            return _receive(plain_feed_name(ref), ref.plain, transport, store)
        except NotThere:
            raise missing from None


def fetch_tables(entry: CollectionEntry, transport: Transport, store: Store) -> tuple[Table, ...]:
    """The tables of the entry's packs, from the box where they are there, else fetched and kept.

    Raises NoSource, ProofFailed, or FormatError: not a table, or not that of its pack.
    """
    return tuple(fetch_table(ref, transport, store) for ref in entry.packs)


def _fetch_steps(
    entry: CollectionEntry, start: Start, transport: Transport, store: Store, short: int
) -> tuple[Step, ...]:
    legs = direct(entry, start.edition) or _listed_way(entry, start, transport, store)
    if not legs:
        return ()
    base = _base(start, store) if legs[0].update.base else Base()
    steps: list[Step] = []
    for leg in legs:
        step = _fetch_step(leg, base, transport, store, short)
        plain = feeds.plain_bytes(step.head.feed)
        store.feeds.put(leg.entry.feed.plain.digest, plain)
        base = Base(plain, step.head.feed)
        steps.append(step)
    return tuple(steps)


def _base(start: Start, store: Store) -> Base:
    """The held edition's feed; raises ProofFailed or FormatError if it is damaged."""
    if start.entry is None:
        return Base()
    plain = store.feeds.read(start.entry.feed.plain.digest, limit=feeds.MAX_PLAIN)
    return Base(plain, feeds.parse_plain(plain))


def _listed_way(
    entry: CollectionEntry, start: Start, transport: Transport, store: Store
) -> tuple[Leg, ...]:
    """The cheapest way through the lists of update packs, of which only as many are read as help.

    Raises NotThere, ProofFailed, MediumFailing or FormatError if the first list cannot be used;
    of the others, what can be read counts.
    """
    if entry.routes is None:
        return ()

    def read(name: str, stored: Stored) -> Routes:
        _check_size(stored, limit=ways.MAX_STORED, what=f"routes of {entry.id}")
        return ways.decode(_receive(name, stored, transport, store), entry)

    packs = start.entry.packs if start.entry else ()
    known = read(routes_name(entry.routes), entry.routes)
    legs = cheapest(entry, known, start.edition, packs)
    for stored in known.older:
        if _suffices(legs, start, stored):
            break
        with suppress(NotThere, ProofFailed, FormatError, MediumFailing):
            known = ways.joined(known, read(older_routes_name(stored), stored))
            legs = cheapest(entry, known, start.edition, packs)
    return legs


def _suffices(legs: tuple[Leg, ...], start: Start, unread: Stored) -> bool:
    """Whether another list would cost much beside the way, which it could hardly shorten."""
    if not legs or legs[0].update.base != start.edition:
        return False
    if len(legs) == 1:
        return True
    packs = start.entry.packs if start.entry else ()
    return length(legs, packs) < WORTH * unread.size


def _fetch_step(leg: Leg, base: Base, transport: Transport, store: Store, short: int) -> Step:
    update = leg.update
    name = update_name(update.pack)
    _check_size(update.head, limit=MAX_HEAD, what=f"update pack of {leg.entry.id}")
    kept = _kept(store.heads, update.head)
    rest = b""
    if kept is None:
        if update.pack.size <= short:
            data = _receive_short(name, update.head, transport, update.pack.size)
            kept, rest = data[: update.head.size], data[update.head.size :]
        else:
            kept = _receive(name, update.head, transport, store)
        store.heads.put(update.head.digest, kept)
    head = decode_head(kept, base, leg.entry)
    _checked(head.feed, leg.entry)
    if head.end != update.pack.size:
        raise FormatError(f"{name}: its groups end at {head.end}, not at {update.pack.size} bytes")
    if rest:
        _stage(head, rest, store)
    return Step(name, leg.entry, head)


def _stage(head: Head, rest: bytes, store: Store) -> None:
    """Keep the groups that came along; apply proves them as it proves all staged ones."""
    for one in head.groups:
        if not one.home:
            start = one.group.offset - head.size
            with store.groups.append(one.group.digest, at=0) as file:
                file.write(rest[start : start + one.group.stored])


def _checked(feed: Feed, entry: CollectionEntry) -> Feed:
    if (feed.collection, feed.edition) != (entry.id, entry.edition):
        raise FormatError(
            f"feed of {entry.id}, edition {entry.edition}: describes {feed.collection[:80]}, "
            f"edition {feed.edition}"
        )
    return feed


def fetch_table(ref: PackRef, transport: Transport, store: Store) -> Table:
    """The table of a pack, as ``fetch_tables``."""
    what = f"table {ref.table.digest[:16]}…"
    _check_size(ref.table, limit=MAX_TABLE, what=what)
    data = _kept(store.tables, ref.table)
    if data is None:
        data = _receive(table_name(ref.table), ref.table, transport, store)
        store.tables.put(ref.table.digest, data)
    table = decode_table(data)
    if table.pack != ref.pack:
        raise FormatError(f"{what}: belongs to another pack than the directory says")
    return table


def _receive(name: str, stored: Stored, transport: Transport, store: Store) -> bytes:
    """The proved bytes of a file (or of the start of one, if that is what ``stored`` is of).

    Long ones are staged as they come, so that a cut costs no more than it costs a group.
    """
    while True:
        held = store.groups.sizes().get(stored.digest, 0) if stored.size > BLOCK else 0
        at = held if held <= stored.size else 0
        stream = transport.stream(name, offset=at, length=stored.size - at)
        data = _staged(stream, at, stored, store) if stored.size > BLOCK else b"".join(stream)
        try:
            return prove(data, stored.digest, what=f"{transport.label}: {name}")
        except ProofFailed as error:
            if not set_aside(transport, stream, error):
                raise


def _staged(stream: Iterator[bytes], at: int, stored: Stored, store: Store) -> bytes:
    """All of a file, of which ``at`` bytes are staged and the rest comes now."""
    with store.groups.append(stored.digest, at=at) as file:
        for block in stream:
            file.write(block)
    data = store.groups.read(stored.digest, size=stored.size)
    store.groups.drop(stored.digest)
    return data


def _receive_short(name: str, proof: Stored, transport: Transport, size: int) -> bytes:
    """The first ``size`` bytes of a file, of which ``proof`` proves the beginning or all."""
    while True:
        stream = transport.stream(name, offset=0, length=size)
        try:
            data = b"".join(stream)
        except NotThere:
            raise
        except NoSource:  # a broken line says so again; a file that is cut off is a damaged one
            data = transport.read(name, limit=size)
        try:
            prove(data[: proof.size], proof.digest, what=f"{transport.label}: {name}")
        except ProofFailed as error:
            if not set_aside(transport, stream, error):
                raise
        else:
            return data


def _check_size(stored: Stored, *, limit: int, what: str) -> None:
    if stored.size > limit:
        raise FormatError(f"{what}: {stored.size} bytes, at most {limit} are allowed")


def _kept(folder: ContentFolder, stored: Stored) -> bytes | None:
    """The proved bytes of a file the box has; a damaged copy is removed."""
    if not folder.has(stored.digest, size=stored.size):
        return None
    try:
        return folder.read(stored.digest, limit=stored.size)
    except (ProofFailed, MediumFailing):
        folder.remove(stored.digest)
        return None
