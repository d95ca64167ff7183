"""A real small web proxy: forwards http, tunnels https, resolves names that only it knows.

with Proxy({"repository.test": server.port}) as proxy:
    Web(proxy=proxy.url) …
    assert proxy.asked == ["GET http://repository.test/file"]
"""

import select
import socket
from collections.abc import Mapping
from http.client import HTTPConnection
from urllib.parse import urlsplit

from tests.kit.listening import Listening, QuietHandler, QuietServer

_HOP = ("proxy-authorization", "proxy-connection", "connection", "keep-alive")


class Proxy(Listening):
    """Passes on to ports of this machine what is asked of the hosts in ``hosts``, until closed.

    ``login`` (``Basic …``) is what it wants to be shown; empty: anybody may pass.
    """

    def __init__(self, hosts: Mapping[str, int], *, login: str = "") -> None:
        self.hosts = dict(hosts)
        self.login = login
        self.asked: list[str] = []
        super().__init__(_Server(self))

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"


class _Server(QuietServer):
    def __init__(self, owner: Proxy) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(QuietHandler):
    server: _Server

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if (port := self._port(parts.hostname or "")) is None:
            return
        upstream = HTTPConnection("127.0.0.1", port, timeout=10)
        kept = {key: value for key, value in self.headers.items() if key.lower() not in _HOP}
        upstream.request("GET", parts.path, headers=kept)
        answer = upstream.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for key, value in answer.getheaders():
            if key.lower() not in (*_HOP, "content-length"):
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        upstream.close()

    def do_CONNECT(self) -> None:
        if (port := self._port(self.path.rpartition(":")[0])) is None:
            return
        with socket.create_connection(("127.0.0.1", port), timeout=10) as upstream:
            self.send_response(200)
            self.end_headers()
            self.close_connection = True
            ends = {self.connection: upstream, upstream: self.connection}
            while True:
                for end in select.select(list(ends), [], [], 10)[0]:
                    if not (data := end.recv(65536)):
                        return
                    ends[end].sendall(data)

    def _port(self, host: str) -> int | None:
        """Where ``host`` is; None once the request was refused."""
        owner = self.server.owner
        owner.asked.append(f"{self.command} {self.path}")
        if owner.login and self.headers.get("Proxy-Authorization") != owner.login:
            self.send_error(407)
        elif host not in owner.hosts:
            self.send_error(502)
        else:
            return owner.hosts[host]
        return None
