"""What of the last pack from nothing goes into the next as it is: nothing unchanged is cut again.

A group is taken over, stored bytes and all, if each of its files is in the new edition and it
builds on nothing but files that come before it, taken over as well.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sync.digest import Digest, prove
from sync.feed import Feed, Resource
from sync.updates.head import Head
from sync.updates.parts import UpdateGroup


@dataclass(frozen=True, slots=True)
class Kept:
    """Groups of an earlier pack, in its order; none for a first pack."""

    groups: tuple[UpdateGroup, ...] = ()
    path: Path = Path()
    lying: frozenset[Digest] = frozenset()
    """Files that the earlier pack left in chunk packs."""

    @property
    def resources(self) -> frozenset[Resource]:
        """The files that the groups make."""
        return frozenset(part.resource for one in self.groups for part in one.parts)

    def stored(self) -> Iterator[bytes]:
        """The groups' bytes, in order; raises ProofFailed if the pack is damaged."""
        if not self.groups:
            return
        with self.path.open("rb") as file:
            for one in self.groups:
                file.seek(one.group.offset)
                data = file.read(one.group.stored)
                yield prove(data, one.group.digest, what=self.path.name)


def keep(head: Head, path: Path, feed: Feed) -> Kept:
    """What of the pack at ``path`` with that head can go into a pack from nothing to ``feed``."""
    wanted = {one.digest for one in feed.resources}
    lying = {part.resource.digest for one in head.groups if one.home for part in one.parts}
    groups = [one for one in head.groups if not one.home and _names(one) <= wanted]
    parts = _parts(head.groups)
    while True:  # each round drops what builds on, or is part of, what the last one dropped
        whole = {digest for digest, count in _parts(groups).items() if count == parts[digest]}
        left = [one for one in groups if _names(one) <= whole]
        if len(left) == len(groups):
            return Kept(tuple(groups), path, frozenset(lying & wanted))
        groups = left


def _names(one: UpdateGroup) -> set[Digest]:
    """Every file that a group makes or builds on."""
    return {span.digest for span in one.spans()} | {part.resource.digest for part in one.parts}


def _parts(groups: Iterable[UpdateGroup]) -> Counter[Digest]:
    """How many parts of each file the groups make."""
    return Counter(part.resource.digest for one in groups for part in one.parts)
