"""A plain web server over a folder: keep-alive, ranges (several in one request too), short headers.

Ours and the peers that speak HTTP are served by the same one: nobody pays for long headers.
"""

import re
import socket
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.kit.listening import Listening, QuietHandler, QuietServer

BOUNDARY = b"zzzz"
_RANGE = re.compile(r"(\d+)-(\d*)")
Span = tuple[int, int]
"""First and last byte."""


class LeanServer(Listening):
    """Serves ``folder`` on a port of its own until the block ends."""

    def __init__(self, folder: Path) -> None:
        super().__init__(_Server(folder))


class _Server(QuietServer):
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(QuietHandler):
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
