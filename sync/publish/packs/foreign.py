"""What an update pack need not hold: bytes that lie raw in the edition's chunk packs anyway. Pure.

Pictures and videos that nothing old resembles would be stored twice; instead the head of the update
pack names the groups of chunk packs they lie in, and a box needs no table to find them.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from sync.digest import Digest
from sync.feed import Resource
from sync.pack import Group, Table
from sync.recipe import Chunk, ChunkId, Chunks, whole
from sync.updates.parts import Literal, Part, Segment, Skip, UpdateGroup

_Group = tuple[int, int]
"""Number of the table, number of the group in it."""
_Piece = tuple[int, int, Resource]
"""Where it begins in the plain group, how long it is, whose it is."""


NEAR = 0.985
"""What costs so little more in the chunk packs is left there, rather than stored twice."""
WASTE = 0.1
"""A group comes whole: a resource whose groups hold more of no use, as a share of it, stays out."""


class Foreign:
    """The groups of chunk packs that resources are taken from."""

    def __init__(self, tables: Sequence[Table], media: Iterable[Resource]) -> None:
        """``media``: what may be taken; the rest of a group is of no use to who fetches it."""
        self._tables = tables
        self._pieces: dict[_Group, list[_Piece]] = defaultdict(list)
        self._claimed: set[ChunkId] = set()
        self._places: dict[ChunkId, tuple[_Group, int]] = {}
        self._recipes: dict[Digest, Chunks] = {}
        for number, table in enumerate(tables):
            groups = {group.offset: index for index, group in enumerate(table.groups)}
            for chunk, group, start in table.places():
                self._places.setdefault(chunk.id, ((number, groups[group.offset]), start))
            for recipe in table.recipes:
                self._recipes.setdefault(recipe.resource, recipe.chunks)
        listed = list(media)
        self._useful = self._count(listed)
        self._refused: set[_Group] = set()
        self._settled: set[_Group] = set()
        self._members: dict[_Group, list[Resource]] = defaultdict(list)
        for one in listed:
            if (home := self._home(one)) is not None:
                self._members[home].append(one)

    def _home(self, resource: Resource) -> _Group | None:
        """The one group that holds all of a resource."""
        homes = {
            self._places[chunk.id][0] if chunk.id in self._places else None
            for chunk in self._chunks(resource)
        }
        return homes.pop() if len(homes) == 1 else None

    def settle(self, resource: Resource, together: Callable[[Sequence[Resource]], int]) -> bool:
        """Take a small resource with all others of its group, or leave that group for good.

        A group comes whole: if some came that way and some as items, those would come twice.
        ``together``: bytes that resources take in the update pack. False where it lies in several
        groups, or in one that costs more than that.
        """
        home = self._home(resource)
        if home is None or home in self._refused:
            return False
        number, index = home
        members = self._members[home]
        if home not in self._settled:
            self._settled.add(home)
            stored = self._tables[number].groups[index].stored
            if NEAR * stored > together(members):
                self._refused.add(home)
                return False
        return self.take(resource)

    def _count(self, media: Iterable[Resource]) -> Counter[_Group]:
        """How many bytes of each group are of use."""
        useful: Counter[_Group] = Counter()
        for chunk in {chunk for one in media for chunk in self._chunks(one)}:
            if chunk.id in self._places:
                useful[self._places[chunk.id][0]] += chunk.length
        return useful

    def _wasted(self, group: _Group) -> int:
        number, index = group
        return self._tables[number].groups[index].plain - self._useful[group]

    def cost(self, resource: Resource) -> int | None:
        """Bytes that taking it from there costs, with what is of no use to anyone; None if not."""
        found = self._find(resource)
        if not found:
            return None
        lengths: Counter[_Group] = Counter()
        for chunk, (place, _) in found:
            lengths[place] += chunk.length
        cost = 0
        for place, length in lengths.items():
            number, index = place
            group = self._tables[number].groups[index]
            cost += -(-group.stored * (length + self._wasted(place)) // group.plain)
        return cost

    def take(self, resource: Resource) -> bool:
        """Take a resource from there, if its chunks lie in order, untaken, among others of use."""
        found = self._find(resource)
        groups = {group for _, (group, _) in found}
        if not found or sum(map(self._wasted, groups)) > WASTE * resource.size:
            return False
        if not self._refused.isdisjoint(groups):
            return False
        for chunk, (group, start) in found:
            self._claimed.add(chunk.id)
            self._add(group, start, chunk.length, resource)
        return True

    def _find(self, resource: Resource) -> list[tuple[Chunk, tuple[_Group, int]]]:
        """Its chunks and where they are; none unless all lie there, in order and untaken."""
        chunks = list(self._chunks(resource))
        places = [self._places[chunk.id] for chunk in chunks if chunk.id in self._places]
        free = self._claimed.isdisjoint(chunk.id for chunk in chunks)
        in_order = all(one < other for one, other in pairwise(places))
        if not (free and in_order and len(places) == len(chunks)):
            return []
        return list(zip(chunks, places, strict=True))

    def _add(self, group: _Group, start: int, length: int, resource: Resource) -> None:
        pieces = self._pieces[group]
        if pieces and pieces[-1][2] == resource and sum(pieces[-1][:2]) == start:
            pieces[-1] = (pieces[-1][0], pieces[-1][1] + length, resource)
        else:
            pieces.append((start, length, resource))

    def groups(self) -> Iterator[UpdateGroup]:
        """The groups, and what of each is whose."""
        for (number, index), pieces in sorted(self._pieces.items(), key=lambda one: one[0]):
            group = self._tables[number].groups[index]
            parts = tuple(_parts(group, sorted(pieces, key=lambda one: one[0])))
            yield UpdateGroup(replace(group, chunks=range(0)), number + 1, (), parts)

    def _chunks(self, resource: Resource) -> Chunks | list[Chunk]:
        if resource.digest in self._recipes:
            return self._recipes[resource.digest]
        return [Chunk(whole(resource.digest), resource.size)]


def _parts(group: Group, pieces: Sequence[_Piece]) -> Iterator[Part]:
    at = 0
    for number, (start, length, resource) in enumerate(pieces):
        segments: list[Segment] = [Skip(start - at)] if start > at else []
        segments.append(Literal(length))
        at = start + length
        if number == len(pieces) - 1 and at < group.plain:
            segments.append(Skip(group.plain - at))
        yield Part(resource, tuple(segments))
