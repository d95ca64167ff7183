"""A port for neighbouring boxes: trust metadata, feeds and whole resources, by digest, no page.

Who gets this far stands on a network that ``[peers]`` allows (see ``doors``) and is answered slowly
enough for the class. Only what the served generation names has a name here.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from weakref import WeakSet

from aiohttp import web

from appliance.announcement import BASE, Announcement, marks
from appliance.config import BoxPaths
from appliance.holdings import Held, Holdings
from appliance.onlink import Link, PeerPolicy
from appliance.serve import hosts
from appliance.serve.doors import SECONDS_TO_ASK, Doors
from appliance.serve.fairness import PIECE, Pace
from appliance.serve.reply import FOREVER
from appliance.serve.state import NothingYet, State
from appliance.serve.streaming import Description, OpenFiles, Pieces, send
from sync.errors import KexiaError

LOOK = 15.0
"""Seconds between two looks at interfaces and generation."""
PATIENCE = 20.0
"""Seconds a neighbour may take for a piece of PIECE bytes."""
SECONDS_TO_END = 3.0
_LOG = logging.getLogger("kexia.peers")
_PUBLISHER = "{publisher:[0-9a-f]{16}}"
_CONTENT = "{name:(?:feeds|resources|tables)/[0-9a-f]{2}/[0-9a-f]{64}}"
_NAME = "{name:[a-z0-9./-]{1,160}}"

Announce = Callable[[tuple[Link, ...], Announcement | None], None]
"""Tell the neighbourhood on these links, or take back what was told; may block.

Raises KexiaError or OSError if it was not told; then it is tried again.
"""


@dataclass(frozen=True)
class Neighbourhood:
    """Where neighbours are met, and how they hear of this box."""

    policy: PeerPolicy
    box: str
    """This box's peer id."""
    look: Callable[[], tuple[Link, ...]]
    """The links that are allowed now; may block."""
    announce: Announce
    period: float = LOOK


class Shelf:
    """What the served generation passes on; read again when that is another one."""

    def __init__(self, paths: BoxPaths, state: State) -> None:
        self._paths, self._state = paths, state
        self._reading = asyncio.Lock()
        self._number = 0
        self._holdings: Holdings | None = None

    async def holdings(self) -> Holdings | None:
        """None for a box that holds nothing yet, or whose feeds are damaged."""
        try:
            generation = self._state.snapshot.generation
        except NothingYet:
            return None
        async with self._reading:
            if generation.number != self._number:
                self._holdings = None
                try:
                    self._holdings = await asyncio.to_thread(Holdings, self._paths, generation)
                except (KexiaError, OSError) as error:
                    _LOG.error("nothing is passed on to neighbours: %s", error)
                self._number = generation.number
        return self._holdings

    async def versions(self) -> dict[str, int]:
        """Timestamp version of every publisher that is passed on."""
        holdings = await self.holdings()
        if holdings is None:
            return {}
        states = self._state.snapshot.generation.record.publishers
        return {
            state.id: state.versions.get("timestamp", 0)
            for state in states
            if state.id in holdings.publishers
        }


class Counter:
    """Answers neighbours from the shelf."""

    def __init__(self, shelf: Shelf, files: OpenFiles, pace: Pace) -> None:
        self._shelf, self._files = shelf, files
        self._pace = pace
        self._pieces = Pieces(PIECE, self._wait, PATIENCE)
        self.asked: WeakSet[asyncio.BaseTransport] = WeakSet()
        """Connections that asked for something already."""

    def application(self) -> web.Application:
        """All that is answered at all; GET and HEAD."""
        app = web.Application(middlewares=[self._guard])
        app.router.add_get(f"{BASE}/{_CONTENT}", self._content)
        app.router.add_get(f"{BASE}/repositories/{_PUBLISHER}/{_NAME}", self._file)
        return app

    async def _content(self, request: web.Request) -> web.StreamResponse:
        holdings = await self._shelf.holdings()
        name = request.match_info["name"]
        return await self._send(request, holdings.content(name) if holdings else None)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        holdings = await self._shelf.holdings()
        publisher, name = request.match_info["publisher"], request.match_info["name"]
        return await self._send(request, holdings.find(publisher, name) if holdings else None)

    async def _send(self, request: web.Request, held: Held | None) -> web.StreamResponse:
        if held is None:
            raise web.HTTPNotFound
        try:
            with self._files.borrow(held.path) as opened:
                return await send(request, opened, _describe(held), self._pieces)
        except FileNotFoundError:
            raise web.HTTPNotFound from None

    async def _wait(self, count: int) -> None:
        seconds = self._pace.wait(count, asyncio.get_running_loop().time())
        if seconds > 0:
            await asyncio.sleep(seconds)

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], object]
    ) -> web.StreamResponse:
        """No page of any browser talks to this port, and nobody reads more than a status."""
        if request.transport is not None:
            self.asked.add(request.transport)
        try:
            if not hosts.is_address(hosts.name_of(request.headers.get("Host", ""))):
                return web.Response(status=421)
            return await handler(request)  # type: ignore[misc, no-any-return]  # aiohttp's handler
        except web.HTTPException as error:
            return web.Response(status=error.status)


def _describe(held: Held) -> Description:
    return Description(
        etag=f'"{held.tag}"',
        content_type="application/octet-stream",
        headers={"Server": "kexia", "X-Content-Type-Options": "nosniff"},
        cache="no-cache" if held.mutable else FOREVER,
    )


async def welcome(paths: BoxPaths, state: State, around: Neighbourhood) -> None:
    """Serve neighbours until cancelled: follow the links, tell of every new generation."""
    files, shelf = OpenFiles(), Shelf(paths, state)
    counter = Counter(shelf, files, Pace(around.policy.rate_kib * 1024))
    runner = web.AppRunner(
        counter.application(),
        access_log=None,
        shutdown_timeout=SECONDS_TO_END,
        keepalive_timeout=SECONDS_TO_ASK,
        max_line_size=1024,
        max_field_size=2048,
    )
    await runner.setup()
    doors = Doors(runner, counter.asked, around.policy.port)
    try:
        await _attend(doors, shelf, around, files)
    finally:
        await doors.close()
        await runner.cleanup()
        files.close()
        with suppress(asyncio.CancelledError):
            await asyncio.to_thread(around.announce, (), None)


async def _attend(doors: Doors, shelf: Shelf, around: Neighbourhood, files: OpenFiles) -> None:
    told: object = None
    while True:
        try:
            await doors.follow(await asyncio.to_thread(around.look))
            versions = await shelf.versions()
            said = Announcement(around.box, doors.port, marks(versions)) if versions else None
            if (doors.links, said) != told:
                files.close()  # of the generation before: removed files give their room back
                await asyncio.to_thread(around.announce, doors.links, said)
                told = (doors.links, said)
        except (KexiaError, OSError) as error:
            _LOG.error("neighbours are not looked after for a moment: %s", error)
        await asyncio.sleep(around.period)
