"""The doors for neighbours: listening sockets that hear one interface each, and who may come in.

Each socket is bound to its interface: not even the route over the box's other address leads here
from the classroom. Whoever does not stand on the network of that interface is not spoken to.
"""

import asyncio
import logging
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakSet

from aiohttp import web

from appliance.onlink import Link, link_to
from appliance.serve.fairness import Doorkeeper

SECONDS_TO_ASK = 10.0
"""From a connection to its first whole request."""
BACKLOG = 32
_LOG = logging.getLogger("kexia.peers")


class Door(asyncio.Protocol):
    """Stands before one connection: who may come in, and how many at once."""

    def __init__(self, doors: "Doors", link: Link) -> None:
        self._doors, self._link = doors, link
        self._client = ""
        self._inner: asyncio.Protocol | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in, or end it at once."""
        peer = transport.get_extra_info("peername")
        client = peer[0] if peer else ""
        if link_to(client, (self._link,)) is None or not self._doors.keeper.enter(client):
            if isinstance(transport, asyncio.Transport):
                transport.abort()
            return
        self._client = client
        self._inner = self._doors.handler()
        self._inner.connection_made(transport)
        loop = asyncio.get_running_loop()
        loop.call_later(SECONDS_TO_ASK, self._doors.end_if_silent, transport)

    def data_received(self, data: bytes) -> None:
        """Hand on."""
        if self._inner is not None:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Hand on."""
        return self._inner.eof_received() if self._inner is not None else None

    def pause_writing(self) -> None:
        """Hand on."""
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Hand on."""
        if self._inner is not None:
            self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Hand on; the place is free."""
        if self._inner is not None:
            self._inner.connection_lost(exc)
            self._inner = None
            self._doors.keeper.leave(self._client)


@dataclass
class Doors:
    """The listening sockets, one for each family of each link."""

    runner: web.AppRunner
    asked: WeakSet[asyncio.BaseTransport]
    """Connections that asked for something already."""
    port: int
    keeper: Doorkeeper = field(default_factory=Doorkeeper)
    _open: dict[Link, list[asyncio.Server]] = field(default_factory=dict)

    def handler(self) -> asyncio.Protocol:
        """What speaks HTTP on a new connection."""
        if self.runner.server is None:
            raise RuntimeError("the peer port is closed")
        return self.runner.server()

    def end_if_silent(self, transport: asyncio.BaseTransport) -> None:
        """End a connection that has not asked anything yet."""
        if isinstance(transport, asyncio.Transport) and transport not in self.asked:
            transport.abort()

    @property
    def links(self) -> tuple[Link, ...]:
        """Where somebody listens."""
        return tuple(self._open)

    async def follow(self, links: Sequence[Link]) -> bool:
        """Listen on ``links`` and nowhere else; True if anything changed."""
        gone = [link for link in self._open if link not in links]
        for link in gone:
            for server in self._open.pop(link):
                server.close()
        new = [link for link in links if link not in self._open]
        for link in new:
            await self._listen(link)
        return bool(gone or new)

    async def _listen(self, link: Link) -> None:
        loop = asyncio.get_running_loop()
        servers = self._open[link] = []
        for family in sorted({_family(own.version) for own in link.addresses}):
            try:
                listening = bound(link.name, family, self.port)
            except OSError as error:
                _LOG.error("neighbours on %s find port %d closed: %s", link.name, self.port, error)
                continue
            self.port = self.port or listening.getsockname()[1]
            server = await loop.create_server(
                lambda: Door(self, link), sock=listening, backlog=BACKLOG
            )
            servers.append(server)
        if not servers:
            del self._open[link]  # tried again with the next look

    async def close(self) -> None:
        """Listen nowhere."""
        await self.follow(())


def _family(version: int) -> int:
    return socket.AF_INET if version == 4 else socket.AF_INET6


def bound(interface: str, family: int, port: int) -> socket.socket:
    """A socket that hears only what comes in by ``interface``; raises OSError."""
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(("", port))
    except OSError:
        listening.close()
        raise
    return listening
