"""Documents: what of one is sent and what it builds on, with the streams in them opened. Pure.

Streams that are as they were stay closed on both sides. Of the others the new ones are opened if
they can be made again, as deep as they lie in each other; the old ones as deep as fits in a prefix.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sync.digest import Digest, sha256
from sync.feed import Resource
from sync.publish.packs.streams import Producer, Stream, find_streams
from sync.updates.parts import (
    MAX_DEPTH,
    MAX_PREFIX,
    MAX_WORK,
    Deflated,
    Inflated,
    Literal,
    Segment,
    Span,
)


@dataclass(frozen=True, slots=True)
class Document:
    """A file, and the streams in it."""

    resource: Resource
    data: bytes
    streams: tuple[Stream, ...]

    @classmethod
    def of(cls, resource: Resource, data: bytes) -> "Document":
        """Look through a file."""
        return cls(resource, data, tuple(find_streams(data)))

    def held(self) -> set[Digest]:
        """Digests of its streams as they lie there."""
        return set(_digests(self.data, self.streams))


def _digests(data: bytes, streams: Iterable[Stream]) -> Iterator[Digest]:
    for stream in streams:
        yield _digest(data, stream)
        yield from _digests(stream.plain, stream.streams)


def _digest(data: bytes, stream: Stream) -> Digest:
    return sha256(data[stream.start : stream.start + stream.length])


@dataclass(slots=True)
class Sent:
    """What is sent of a document: its segments and their payload, and which streams are opened."""

    segments: list[Segment] = field(default_factory=list)
    payload: list[bytes] = field(default_factory=list)
    producer: Producer = field(default_factory=Producer)
    """Of all streams, at whatever depth."""

    def put(
        self, data: bytes, streams: Iterable[Stream], kept: set[Digest]
    ) -> tuple[Inflated, ...]:
        """``data`` with its streams opened, unless they are ``kept``; returns those opened."""
        opened: list[Inflated] = []
        at = 0
        for stream in streams:
            if _digest(data, stream) in kept:
                continue
            how = self.producer.find_parameters(data, stream)
            if how is None:
                continue
            self._literal(data[at : stream.start])
            self.segments.append(Deflated(len(stream.plain), stream.length, how))
            inner = self.put(stream.plain, stream.streams, kept)
            opened.append(_inflated(stream, inner))
            at = stream.start + stream.length
        self._literal(data[at:])
        return tuple(opened)

    def _literal(self, data: bytes) -> None:
        if data:
            self.segments.append(Literal(len(data)))
            self.payload.append(data)


def opened(document: Document, kept: set[Digest]) -> tuple[Span, bytes]:
    """What a document gives as context, its streams but for those ``kept`` opened, and how.

    They are opened as deep as fits in a prefix, and is worth the box's work.
    """
    for depth in range(MAX_DEPTH, 0, -1):
        streams = _chosen(document.data, document.streams, kept, depth)
        span = Span(document.resource.digest, 0, document.resource.size, streams)
        if streams and is_fair(span):
            return span, b"".join(_given(document.data, document.streams, streams))
    return Span(document.resource.digest, 0, document.resource.size), document.data


def is_fair(span: Span) -> bool:
    """Whether a box may be asked to open it: it fits in a prefix and gives enough for the work."""
    return span.size <= MAX_PREFIX and span.work <= MAX_WORK * span.size


def _chosen(
    data: bytes, streams: Iterable[Stream], kept: set[Digest], depth: int
) -> tuple[Inflated, ...]:
    if not depth:
        return ()
    return tuple(
        _inflated(stream, _chosen(stream.plain, stream.streams, kept, depth - 1))
        for stream in streams
        if _digest(data, stream) not in kept
    )


def _inflated(stream: Stream, inner: tuple[Inflated, ...]) -> Inflated:
    return Inflated(stream.start, stream.length, stream.wrap, len(stream.plain), inner)


def _given(data: bytes, streams: Iterable[Stream], chosen: Sequence[Inflated]) -> Iterator[bytes]:
    """The bytes of ``data`` with the ``chosen`` of its streams opened (``sync.updates.opened``)."""
    known = {stream.start: stream for stream in streams}
    at = 0
    for one in chosen:
        yield data[at : one.start]
        stream = known[one.start]
        yield from _given(stream.plain, stream.streams, one.streams)
        at = one.start + one.length
    yield data[at:]
