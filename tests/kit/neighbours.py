"""A box that serves its neighbours, for tests: the real app in a thread, in any network namespace.

with PeerServer(box.paths, links, policy) as peer:
    HttpTransport(f"{peer.url('10.77.0.1')}/repositories/{publisher_id}") …
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from aiohttp import web

from appliance.announcement import BASE, Announcement
from appliance.config import BoxPaths, Listen
from appliance.onlink import Link, PeerPolicy
from appliance.serve.app import serving
from appliance.serve.fairness import Pace
from appliance.serve.neighbours import Counter, Neighbourhood, Shelf
from appliance.serve.state import State
from appliance.serve.streaming import OpenFiles


class PeerServer:
    """Serves ``paths`` on ``links`` while the block lasts; enter it inside the namespace."""

    def __init__(
        self,
        paths: BoxPaths,
        links: Callable[[], tuple[Link, ...]],
        policy: PeerPolicy | None = None,
        *,
        announce: Callable[[tuple[Link, ...], Announcement | None], None] | None = None,
        box: str = "aaaaaaaaaaaaaaaa",
    ) -> None:
        self._paths = paths
        self._listening = threading.Event()
        self.announced: list[tuple[tuple[Link, ...], Announcement | None]] = []
        self._announce = announce
        self._around = Neighbourhood(
            policy or PeerPolicy(serve=True, port=18082, rate_kib=0), box, links, self._note, 0.05
        )
        self.page_url = ""
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def url(self, host: str) -> str:
        """What a neighbour asks."""
        return f"http://{host}:{self._around.policy.port}{BASE}"

    def _note(self, links: tuple[Link, ...], said: Announcement | None) -> None:
        if self._announce is not None:
            self._announce(links, said)
        self.announced.append((links, said))
        if said is not None:
            self._listening.set()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        async with serving(self._paths, Listen("0.0.0.0", 0, 0), self._around) as running:
            self.page_url = running.url
            await self._stop.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listening.wait(30), "the peer port did not open"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)


class CounterServer:
    """What neighbours are answered, on 127.0.0.1 and without the doors before it."""

    def __init__(self, paths: BoxPaths) -> None:
        self._paths = paths
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self.url = ""
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        state, files = State(self._paths), OpenFiles()
        await state.refresh()
        counter = Counter(Shelf(self._paths, state), files, Pace(0))
        runner = web.AppRunner(counter.application(), access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}{BASE}"
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()
        files.close()
        await state.close()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
