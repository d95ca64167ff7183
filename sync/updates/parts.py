"""What an update pack is made of: groups with a prefix, the parts they yield, and segments. Pure.

A group is decoded with a **prefix**: bytes both sides hold, which zstd takes as context. It yields
**parts** of resources, in order; a resource is its parts one after the other. A part is a run of
**segments**: bytes of the group's payload as they are, a copy out of a file the box has, or a
deflate stream, made again from what the segments after it make: a stream may hold streams.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sync.deflate import Parameters, Wrap
from sync.digest import Digest
from sync.errors import FormatError
from sync.feed import Resource
from sync.pack import Group

MAX_PAYLOAD = 16 * 2**20
"""Most plain bytes of a group: a box holds one at a time."""
MAX_PREFIX = 32 * 2**20
"""Most bytes of context for a group."""
MAX_DEPTH = 3
"""Most streams within each other, the outermost counted."""
MAX_WORK = 4
"""Most bytes read and inflated for each byte of context."""


@dataclass(frozen=True, slots=True)
class Inflated:
    """A deflate stream that is opened, in a file or in what another stream holds."""

    start: int
    """Where it begins in what it lies in."""
    length: int
    wrap: Wrap
    size: int
    """Bytes it holds."""
    streams: "tuple[Inflated, ...]" = ()
    """Those in it that are opened too."""

    @property
    def given(self) -> int:
        """Bytes it gives, opened."""
        return _given(self.size, self.streams)

    @property
    def work(self) -> int:
        """Bytes that are inflated for it."""
        return self.size + sum(one.work for one in self.streams)

    @property
    def depth(self) -> int:
        """How many streams lie within each other."""
        return 1 + max((one.depth for one in self.streams), default=0)


def _given(size: int, streams: "tuple[Inflated, ...]") -> int:
    return size + sum(one.given - one.length for one in streams)


@dataclass(frozen=True, slots=True)
class Differenced:
    """32-bit numbers (big-endian) are taken as the steps from each to the next."""


@dataclass(frozen=True, slots=True)
class Span:
    """``length`` bytes of a held file from ``start``; ``opened``: what they stand for.

    Streams that are opened are replaced by what they hold; what lies around them stays.
    """

    digest: Digest
    start: int
    length: int
    opened: tuple[Inflated, ...] | Differenced = ()

    @property
    def streams(self) -> tuple[Inflated, ...]:
        """The streams that are opened."""
        return self.opened if isinstance(self.opened, tuple) else ()

    @property
    def size(self) -> int:
        """Bytes it gives."""
        return _given(self.length, self.streams) if self.opened else self.length

    @property
    def work(self) -> int:
        """Bytes that are read and inflated for it."""
        return self.length + sum(one.work for one in self.streams)


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
    """The stream that ``parameters`` make of what the next segments make, ``length`` bytes in all.

    Those segments may lie in several parts, and may be streams themselves.
    """

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
    def payload(self) -> int:
        """Bytes of the group's payload it takes."""
        return sum(map(taken, self.segments))


def taken(segment: Segment) -> int:
    """Bytes of the payload that a segment takes; a stream takes none, what it is made of does."""
    return 0 if isinstance(segment, Copy | Deflated) else segment.length


class Build:
    """What is still to be made of a resource, and of the streams begun in it."""

    def __init__(self, size: int) -> None:
        self._left = [size]
        """Bytes to come: of the resource, of the stream in it, of the stream in that …"""
        self._sizes: list[int] = []
        """Of each of these streams, made again."""

    @property
    def left(self) -> int:
        """Bytes to come of the resource, or of the innermost stream begun."""
        return self._left[-1]

    @property
    def depth(self) -> int:
        """How many streams are begun and not ended."""
        return len(self._sizes)

    @property
    def is_whole(self) -> bool:
        """True if nothing is left to be made."""
        return self._left == [0]

    def add(self, segment: Segment) -> int:
        """The next segment; returns how many streams end with it.

        Raises FormatError for a segment that does not fit, or a stream that lies too deep.
        """
        if isinstance(segment, Deflated):
            if self.depth == MAX_DEPTH:
                raise FormatError(f"a stream lies in more than {MAX_DEPTH - 1} others")
            self._left.append(segment.length)
            self._sizes.append(segment.size)
        elif isinstance(segment, Copy) and self.depth:
            raise FormatError("a stream is made of a copy")
        else:
            self._made(segment.size)
        ended = 0
        while self._sizes and not self.left:
            self._left.pop()
            self._made(self._sizes.pop())
            ended += 1
        return ended

    def copy(self) -> "Build":
        """Another one at the same place."""
        other = Build(0)
        other._left, other._sizes = self._left.copy(), self._sizes.copy()
        return other

    def _made(self, size: int) -> None:
        if size > self.left:
            what = "a stream" if self.depth else "a resource"
            raise FormatError(f"makes too much of {what}: {size} bytes where {self.left} are left")
        self._left[-1] -= size


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
