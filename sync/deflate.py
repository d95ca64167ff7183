"""Deflate, the box's door to zlib: streams opened and made again bit for bit. Pure.

Documents (PPTX, DOCX, PDF, EPUB, PNG …) hold deflate streams (RFC 1950, RFC 1951). A small change
in what they hold changes every byte of a stream, so updates send what a stream holds, and the box
makes the stream again with the parameters the publisher found. Another deflate (zlib-ng) makes
other streams from the same parameters: ``reproduces`` says whether this machine's is the right one.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

from sync.digest import sha256
from sync.errors import FormatError

BLOCK = 256 * 1024
"""Plain bytes handed to the compressor at once."""


class Wrap(IntEnum):
    """What is around a deflate stream."""

    RAW = 0
    """Nothing (ZIP, gzip)."""
    ZLIB = 1
    """The zlib header and checksum (PDF, PNG)."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """How a stream was made: zlib's level, memory level, strategy, and its window in bits."""

    wrap: Wrap
    level: int
    memory: int
    strategy: int = zlib.Z_DEFAULT_STRATEGY
    window: int = 15

    def __post_init__(self) -> None:
        sound = 0 <= self.level <= 9 and 1 <= self.memory <= 9 and 9 <= self.window <= 15
        if not (sound and 0 <= self.strategy <= 4):
            raise FormatError(f"deflate: no such parameters: {self}")

    @property
    def bits(self) -> int:
        """zlib's wbits."""
        return self.window if self.wrap is Wrap.ZLIB else -self.window


Block = bytes | memoryview


def deflate(plain: Iterable[Block], parameters: Parameters) -> Iterator[bytes]:
    """The stream that ``parameters`` make of ``plain``, in blocks; how plain is cut is all one."""
    maker = zlib.compressobj(
        parameters.level, zlib.DEFLATED, parameters.bits, parameters.memory, parameters.strategy
    )
    for piece in plain:
        for start in range(0, len(piece), BLOCK):
            if block := maker.compress(piece[start : start + BLOCK]):
                yield block
        del piece  # it may keep a group in memory while the next one is decoded
    yield maker.flush()


def inflate(stream: Iterable[Block], wrap: Wrap, *, size: int) -> Iterator[bytes]:
    """What ``stream`` holds, in blocks: exactly ``size`` bytes, and nothing after it.

    Raises FormatError, at the latest at its end; never gives more than ``size`` bytes.
    """
    opener = zlib.decompressobj(15 if wrap is Wrap.ZLIB else -15)
    left = size
    try:
        for block in stream:
            for plain in _inflated(opener, block, limit=left + 1):
                left -= len(plain)
                if left < 0:
                    break
                yield plain
            if left < 0 or opener.unused_data:
                break
    except zlib.error as error:
        raise FormatError(f"deflate: broken stream ({error})") from error
    if left or not opener.eof or opener.unused_data:
        raise FormatError(f"deflate: a stream does not hold the {size} bytes it was said to")


def _inflated(opener: "zlib._Decompress", block: Block, *, limit: int) -> Iterator[bytes]:
    """What the next block of a stream adds, at most ``limit`` bytes of it."""
    more = True
    while more and limit:
        most = min(BLOCK, limit)
        plain = opener.decompress(block, most)
        limit -= len(plain)
        yield plain
        block = opener.unconsumed_tail
        more = bool(block) or len(plain) == most


def sized(blocks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """``blocks``, ``size`` bytes in all; raises FormatError, and gives no more."""
    left = size
    for block in blocks:
        left -= len(block)
        if left < 0:
            break
        yield block
    if left:
        raise FormatError(f"deflate: a stream made again has not the {size} bytes it was said to")


def reproduces(asked: Iterable[Parameters]) -> bool:
    """Whether this machine's deflate makes the streams of zlib 1.2 and 1.3; plans ask it.

    Only what ``asked`` needs is tried, at some milliseconds each: all of it takes longer than a
    usual night's update.
    """
    return all(_reproduces(*efforts) for efforts in sorted({_nearest(one) for one in asked}))


def _nearest(asked: Parameters) -> tuple[int, int, int]:
    """Level, memory level and strategy of the test that says most about ``asked``."""
    strategy = zlib.Z_FILTERED if asked.strategy == zlib.Z_FILTERED else zlib.Z_DEFAULT_STRATEGY
    return max(asked.level, 1), max(asked.memory, 8), strategy


@cache
def _reproduces(level: int, memory: int, strategy: int) -> bool:
    made = deflate([_text()], Parameters(Wrap.ZLIB, level, memory, strategy))
    return sha256(b"".join(made))[:8] == _VECTORS[level, memory, strategy]


@cache
def _text() -> bytes:
    """Longer than the window, so that what happens at its end shows too."""
    return b"".join(b"%d,%d;" % (number, number * number % 977) for number in range(4000))


_EFFORTS = (
    (level, memory, strategy)
    for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED)
    for memory in (8, 9)
    for level in range(1, 10)
)
_DIGESTS = (
    "4828afe48dcb77cbd0b2936bc6aa637513fb9d0f8ae694d71383ae371383ae371383ae37"
    "4828afe48dcb77cbd0b2936bc6aa637513fb9d0f8ae694d71383ae371383ae371383ae37"
    "4828afe48dcb77cbd0b2936bd78949b4e06ed1cf2ffbf34abec774efbec774efbec774ef"
    "4828afe48dcb77cbd0b2936bd01260f74273228b79919f94443e813b443e813b443e813b"
)
_VECTORS = {efforts: _DIGESTS[8 * at : 8 * at + 8] for at, efforts in enumerate(_EFFORTS)}
"""The first eight digits of the digest of the stream of ``_text()`` that each effort makes."""
