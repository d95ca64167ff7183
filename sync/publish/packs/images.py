"""Images: a new squashfs image as copies of the old one and blocks opened on both sides. Pure.

A system's image is one large file of some thousand zlib streams. What a point release changes lies
in some of them, and what small files share a block moves with every change before it; so blocks
that are not as they were are sent opened, in windows, each with the old blocks that hold most of
the same as context. Files may be mapped: nothing here holds one in memory.
"""

import re
import zlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from sync.chunker import Buffer, fine_cuts
from sync.deflate import Wrap
from sync.feed import Resource
from sync.publish.packs.copies import MIN_COPY, Run, find_runs
from sync.publish.packs.items import Context, Item, Old
from sync.publish.packs.streams import MIN_STREAM, Producer, Stream, Trials
from sync.updates.parts import Copy, Deflated, Inflated, Literal, Segment, Span

MAGIC = b"hsqs"
MAX_BLOCK = 2**20
"""Most bytes a block of squashfs holds."""
WINDOW = 4 * 2**20
"""Bytes sent with one context."""
CELL = 2**20
"""Bytes of the old image, opened, that are taken as context together."""
CONTEXT = 12 * 2**20
"""Most bytes of context of a window."""
PIECE = 1024
"""Average bytes of the pieces by which old blocks are found."""
LEVEL = 12
"""zstd level: the highest shortens opened blocks by a twentieth more, for 14 times the work."""
APART = 64 * 1024
"""Bytes between two blocks from which on no cell holds both."""
_STEP = 64 * 1024
_HEADER = re.compile(rb"\x78[\x01\x5e\x9c\xda]")


@dataclass(frozen=True, slots=True)
class Block:
    """A zlib stream of an image: where it lies, and how many bytes it holds."""

    start: int
    length: int
    size: int

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + self.length


def is_image(start: bytes) -> bool:
    """By a file's first bytes."""
    return start.startswith(MAGIC)


def find_blocks(data: Buffer) -> Iterator[Block]:
    """The zlib streams of an image, in order; what lies between them is stored as it is."""
    at = 0
    while match := _HEADER.search(data, at):
        block = _open(data, match.start())
        if block is None:
            at = match.start() + 1
        else:
            at = block.end
            if block.length >= MIN_STREAM:
                yield block


def _open(data: Buffer, start: int) -> Block | None:
    """The whole stream that begins at ``start``, if there is one and it is no longer than a block.

    Squashfs ends every stream with zlib's checksum, so that no other bytes pass for one.
    """
    opener = zlib.decompressobj()
    at, size = start, 0
    try:
        while not opener.eof and at < len(data):
            size += len(opener.decompress(data[at : at + _STEP], MAX_BLOCK + 1 - size))
            at = min(at + _STEP, len(data))
            if size > MAX_BLOCK or opener.unconsumed_tail:
                return None
    except zlib.error:
        return None
    return Block(start, at - start - len(opener.unused_data), size) if opener.eof else None


def image_items(
    resource: Resource, data: Buffer, old: Old, trials: Trials | None = None
) -> Iterator[Item]:
    """``data`` as items, in order, each with its own context out of ``old``."""
    runs = _Runs(find_runs(data, [old.data]))
    cells = _Cells(old)
    sent = _Sent(resource, data, old.resource, runs, cells)
    producer = Producer(trials)
    at = 0
    for block in find_blocks(data):
        if runs.is_copied(block):
            continue
        plain = zlib.decompress(data[block.start : block.end])
        stream = Stream(block.start, block.length, Wrap.ZLIB, plain)
        how = producer.find_parameters(data, stream)
        if how is None:
            continue
        yield from sent.between(at, block.start)
        yield from sent.opened(Deflated(block.size, block.length, how), plain)
        at = block.end
    yield from sent.between(at, len(data))
    yield from sent.end()


class _Runs:
    """The new image as runs, looked up by place."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        self._begins: list[int] = []
        at = 0
        for run in runs:
            self._begins.append(at)
            at += run.length

    def is_copied(self, block: Block) -> bool:
        """Whether a block lies in the old image as it is."""
        number = bisect_right(self._begins, block.start) - 1
        run = self._runs[number]
        return run.source >= 0 and block.end <= self._begins[number] + run.length

    def within(self, start: int, end: int) -> Iterator[Run]:
        """What lies from ``start`` to ``end``; new runs give their place in the new image."""
        number = bisect_right(self._begins, start) - 1
        while start < end:
            run, begin = self._runs[number], self._begins[number]
            length = min(end, begin + run.length) - start
            if run.source >= 0 and length >= MIN_COPY:
                yield Run(run.source, run.start + start - begin, length)
            else:
                yield Run(-1, start, length)
            start += length
            number += 1


class _Cells:
    """The old image's blocks, some together, found by the pieces of what they hold."""

    def __init__(self, old: Old) -> None:
        self._old = old
        self.cells = tuple(_gathered(find_blocks(old.data)))
        self._pieces: dict[bytes, int] = {}
        for number, cell in enumerate(self.cells):
            for block in cell:
                for piece in _pieces(zlib.decompress(old.data[block.start : block.end])):
                    self._pieces.setdefault(piece, number)
        self.context = lru_cache(maxsize=32)(self._context)

    def votes(self, plain: bytes) -> Counter[int]:
        """How many pieces of ``plain`` each cell holds."""
        found = (self._pieces.get(piece) for piece in _pieces(plain))
        return Counter(number for number in found if number is not None)

    def _context(self, number: int) -> Context:
        cell = self.cells[number]
        start, end = cell[0].start, cell[-1].end
        streams: list[Inflated] = []
        given: list[bytes] = []
        at = start
        for block in cell:
            given.append(self._old.data[at : block.start])
            given.append(zlib.decompress(self._old.data[block.start : block.end]))
            streams.append(Inflated(block.start - start, block.length, Wrap.ZLIB, block.size))
            at = block.end
        span = Span(self._old.resource.digest, start, end - start, tuple(streams))
        return Context(span, b"".join(given))


def _gathered(blocks: Iterator[Block]) -> Iterator[tuple[Block, ...]]:
    cell: list[Block] = []
    for block in blocks:
        full = sum(one.size for one in cell) + block.size > CELL
        if cell and (full or block.start - cell[-1].end > APART):
            yield tuple(cell)
            cell = []
        cell.append(block)
    if cell:
        yield tuple(cell)


def _pieces(plain: bytes) -> set[bytes]:
    return {blake2b(piece, digest_size=8).digest() for _, piece in fine_cuts(plain, average=PIECE)}


class _Sent:
    """What is sent of the new image, window by window."""

    def __init__(
        self, resource: Resource, data: Buffer, old: Resource, runs: _Runs, cells: _Cells
    ) -> None:
        self._resource, self._data, self._old = resource, data, old
        self._runs, self._cells = runs, cells
        self._segments: list[Segment] = []
        self._payload: list[bytes] = []
        self._size = 0
        self._votes: Counter[int] = Counter()
        self._last = -1

    def between(self, start: int, end: int) -> Iterator[Item]:
        """Bytes that are not opened: copies, and what is new as it is."""
        for run in self._runs.within(start, end):
            if run.source >= 0:
                self._segments.append(Copy(Span(self._old.digest, run.start, run.length)))
                continue
            for at in range(run.start, run.start + run.length, WINDOW):
                length = min(WINDOW, run.start + run.length - at)
                yield from self._put((Literal(length),), self._data[at : at + length])

    def opened(self, stream: Deflated, plain: bytes) -> Iterator[Item]:
        """A block, opened."""
        votes = self._cells.votes(plain)
        if votes:
            self._last = votes.most_common(1)[0][0]
        elif self._last + 1 < len(self._cells.cells):
            votes[self._last + 1] = 1  # nothing is as it was, but it may resemble what comes next
        self._votes += votes
        yield from self._put((stream, Literal(len(plain))), plain)

    def end(self) -> Iterator[Item]:
        """What is left; a group needs a payload, so of a copied end one byte is sent."""
        if self._segments and not self._size:
            last = self._segments.pop()
            if isinstance(last, Copy):
                span = last.span
                self._segments.append(Copy(Span(span.digest, span.start, span.length - 1)))
                yield from self._put((Literal(1),), self._data[len(self._data) - 1 :])
        if self._segments:
            yield self._item()

    def _put(self, segments: tuple[Segment, ...], payload: bytes) -> Iterator[Item]:
        if self._size and self._size + len(payload) > WINDOW:
            yield self._item()
        self._segments += segments
        self._payload.append(payload)
        self._size += len(payload)

    def _item(self) -> Item:
        item = Item(
            self._resource,
            tuple(self._segments),
            b"".join(self._payload),
            self._context(),
            offers=(),
            level=LEVEL,
        )
        self._segments, self._payload, self._size, self._votes = [], [], 0, Counter()
        return item

    def _context(self) -> tuple[Context, ...]:
        """The cells with most votes that fit, in the order of the old image."""
        chosen: dict[int, Context] = {}
        left = CONTEXT
        for number, _ in sorted(self._votes.items(), key=lambda vote: (-vote[1], vote[0])):
            context = self._cells.context(number)
            if len(context.data) <= left and context.data:
                chosen[number] = context
                left -= len(context.data)
        return tuple(chosen[number] for number in sorted(chosen))
