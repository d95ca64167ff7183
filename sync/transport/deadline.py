"""No endless waiting: a source that dawdles, byte by byte if need be, is given up in bounded time.

The limits of a connection are for each read; who sends one byte before each of them ends can hold
a reader for ever. Here the wait is counted over the whole answer.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty, Full, Queue

from sync.errors import KexiaError, NoSource
from sync.transport.base import Transport

GRACE = 5.0
"""Seconds that an answer may take beside what its bytes take."""
LEAST = 64 * 1024
"""Bytes a second that are expected at least."""
_LOOK = 0.5


class TooSlow(NoSource):
    """The source answers, but so slowly that it is of no use."""


@dataclass(frozen=True, slots=True)
class _End:
    """How a stream ended."""

    error: BaseException | None = None


class Deadline:
    """Reads ``inner`` in a thread of its own and waits for it no longer than its bytes are worth.

    Only waiting counts, not what the caller does between two blocks. A thread that hangs in
    ``inner`` is left behind; it ends with its connection, and does not keep a programme alive.
    """

    def __init__(
        self,
        inner: Transport,
        *,
        ticks: Callable[[], float],
        grace: float = GRACE,
        least: int = LEAST,
    ) -> None:
        self._inner = inner
        self._ticks = ticks
        self._grace, self._least = grace, least

    @property
    def label(self) -> str:
        """The inner source's."""
        return self._inner.label

    def read(self, name: str, *, limit: int) -> bytes:
        """The whole file; raises TooSlow besides what ``inner`` raises."""
        reading = _Reading(lambda: iter((self._inner.read(name, limit=limit),)))
        try:
            item = reading.take(self._grace + limit / self._least)
        except Empty:
            raise self._too_slow(name) from None
        finally:
            reading.leave()
        if isinstance(item, _End):
            raise item.error or KexiaError(f"{self.label}: {name} came to nothing")
        return item

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        """``length`` bytes from ``offset``; raises TooSlow besides what ``inner`` raises."""
        reading = _Reading(lambda: self._inner.stream(name, offset=offset, length=length))
        patience = self._grace
        try:
            while True:
                began = self._ticks()
                try:
                    item = reading.take(patience)
                except Empty:
                    raise self._too_slow(name) from None
                if isinstance(item, _End):
                    if item.error is not None:
                        raise item.error
                    return
                patience -= self._ticks() - began
                patience = min(self._grace, max(patience, 0.0) + len(item) / self._least)
                yield item
        finally:
            reading.leave()

    def _too_slow(self, name: str) -> TooSlow:
        return TooSlow(
            f"{self.label}: {name} comes too slowly to be of use",
            hint="another source gives it; is the machine or its network overloaded?",
        )


class _Reading:
    """One answer on its way: blocks go from the thread that reads to the one that waits."""

    def __init__(self, begin: Callable[[], Iterator[bytes]]) -> None:
        self._begin = begin
        self._queue: Queue[bytes | _End] = Queue(1)
        self._is_left = threading.Event()
        threading.Thread(target=self._work, name="deadline", daemon=True).start()

    def take(self, seconds: float) -> bytes | _End:
        """The next block, or the end; raises queue.Empty after ``seconds``."""
        return self._queue.get(timeout=max(seconds, 0.0))

    def leave(self) -> None:
        """Nobody waits any more."""
        self._is_left.set()

    def _work(self) -> None:
        end = _End()
        try:
            blocks = self._begin()
            for block in blocks:
                if not self._put(block):
                    close = getattr(blocks, "close", None)
                    if close is not None:
                        close()
                    return
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            end = _End(error)
        self._put(end)

    def _put(self, item: bytes | _End) -> bool:
        while not self._is_left.is_set():
            try:
                self._queue.put(item, timeout=_LOOK)
            except Full:
                continue
            return True
        return False
