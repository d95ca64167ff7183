"""The list of all update packs a publisher keeps of a collection. Pure.

The directory names only the usual way to an edition. A box that is elsewhere (three editions
behind, or new) reads this list, and ``sync.plan.route`` finds the cheapest way through it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sync import canonical, compression
from sync.directory import (
    CollectionEntry,
    FeedRef,
    PackRef,
    UpdateRef,
    feed_value,
    pack_value,
    parse_feed_ref,
    parse_pack_ref,
    parse_update_ref,
    update_value,
)
from sync.errors import FormatError

FORMAT = "kexia-routes-1"
MAX_STORED = 4 * 2**20
"""Longest stored list a box reads, in bytes."""
MAX_PLAIN = 64 * 2**20


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
    """The kept editions of one collection, oldest first."""

    collection: str
    stops: tuple[Stop, ...]

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


def encode(routes: Routes) -> bytes:
    """Stored bytes; the same list gives the same bytes."""
    value = {
        "format": FORMAT,
        "collection": routes.collection,
        "stops": [
            {
                "edition": stop.edition,
                "feed": feed_value(stop.feed),
                "packs": [pack_value(ref) for ref in stop.packs],
                "updates": [update_value(ref) for ref in stop.updates],
            }
            for stop in routes.stops
        ],
    }
    return compression.compress(canonical.dumps(value))


def decode(stored: bytes) -> Routes:
    """Read proved bytes; raises FormatError."""
    size = compression.content_size(stored, limit=MAX_PLAIN, what="routes")
    plain = compression.decompress(stored, size=size, what="routes")
    value = canonical.loads(plain, what="routes")
    if value.get("format") != FORMAT:
        raise FormatError(
            f"routes: format {value.get('format')!r} is not {FORMAT}",
            hint="this box may be too old for this publisher; update its system",
        )
    try:
        stops = tuple(map(_stop, canonical.as_list(value["stops"])))
        collection = canonical.as_text(value["collection"])
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"routes: a field is missing or of the wrong kind ({error})") from error
    if len({stop.edition for stop in stops}) != len(stops):
        raise FormatError("routes: an edition stands twice")
    return Routes(collection, stops)


def _stop(value: object) -> Stop:
    fields = canonical.as_object(value)
    return Stop(
        edition=canonical.as_count(fields["edition"]),
        feed=parse_feed_ref(fields["feed"]),
        packs=tuple(parse_pack_ref(ref) for ref in canonical.as_list(fields["packs"])),
        updates=tuple(parse_update_ref(ref) for ref in canonical.as_list(fields["updates"])),
    )
