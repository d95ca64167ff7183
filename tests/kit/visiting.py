"""A visitor of a running ``serve``: asks, follows nothing, hides nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from multidict import CIMultiDictProxy

from appliance.config import BoxPaths, Listen
from appliance.serve.app import Serving, serving

ANYWHERE = Listen("127.0.0.1", 0, 0)


@dataclass
class Answer:
    """What came back, as it came."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Visit:
    """One visitor."""

    running: Serving
    session: aiohttp.ClientSession

    async def get(self, path: str, *, method: str = "GET", **headers: str) -> Answer:
        """One request; header names with ``_`` for ``-``."""
        return await self._ask(self.running.url + path, method, headers)

    async def get_site(self, path: str, **headers: str) -> Answer:
        """The same on the sites' port."""
        return await self._ask(f"http://127.0.0.1:{self.running.site_port}{path}", "GET", headers)

    async def _ask(self, url: str, method: str, headers: dict[str, str]) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named.setdefault("Accept-Encoding", "identity")
        async with self.session.request(
            method, url, headers=named, allow_redirects=False
        ) as response:
            return Answer(response.status, response.headers, await response.read())


@asynccontextmanager
async def visiting(root: Path) -> AsyncIterator[Visit]:
    """Serve the box at ``root`` to one visitor without cookies of its own."""
    async with serving(BoxPaths(root), ANYWHERE) as running:
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(auto_decompress=False, cookie_jar=jar) as session:
            yield Visit(running, session)
