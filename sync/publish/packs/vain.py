"""What of a way through update packs is fetched in vain, told by the heads alone. Pure.

Whoever comes through packs in between also fetches files that are replaced on the way. A pack cut
straight to the last edition would spare the changes between them, and what nothing builds on. How
many bytes that is follows from the packs that are there, so nothing is compressed to find out.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sync.digest import Digest
from sync.updates.head import Head
from sync.updates.parts import UpdateGroup


@dataclass(frozen=True, slots=True)
class _Fetched:
    """A group that somebody on the way fetches."""

    one: UpdateGroup
    first: bool
    """Whether it is of the first pack."""

    def shares(self) -> Iterator[tuple[Digest, float]]:
        """Each file's share of the bytes that the group takes in its pack."""
        for part in self.one.parts:
            share = part.payload / max(1, self.one.group.plain)
            yield part.resource.digest, self.one.group.stored * share


def fetched(heads: Sequence[Head]) -> tuple[float, float]:
    """Bytes of all groups fetched, and how many a pack straight to the last edition would spare.

    ``heads``: of the packs of the way, in its order. A replaced file is not all in vain: the change
    to the file that replaced it is shorter for it. So of a group that builds on replaced files the
    shorter is counted, they or it; more only as far as they were longer than what replaced them.
    """
    wanted = {one.digest for one in heads[-1].feed.resources}
    passed = list(_fetched(heads, wanted))
    gone: dict[Digest, float] = defaultdict(float)
    sizes: dict[Digest, int] = {}
    for each in passed:
        sizes |= {part.resource.digest: part.resource.size for part in each.one.parts}
        for digest, share in each.shares():
            if digest not in wanted:
                gone[digest] += share
    spared = 0.0
    for each in passed:
        olds = sorted({span.digest for span in each.one.spans()} & gone.keys())
        if each.first or not olds:
            continue  # in the first pack they are neighbours, not what came before
        paid = sum(gone.pop(digest) for digest in olds)
        shares: dict[Digest, float] = defaultdict(float)
        for digest, share in each.shares():
            shares[digest] += share
        change = sum(shares.values())
        longer = 1 - sum(sizes[digest] for digest in shares) / sum(sizes[digest] for digest in olds)
        vain = max(min(paid, change), paid * longer)
        spared += vain
        for digest in sorted(shares.keys() & gone.keys()):  # replaced in its turn, or removed
            gone[digest] += (paid - vain) * shares[digest] / max(1, change)
    return sum(each.one.group.stored for each in passed), spared + sum(gone.values())


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
