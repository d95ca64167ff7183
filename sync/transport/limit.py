"""A cap on how fast bytes come in: the school's line belongs to the lessons being taught."""

import threading
from collections.abc import Callable, Iterator

from sync.transport.base import BLOCK, Transport

SMALLEST = 4 * 1024
"""Bytes below which smaller blocks would cost more than they smooth."""


class Bucket:
    """What may come in at ``rate`` bytes a second, over all transports that share it.

    ``clock`` gives seconds that never go back, ``sleep`` spends them. Whoever takes too much
    waits for it afterwards, so the mean never exceeds the rate, at most ``burst`` bytes aside.
    """

    def __init__(
        self, rate: int, *, clock: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        if rate <= 0:
            raise ValueError("a rate is a number of bytes above 0")
        self.rate = rate
        """Bytes a second."""
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_at = clock()

    @property
    def block(self) -> int:
        """Bytes to read at once so that the line is loaded evenly: a quarter second's worth."""
        return max(SMALLEST, min(BLOCK, self.rate // 4))

    @property
    def burst(self) -> int:
        """Bytes that an idle time saves up, at most."""
        return self.block

    def take(self, count: int) -> None:
        """Count ``count`` bytes that came in, and wait until they are paid for."""
        with self._lock:
            now = self._clock()
            earliest = now - self.burst / self.rate
            self._free_at = max(self._free_at, earliest) + count / self.rate
            wait = self._free_at - now
        if wait > 0:
            self._sleep(wait)


class Limit:
    """Reads ``inner`` no faster than ``bucket`` allows.

    A whole file comes in at once and is waited for afterwards; a stream is slowed block by
    block. Open ``inner`` with small blocks (``Web(block=bucket.block)``), else the pauses of a
    slow cap are long.
    """

    def __init__(self, inner: Transport, bucket: Bucket) -> None:
        self._inner = inner
        self._bucket = bucket

    @property
    def label(self) -> str:
        """The inner source's."""
        return self._inner.label

    def read(self, name: str, *, limit: int) -> bytes:
        """The whole file, and the pause that it costs."""
        data = self._inner.read(name, limit=limit)
        self._bucket.take(len(data))
        return data

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        """``length`` bytes from ``offset``, in blocks no larger than the bucket's."""
        size = self._bucket.block
        for received in self._inner.stream(name, offset=offset, length=length):
            for start in range(0, len(received), size):
                block = received[start : start + size]
                self._bucket.take(len(block))
                yield block
