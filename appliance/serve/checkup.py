"""The doctor's page, /admin/doctor: what is wrong with this box and what to do.

It looks at the machine's own files only, as whoever opens a page must not make the box ask others;
`kexia box doctor` asks them, too, and as root sees more.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from aiohttp import web

from appliance.config import BoxPaths
from appliance.serve.pages import speech_of
from appliance.serve.render import Renderer
from appliance.serve.reply import HTML, answer, finish

if TYPE_CHECKING:
    from appliance.doctor.findings import Finding

SECONDS = 5.0
"""How old what is shown may be."""


class Checkup:
    """The handler."""

    def __init__(
        self,
        paths: BoxPaths,
        renderer: Renderer,
        *,
        now: Callable[[], datetime],
        ticks: Callable[[], float],
    ) -> None:
        self._paths, self._renderer, self._now, self._ticks = paths, renderer, now, ticks
        self._found: tuple[Finding, ...] = ()
        self._looked = -SECONDS
        self._looking = asyncio.Lock()

    def routes(self) -> Iterable[web.RouteDef]:
        """The page."""
        return [web.get("/admin/doctor", self.show)]

    async def show(self, request: web.Request) -> web.Response:
        """Findings, the worst first; many visitors at once cost one look."""
        async with self._looking:
            if self._ticks() - self._looked >= SECONDS:
                self._found = await asyncio.to_thread(self._look, self._now())
                self._looked = self._ticks()
        page = self._renderer.page("doctor.html", speech_of(request), found=self._found)
        response = answer(request, finish(page, HTML))
        response.headers["Cache-Control"] = "no-store"
        return response

    def _look(self, now: datetime) -> "tuple[Finding, ...]":
        # Loaded when somebody asks: the first page of a box that starts does not wait for it.
        from appliance.doctor.programme import found_beside

        return found_beside(self._paths, now)
