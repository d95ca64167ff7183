"""Resources from update packs, backwards from what is wanted to what is held. Pure.

Forwards, each group is judged: can this box decode it, with what it holds and what groups before
it make? Backwards, the groups are chosen: those that yield something wanted, then those that make
what these build on. What no group can make is left to the chunk packs.
"""

from collections.abc import Iterable, Iterator, Sequence

from sync.digest import Digest
from sync.directory import pack_name
from sync.feed import Resource
from sync.plan.draft import Draft
from sync.plan.pieces import FromGroup, FromSeed, Have, Piece, Remade, Step
from sync.updates.parts import Copy, Deflated, Literal, Part, Skip, UpdateGroup

_Place = tuple[int, int]
"""Number of the step, number of the group in it."""


def add_updates(
    draft: Draft, steps: Sequence[Step], wanted: Iterable[Resource], have: Have
) -> list[Resource]:
    """Plan what the steps can make of ``wanted``; returns what they cannot."""
    chosen, makers = _choose(steps, wanted, _usable(steps, have), draft)
    made: dict[Digest, tuple[Resource, list[Piece]]] = {}
    for place in chosen:
        step, one = _at(steps, place)
        number = draft.group(_name(step, one), one.group, one.prefix)
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
    steps: Sequence[Step], wanted: Iterable[Resource], usable: dict[Digest, int], draft: Draft
) -> tuple[list[_Place], dict[Digest, int]]:
    """The groups to take, in their order, and the step that makes each resource."""
    makers = {
        one.digest: usable[one.digest]
        for one in wanted
        if one.digest in usable and draft.lacks(one)
    }
    chosen: list[_Place] = []
    for place in _backwards(steps):
        _, one = _at(steps, place)
        if not any(makers.get(part.resource.digest) == place[0] for part in one.parts):
            continue
        chosen.append(place)
        for span in one.spans():
            if span.digest in usable and not draft.knows(span.digest):
                makers.setdefault(span.digest, usable[span.digest])
    chosen.reverse()
    return chosen, makers


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
            case Deflated(length, size, parameters):
                yield Remade(group, start, length, size, parameters)
                start += length
