"""A line that breaks: passes bytes on to a port of this machine and cuts connections as told.

with Cutter(port, cuts=[100_000, 5_000_000]) as line:
    … f"http://127.0.0.1:{line.port}" …
    assert not line.cuts
"""

import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self


class Cutter:
    """Each number in ``cuts`` ends one connection when the client has sent so many bytes on it.

    A connection that sends less is left alone, and the cut waits for the next one.
    """

    def __init__(self, port: int, cuts: Iterable[int] = ()) -> None:
        self.cuts = list(cuts)
        self.broken = 0
        self._to = port
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                client.close()
                continue
            for pump in (self._up, self._down):
                threading.Thread(target=pump, args=(client, server), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        sent = 0
        try:
            while data := client.recv(65536):
                sent += len(data)
                server.sendall(data)
                if self._is_due(sent):
                    break
        except OSError:
            pass
        _end(client, server)

    def _down(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while data := server.recv(65536):
                client.sendall(data)
        except OSError:
            pass
        _end(client, server)

    def _is_due(self, sent: int) -> bool:
        with self._lock:
            if self.cuts and sent >= self.cuts[0]:
                self.cuts.pop(0)
                self.broken += 1
                return True
            return False


def _end(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
