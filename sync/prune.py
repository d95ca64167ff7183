"""Prune: removes what no kept generation needs, after the switch."""

import os
from collections.abc import Set
from dataclasses import dataclass
from enum import Enum

from sync import files
from sync.digest import Digest, is_digest
from sync.library import ContentFolder, Store


class Staging(Enum):
    """What becomes of groups on their way."""

    KEEP = "keep"
    """Some collection is not complete yet: the next sync goes on with them."""
    CLEAR = "clear"
    """Nothing is unfinished, so whatever lies there is of no use."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Digests the kept generations need; everything else goes."""

    resources: Set[Digest]
    feeds: frozenset[Digest]
    tables: frozenset[Digest]
    heads: frozenset[Digest] = frozenset()
    staging: Staging = Staging.KEEP


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many files of each kind went, and their bytes together."""

    resources: int
    feeds: int
    tables: int
    bytes: int


def prune(store: Store, keep: Keep) -> Pruned:
    """Remove what ``keep`` does not name, partial files of killed runs, and the quarantine.

    Only the holder of the lease may call it. It may be killed at any instant and run again.
    """
    resources, room = _sweep(store.library, keep.resources)
    feeds, feed_room = _sweep(store.feeds, keep.feeds)
    tables, table_room = _sweep(store.tables, keep.tables)
    if keep.staging is Staging.CLEAR:
        for group in store.groups.sizes():
            store.groups.drop(group)
        for resource in store.raw.sizes():
            store.raw.drop(resource)
    _sweep(store.heads, keep.heads)
    for path in store.quarantine.glob("*"):
        path.unlink()
    return Pruned(resources, feeds, tables, room + feed_room + table_room)


def _sweep(folder: ContentFolder, keep: Set[Digest]) -> tuple[int, int]:
    """How many files of the folder went, and their bytes."""
    count = room = 0
    for shard in folder.shards():
        for name in set(os.listdir(shard)) - keep:  # noqa: PTH208 - a hundred thousand names
            path = shard / name
            if is_digest(name):
                count += 1
                room += path.stat().st_size
                path.unlink()
            elif name.endswith(files.PARTIAL):
                path.unlink()
    return count, room
