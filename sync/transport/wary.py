"""A source nobody vouches for (a box next door): what it gives is proved before it is passed on.

Its names are digests, so a file needs nobody's word: a short one is proved whole, a long one chunk
by chunk. The first fault ends it: one line, and no more bytes in vain than ``cap``.
"""

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sync.digest import Digest, sha256
from sync.errors import FormatError, KexiaError, NoSource, NotThere, ProofFailed
from sync.recipe import Chunks
from sync.transport.base import BLOCK, Transport, too_long
from sync.transport.deadline import TooSlow

CAP = 4 * 2**20
"""Bytes that a fault may cost."""
_SHARDED = re.compile(r"(?:.*/)?(?:feeds|tables|resources)/[0-9a-f]{2}/([0-9a-f]{64})")
_TARGET = re.compile(r"(?:.*/)?targets/(?:[a-z]+/)?([0-9a-f]{64})\.[a-z0-9.-]+")
PATIENCE = 2
"""Answers that break off one after the other, after which it is left alone."""
_EMPTY = sha256(b"")
_REMEMBERED = 2
"""Short files kept after their proof, for whoever asks for their next range."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of a file besides its digest."""

    size: int
    chunks: Chunks = field(default_factory=Chunks)
    """Of a file of several chunks; empty: it can only be proved whole."""


Proofs = Callable[[Digest], Proof | None]
"""How a file is proved piece by piece, if anybody knows."""


def _unknown(_: Digest) -> Proof | None:
    return None


class Wary:
    """Passes on what ``inner`` gives and the digest in the name proves; metadata, as it comes.

    After a fault every call raises NoSource with it. ``on_fault`` is told the first one. Files
    that ``cap`` bytes do not prove are NotThere. May be used from several threads.
    """

    def __init__(
        self,
        inner: Transport,
        *,
        cap: int = CAP,
        on_fault: Callable[[KexiaError], None] = lambda _: None,
    ) -> None:
        self._inner = inner
        self._cap = cap
        self._on_fault = on_fault
        self._lock = threading.Lock()
        self._fault: KexiaError | None = None
        self._silences = 0
        self._short: OrderedDict[Digest, bytes] = OrderedDict()
        self.proofs: Proofs = _unknown
        """Set by who plans: sizes and chunks of the files that will be asked for."""

    @property
    def label(self) -> str:
        """The inner source's."""
        return self._inner.label

    @property
    def fault(self) -> KexiaError | None:
        """What ended it, if anything did."""
        return self._fault

    def give_up(self, error: KexiaError) -> None:
        """End it: what it gave did not hold, as somebody above found out."""
        with self._lock:
            if self._fault is not None:
                return
            self._fault = error
        self._on_fault(error)

    def read(self, name: str, *, limit: int) -> bytes:
        """The whole file, proved if its name is a digest's."""
        self._check()
        digest = digest_in(name)
        if digest not in (None, _EMPTY) and not limit:
            return self._looked_for(name)
        with self._counting():
            try:
                data = self._inner.read(name, limit=min(limit, self._cap))
            except FormatError as error:
                if limit > self._cap:
                    raise self._not_here(name) from error
                raise
        if digest is not None and sha256(data) != digest:
            raise self._failed(self._wrong(name))
        return data

    def _looked_for(self, name: str) -> bytes:
        """Nothing, or FormatError: who reads nothing wants to know whether it is there. One byte
        is asked for, as a server would begin to send all of it.
        """
        if next(self._blocks(name, 0, 1), b""):
            raise too_long(self.label, name, limit=0)
        return b""

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        """``length`` proved bytes from ``offset``."""
        self._check()
        digest = digest_in(name)
        if digest is None or length == 0:
            if length > self._cap:
                raise self._not_here(name)
            yield from self._blocks(name, offset, length)
            return
        proof = self.proofs(digest) or Proof(offset + length)
        there = min(length, max(proof.size - offset, 0))
        yield from self._proved(name, digest, proof, offset, there)
        if there < length:
            raise NoSource(
                f"{self.label}: {name} ends {length - there} bytes early",
                hint="nobody has more of it; sync again",
            )

    def _proved(
        self, name: str, digest: Digest, proof: Proof, offset: int, length: int
    ) -> Iterator[bytes]:
        if not length:
            return
        if proof.size <= self._cap:
            data = self._whole(name, digest, proof.size)
            end = offset + length
            yield from (data[at : min(at + BLOCK, end)] for at in range(offset, end, BLOCK))
        elif proof.chunks.records:
            yield from self._chunk_by_chunk(name, proof, offset, length)
        else:
            raise self._not_here(name)

    def _whole(self, name: str, digest: Digest, size: int) -> bytes:
        """A short file, all of it, proved."""
        with self._lock:
            if digest in self._short:
                return self._short[digest]
        data = b"".join(self._blocks(name, 0, size))
        if sha256(data) != digest:
            raise self._failed(self._wrong(name))
        with self._lock:
            self._short[digest] = data
            while len(self._short) > _REMEMBERED:
                self._short.popitem(last=False)
        return data

    def _chunk_by_chunk(self, name: str, proof: Proof, offset: int, length: int) -> Iterator[bytes]:
        """From the start of the chunk that ``offset`` lies in to the end of that of the last byte.

        The chunks' ids come from signed tables, and are half a digest: enough to see at once that
        a file is not the one asked for. Who takes it proves it by its whole digest.
        """
        chunks = tuple(_chunks_of(proof, offset, offset + length))
        first = chunks[0].start
        blocks = self._blocks(name, first, chunks[-1].end - first)
        held = bytearray()
        for chunk in chunks:
            size = chunk.end - chunk.start
            while len(held) < size:
                held += next(blocks, b"") or self._ended(name)
            data = bytes(held[:size])
            del held[:size]
            if hashlib.sha256(data).digest()[:16] != chunk.id:
                blocks.close()  # type: ignore[attr-defined]  # a generator
                raise self._failed(self._wrong(name))
            low, high = max(offset - chunk.start, 0), min(offset + length - chunk.start, size)
            yield data[low:high]
        next(blocks, None)

    def _blocks(self, name: str, offset: int, length: int) -> Iterator[bytes]:
        with self._counting():
            yield from self._inner.stream(name, offset=offset, length=length)

    @contextmanager
    def _counting(self) -> Iterator[None]:
        """Silence is not a lie, but PATIENCE times in a row it ends it as well."""
        try:
            yield
        except NotThere:
            raise
        except NoSource as error:
            self._silences += 1
            if isinstance(error, TooSlow) or self._silences >= PATIENCE:
                raise self._failed(error) from error
            raise
        else:
            self._silences = 0

    def _ended(self, name: str) -> bytes:
        raise self._failed(NoSource(f"{self.label}: {name} ended too early"))

    def _check(self) -> None:
        if self._fault is not None:
            raise NoSource(self._fault.fact, hint=self._fault.hint)

    def _failed(self, error: KexiaError) -> NoSource:
        self.give_up(error)
        return NoSource(error.fact, hint=error.hint)

    def _wrong(self, name: str) -> ProofFailed:
        return ProofFailed(
            f"{self.label}: {name} is not what its name says",
            hint="nothing more is taken from there for a while; look at that machine",
        )

    def _not_here(self, name: str) -> NotThere:
        return NotThere(f"{self.label}: {name} cannot be proved within {self._cap} bytes")


def digest_in(name: str) -> Digest | None:
    """The digest that a name of a repository promises, if it is one of those."""
    match = _SHARDED.fullmatch(name) or _TARGET.fullmatch(name)
    return Digest(match[1]) if match else None


@dataclass(frozen=True, slots=True)
class _Placed:
    id: bytes
    start: int
    end: int


def _chunks_of(proof: Proof, start: int, end: int) -> Iterator[_Placed]:
    """The chunks that hold the bytes from ``start`` to ``end``."""
    at = 0
    for chunk in proof.chunks:
        if at < end and at + chunk.length > start:
            yield _Placed(chunk.id, at, at + chunk.length)
        at += chunk.length
