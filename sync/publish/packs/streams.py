"""Deflate streams inside documents: where they are and how to make them again. Pure.

ZIP (PPTX, DOCX, XLSX, EPUB, JAR), gzip and PDF are known. What lies in a ZIP or TAR is looked
through too, and so is what a stream holds: a compressed TAR in a ZIP, a DOCX in a ZIP. The
parameters of a stream are found by trial; one that none make again is left as it is.
"""

import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from sync.chunker import Buffer
from sync.deflate import Parameters, Wrap, deflate
from sync.digest import Digest, sha256
from sync.updates.parts import MAX_DEPTH, MAX_PREFIX

MAX_PLAIN = MAX_PREFIX
"""Streams that hold more are left as they are: no group could have them as context."""
MAX_RATIO = 60
"""Streams that hold so many times their size are left too: nothing is gained there."""
MIN_STREAM = 48
"""Shorter ones cost more to describe than they save."""
MAX_WORK = 192 * 2**20
"""Bytes searched, read and opened of one document: what is beyond stays closed. A document can be
made so that all its headers lead to the same long stream; and what is opened is held in memory."""
MAX_LEVELS = 4
"""Documents within each other without a stream between (a TAR of stored ZIPs)."""
PATIENCE = 2
"""Streams of a document on which all parameters are tried in vain."""
MOST_TRIALS = 200_000
"""Trials remembered, some 60 MB."""
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
_TAR_BLOCK, _USTAR_AT = 512, 257


@dataclass(frozen=True, slots=True)
class Stream:
    """A deflate stream: ``length`` bytes from ``start`` of what it lies in, and what it holds."""

    start: int
    length: int
    wrap: Wrap
    plain: bytes
    streams: "tuple[Stream, ...]" = ()
    """Those in what it holds."""


class _Work:
    """What may still be read and opened of one document, whatever lies in what."""

    def __init__(self) -> None:
        self.left = MAX_WORK


@dataclass(frozen=True, slots=True)
class _Document:
    """A document from ``start`` to ``end`` of ``data``; others may lie around it and in it."""

    data: bytes
    work: _Work
    start: int
    end: int
    level: int = 0

    def streams(self) -> Iterator[Stream]:
        """Its streams in order, if it is of a known kind."""
        for magic, place, find in _KINDS:
            if self.data.startswith(magic, self.start + place) and self.work.left > 0:
                return find(self)
        return iter(())

    def inner(self, start: int, end: int) -> Iterator[Stream]:
        """The streams of a document in this one."""
        if self.level == MAX_LEVELS:
            return iter(())
        inner = replace(self, start=start, end=min(end, self.end), level=self.level + 1)
        self.work.left -= max(0, inner.end - start)  # as it may be searched
        return inner.streams()

    def open(self, start: int, wrap: Wrap) -> Iterator[Stream]:
        """The stream that begins at ``start``, if there is one and the work lasts."""
        opener = zlib.decompressobj(15 if wrap is Wrap.ZLIB else -15)
        plain = bytearray()
        at = start
        while at < self.end and not opener.eof and self.work.left > 0:
            block = self.data[at : min(at + _PROBE, self.end)]
            at += len(block)
            most = min(MAX_PLAIN, MAX_RATIO * (at - start))
            try:
                got = opener.decompress(block, most + 1 - len(plain))
            except zlib.error:
                self.work.left -= len(block)
                return
            self.work.left -= len(block) + len(got)
            plain += got
            if len(plain) > most or opener.unconsumed_tail:
                return
        if opener.eof:
            length = at - start - len(opener.unused_data)
            yield Stream(start, length, wrap, bytes(plain))


def find_streams(data: bytes) -> Iterator[Stream]:
    """The streams of a document, in order; each with those in what it holds, MAX_DEPTH in all."""
    return _find(data, _Work(), depth=1)


def _find(data: bytes, work: _Work, *, depth: int) -> Iterator[Stream]:
    end = 0
    for stream in _Document(data, work, 0, len(data)).streams():
        worth = stream.length >= MIN_STREAM and len(stream.plain) <= MAX_RATIO * stream.length
        if stream.start >= end and worth:
            end = stream.start + stream.length
            inner = _find(stream.plain, work, depth=depth + 1) if depth < MAX_DEPTH else ()
            yield replace(stream, streams=tuple(inner))


class Trials:
    """What was tried on which stream, and whether it made it again.

    A release cuts packs from several editions, and the same new document goes into each.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[Digest, Parameters], bool] = {}

    def make(self, digest: Digest, raw: memoryview, plain: bytes, parameters: Parameters) -> bool:
        """Whether ``parameters`` make the stream ``raw`` with that digest of ``plain``."""
        key = digest, parameters
        if key not in self._known:
            if len(self._known) >= MOST_TRIALS:
                self._known.clear()
            self._known[key] = _begins(raw, plain, parameters) and _makes(raw, plain, parameters)
        return self._known[key]


class Producer:
    """Whatever wrote the streams of one document: what it did once it does again.

    Most documents are of one producer. Where it is not zlib, trying everything on each stream would
    cost more than the whole update pack; so after ``PATIENCE`` streams that nothing made again, the
    others are only tried with what nearly all producers use.
    """

    def __init__(self, trials: Trials | None = None) -> None:
        self._trials = trials or Trials()
        self._last: Parameters | None = None
        self._failed = 0

    def find_parameters(self, data: Buffer, stream: Stream) -> Parameters | None:
        """The parameters that make ``stream`` of ``data`` again."""
        raw = memoryview(data)[stream.start : stream.start + stream.length]
        digest = sha256(raw)
        efforts = _EFFORTS if self._failed < PATIENCE else _USUAL
        for parameters in _candidates(raw, stream.wrap, self._last, efforts):
            if self._trials.make(digest, raw, stream.plain, parameters):
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
        if hint is None and strategy == zlib.Z_FILTERED:
            continue  # for pictures' lines, which PNG and PDF hold; nobody makes a ZIP so
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
    for block in deflate([plain], parameters):
        if raw[at : at + len(block)] != block:
            return False
        at += len(block)
    return at == len(raw)


def _zip_streams(of: _Document) -> Iterator[Stream]:
    """From local header to local header: the central directory may be missing or lie."""
    at = of.start
    while at >= 0 and at + 30 <= of.end:
        (method,) = struct.unpack_from("<H", of.data, at + 8)
        size, _, *names = struct.unpack_from("<IIHH", of.data, at + 18)
        after = start = at + 30 + sum(names)
        deflated = method == zlib.DEFLATED
        for stream in of.open(start, Wrap.RAW) if deflated else _stored(of, start, size):
            yield stream
            after = stream.start + stream.length
        at = of.data.find(_ZIP, max(after, at + 4), of.end)


def _stored(of: _Document, start: int, size: int) -> Iterator[Stream]:
    """Streams of a member that is stored; those of a ZIP in a ZIP are come across anyway."""
    return iter(()) if of.data.startswith(_ZIP, start) else of.inner(start, start + size)


def _pdf_streams(of: _Document) -> Iterator[Stream]:
    for match in _PDF_STREAM.finditer(of.data, of.start, of.end):
        start = match.end()
        header = of.data[start : start + 2]
        if (header[0] & 15) == 8 and int.from_bytes(header) % 31 == 0:
            yield from of.open(start, Wrap.ZLIB)


def _gzip_streams(of: _Document) -> Iterator[Stream]:
    data = of.data
    if of.end < of.start + 18:
        return
    flags, start = data[of.start + 3], of.start + 10
    if flags & 4:
        start += 2 + int.from_bytes(data[start : start + 2], "little")
    for bit in (8, 16):
        if flags & bit:
            start = data.find(b"\0", start, of.end) + 1 or of.end
    if flags & 2:
        start += 2
    yield from of.open(start, Wrap.RAW)


def _tar_streams(of: _Document) -> Iterator[Stream]:
    """From header to header, as long as they are headers (POSIX.1-1988, ustar)."""
    at = of.start
    while of.data.startswith(_USTAR, at + _USTAR_AT) and at < of.end:
        digits = of.data[at + 124 : at + 136].strip(b" \0")
        if set(digits) - set(b"01234567") or not digits:
            return
        size = int(digits, 8)
        yield from of.inner(at + _TAR_BLOCK, at + _TAR_BLOCK + size)
        at += _TAR_BLOCK + -(-size // _TAR_BLOCK) * _TAR_BLOCK


_ZIP, _USTAR = b"PK\x03\x04", b"ustar"
_KINDS: tuple[tuple[bytes, int, Callable[[_Document], Iterator[Stream]]], ...] = (
    (_ZIP, 0, _zip_streams),
    (b"%PDF", 0, _pdf_streams),
    (b"\x1f\x8b\x08", 0, _gzip_streams),
    (_USTAR, _USTAR_AT, _tar_streams),
)
"""How a document begins, with the place of the magic, and where its streams are."""
