"""The lawful order: which files a repository may hold, and which of them come before which. Pure.

Whoever sees a new timestamp must find every byte it leads to, so it comes after all of them. New
roots come after it: the timestamp is signed for the old root and the new one (see ``rotate``),
while a new root beside an old timestamp could leave a box with nothing it may believe.
"""

import re
from collections.abc import Iterable
from enum import IntEnum


class Rank(IntEnum):
    """Passes, first to last."""

    CONTENT = 0
    TARGETS = 1
    ROLES = 2
    SNAPSHOT = 3
    TIMESTAMP = 4
    ROOTS = 5


_SHARDED = r"(?P<shard>[0-9a-f]{2})/(?P=shard)[0-9a-f]{62}"
_NAMES = (
    (Rank.CONTENT, rf"(packs|updates)/{_SHARDED}\.pack"),
    (Rank.CONTENT, rf"(tables|feeds|routes|recipes|resources)/{_SHARDED}"),
    (Rank.CONTENT, rf"routes/{_SHARDED}\.older"),
    (Rank.TARGETS, r"targets/([a-z]+/)?[0-9a-f]{64}\.[a-z0-9.-]+"),
    (Rank.ROLES, r"metadata/[0-9]+\.(targets|editor|reviewer|rollout|withdraw)\.json"),
    (Rank.SNAPSHOT, r"metadata/[0-9]+\.snapshot\.json"),
    (Rank.TIMESTAMP, r"metadata/timestamp\.json"),
    (Rank.ROOTS, r"metadata/[0-9]+\.root\.json"),
)
_RANKS = tuple((rank, re.compile(pattern)) for rank, pattern in _NAMES)
_MIRROR = re.compile(r"mirrors/[0-9a-f]{16}/")
_CONTENT_ORDER = ("resources", "packs", "updates", "tables", "recipes", "feeds", "routes")


def rank(name: str) -> Rank | None:
    """The pass of a file by its name in the repository; ``None`` if it has no place there."""
    inner = _MIRROR.sub("", name, count=1) if _MIRROR.match(name) else name
    return next((rank for rank, pattern in _RANKS if pattern.fullmatch(inner)), None)


def passes(names: Iterable[str]) -> list[tuple[Rank, list[str]]]:
    """The names with a place in a repository, pass by pass in lawful order."""
    by_rank: dict[Rank, list[str]] = {}
    for name in names:
        found = rank(name)
        if found is not None:
            by_rank.setdefault(found, []).append(name)
    return [(found, sorted(by_rank[found], key=_within)) for found in sorted(by_rank)]


def _within(name: str) -> tuple[int, bool, str]:
    folder = _MIRROR.sub("", name, count=1).partition("/")[0]
    known = folder in _CONTENT_ORDER
    names_others = not name.endswith(".older")
    return (_CONTENT_ORDER.index(folder) if known else 0, names_others, name)
