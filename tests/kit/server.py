"""A real web server over a folder: ranges, keep-alive, TLS if wanted, counters, faults to order.

with FolderServer(province.repository) as server:
    server.fail("metadata/*", Portal(), times=1)
    HttpTransport(server.url) …
    assert server.requests == ["metadata/timestamp.json", …]
"""

import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.kit.faults import Answer, Fault
from tests.kit.listening import Listening, QuietHandler, QuietServer

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
ALWAYS = 10**9


@dataclass
class Order:
    """A fault for the next ``times`` requests whose name matches."""

    pattern: str
    fault: Fault
    times: int


@dataclass
class Asked:
    """One request as it arrived."""

    name: str
    range: str
    agent: str
    encoding: str
    headers: dict[str, str] = field(default_factory=dict)
    """All of them, names in lower case."""


@dataclass
class Record:
    """What a server saw and gave; every list grows in the order of arrival."""

    asked: list[Asked] = field(default_factory=list)
    bytes: int = 0
    connections: int = 0
    most_open: int = 0
    """Connections that were open at the same time."""


class FolderServer(Listening):
    """Serves ``folder`` on a port of its own until the block ends; counts and spoils on order.

    ``host`` is the address to listen on, ``::1`` too; raises OSError if the machine has it not.
    """

    def __init__(
        self, folder: Path, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> None:
        self.folder = folder
        self._host = f"[{host}]" if ":" in host else host
        self._open = 0
        self.record = Record()
        self._orders: list[Order] = []
        self._lock = threading.Lock()
        server = _Server(self, host)
        self._scheme = "http"
        if tls is not None:
            self._scheme = "https"
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        super().__init__(server)

    @property
    def url(self) -> str:
        return f"{self._scheme}://{self._host}:{self.port}"

    @property
    def requests(self) -> list[str]:
        """Names asked for, in order."""
        return [asked.name for asked in self.record.asked]

    @property
    def bytes(self) -> int:
        """Body bytes sent."""
        return self.record.bytes

    def reset(self) -> None:
        """Forget what was counted."""
        self.record = Record()

    def fail(self, pattern: str, fault: Fault, *, times: int = 1) -> None:
        """Spoil the next ``times`` answers to names matching ``pattern`` (fnmatch)."""
        self._orders.append(Order(pattern, fault, times))

    def heal(self) -> None:
        """Forget all faults."""
        self._orders.clear()

    def spoil(self, name: str, answer: Answer) -> None:
        with self._lock:
            for order in self._orders:
                if order.times > 0 and fnmatchcase(name, order.pattern):
                    order.times -= 1
                    order.fault.spoil(answer)
                    return

    def note(self, asked: Asked) -> None:
        with self._lock:
            self.record.asked.append(asked)

    def sent(self, count: int) -> None:
        with self._lock:
            self.record.bytes += count

    def connected(self) -> None:
        with self._lock:
            self.record.connections += 1
            self._open += 1
            self.record.most_open = max(self.record.most_open, self._open)

    def disconnected(self) -> None:
        with self._lock:
            self._open -= 1


class _Server(QuietServer):
    def __init__(self, owner: FolderServer, host: str) -> None:
        self.owner = owner
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, 0), _Handler)


class _Handler(QuietHandler):
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.owner.connected()

    def finish(self) -> None:
        super().finish()
        self.server.owner.disconnected()

    def do_GET(self) -> None:
        owner = self.server.owner
        name = unquote(urlsplit(self.path).path).lstrip("/")
        wanted = self.headers.get("Range", "")
        owner.note(
            Asked(
                name,
                wanted,
                self.headers.get("User-Agent", ""),
                self.headers.get("Accept-Encoding", ""),
                {key.lower(): value for key, value in self.headers.items()},
            )
        )
        answer = _plain_answer(owner.folder / name, wanted)
        owner.spoil(name, answer)
        self._send(answer)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _send(self, answer: Answer) -> None:
        if answer.pause:
            time.sleep(answer.pause)
        if answer.close_first:
            self._hang_up()
            return
        self.send_response(answer.status)
        chunked = answer.headers.get("Transfer-Encoding") == "chunked"
        if not chunked:
            answer.headers.setdefault("Content-Length", str(len(answer.body)))
        for key, value in answer.headers.items():
            self.send_header(key, value)
        self.end_headers()
        for block in _blocks(answer) if self.command == "GET" else ():
            self.server.owner.sent(len(block))  # first: the client may look once it has it
            self.wfile.write(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
            time.sleep(answer.pace)
        if answer.cut_after is not None:
            self._hang_up()
        elif chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _hang_up(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def _plain_answer(path: Path, wanted: str) -> Answer:
    """What an honest server answers."""
    if not path.is_file():
        return Answer(404, {"Content-Type": "text/html"}, b"<h1>404</h1>", b"")
    whole = path.read_bytes()
    headers = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
    match = _RANGE.fullmatch(wanted)
    if match is None:
        return Answer(200, headers, whole, whole)
    start = int(match[1])
    end = min(int(match[2] or len(whole)), len(whole) - 1)
    if start > end:
        return Answer(416, {"Content-Range": f"bytes */{len(whole)}"}, b"", whole)
    headers["Content-Range"] = f"bytes {start}-{end}/{len(whole)}"
    return Answer(206, headers, whole[start : end + 1], whole)


def _blocks(answer: Answer) -> Iterator[bytes]:
    body = answer.body if answer.cut_after is None else answer.body[: answer.cut_after]
    for start in range(0, len(body), 64 * 1024):
        yield body[start : start + 64 * 1024]
