"""Makes the plan: for each edition the cheapest way, its update packs or its chunk packs. Pure.

Resources come rank by rank, whatever collection they are of, and in a rank in the order of the
lessons, so that what matters first is whole early; in an update pack in the order of its groups, as
later ones build on earlier ones.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sync.digest import Digest
from sync.feed import Resource
from sync.plan.chunks import Cut, Places, add_chunks, cut_of, find_places, find_seeds
from sync.plan.draft import Draft
from sync.plan.pieces import FromSeed, Have, Plan, Share, Unplanned, Wanted
from sync.plan.schedule import room
from sync.plan.updates import add_updates, find_usable
from sync.recipe import ChunkId, Chunks


def make_plan(wanted: Sequence[Wanted], have: Have) -> Plan:
    """The plan that makes every resource of ``wanted`` that ``have`` lacks, each once.

    Raises Unplanned for collections that cannot do without tables and have none here, FormatError
    if a collection's tables do not hold what its feed lists.
    """
    choices = [_cheapest(one, have) for one in wanted]
    return _plan(choices, wanted, have)


def _cheapest(one: Wanted, have: Have) -> Wanted:
    """``one`` with the lists to plan it from: without its steps if chunk packs alone cost less."""
    if not (one.steps and one.has_tables):
        return one
    alone = replace(one, steps=())
    both = _plan([one], [one], have).bytes_to_fetch
    return alone if _plan([alone], [one], have).bytes_to_fetch < both else one


def _plan(chosen: Sequence[Wanted], wanted: Sequence[Wanted], have: Have) -> Plan:
    draft = Draft(have)
    usable = [find_usable(one.steps, have) for one in chosen]
    first = _first_makers(chosen, usable)
    ways = _ways(chosen, usable, first.keys(), draft)
    makers = {digest: ways[number] for digest, number in first.items()}
    seeds = find_seeds([list(way.chunks.items()) for way in ways], have)
    places = _PlacesOf(seeds)
    for shares in _by_ranks(ways):
        for way, share in shares:
            for maker, resources in way.by_maker(share, makers):
                add_updates(draft, maker.wanted.steps, resources, maker.usable)
        for way, share in shares:
            cut = way.cut_of(share)
            add_chunks(draft, way.wanted, cut, seeds, places.of(way, cut))
    groups, assemblies, ranges = tuple(draft.groups), tuple(draft.assemblies), draft.ranges()
    return Plan(tuple(wanted), groups, assemblies, ranges, room(groups, assemblies, ranges))


@dataclass(frozen=True, slots=True)
class _Way:
    """How an edition comes: by its steps what they can make, by chunk packs the rest."""

    wanted: Wanted
    usable: Mapping[Digest, int]
    """What its steps can make, and the first that does."""
    chunks: Mapping[Resource, Chunks]
    """What no edition's steps make."""

    def by_maker(
        self, share: Share, makers: Mapping[Digest, "_Way"]
    ) -> Iterator[tuple["_Way", list[Resource]]]:
        """What of a share steps make: its own, or those of another edition."""
        found: dict[int, tuple[_Way, list[Resource]]] = {}
        for each in share.resources:
            maker = self if each.digest in self.usable else makers.get(each.digest)
            if maker is not None:
                found.setdefault(id(maker), (maker, []))[1].append(each)
        yield from found.values()

    def cut_of(self, share: Share) -> Cut:
        """What of a share no steps make."""
        found = ((each, self.chunks.get(each)) for each in share.resources)
        return [(each, chunks) for each, chunks in found if chunks is not None]


def _first_makers(
    chosen: Sequence[Wanted], usable: Sequence[Mapping[Digest, int]]
) -> dict[Digest, int]:
    """What steps are to make, and the number of the first edition whose steps do."""
    makers: dict[Digest, int] = {}
    for number, one in enumerate(chosen):
        for each in one.resources:
            if each.digest in usable[number]:
                makers.setdefault(each.digest, number)
    return makers


def _ways(
    chosen: Sequence[Wanted],
    usable: Sequence[Mapping[Digest, int]],
    promised: Container[Digest],
    draft: Draft,
) -> list[_Way]:
    """Raises Unplanned for editions that need tables and have none, FormatError as ``cut_of``."""
    rest = [
        [each for each in one.resources if draft.lacks(each) and each.digest not in promised]
        for one in chosen
    ]
    missing = tuple(
        one.entry.id
        for one, left in zip(chosen, rest, strict=True)
        if any(each.size for each in left) and not one.has_tables
    )
    if missing:
        raise Unplanned(missing)
    return [
        _Way(one, found, dict(cut_of(one, left)))
        for one, found, left in zip(chosen, usable, rest, strict=True)
    ]


class _PlacesOf:
    """Where tables hold chunks: kept for editions that come share by share, else only looked up."""

    def __init__(self, seeds: Mapping[ChunkId, FromSeed]) -> None:
        self._seeds = seeds
        self._kept: dict[int, Places] = {}

    def of(self, way: _Way, cut: Cut) -> Places:
        """Of all chunks of ``cut``, which is a share of the way's."""
        if len(way.wanted.shares) == 1:
            return find_places(way.wanted, cut, self._seeds)
        if id(way) not in self._kept:
            whole = list(way.chunks.items())
            self._kept[id(way)] = find_places(way.wanted, whole, self._seeds)
        return self._kept[id(way)]


def _by_ranks(ways: Iterable[_Way]) -> Iterator[list[tuple[_Way, Share]]]:
    """The shares of all editions, first things first."""
    ranks: dict[tuple[int, ...], list[tuple[_Way, Share]]] = {}
    for way in ways:
        for share in way.wanted.shares:
            ranks.setdefault(share.rank, []).append((way, share))
    for rank in sorted(ranks):
        yield ranks[rank]
