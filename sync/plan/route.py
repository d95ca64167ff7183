"""The way from the edition a box holds to the one it wants, through update packs. Pure."""

import heapq
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from sync.directory import CollectionEntry, PackRef, UpdateRef
from sync.updates.routes import Routes, entry_at

NOTHING = 0
"""The edition of a box that holds none."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One update pack of the way, and the edition it leads to."""

    update: UpdateRef
    entry: CollectionEntry


def direct(entry: CollectionEntry, held: int) -> tuple[Leg, ...]:
    """The way the directory itself names, if one begins at ``held``; else none."""
    fitting = [update for update in entry.updates if update.base == held]
    return tuple(Leg(update, entry) for update in fitting[:1])


def cheapest(
    entry: CollectionEntry, routes: Routes, held: int, packs: Iterable[PackRef] = ()
) -> tuple[Leg, ...]:
    """The way of fewest bytes through the update packs listed; empty if none leads here.

    It begins at ``held`` or at nothing: far behind, a new beginning may cost less. Dijkstra's
    algorithm over the packs' lengths, which bound what is fetched of each; a pack from nothing
    leaves much in chunk packs, so those that came since ``held`` are counted with it: all but
    ``packs``, those of the held edition.
    """
    old = frozenset(packs)
    best: dict[int, tuple[Leg, ...]] = {}
    queue: list[tuple[int, int, int, tuple[Leg, ...]]] = [(0, 0, NOTHING, ())]
    if held != NOTHING:
        queue.append((0, 0, held, ()))
    heapq.heapify(queue)
    edges = _edges(entry, routes)
    count = len(queue)
    while queue:
        cost, _, edition, way = heapq.heappop(queue)
        if edition == entry.edition:
            return way
        if edition in best:
            continue
        best[edition] = way
        for leg in edges.get(edition, ()):
            count += 1
            step = (cost + _cost(leg, old), count, leg.entry.edition, (*way, leg))
            heapq.heappush(queue, step)
    return ()


def length(way: Iterable[Leg], packs: Iterable[PackRef] = ()) -> int:
    """Bytes of a way at most, as ``cheapest`` counts them."""
    old = frozenset(packs)
    return sum(_cost(leg, old) for leg in way)


def _cost(leg: Leg, old: frozenset[PackRef]) -> int:
    lying = () if leg.update.base != NOTHING else leg.entry.packs
    return leg.update.pack.size + sum(ref.pack.size for ref in lying if ref not in old)


def _edges(entry: CollectionEntry, routes: Routes) -> dict[int, list[Leg]]:
    found: dict[int, list[Leg]] = defaultdict(list)
    for base, edition, update in routes.edges():
        stop = routes.stop(edition)
        if stop is not None:
            at = entry if edition == entry.edition else entry_at(entry, stop)
            found[base].append(Leg(update, at))
    for update in entry.updates:
        found[update.base].append(Leg(update, entry))
    return _without_doubles(found)


def _without_doubles(edges: dict[int, list[Leg]]) -> dict[int, list[Leg]]:
    return {base: list(_once(legs)) for base, legs in edges.items()}


def _once(legs: Iterable[Leg]) -> Iterable[Leg]:
    return {(leg.update.pack.digest, leg.entry.edition): leg for leg in legs}.values()
