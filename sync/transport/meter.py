"""What a source was asked and what it gave: the figures a sync reports."""

import threading
from collections.abc import Iterator

from sync.transport.base import Transport


class Meter:
    """Counts the requests made to ``inner`` and the payload bytes it gave, from any thread.

    Bytes are files' bytes as they arrived, also of transfers that broke off; protocol headers
    are not counted. Put it inside Retry to count every attempt.
    """

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self.bytes = 0
        """Payload bytes so far."""
        self.requests = 0
        """Requests so far, failed ones too."""

    @property
    def label(self) -> str:
        """The inner source's."""
        return self._inner.label

    def read(self, name: str, *, limit: int) -> bytes:
        """The whole file; one request."""
        self._count(requests=1)
        data = self._inner.read(name, limit=limit)
        self._count(received=len(data))
        return data

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        """``length`` bytes from ``offset``; one request."""
        self._count(requests=1)
        for block in self._inner.stream(name, offset=offset, length=length):
            self._count(received=len(block))
            yield block

    def _count(self, *, requests: int = 0, received: int = 0) -> None:
        with self._lock:
            self.requests += requests
            self.bytes += received
