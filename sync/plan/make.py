"""Makes the plan: for each edition the cheapest way, its update packs or its chunk packs. Pure.

Resources come turn by turn, whatever collection they are of, and in a turn in the order of the
lessons, so that what matters first is whole early; in an update pack in the order of its groups, as
later ones build on earlier ones.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sync.digest import Digest
from sync.feed import Resource
from sync.plan.chunks import Cut, Places, add_chunks, cut_of, find_places, find_seeds
from sync.plan.draft import Draft
from sync.plan.pieces import Have, Plan, Share, Unplanned, Wanted
from sync.plan.schedule import room
from sync.plan.updates import add_updates, find_usable
from sync.recipe import Chunks


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
    promised = {
        resource.digest
        for one, found in zip(chosen, usable, strict=True)
        for resource in one.resources
        if resource.digest in found
    }
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
    cuts = [cut_of(one, left) for one, left in zip(chosen, rest, strict=True)]
    seeds = find_seeds(cuts, have)
    ways = [
        _Way(one, found, dict(cut), find_places(one, cut, seeds))
        for one, found, cut in zip(chosen, usable, cuts, strict=True)
    ]
    for shares in _by_turns(ways):
        for way, share in shares:
            add_updates(draft, way.wanted.steps, share.resources, way.usable)
        for way, share in shares:
            add_chunks(draft, way.wanted, way.cut_of(share), seeds, way.places)
    groups, assemblies, ranges = tuple(draft.groups), tuple(draft.assemblies), draft.ranges()
    return Plan(tuple(wanted), groups, assemblies, ranges, room(groups, assemblies, ranges))


@dataclass(frozen=True, slots=True)
class _Way:
    """How an edition comes: by its steps what they can make, by chunk packs the rest."""

    wanted: Wanted
    usable: Mapping[Digest, int]
    chunks: Mapping[Resource, Chunks]
    places: Places

    def cut_of(self, share: Share) -> Cut:
        """What of a share the steps cannot make."""
        found = ((each, self.chunks.get(each)) for each in share.resources)
        return [(each, chunks) for each, chunks in found if chunks is not None]


def _by_turns(ways: Iterable[_Way]) -> Iterator[list[tuple[_Way, Share]]]:
    """The shares of all editions, first things first."""
    turns: dict[int, list[tuple[_Way, Share]]] = {}
    for way in ways:
        for share in way.wanted.shares:
            turns.setdefault(share.turn, []).append((way, share))
    for turn in sorted(turns):
        yield turns[turn]
