"""A plan as it comes together: groups and assemblies, each once. Pure."""

from collections.abc import Sequence

from sync.digest import Digest
from sync.feed import Resource
from sync.pack import Group
from sync.plan.pieces import Assembly, FromGroup, FromSeed, Have, Piece, PlannedGroup, Range
from sync.updates.parts import Span

MAX_GAP = 32 * 1024
"""Unwanted bytes fetched rather than asking twice: at 10 Mbit/s they take as long as a request."""


class Draft:
    """What is planned so far."""

    def __init__(self, have: Have) -> None:
        self._have = have
        self._index: dict[tuple[Digest, tuple[Span, ...]], int] = {}
        self._made: set[Digest] = set()
        self.groups: list[PlannedGroup] = []
        self.assemblies: list[Assembly] = []

    def lacks(self, resource: Resource) -> bool:
        """True if the box does not hold it and nothing planned makes it."""
        return resource.digest not in self._made and not self.held(resource)

    def knows(self, digest: Digest) -> bool:
        """True if the box holds a file of that name, or something planned makes it."""
        return digest in self._made or digest in self._have.resources

    def held(self, resource: Resource) -> bool:
        """True if the box holds it now."""
        return self._have.resources.get(resource.digest) == resource.size

    def group(self, name: str, group: Group, prefix: tuple[Span, ...] = ()) -> int:
        """The number of a group, which is planned now if it was not.

        The same bytes with another prefix are another group.
        """
        number = self._index.setdefault((group.digest, prefix), len(self.groups))
        if number == len(self.groups):
            staged = self._have.staged.get(group.digest, 0)
            known = staged if staged <= group.stored else 0
            spared = group.plain - group.stored if self._holds_any(prefix) else 0
            self.groups.append(PlannedGroup(name, group, known, prefix, spared))
        return number

    def _holds_any(self, prefix: Sequence[Span]) -> bool:
        """Whether there is more in it than the new feed and what this plan itself brings."""
        return any(span.digest in self._have.resources for span in prefix)

    def assemble(self, resource: Resource, pieces: Sequence[Piece], *, update: str = "") -> None:
        """Plan a resource; ``update``: the update pack that says how."""
        self._made.add(resource.digest)
        self.assemblies.append(Assembly(resource, tuple(_joined(pieces)), update))

    def ranges(self) -> tuple[Range, ...]:
        """One range for groups that lie close together in a pack; ordered by their first use."""
        groups = self.groups
        missing = [number for number, group in enumerate(groups) if not group.is_staged]
        missing.sort(key=lambda number: (groups[number].name, groups[number].start))
        runs: list[list[int]] = []
        for number in missing:
            if runs and self._adjoins(groups[runs[-1][0]], groups[runs[-1][-1]], groups[number]):
                runs[-1].append(number)
            else:
                runs.append([number])
        return tuple(_range(groups, run) for run in sorted(runs, key=min))

    def _adjoins(self, first: PlannedGroup, last: PlannedGroup, following: PlannedGroup) -> bool:
        near = last.name == following.name and following.start - last.end <= MAX_GAP
        return near and following.end - first.start <= self._have.stride


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces, each joined to the one before where it goes on in the same source."""
    joined: list[Piece] = []
    for piece in pieces:
        match joined[-1:], piece:
            case [FromGroup(group, start, length)], FromGroup(next_group, next_start, more) if (
                group == next_group and start + length == next_start
            ):
                joined[-1] = FromGroup(group, start, length + more)
            case [FromSeed(resource, start, length)], FromSeed(next_one, next_start, more) if (
                resource == next_one and start + length == next_start
            ):
                joined[-1] = FromSeed(resource, start, length + more)
            case _:
                joined.append(piece)
    return joined


def _range(groups: Sequence[PlannedGroup], run: Sequence[int]) -> Range:
    first, last = groups[run[0]], groups[run[-1]]
    return Range(first.name, first.start, last.end - first.start, tuple(run))
