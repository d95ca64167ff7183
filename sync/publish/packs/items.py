"""Items: one new file each, as an update pack will carry it: what of it is sent, what it builds on.

A document is opened and its streams' plain bytes are sent; a large file becomes copies and what is
new between them; anything else goes whole. What media hold that nothing old resembles is left in
the chunk packs, where it lies anyway.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from sync import compression
from sync.chunker import Buffer
from sync.digest import Digest
from sync.feed import Resource
from sync.publish.packs.copies import Run, find_runs
from sync.publish.packs.documents import Document, Sent, is_fair, opened
from sync.publish.packs.movies import find_places
from sync.publish.packs.streams import Producer, Trials
from sync.updates.parts import (
    MAX_PAYLOAD,
    Copy,
    Differenced,
    Literal,
    Segment,
    Span,
    Summed,
)
from sync.updates.steps import steps

LARGE_MEDIA = 8 * 2**20
LARGE = MAX_PAYLOAD
"""Longer files are sent as copies and literals, shorter ones with the old file as context."""
WORTH = 0.97
"""What does not shrink below this is left as it is."""
CONTEXT = 4 * 2**20
"""Most bytes of an old large file's unused parts taken as context."""


class Nature(IntEnum):
    """What kind of bytes a file has; groups hold one kind."""

    TEXT = 0
    DOCUMENT = 1
    """Holds deflate streams."""
    MEDIA = 2
    """Compressed already."""


_MEDIA = (
    b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"OggS", b"ID3", b"\xff\xfb", b"\xff\xf3", b"fLaC",
    b"\x1a\x45\xdf\xa3", b"wOFF", b"wOF2", b"RIFF", b"7z\xbc\xaf", b"\xfd7zXZ", b"BZh",
    b"\x28\xb5\x2f\xfd", b"FLV",
)  # fmt: skip
_DOCUMENTS = (b"PK\x03\x04", b"%PDF", b"\x1f\x8b")


def nature_of(start: bytes) -> Nature:
    """By a file's first 16 bytes."""
    if start.startswith(_DOCUMENTS):
        return Nature.DOCUMENT
    if start.startswith(_MEDIA) or start[4:8] == b"ftyp":
        return Nature.MEDIA
    return Nature.TEXT


@dataclass(frozen=True, slots=True)
class Old:
    """An old file a new one may build on."""

    resource: Resource
    data: Buffer


@dataclass(frozen=True, slots=True)
class Context:
    """Bytes both sides hold, and how the box gets at them."""

    span: Span
    data: bytes


@dataclass(frozen=True, slots=True)
class Item:
    """A new file, ready for a group."""

    resource: Resource
    segments: tuple[Segment, ...]
    payload: bytes
    builds_on: tuple[Context, ...]
    """The best last: zstd reaches near matches more cheaply."""
    offers: tuple[Context, ...]
    """What later groups may build on once this file is made."""
    level: int = 0
    """zstd level, if not that of the pack; such an item has a group of its own."""


def make_item(
    resource: Resource,
    data: Buffer,
    nature: Nature,
    olds: Sequence[Old],
    trials: Trials | None = None,
) -> Item | None:
    """``data`` as an item; None for bytes that no old file shortens and no codec does.

    ``trials``: what is known from other packs of the streams in documents.
    """
    if len(data) > (LARGE_MEDIA if nature is Nature.MEDIA else LARGE):
        return _large(resource, data, nature, olds)
    whole = bytes(data)
    small = [Old(old.resource, bytes(old.data)) for old in olds if len(old.data) <= LARGE]
    if nature is Nature.DOCUMENT:
        return _document(resource, whole, small, trials)
    builds_on = tuple(Context(_whole(old.resource), bytes(old.data)) for old in reversed(small))
    new = nature is Nature.MEDIA or not builds_on
    if new and not _shrinks(whole, builds_on):
        return None
    offers = (Context(_whole(resource), whole),) if nature is Nature.TEXT else ()
    segments: list[Segment] = []
    payload: list[bytes] = []
    _send(whole, 0, len(whole), segments, payload)
    builds_on = (*builds_on, *_listed_places(small[:1]))
    return Item(resource, tuple(segments), b"".join(payload), builds_on, offers)


def as_it_is(resource: Resource, data: Buffer) -> Item:
    """``data`` as an item of its bytes alone."""
    return Item(resource, (Literal(len(data)),), bytes(data), (), ())


def _whole(resource: Resource) -> Span:
    return Span(resource.digest, 0, resource.size)


def _shrinks(data: bytes, builds_on: Sequence[Context]) -> bool:
    prefix = b"".join(context.data for context in builds_on)
    return len(compression.compress_with(prefix, data, level=3)) <= WORTH * len(data)


def _document(
    resource: Resource, data: bytes, olds: Sequence[Old], trials: Trials | None = None
) -> Item:
    """Streams that are as they were stay closed; the others are opened on both sides."""
    new = Document.of(resource, data)
    before = [Document.of(old.resource, bytes(old.data)) for old in reversed(olds)]
    sent = Sent(producer=Producer(trials))
    kept = set[Digest]().union(*(one.held() for one in before))
    streams = sent.put(data, new.streams, kept)
    payload = b"".join(sent.payload)
    held = new.held()
    builds_on = (
        opened(one, held) if streams else (_whole(one.resource), one.data) for one in before
    )
    offers = Context(_whole(resource), data)
    if is_fair(span := replace(offers.span, opened=streams)):
        offers = Context(span, payload)
    return Item(
        resource,
        tuple(sent.segments),
        payload,
        tuple(Context(*one) for one in builds_on),
        (offers,),
    )


def _large(resource: Resource, data: Buffer, nature: Nature, olds: Sequence[Old]) -> Item | None:
    if nature is Nature.MEDIA and not olds:
        return None
    runs = find_runs(data, [old.data for old in olds])
    new = sum(run.length for run in runs if run.source < 0)
    if nature is Nature.MEDIA and new > WORTH * len(data):
        return None
    runs = _with_a_literal(runs)
    segments: list[Segment] = []
    payload: list[bytes] = []
    for run in runs:
        if run.source < 0:
            _send(data, run.start, run.start + run.length, segments, payload)
        else:
            span = Span(olds[run.source].resource.digest, run.start, run.length)
            segments.append(Copy(span))
    builds_on = (*_unused(runs, olds), *_listed_places(olds[:1]))
    return Item(resource, tuple(segments), b"".join(payload), builds_on, ())


def _send(
    data: Buffer, start: int, end: int, segments: list[Segment], payload: list[bytes]
) -> None:
    """Bytes of the new file as they are, but lists of places as their steps."""
    for places in find_places(data):
        after = places.start + places.length
        if start <= places.start and after <= end:
            if places.start > start:
                segments.append(Literal(places.start - start))
                payload.append(data[start : places.start])
            segments.append(Summed(places.length))
            payload.append(steps(data[places.start : after]))
            start = after
    if start < end:
        segments.append(Literal(end - start))
        payload.append(data[start:end])


def _listed_places(olds: Sequence[Old]) -> Iterator[Context]:
    for old in olds:
        for places in find_places(old.data):
            span = Span(old.resource.digest, places.start, places.length, Differenced())
            listed = old.data[places.start : places.start + places.length]
            yield Context(span, steps(listed))


def _with_a_literal(runs: list[Run]) -> list[Run]:
    """A group needs a payload: of a file that is all copies one byte is sent."""
    if any(run.source < 0 for run in runs):
        return runs
    *rest, last = runs
    size = sum(run.length for run in runs)
    return [*rest, Run(last.source, last.start, last.length - 1), Run(-1, size - 1, 1)]


def _unused(runs: Sequence[Run], olds: Sequence[Old]) -> list[Context]:
    """Parts of the first old file that nothing copies: what is new often resembles them."""
    if not olds:
        return []
    old = olds[0]
    taken = sorted((run.start, run.start + run.length) for run in runs if run.source == 0)
    found: list[Context] = []
    at, left = 0, CONTEXT
    for start, end in (*taken, (old.resource.size, old.resource.size)):
        length = min(start - at, left)
        if length > 0:
            span = Span(old.resource.digest, at, length)
            found.append(Context(span, bytes(old.data[at : at + length])))
            left -= length
        at = max(at, end)
    return found
