"""What an update pack is made of: groups with a prefix, the parts they yield, and segments. Pure.

A group is decoded with a **prefix**: bytes both sides hold, which zstd takes as context. It yields
**parts** of resources, in order; a resource is its parts one after the other. A part is a run of
**segments**: bytes of the group's payload as they are, a copy out of a file the box has, or a
deflate stream made again from payload.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sync.deflate import Parameters, Wrap
from sync.digest import Digest
from sync.feed import Resource
from sync.pack import Group

MAX_PAYLOAD = 16 * 2**20
"""Most plain bytes of a group: a box holds one at a time."""
MAX_PREFIX = 32 * 2**20
"""Most bytes of context for a group."""


@dataclass(frozen=True, slots=True)
class Span:
    """``length`` bytes of a held file from ``start``; ``opened``: what they stand for."""

    digest: Digest
    start: int
    length: int
    opened: "Inflated | Differenced | None" = None

    @property
    def size(self) -> int:
        """Bytes it gives."""
        return self.opened.size if isinstance(self.opened, Inflated) else self.length


@dataclass(frozen=True, slots=True)
class Inflated:
    """A deflate stream is opened: how it is wrapped and how many bytes it holds."""

    wrap: Wrap
    size: int


@dataclass(frozen=True, slots=True)
class Differenced:
    """32-bit numbers (big-endian) are taken as the steps from each to the next."""


@dataclass(frozen=True, slots=True)
class Literal:
    """The next ``length`` bytes of the payload."""

    length: int

    @property
    def size(self) -> int:
        """Bytes it makes."""
        return self.length


@dataclass(frozen=True, slots=True)
class Copy:
    """Bytes of a file the box has; the span is never inflated."""

    span: Span

    @property
    def size(self) -> int:
        """Bytes it makes."""
        return self.span.length


@dataclass(frozen=True, slots=True)
class Deflated:
    """The stream that ``parameters`` make of the next ``length`` bytes of the payload."""

    length: int
    size: int
    """Bytes of the stream."""
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class Summed:
    """32-bit numbers (big-endian), of which the next ``length`` bytes of the payload are the steps.

    Videos list where each piece of theirs lies; when one is cut, all places move, but few steps.
    """

    length: int

    @property
    def size(self) -> int:
        """Bytes it makes."""
        return self.length


@dataclass(frozen=True, slots=True)
class Skip:
    """The next ``length`` bytes of the payload are none of the resource's: others use them."""

    length: int

    @property
    def size(self) -> int:
        """Bytes it makes."""
        return 0


Segment = Literal | Copy | Deflated | Summed | Skip


@dataclass(frozen=True, slots=True)
class Part:
    """The next bytes of ``resource`` that a group yields."""

    resource: Resource
    segments: tuple[Segment, ...]

    @property
    def size(self) -> int:
        """Bytes of the resource it makes."""
        return sum(segment.size for segment in self.segments)

    @property
    def payload(self) -> int:
        """Bytes of the group's payload it takes."""
        return sum(taken(segment) for segment in self.segments)


def taken(segment: Segment) -> int:
    """Bytes of the payload that a segment takes."""
    return 0 if isinstance(segment, Copy) else segment.length


@dataclass(frozen=True, slots=True)
class UpdateGroup:
    """One group: where it lies, what it is decoded with, what it yields."""

    group: Group
    home: int
    """0: this update pack; n: the n-th pack of the collection's entry, where it lies anyway."""
    prefix: tuple[Span, ...]
    parts: tuple[Part, ...]

    def spans(self) -> Iterator[Span]:
        """Every span of held files it needs: its prefix, and what its parts copy."""
        yield from self.prefix
        for part in self.parts:
            for segment in part.segments:
                if isinstance(segment, Copy):
                    yield segment.span

    @property
    def deflates(self) -> frozenset[Parameters]:
        """How streams have to be made again."""
        segments = (segment for part in self.parts for segment in part.segments)
        return frozenset(one.parameters for one in segments if isinstance(one, Deflated))
