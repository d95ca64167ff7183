"""What of a way through update packs is fetched in vain, told by the heads alone. Pure.

Whoever comes through packs in between also fetches files that are replaced on the way. A pack cut
straight to the last edition would spare the changes between them, and what nothing builds on. How
many bytes that is follows from the packs that are there, so nothing is compressed to find out.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sync.digest import Digest
from sync.feed import Resource
from sync.updates.head import Head
from sync.updates.parts import UpdateGroup

ALIKE = 2.0
"""What replaces a file is at most so many times as long or as short."""


@dataclass(frozen=True, slots=True)
class _Fetched:
    """A group that somebody on the way fetches."""

    one: UpdateGroup
    first: bool
    """Whether it is of the first pack."""

    def shares(self) -> dict[Resource, float]:
        """Each file's share of the bytes that the group takes in its pack, by its length.

        Not by what it is opened: pictures that many documents hold are many times their length
        then, though they are stored once. No file takes more than its own bytes.
        """
        payload = Counter[Resource]()
        for part in self.one.parts:
            payload[part.resource] += part.payload
        lengths = {file: min(length, file.size) for file, length in payload.items()}
        rate = min(1.0, self.one.group.stored / max(1, sum(lengths.values())))
        return {file: rate * length for file, length in lengths.items()}


def fetched(heads: Sequence[Head]) -> tuple[float, float]:
    """Bytes of all groups fetched, and how many a pack straight to the last edition would spare.

    ``heads``: of the packs of the way, in its order. A replaced file is not all in vain: the change
    to the file that replaced it is shorter for it. So of the two the shorter is counted, the file
    or the change; more only as far as it was longer than what replaced it.
    """
    wanted = {one.digest for one in heads[-1].feed.resources}
    passed = list(_fetched(heads, wanted))
    gone: dict[Resource, float] = {}
    """What was paid for files that do not stay; for a replaced one, by what replaced it."""
    spared = 0.0
    for each in passed:
        shares = each.shares()
        for old, new in [] if each.first else _replaced(each.one, gone, shares):
            paid, change = gone.pop(old), shares[new]
            vain = max(min(paid, change), paid * (1 - new.size / old.size))
            spared += vain
            shares[new] += paid - vain
        for file, share in shares.items():
            if file.digest not in wanted:
                gone[file] = gone.get(file, 0) + share
    return sum(each.one.group.stored for each in passed), spared + sum(gone.values())


def _replaced(
    group: UpdateGroup, gone: Iterable[Resource], made: Iterable[Resource]
) -> Iterator[tuple[Resource, Resource]]:
    """Files that are gone and that the group builds on, each with the new one in its place.

    A head says what a group builds on, not what each of its files does: so it is the one of the
    most similar length, and none if none is alike.
    """
    builds_on = {span.digest for span in group.spans()}
    free = sorted(made, key=_by_length)
    for old in sorted((one for one in gone if one.digest in builds_on), key=_by_length):
        at = bisect_left(free, _by_length(old), key=_by_length)
        near = [place for place in (at - 1, at) if 0 <= place < len(free)]
        if near and old.size:
            best = min(near, key=lambda place: _unlike(old, free[place]))
            if _unlike(old, free[best]) <= ALIKE:
                yield old, free.pop(best)


def _by_length(one: Resource) -> tuple[int, Digest]:
    return one.size, one.digest


def _unlike(one: Resource, other: Resource) -> float:
    """How many times as long the longer is."""
    shorter, longer = sorted((one.size, other.size))
    return longer / max(1, shorter)


def _fetched(heads: Sequence[Head], wanted: Iterable[Digest]) -> Iterable[_Fetched]:
    """The groups that yield something wanted, or what those build on; in order."""
    needed = set(wanted)
    found: list[_Fetched] = []
    for number in reversed(range(len(heads))):
        for one in reversed(heads[number].groups):
            if any(part.resource.digest in needed for part in one.parts):
                needed |= {span.digest for span in one.spans()}
                found.append(_Fetched(one, first=not number))
    return reversed(found)
