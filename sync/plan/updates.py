"""Resources from update packs, backwards from what is wanted to what is held. Pure.

Forwards, each group is judged: can this box decode it, with what it holds and what groups before
it make? Backwards, the groups are chosen: those that yield something wanted, then those that make
what these build on. What no group can make is left to the chunk packs.
"""

from collections.abc import Iterator, Sequence

from sync.digest import Digest
from sync.directory import pack_name
from sync.feed import Resource
from sync.plan.draft import Draft
from sync.plan.pieces import FromGroup, FromSeed, FromSteps, Have, Piece, Remade, Step
from sync.updates.parts import Copy, Deflated, Literal, Part, Skip, Summed, UpdateGroup

_Place = tuple[int, int]
"""Number of the step, number of the group in it."""


def add_updates(
    draft: Draft, steps: Sequence[Step], wanted: Sequence[Resource], have: Have
) -> list[Resource]:
    """Plan what the steps can make of ``wanted``; returns what they cannot."""
    chosen, makers = _choose(steps, wanted, _usable(steps, have), draft)
    numbers: dict[_Place, int] = {}
    for place in chosen:
        step, one = _at(steps, place)
        numbers[place] = draft.group(_name(step, one), one.group, one.prefix)
    made: dict[Digest, tuple[Resource, list[Piece]]] = {}
    for place, number in sorted(numbers.items()):
        _, one = _at(steps, place)
        start = 0
        for part in one.parts:
            if makers.get(part.resource.digest) == place[0]:
                _, pieces = made.setdefault(part.resource.digest, (part.resource, []))
                pieces += _pieces(part, number, start)
            start += part.payload
    for resource, pieces in made.values():
        draft.assemble(resource, pieces, update=steps[makers[resource.digest]].name)
    return [resource for resource in wanted if draft.lacks(resource)]


def _usable(steps: Sequence[Step], have: Have) -> dict[Digest, int]:
    """Resources the steps can make here, and the first step that does."""
    found: dict[Digest, int] = {}
    for number, step in enumerate(steps):
        feed = step.entry.feed.plain.digest
        sizes: dict[Digest, int] = {}
        for one in step.head.groups:
            if one.deflates and not have.deflates:
                continue
            if not all(
                span.digest in have.resources or span.digest in found or span.digest == feed
                for span in one.spans()
            ):
                continue
            for part in one.parts:
                digest = part.resource.digest
                sizes[digest] = sizes.get(digest, 0) + part.size
                if sizes[digest] == part.resource.size:
                    found.setdefault(digest, number)
    return found


def _choose(
    steps: Sequence[Step], wanted: Sequence[Resource], usable: dict[Digest, int], draft: Draft
) -> tuple[list[_Place], dict[Digest, int]]:
    """The groups to take, what matters first, and the step that makes each resource."""
    ranks = {
        one.digest: rank
        for rank, one in enumerate(wanted)
        if one.digest in usable and draft.lacks(one)
    }
    makers = {digest: usable[digest] for digest in ranks}
    chosen: list[tuple[int, _Place]] = []
    for place in _backwards(steps):
        _, one = _at(steps, place)
        yields = [part.resource.digest for part in one.parts]
        own = [ranks[each] for each in yields if makers.get(each) == place[0]]
        if not own:
            continue
        rank = min(own)
        chosen.append((rank, place))
        for span in one.spans():
            if makers.get(span.digest) is not None or (
                span.digest in usable and not draft.knows(span.digest)
            ):
                # what a group builds on matters as much as the group
                makers.setdefault(span.digest, usable[span.digest])
                ranks[span.digest] = min(rank, ranks.get(span.digest, rank))
    return [place for _, place in sorted(chosen)], makers


def _backwards(steps: Sequence[Step]) -> Iterator[_Place]:
    for number in reversed(range(len(steps))):
        for group in reversed(range(len(steps[number].head.groups))):
            yield number, group


def _at(steps: Sequence[Step], place: _Place) -> tuple[Step, UpdateGroup]:
    number, group = place
    return steps[number], steps[number].head.groups[group]


def _name(step: Step, one: UpdateGroup) -> str:
    return pack_name(step.entry.packs[one.home - 1].pack) if one.home else step.name


def _pieces(part: Part, group: int, start: int) -> Iterator[Piece]:
    for segment in part.segments:
        match segment:
            case Literal(length):
                yield FromGroup(group, start, length)
                start += length
            case Copy(span):
                yield FromSeed(span.digest, span.start, span.length)
            case Skip(length):
                start += length
            case Summed(length):
                yield FromSteps(group, start, length)
                start += length
            case Deflated(length, size, parameters):
                yield Remade(group, start, length, size, parameters)
                start += length
