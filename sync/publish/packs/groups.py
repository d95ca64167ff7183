"""Groups: items put together, compressed with what they build on, all cores at work.

A group holds items of one nature while payload and prefix stay within bounds. The prefix is, from
far to near: neighbours of the same kind from the old edition, what groups before made, what the
items build on. Groups are compressed side by side and come out in order, so the same items always
give the same bytes.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from sync import compression
from sync.digest import sha256
from sync.pack import Codec, Group
from sync.publish.packs.items import Context, Item
from sync.updates.parts import (
    MAX_PAYLOAD,
    MAX_PREFIX,
    Literal,
    Part,
    Segment,
    Span,
    UpdateGroup,
    taken,
)

RAW_ABOVE = 0.99
"""A group that zstd shortens less is stored as it is: that spares the box the work."""

DENSE = 0.85
"""What zstd alone shortens to no less than this share of its length is dense."""


@dataclass
class Drafted:
    """A group being filled."""

    parts: list[Part] = field(default_factory=list)
    payload: list[bytes] = field(default_factory=list)
    builds_on: dict[Span, bytes] = field(default_factory=dict)
    offers: list[Context] = field(default_factory=list)
    payload_size: int = 0
    prefix_size: int = 0
    level: int = 0
    """zstd level its items ask for; 0: the pack's."""
    neighbours: list[list[Context]] = field(default_factory=list)
    """Far context that may help: tried, and left out where it does not earn its place."""

    def put_before(self, context: Iterable[Context]) -> None:
        """More context, farther than what the items build on; what does not fit is left out."""
        before: dict[Span, bytes] = {}
        for one in context:
            if one.span in self.builds_on or self.prefix_size + len(one.data) > MAX_PREFIX:
                continue
            before[one.span] = one.data
            self.prefix_size += len(one.data)
        self.builds_on = {**before, **self.builds_on}

    def fits(self, item: Item) -> bool:
        """Whether ``item`` goes in whole."""
        if not self.parts:
            return len(item.payload) <= MAX_PAYLOAD
        if item.level or self.level:
            return False
        more = sum(len(one.data) for one in item.builds_on if one.span not in self.builds_on)
        return (
            self.payload_size + len(item.payload) <= MAX_PAYLOAD
            and self.prefix_size + more <= MAX_PREFIX
        )

    def add(self, part: Part, payload: bytes, item: Item) -> None:
        """Put a part in; of context beyond the bound the farthest is left out."""
        self.level = item.level
        self.parts.append(part)
        self.payload.append(payload)
        self.payload_size += len(payload)
        fitting: dict[Span, bytes] = {}
        for one in reversed(item.builds_on):
            known = one.span in self.builds_on or one.span in fitting
            if not known and self.prefix_size + len(one.data) <= MAX_PREFIX:
                fitting[one.span] = one.data
                self.prefix_size += len(one.data)
        self.builds_on |= dict(reversed(fitting.items()))


@dataclass(frozen=True, slots=True)
class Packed:
    """A group and its stored bytes."""

    group: UpdateGroup
    stored: bytes


def fill(items: Iterable[Item]) -> Iterator[Drafted]:
    """Items into groups, in order; one that is too long for a group is spread over several."""
    draft = Drafted()
    for item in items:
        if not draft.fits(item) and draft.parts:
            yield draft
            draft = Drafted()
        for segments, payload in _split(item):
            if draft.parts and draft.payload_size + len(payload) > MAX_PAYLOAD:
                yield draft
                draft = Drafted()
            draft.add(Part(item.resource, segments), payload, item)
        draft.offers += item.offers  # not before it is whole: until then nothing can build on it
    if draft.parts:
        yield draft


def _split(item: Item) -> Iterator[tuple[tuple[Segment, ...], bytes]]:
    """The item's segments in runs of at most MAX_PAYLOAD bytes of payload."""
    run: list[Segment] = []
    start = size = 0
    for segment in item.segments:
        for piece in _cut(segment, MAX_PAYLOAD - size):
            if size + taken(piece) > MAX_PAYLOAD:
                yield tuple(run), item.payload[start : start + size]
                run, start, size = [], start + size, 0
            run.append(piece)
            size += taken(piece)
    yield tuple(run), item.payload[start : start + size]


def _cut(segment: Segment, room: int) -> Iterator[Segment]:
    """A literal that is too long for a group fills the ``room`` in this one, and then others."""
    if isinstance(segment, Literal) and segment.length > MAX_PAYLOAD:
        for start in range((room or MAX_PAYLOAD) - MAX_PAYLOAD, segment.length, MAX_PAYLOAD):
            end = min(start + MAX_PAYLOAD, segment.length)
            yield Literal(end - max(0, start))
    else:
        yield segment


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard zstd tries."""

    level: int
    dense: int
    """The level for what is dense already, as films and pictures are: more is in vain there."""


def pack_groups(drafts: Iterable[Drafted], effort: Effort) -> Iterator[Packed]:
    """Compress groups, as many at a time as there are cores; in order."""
    workers = os.cpu_count() or 1
    waiting: deque[Future[Packed]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for draft in drafts:
            waiting.append(pool.submit(_pack, draft, effort))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _pack(draft: Drafted, effort: Effort) -> Packed:
    payload = b"".join(draft.payload)
    prefix = [Context(span, data) for span, data in draft.builds_on.items()]
    alone = 0
    for more in filter(None, draft.neighbours):
        alone = alone or _tried(prefix, payload)
        longer = _tried([*more, *prefix], payload)
        if longer + _COST * len(more) < alone:
            prefix, alone = [*more, *prefix], longer
    stored = compression.compress_with(
        _joined(prefix), payload, level=draft.level or _level(payload, effort)
    )
    if len(stored) > RAW_ABOVE * len(payload):
        prefix, stored = [], payload
    codec = Codec.RAW if stored is payload else Codec.ZSTD
    group = Group(sha256(stored), 0, len(stored), len(payload), codec)
    spans = tuple(one.span for one in prefix)
    return Packed(UpdateGroup(group, 0, spans, tuple(draft.parts)), stored)


def _level(payload: bytes, effort: Effort) -> int:
    if effort.dense == effort.level:
        return effort.level
    alone = compression.compress(payload, level=_LOOK)
    return effort.dense if len(alone) > DENSE * len(payload) else effort.level


_COST = 3
"""Bytes that a span takes in the head."""
_LOOK = 1
"""Level at which is looked whether a payload is dense."""
_TRIAL = 9
"""Level at which neighbours are tried: quick, and it errs on both sides alike."""


def _tried(prefix: list[Context], payload: bytes) -> int:
    """Bytes it would take, about."""
    return len(compression.compress_with(_joined(prefix), payload, level=_TRIAL))


def _joined(context: Iterable[Context]) -> bytes:
    return b"".join(one.data for one in context)
