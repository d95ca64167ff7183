"""What an update pack's index says by numbers: files, kinds of segment, forms of span. Pure."""

from collections.abc import Sequence
from enum import IntEnum

from sync.digest import Digest, sha256
from sync.feed import Feed, Resource


class Kind(IntEnum):
    """Numbers of the kinds of segment; 4 is kept for JPEG XL."""

    REST = 0
    LITERAL = 1
    COPY = 2
    DEFLATED = 3
    SKIP = 5
    STEPS = 6


class Form(IntEnum):
    """Numbers of the forms of span."""

    WHOLE = 0
    RANGE = 1
    OPENED = 2
    STEPS = 3
    OPENED_RANGE = 4


class Numbering:
    """Numbers of what spans may name: old resources, new ones, then the new feed itself."""

    def __init__(self, old: Sequence[Resource], feed: Feed, plain: bytes) -> None:
        self._old = tuple(old)
        held = set(old)
        self._new = tuple(one for one in feed.resources if one not in held)
        self.feed = Resource(sha256(plain), len(plain))
        self.all: tuple[Resource, ...] = (*self._old, *self._new, self.feed)

    @property
    def first_new(self) -> int:
        """Number of the first resource the pack may yield."""
        return len(self._old)

    def numbers(self) -> dict[Digest, int]:
        """Digest → number."""
        return {resource.digest: number for number, resource in enumerate(self.all)}
