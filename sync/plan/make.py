"""Makes the plan: for each edition the cheapest way, its update packs or its chunk packs. Pure.

Resources come in the order of the lessons, so that the first lessons are whole early; in an update
pack in the order of its groups, as later ones build on earlier ones.
"""

from collections.abc import Sequence

from sync.feed import Resource
from sync.plan.chunks import add_chunks, cut_of, find_seeds
from sync.plan.draft import Draft
from sync.plan.pieces import Have, Plan, Unplanned, Wanted
from sync.plan.schedule import room
from sync.plan.updates import add_updates


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
    alone = Wanted(one.entry, one.feed, one.tables)
    both = _plan([one], [one], have).bytes_to_fetch
    return alone if _plan([alone], [one], have).bytes_to_fetch < both else one


def _plan(chosen: Sequence[Wanted], wanted: Sequence[Wanted], have: Have) -> Plan:
    draft = Draft(have)
    rest = [add_updates(draft, one.steps, _lacking(draft, one), have) for one in chosen]
    missing = tuple(
        one.entry.id
        for one, left in zip(chosen, rest, strict=True)
        if any(each.size for each in left) and not one.has_tables
    )
    if missing:
        raise Unplanned(missing)
    cuts = [cut_of(one, left) for one, left in zip(chosen, rest, strict=True)]
    seeds = find_seeds(cuts, have)
    for one, cut in zip(chosen, cuts, strict=True):
        add_chunks(draft, one, cut, seeds)
    groups, assemblies, ranges = tuple(draft.groups), tuple(draft.assemblies), draft.ranges()
    return Plan(tuple(wanted), groups, assemblies, ranges, room(groups, assemblies, ranges))


def _lacking(draft: Draft, one: Wanted) -> list[Resource]:
    return [resource for resource in one.feed.resources if draft.lacks(resource)]
