"""The chunker, the only door to pyfastcdc: where a publisher cuts a resource into chunks. Pure.

FastCDC 2020 (Xia et al., IEEE TPDS 31(9)): cuts depend on nothing but the bytes around them, so
two editions of a file share most of their chunks, on any machine. A box never chunks: it knows
its files' chunks from the recipes.
"""

from collections.abc import Iterator
from mmap import mmap
from typing import BinaryIO

from pyfastcdc import FastCDC

Buffer = bytes | mmap
"""Bytes in memory, or a file mapped into it."""

MIN_CHUNK = 16 * 1024
AVERAGE_CHUNK = 64 * 1024
"""Aim of the cutting rule. Smaller chunks would find more to reuse, but a chunk costs 24 bytes of
table, and at this size tables stay below 0.05 % of the content."""
MAX_CHUNK = 256 * 1024
"""Never above recipe.MAX_CHUNK, the longest a box accepts."""


def cut(stream: BinaryIO) -> Iterator[bytes]:
    """Chunks of ``stream`` in order, 1 byte to MAX_CHUNK each; none for an empty stream.

    At most a few chunks are in memory, whatever the length of the stream. Only the last chunk may
    be shorter than MIN_CHUNK.
    """
    chunker = FastCDC(AVERAGE_CHUNK, min_size=MIN_CHUNK, max_size=MAX_CHUNK)
    for chunk in chunker.cut_stream(stream):
        yield bytes(chunk.data)  # pyfastcdc reuses its buffer for the next chunk


def fine_cuts(data: Buffer, *, average: int) -> Iterator[tuple[int, memoryview]]:
    """Where content-defined pieces of about ``average`` bytes begin, and the pieces.

    Finer than chunks, for finding what two files have in common; never stored.
    """
    chunker = FastCDC(average, min_size=average // 4, max_size=average * 8)
    for chunk in chunker.cut_buf(memoryview(data)):
        yield chunk.offset, chunk.data
