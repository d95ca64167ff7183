"""A plain web server over a folder: keep-alive, ranges (several in one request too), short headers.

Ours and the peers that speak HTTP are served by the same one: nobody pays for long headers.
"""

import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

BOUNDARY = b"zzzz"
_RANGE = re.compile(r"(\d+)-(\d*)")
Span = tuple[int, int]
"""First and last byte."""


class LeanServer:
    """Serves ``folder`` on a port of its own until the block ends."""

    def __init__(self, folder: Path) -> None:
        self._server = _Server(folder)

    @property
    def port(self) -> int:
        """Where it listens on the loopback."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are normal."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_GET(self) -> None:
        path = self.server.folder / unquote(urlsplit(self.path).path).lstrip("/")
        if not path.is_file():
            self._send(404, [], b"")
            return
        body = path.read_bytes()
        wanted = self.headers.get("Range", "")
        if not wanted.startswith("bytes="):
            self._send(200, ["Accept-Ranges: bytes"], body)
            return
        spans = read_spans(wanted, len(body))
        if not spans:
            self._send(416, [f"Content-Range: bytes */{len(body)}"], b"")
        elif len(spans) == 1:
            [(first, last)] = spans
            self._send(
                206, [f"Content-Range: bytes {first}-{last}/{len(body)}"], body[first : last + 1]
            )
        else:
            kind = f"Content-Type: multipart/byteranges; boundary={BOUNDARY.decode()}"
            self._send(206, [kind], parts(body, spans))

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Quiet."""

    def _send(self, status: int, headers: list[str], body: bytes) -> None:
        words = {200: "OK", 206: "Partial Content", 404: "Not Found", 416: "Range"}
        head = [f"HTTP/1.1 {status} {words[status]}", *headers, f"Content-Length: {len(body)}"]
        self.wfile.write("\r\n".join([*head, "", ""]).encode("ascii"))
        if self.command == "GET":
            self.wfile.write(body)


def read_spans(header: str, size: int) -> list[Span]:
    """The satisfiable ranges of a ``Range`` header."""
    spans = []
    for first, last in _RANGE.findall(header):
        span = int(first), min(int(last or size), size - 1)
        if span[0] <= span[1]:
            spans.append(span)
    return spans


def parts(body: bytes, spans: list[Span]) -> bytes:
    """A multipart body of these ranges."""
    out = []
    for first, last in spans:
        head = f"Content-Range: bytes {first}-{last}/{len(body)}".encode("ascii")
        out.append(b"\r\n--%b\r\n%b\r\n\r\n" % (BOUNDARY, head) + body[first : last + 1])
    return b"".join(out) + b"\r\n--%b--\r\n" % BOUNDARY
