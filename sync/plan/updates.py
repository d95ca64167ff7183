"""Resources from update packs, backwards from what is wanted to what is held. Pure.

Forwards, each group is judged: can this box decode it, with what it holds and what groups before
it make? Backwards, the groups are chosen: those that yield something wanted, then those that make
what these build on. What no group can make is left to the chunk packs.
"""

from collections.abc import Iterator, Mapping, Sequence

from sync.digest import Digest
from sync.directory import pack_name
from sync.feed import Resource
from sync.plan.draft import Draft
from sync.plan.pieces import FromGroup, FromSeed, FromSteps, Have, Piece, Remade, Step
from sync.updates.parts import (
    Build,
    Copy,
    Deflated,
    Literal,
    Part,
    Skip,
    Summed,
    UpdateGroup,
    taken,
)

_Place = tuple[int, int]
"""Number of the step, number of the group in it."""


def add_updates(
    draft: Draft, steps: Sequence[Step], wanted: Sequence[Resource], usable: Mapping[Digest, int]
) -> None:
    """Plan what the steps can make of ``wanted``, which is all of it that is ``usable``."""
    chosen, makers = _choose(steps, wanted, usable, draft)
    numbers: dict[_Place, int] = {}
    for place in chosen:
        step, one = _at(steps, place)
        numbers[place] = draft.group(_name(step, one), one.group, one.prefix)
    made: dict[Digest, _Making] = {}
    for place, number in sorted(numbers.items()):
        _, one = _at(steps, place)
        start = 0
        for part in one.parts:
            if makers.get(part.resource.digest) == place[0]:
                making = made.setdefault(part.resource.digest, _Making(part.resource))
                making.take(part, number, start)
            start += part.payload
    for digest, making in made.items():
        draft.assemble(making.resource, making.pieces, update=steps[makers[digest]].name)


def find_usable(steps: Sequence[Step], have: Have) -> dict[Digest, int]:
    """Resources the steps can make here, and the first step that does."""
    found: dict[Digest, int] = {}
    for number, step in enumerate(steps):
        feed = step.entry.feed.plain.digest
        builds: dict[Digest, Build] = {}
        lost: set[Digest] = set()
        for one in step.head.groups:
            held = all(
                span.digest in have.resources or span.digest in found or span.digest == feed
                for span in one.spans()
            )
            if not held or (one.deflates and not have.deflates):
                lost.update(part.resource.digest for part in one.parts)
            for part in one.parts:
                digest = part.resource.digest
                if digest not in lost and _ends(part, builds):
                    found.setdefault(digest, number)
    return found


def _ends(part: Part, builds: dict[Digest, Build]) -> bool:
    """Whether its resource is whole after a part."""
    build = builds.setdefault(part.resource.digest, Build(part.resource.size))
    for segment in part.segments:
        build.add(segment)
    return build.is_whole


def _choose(
    steps: Sequence[Step],
    wanted: Sequence[Resource],
    usable: Mapping[Digest, int],
    draft: Draft,
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


class _Making:
    """A resource put together from parts, in order; streams within streams as they come."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self._build = Build(resource.size)
        self._pieces: list[list[Piece]] = [[]]
        """Of the resource, of the stream begun in it, of the stream in that …"""
        self._streams: list[Deflated] = []

    @property
    def pieces(self) -> list[Piece]:
        """What it is made of."""
        return self._pieces[0]

    def take(self, part: Part, group: int, start: int) -> None:
        """The next part: from ``start`` of a group's payload."""
        for segment in part.segments:
            if isinstance(segment, Deflated):
                self._streams.append(segment)
                self._pieces.append([])
            else:
                self._pieces[-1] += _piece(segment, group, start)
            start += taken(segment)
            for _ in range(self._build.add(segment)):
                stream, inner = self._streams.pop(), tuple(self._pieces.pop())
                self._pieces[-1].append(Remade(inner, stream.size, stream.parameters))


def _piece(segment: Literal | Copy | Skip | Summed, group: int, start: int) -> Iterator[Piece]:
    match segment:
        case Literal(length):
            yield FromGroup(group, start, length)
        case Copy(span):
            yield FromSeed(span.digest, span.start, span.length)
        case Summed(length):
            yield FromSteps(group, start, length)
        case Skip():
            pass
