"""Deflate streams inside documents: where they are and how to make them again. Pure.

ZIP (PPTX, DOCX, XLSX, EPUB, JAR), gzip, PDF and PNG are known. The parameters of a stream are found
by trial; a stream that no parameters make again bit for bit is left as it is.
"""

import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sync.deflate import Parameters, Wrap, deflate

MAX_PLAIN = 8 * 2**20
"""Streams that hold more are left as they are."""
MAX_RATIO = 60
"""Streams that hold so many times their size are left too: nothing is gained there."""
MIN_STREAM = 48
"""Shorter ones cost more to describe than they save."""
MAX_WORK = 128 * 2**20
"""Bytes read and opened of one document: what is beyond stays closed. A document can be made so
that each of its headers leads to the same long stream; and what is opened is held in memory."""
PATIENCE = 2
"""Streams of a document on which all parameters are tried in vain."""
_PROBE = 64 * 1024
_STRATEGIES = (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED)
_Effort = tuple[int, int, int]
_EFFORTS: tuple[_Effort, ...] = tuple(
    (level, memory, strategy)
    for strategy in _STRATEGIES
    for level in (6, 9, 5, 7, 8, 4, 1, 3, 2)
    for memory in (8, 9)
)
_USUAL: tuple[_Effort, ...] = ((6, 8, zlib.Z_DEFAULT_STRATEGY), (9, 8, zlib.Z_DEFAULT_STRATEGY))
_PDF_STREAM = re.compile(rb"stream\r?\n(?=[\x18-\x78])")


@dataclass(frozen=True, slots=True)
class Stream:
    """A deflate stream within a file: ``length`` bytes from ``start``, and what it holds."""

    start: int
    length: int
    wrap: Wrap
    plain: bytes


class _Opener:
    """Opens streams of one document, as long as its work lasts."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._left = MAX_WORK

    def open(self, start: int, wrap: Wrap) -> Stream | None:
        """The stream that begins at ``start``, if there is one."""
        opener = zlib.decompressobj(15 if wrap is Wrap.ZLIB else -15)
        plain = bytearray()
        at = start
        while at < len(self.data) and not opener.eof and self._left > 0:
            block = self.data[at : at + _PROBE]
            at += len(block)
            try:
                got = opener.decompress(block, MAX_PLAIN + 1 - len(plain))
            except zlib.error:
                self._left -= len(block)
                return None
            self._left -= len(block) + len(got)
            plain += got
            if len(plain) > MAX_PLAIN or opener.unconsumed_tail:
                return None
        if not opener.eof:
            return None
        return Stream(start, at - start - len(opener.unused_data), wrap, bytes(plain))


def find_streams(data: bytes) -> Iterator[Stream]:
    """The streams of a document, in order, none within another."""
    if data[:4] == b"PK\x03\x04":
        found = _zip_streams(_Opener(data))
    elif data[:4] == b"%PDF":
        found = _pdf_streams(_Opener(data))
    elif data[:2] == b"\x1f\x8b":
        found = _gzip_streams(_Opener(data))
    else:
        return
    end = 0
    for stream in found:
        worth = stream.length >= MIN_STREAM and len(stream.plain) <= MAX_RATIO * stream.length
        if stream.start >= end and worth:
            end = stream.start + stream.length
            yield stream


class Producer:
    """Whatever wrote the streams of one document: what it did once it does again.

    Most documents are of one producer. Where it is not zlib, trying everything on each stream would
    cost more than the whole update pack; so after ``PATIENCE`` streams that nothing made again, the
    others are only tried with what nearly all producers use.
    """

    def __init__(self) -> None:
        self._last: Parameters | None = None
        self._failed = 0

    def find_parameters(self, data: bytes, stream: Stream) -> Parameters | None:
        """The parameters that make ``stream`` of ``data`` again."""
        raw = memoryview(data)[stream.start : stream.start + stream.length]
        efforts = _EFFORTS if self._failed < PATIENCE else _USUAL
        for parameters in _candidates(raw, stream.wrap, self._last, efforts):
            if _begins(raw, stream.plain, parameters) and _makes(raw, stream.plain, parameters):
                self._last = parameters
                return parameters
        self._failed += 1
        return None


def _candidates(
    raw: memoryview, wrap: Wrap, first: Parameters | None, efforts: Iterable[_Effort]
) -> Iterator[Parameters]:
    if first is not None and first.wrap is wrap:
        yield first
    window = (raw[0] >> 4) + 8 if wrap is Wrap.ZLIB else 15
    if not 9 <= window <= 15 or (wrap is Wrap.ZLIB and raw[0] & 15 != 8):
        return
    hint = raw[1] >> 6 if wrap is Wrap.ZLIB else None
    for level, memory, strategy in efforts:
        if hint is None or hint == _header_level(level, strategy):
            yield Parameters(wrap, level, memory, strategy, window)


def _header_level(level: int, strategy: int) -> int:
    """The two bits zlib writes into its header for a level (zlib 1.2, deflate.c)."""
    if strategy >= zlib.Z_HUFFMAN_ONLY or level < 2:
        return 0
    if level < 6:
        return 1
    return 2 if level == 6 else 3


def _begins(raw: memoryview, plain: bytes, parameters: Parameters) -> bool:
    """Quickly: whether the first bytes come out right."""
    if len(plain) <= 2 * _PROBE:
        return True
    maker = zlib.compressobj(
        parameters.level, zlib.DEFLATED, parameters.bits, parameters.memory, parameters.strategy
    )
    start = maker.compress(plain[:_PROBE])
    return bytes(raw[: len(start)]) == start


def _makes(raw: memoryview, plain: bytes, parameters: Parameters) -> bool:
    at = 0
    for block in deflate(plain, parameters):
        if raw[at : at + len(block)] != block:
            return False
        at += len(block)
    return at == len(raw)


def _zip_streams(work: _Opener) -> Iterator[Stream]:
    """From local header to local header: the central directory may be missing or lie."""
    data = work.data
    at = data.find(b"PK\x03\x04")
    while at >= 0 and at + 30 <= len(data):
        method, names = (
            struct.unpack_from("<H", data, at + 8)[0],
            struct.unpack_from("<HH", data, at + 26),
        )
        start = at + 30 + sum(names)
        stream = work.open(start, Wrap.RAW) if method == zlib.DEFLATED else None
        if stream is not None:
            yield stream
        after = start if stream is None else stream.start + stream.length
        at = data.find(b"PK\x03\x04", max(after, at + 4))


def _pdf_streams(work: _Opener) -> Iterator[Stream]:
    data = work.data
    for match in _PDF_STREAM.finditer(data):
        start = match.end()
        if (data[start] & 15) == 8 and int.from_bytes(data[start : start + 2]) % 31 == 0:
            stream = work.open(start, Wrap.ZLIB)
            if stream is not None:
                yield stream


def _gzip_streams(work: _Opener) -> Iterator[Stream]:
    data = work.data
    if len(data) < 18:
        return
    flags, start = data[3], 10
    if flags & 4:
        start += 2 + int.from_bytes(data[start : start + 2], "little")
    for bit in (8, 16):
        if flags & bit:
            start = data.find(b"\0", start) + 1 or len(data)
    if flags & 2:
        start += 2
    stream = work.open(start, Wrap.RAW)
    if stream is not None:
        yield stream
