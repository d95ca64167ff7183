"""The counting proxy: a real TCP relay on the loopback; every byte, both ways, is counted.

Bytes of a connection belong to the last request seen on it: a path below ``/metadata/`` or
``/targets/`` is metadata, all else content, a protocol that is not HTTP included.
"""

import re
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

BLOCK = 256 * 1024
LINE = 8 * 1024
"""Longest request line that is found when it comes in two blocks."""

SETTLE_SECONDS = 5.0
_REQUEST = re.compile(rb"(?:GET|HEAD) (?:https?://[^/ ]+)?(\S+) HTTP/1\.[01]\r\n")
_METADATA = re.compile(rb"/(metadata|targets)/")


@dataclass(frozen=True)
class Count:
    """What passed: bytes both ways, requests; metadata's share of both; connections."""

    total: int = 0
    metadata: int = 0
    requests: int = 0
    metadata_requests: int = 0
    connections: int = 0

    @property
    def content(self) -> int:
        """Bytes that are no metadata."""
        return self.total - self.metadata


class CountingProxy:
    """Relays connections to ``port`` on this machine until the block ends."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._lock = threading.Lock()
        self._count = [0, 0, 0, 0, 0]
        self._open = 0

    @property
    def port(self) -> int:
        """Where clients connect."""
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        """The same, as the address of a web server."""
        return f"http://127.0.0.1:{self.port}"

    def take(self) -> Count:
        """What passed since the last call, once the clients that ended are read to their end."""
        limit = time.monotonic() + SETTLE_SECONDS
        while self._open and time.monotonic() < limit:
            time.sleep(0.01)
        with self._lock:
            count, self._count = Count(*self._count), [0, 0, 0, 0, 0]
        return count

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # else accept() holds the port
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with self._lock:
                    self._open += 1
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        try:
            with suppress(OSError):  # a server that is gone: the client sees its end
                self._join(client)
        finally:
            client.close()
            with self._lock:
                self._open -= 1

    def _join(self, client: socket.socket) -> None:
        server = socket.create_connection(self._target)
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._count[4] += 1
        state = _Connection()
        back = threading.Thread(target=self._down, args=(server, client, state), daemon=True)
        back.start()
        self._pump(client, server, state, parse=True)
        back.join()
        server.close()

    def _down(self, server: socket.socket, client: socket.socket, state: "_Connection") -> None:
        self._pump(server, client, state, parse=False)

    def _pump(
        self, source: socket.socket, sink: socket.socket, state: "_Connection", *, parse: bool
    ) -> None:
        with suppress(OSError):
            while block := source.recv(BLOCK):
                if parse:
                    self._note_requests(block, state)
                with self._lock:
                    self._count[0] += len(block)
                    self._count[1] += len(block) if state.metadata else 0
                sink.sendall(block)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _note_requests(self, block: bytes, state: "_Connection") -> None:
        text = state.rest + block
        state.rest = text[text.rfind(b"\n") + 1 :][-LINE:]
        for match in _REQUEST.finditer(text):
            state.metadata = _METADATA.search(match[1]) is not None
            with self._lock:
                self._count[2] += 1
                self._count[3] += state.metadata


@dataclass
class _Connection:
    metadata: bool = False
    rest: bytes = b""
    """The line that has begun in the last block and has no end yet."""
