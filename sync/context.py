"""Context: the plain bytes of groups, decoded with what the box holds, few at a time.

Only here are groups decoded: proved first, with the prefix read from the library (or from what this
run has just made), within the bounds of their format.
"""

import mmap
import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sync.compression import Prefix
from sync.digest import Digest, prove
from sync.errors import ProofFailed
from sync.library import Batch, Store
from sync.pack import decode_group
from sync.plan import PlannedGroup
from sync.staging import BLOCK
from sync.updates.opened import given
from sync.updates.parts import MAX_PAYLOAD, Span

_READING = os.O_RDONLY | os.O_CLOEXEC


class Contexts:
    """Decodes the groups of one plan; keeps the last few, together at most one large group."""

    def __init__(self, groups: Sequence[PlannedGroup], store: Store, batch: Batch) -> None:
        self._groups = groups
        self._store = store
        self._batch = batch
        self._plain: OrderedDict[int, bytes] = OrderedDict()
        self._proved: tuple[int, bytes] | None = None
        self._opened: tuple[tuple[Span, ...], Prefix] | None = None

    def came(self, number: int, proved: bytes) -> None:
        """The stored bytes of a group, just received and proved: it may be asked for at once."""
        self._proved = (number, proved)

    def plain(self, number: int) -> bytes:
        """Plain bytes of a staged group; raises ProofFailed or FormatError.

        Staged bytes are proved before a decoder sees them, as a power cut may have come between;
        raw ones are not decoded, and the resource's own digest proves them.
        """
        if number in self._plain:
            self._plain.move_to_end(number)
            return self._plain[number]
        group = self._groups[number].group
        self._make_room(group.plain)
        # The decoder's copy first, the stored bytes then: of the prefix only one is held meanwhile.
        prefix = self._prefix(self._groups[number].prefix)
        stored = self._stored(number)
        plain = decode_group(group, stored, prefix, what=f"group {group.digest[:16]}…")
        self._plain[number] = plain
        return plain

    def forget(self, number: int) -> None:
        """The group is of no more use."""
        self._plain.pop(number, None)

    def read(self, digest: Digest, start: int, length: int) -> Iterator[bytes]:
        """Bytes of a held file in blocks; raises ProofFailed if the file cannot give them."""
        with self._file(digest) as file:
            end = start + length
            while start < end:
                block = os.pread(file, min(end - start, BLOCK), start)
                if not block:
                    raise _too_short(digest)
                start += len(block)
                yield block

    def _read_into(self, memory: memoryview, digest: Digest, start: int) -> None:
        """Fill ``memory`` with bytes of a held file; raises as ``read``."""
        with self._file(digest) as file:
            at = 0
            while at < len(memory):
                with memory[at:] as rest:
                    count = os.preadv(file, [rest], start + at)
                if not count:
                    raise _too_short(digest)
                at += count

    @contextmanager
    def _file(self, digest: Digest) -> Iterator[int]:
        """A held file, open; what the disk cannot give costs this file alone: ProofFailed."""
        try:
            file = self._open(digest)
            try:
                yield file
            finally:
                os.close(file)
        except OSError as error:
            raise ProofFailed(f"file {digest}: {error.strerror}") from error

    def _open(self, digest: Digest) -> int:
        """Where the bytes of a file lie: just made, in the library, or a feed."""
        if self._batch.holds(digest):
            return os.open(self._batch.place(digest), _READING)
        try:
            return os.open(self._store.library.place(digest), _READING)
        except FileNotFoundError:
            return os.open(self._store.feeds.place(digest), _READING)

    def is_damaged(self, digest: Digest) -> bool:
        """True if a file of the box is gone or not what its name says (re-reads all of it)."""
        if self._batch.holds(digest) or self._store.feeds.proves(digest):
            return False
        return not self._store.library.proves(digest)

    def holds(self, number: int) -> bool:
        """True if the staged bytes of a group are what its digest says."""
        group = self._groups[number].group
        try:
            stored = self._store.groups.read(group.digest, size=group.stored)
            prove(stored, group.digest, what="staged group")
        except ProofFailed:
            return False
        return True

    def _stored(self, number: int) -> bytes:
        """Stored bytes of a group, proved in this run if a decoder is to see them."""
        proved, self._proved = self._proved, None
        if proved is not None and proved[0] == number:
            return proved[1]
        planned = self._groups[number]
        stored = self._store.groups.read(planned.group.digest, size=planned.group.stored)
        if not planned.is_raw:
            prove(stored, planned.group.digest, what=f"staged group {planned.group.digest[:16]}…")
        return stored

    def _prefix(self, spans: tuple[Span, ...]) -> Prefix:
        """What a group is decoded with; kept for the next one, which often needs the same."""
        if self._opened is None or self._opened[0] != spans:
            self._opened = None  # first let go of what was kept
            self._opened = spans, self._joined(spans)
        return self._opened[1]

    def _joined(self, spans: Sequence[Span]) -> Prefix:
        size = sum(span.size for span in spans)
        if not size:
            return Prefix(b"")
        # mapped: freed at once, where the allocator would keep so long a run for what comes next
        with mmap.mmap(-1, size) as memory, memoryview(memory) as joined:
            at = 0
            for span in spans:
                with joined[at : at + span.size] as part:
                    if span.opened:
                        self._open_into(part, span)
                    else:
                        self._read_into(part, span.digest, span.start)
                at += span.size
            return Prefix(joined)

    def _open_into(self, memory: memoryview, span: Span) -> None:
        """Fill ``memory`` with what a span gives whose streams are opened."""
        at = 0
        for block in given(span, self.read(span.digest, span.start, span.length)):
            memory[at : at + len(block)] = block
            at += len(block)

    def _make_room(self, size: int) -> None:
        """Forget the groups used longest ago, so that with ``size`` more there is one large one."""
        while self._plain and sum(map(len, self._plain.values())) + size > MAX_PAYLOAD:
            self._plain.popitem(last=False)


def _too_short(digest: Digest) -> ProofFailed:
    return ProofFailed(f"file {digest}: ends too early")
