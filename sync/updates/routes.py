"""The lists of all update packs a publisher keeps of a collection. Pure.

The directory names only the usual way to an edition. A box that is elsewhere (three editions
behind, or new) reads the first list, which leads straight to the newest edition, and the older
ones only if it is at none of the editions the first begins at. ``sync.plan.route`` finds the
cheapest way through what was read.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sync import canonical, compression
from sync.digest import sha256
from sync.directory import (
    CollectionEntry,
    FeedRef,
    PackRef,
    Stored,
    UpdateRef,
    feed_value,
    older_routes_name,
    pack_value,
    parse_feed_ref,
    parse_pack_ref,
    parse_stored,
    parse_update_ref,
    routes_name,
    stored_value,
    update_value,
)
from sync.errors import FormatError

FORMAT = "kexia-routes-1"
MAX_STORED = 4 * 2**20
"""Longest stored list a box reads, in bytes."""
MAX_PLAIN = 64 * 2**20
MAX_LISTS = 4
"""The first and the older ones of one edition."""
MAX_NAMED = 2**20
"""Packs that all stops of a list name together, each as often as it is named."""
NEAR, RECENT = 3, 6
"""Stops of the second list, beside those that long packs begin at, and of the third."""


@dataclass(frozen=True, slots=True)
class Stop:
    """An edition that update packs lead to or from, and the packs it needs."""

    edition: int
    feed: FeedRef
    packs: tuple[PackRef, ...]
    updates: tuple[UpdateRef, ...]
    """Those that lead to it."""


@dataclass(frozen=True, slots=True)
class Routes:
    """Kept editions of one collection, oldest first: all of them, or those of the lists read."""

    collection: str
    stops: tuple[Stop, ...]
    older: tuple[Stored, ...] = ()
    """The lists that hold the others; only the first list names them."""

    def stop(self, edition: int) -> Stop | None:
        """That edition, if it is kept."""
        return next((stop for stop in self.stops if stop.edition == edition), None)

    def edges(self) -> Iterator[tuple[int, int, UpdateRef]]:
        """From which edition, to which, by which update pack."""
        for stop in self.stops:
            for update in stop.updates:
                yield update.base, stop.edition, update


def entry_at(entry: CollectionEntry, stop: Stop) -> CollectionEntry:
    """The entry as it was at an earlier edition, as far as bytes go."""
    return replace(
        entry,
        edition=stop.edition,
        feed=stop.feed,
        packs=stop.packs,
        updates=stop.updates,
        routes=None,
    )


def stop_of(entry: CollectionEntry) -> Stop:
    """The entry's own edition as its directory describes it."""
    return Stop(entry.edition, entry.feed, entry.packs, entry.updates)


def joined(first: Routes, older: Routes) -> Routes:
    """The first list with what an older one adds; raises FormatError if they share a stop."""
    stops = sorted((*first.stops, *older.stops), key=lambda stop: stop.edition)
    _check_once(stops)
    return replace(first, stops=tuple(stops))


def read_all(entry: CollectionEntry, read: Callable[[str, Stored], bytes]) -> Routes:
    """All stops of an entry's lists. ``read``: the proved bytes of a file by its name.

    Raises FormatError, and what ``read`` raises.
    """
    if entry.routes is None:
        return Routes(entry.id, ())
    found = decode(read(routes_name(entry.routes), entry.routes), entry)
    for stored in found.older:
        found = joined(found, decode(read(older_routes_name(stored), stored), entry))
    return found


def encode_all(routes: Routes, entry: CollectionEntry) -> tuple[bytes, ...]:
    """The stored lists, the first one first; the same routes give the same bytes."""
    first, *others = divided(routes.stops, entry.edition)
    older = [encode(Routes(routes.collection, stops), entry) for stops in others]
    named = tuple(Stored(sha256(data), len(data)) for data in older)
    return (encode(Routes(routes.collection, first, named), entry), *older)


def divided(stops: Sequence[Stop], newest: int) -> list[tuple[Stop, ...]]:
    """The stops of each list, all oldest first: the newest; near ones; recent ones; the rest.

    Near are the last NEAR and those that the newest edition's packs begin at, so a box that missed
    a few nights, or that two long packs lead on, needs two lists.
    """
    first = tuple(stop for stop in stops if stop.edition == newest)
    others = tuple(stop for stop in stops if stop.edition != newest)
    near = {stop.edition for stop in others[-NEAR:]}
    near |= {update.base for stop in first for update in stop.updates}
    farther = tuple(stop for stop in others if stop.edition not in near)
    older = (
        tuple(stop for stop in others if stop.edition in near),
        farther[-RECENT:],
        farther[:-RECENT],
    )
    return [first, *(each for each in older if each)]


def encode(routes: Routes, entry: CollectionEntry) -> bytes:
    """One stored list, as it is read beside ``entry``, whose directory names it."""
    pool = {ref: number for number, ref in reversed([*enumerate(entry.packs)])}
    extra: dict[PackRef, int] = {}
    for stop in routes.stops:
        for ref in stop.packs:
            if ref not in pool:
                extra.setdefault(ref, len(entry.packs) + len(extra))
    value = {
        "format": FORMAT,
        "collection": routes.collection,
        "older": [stored_value(one) for one in routes.older],
        "packs": [pack_value(ref) for ref in extra],
        "stops": [_stop_value(stop, entry, pool | extra) for stop in routes.stops],
    }
    return compression.compress(canonical.dumps(value))


def _stop_value(
    stop: Stop, entry: CollectionEntry, pool: Mapping[PackRef, int]
) -> dict[str, object]:
    if stop.edition == entry.edition:
        added = [one for one in stop.updates if one not in entry.updates]
        return {"edition": stop.edition, "updates": [update_value(ref) for ref in added]}
    return {
        "edition": stop.edition,
        "feed": feed_value(stop.feed),
        "packs": _runs(pool[ref] for ref in stop.packs),
        "updates": [update_value(ref) for ref in stop.updates],
    }


def _runs(numbers: Iterable[int]) -> list[list[int]]:
    """Numbers as runs: the first, and how many follow one another."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == sum(found[-1]):
            found[-1][1] += 1
        else:
            found.append([number, 1])
    return found


def decode(stored: bytes, entry: CollectionEntry) -> Routes:
    """Read a proved list of ``entry``, whose packs it names by number; raises FormatError."""
    size = compression.content_size(stored, limit=MAX_PLAIN, what="routes")
    plain = compression.decompress(stored, size=size, what="routes")
    value = canonical.loads(plain, what="routes")
    if value.get("format") != FORMAT:
        raise FormatError(
            f"routes: format {value.get('format')!r} is not {FORMAT}",
            hint="this box may be too old for this publisher; update its system",
        )
    try:
        collection = canonical.as_text(value["collection"])
        older = tuple(map(parse_stored, canonical.as_list(value["older"])))
        packs = map(parse_pack_ref, canonical.as_list(value["packs"]))
        reader = _Stops(entry, (*entry.packs, *packs))
        stops = tuple(map(reader.read, canonical.as_list(value["stops"])))
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"routes: a field is missing or of the wrong kind ({error})") from error
    _check_once(stops)
    if len(older) >= MAX_LISTS:
        raise FormatError(f"routes: {len(older)} older lists, at most {MAX_LISTS - 1} are allowed")
    return Routes(collection, stops, older)


def _check_once(stops: Sequence[Stop]) -> None:
    if len({stop.edition for stop in stops}) != len(stops):
        raise FormatError("routes: an edition stands twice")


class _Stops:
    """Reads stops; counts the packs they name, of which a few bytes could name many."""

    def __init__(self, entry: CollectionEntry, packs: tuple[PackRef, ...]) -> None:
        self._entry = entry
        self._packs = packs
        self._named = 0

    def read(self, value: object) -> Stop:
        fields = canonical.as_object(value)
        edition = canonical.as_count(fields["edition"])
        updates = tuple(parse_update_ref(ref) for ref in canonical.as_list(fields["updates"]))
        if edition == self._entry.edition:
            return replace(stop_of(self._entry), updates=(*self._entry.updates, *updates))
        feed = parse_feed_ref(fields["feed"])
        runs = canonical.as_list(fields["packs"])
        return Stop(edition, feed, tuple(ref for run in runs for ref in self._run(run)), updates)

    def _run(self, value: object) -> tuple[PackRef, ...]:
        first, count = map(canonical.as_count, canonical.as_list(value))
        self._named += count
        if first + count > len(self._packs):
            raise FormatError(f"routes: pack {first + count - 1}, but there are {len(self._packs)}")
        if self._named > MAX_NAMED:
            raise FormatError(f"routes: more than {MAX_NAMED} packs are named")
        return self._packs[first : first + count]
