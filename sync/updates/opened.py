"""Opened: the bytes that a span of a held file gives, with the streams in it opened. Pure.

Everything is read once and in order, block by block: a stream within a stream costs no memory.
"""

from collections.abc import Iterable, Iterator, Sequence

from sync.deflate import Block, inflate
from sync.errors import FormatError
from sync.updates.parts import Differenced, Inflated, Span
from sync.updates.steps import steps


def given(span: Span, data: Iterable[Block]) -> Iterator[Block]:
    """What ``span`` gives, if ``data`` are its bytes in the file; raises FormatError."""
    if isinstance(span.opened, Differenced):
        return iter([steps(b"".join(data))])
    return _opened(data, span.opened)


def _opened(data: Iterable[Block], streams: Sequence[Inflated]) -> Iterator[Block]:
    source = _Source(data)
    at = 0
    for one in streams:
        yield from source.take(one.start - at)
        held = inflate(source.take(one.length), one.wrap, size=one.size)
        yield from _opened(held, one.streams)
        at = one.start + one.length
    yield from source.rest()


class _Source:
    """Blocks, taken in lengths of our choosing."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self._blocks = iter(blocks)
        self._rest = memoryview(b"")

    def take(self, length: int) -> Iterator[memoryview]:
        """The next ``length`` bytes; raises FormatError if there are fewer."""
        while length:
            if not self._rest:
                block = next(self._blocks, None)
                if block is None:
                    raise FormatError(f"a span ends {length} bytes too early")
                self._rest = memoryview(block)
            taken, self._rest = self._rest[:length], self._rest[length:]
            length -= len(taken)
            yield taken

    def rest(self) -> Iterator[Block]:
        """All that follows."""
        if self._rest:
            yield self._rest
        yield from self._blocks
