"""What is asked of other names than ours, in the box's own Wi-Fi, where all names lead here.

Only there, and only for who is in that network: elsewhere a foreign name is refused (``guard``),
and here it gets no content either, but a short answer to a probe or a redirect to an address of
ours. So a page from elsewhere still cannot read a thing of the box (``hosts``).
"""

import ipaddress
from collections.abc import Callable, Iterable

from aiohttp import web

from appliance.lan import inforce
from appliance.lan.inforce import InForce
from appliance.paths import BoxPaths
from appliance.serve import hosts
from appliance.serve.pages import speech_of
from appliance.serve.probes import Treatment, probe_of
from appliance.serve.render import Renderer
from appliance.serve.reply import HTML, answer, finish

WELCOME = "/welcome"
NAME = "ke.lan"
"""What a teacher can type in the box's own Wi-Fi."""
SECONDS_SEEN = 12 * 3600.0
"""How long somebody's having seen the welcome page counts: as long as an address is lent."""
MAX_SEEN = 512
SECONDS_STATE = 2.0
"""How old what is known of the network may be."""


class Captive:
    """The handlers, and who has seen the welcome page."""

    def __init__(
        self, paths: BoxPaths, renderer: Renderer, *, box: str, ticks: Callable[[], float]
    ) -> None:
        self._paths, self._renderer, self._box, self._ticks = paths, renderer, box, ticks
        self._seen: dict[str, float] = {}
        self._state: InForce | None = None
        self._looked = -SECONDS_STATE

    def routes(self) -> Iterable[web.RouteDef]:
        """The welcome page and its button."""
        return [web.get(WELCOME, self.welcome), web.get(f"{WELCOME}/on", self.go_on)]

    def answer(self, request: web.Request) -> web.Response | None:
        """What a request to a foreign name gets; None: what such requests get everywhere."""
        if request.method not in ("GET", "HEAD") or not self._is_in_our_wifi(request.remote):
            return None
        probe = probe_of(hosts.name_of(request.headers.get("Host", "")), request.path)
        if probe is None:
            return _redirect(f"http://{_own_address(request)}/")
        if probe.treatment is Treatment.WELCOME and not self._has_seen(request.remote):
            return _redirect(f"http://{_own_address(request)}{WELCOME}")
        if probe.status == 204:
            return web.Response(status=204, headers=_FRESH)
        return web.Response(text=probe.text, content_type=probe.kind, headers=_FRESH)

    async def welcome(self, request: web.Request) -> web.Response:
        """Where the lessons are, for a small sign-in window and for browsers."""
        page = self._renderer.page(
            "welcome.html",
            speech_of(request),
            box=self._box,
            address=f"http://{_own_address(request)}/",
            name=f"http://{NAME}/" if self._is_in_our_wifi(request.remote) else "",
        )
        response = answer(request, finish(page, HTML))
        response.headers["Cache-Control"] = "no-store"
        return response

    async def go_on(self, request: web.Request) -> web.Response:
        """Somebody has seen it: from now on that device is told that all is well."""
        if request.remote:
            self._remember(request.remote)
        return web.Response(status=303, headers={"Location": "/", **_FRESH})

    def _is_in_our_wifi(self, remote: str | None) -> bool:
        state = self._current()
        if state is None or not state.makes_wifi or state.address is None or not remote:
            return False
        try:
            return ipaddress.ip_address(remote) in state.address.network
        except ValueError:
            return False

    def _current(self) -> InForce | None:
        now = self._ticks()
        if now - self._looked >= SECONDS_STATE:
            self._state, self._looked = inforce.load(self._paths), now
        return self._state

    def _has_seen(self, remote: str | None) -> bool:
        at = self._seen.get(remote or "")
        return at is not None and self._ticks() - at < SECONDS_SEEN

    def _remember(self, remote: str) -> None:
        """The oldest is forgotten where there are too many; it sees the page once more."""
        self._seen.pop(remote, None)
        self._seen[remote] = self._ticks()
        while len(self._seen) > MAX_SEEN:
            del self._seen[next(iter(self._seen))]


_FRESH = {"Cache-Control": "no-store"}


def _redirect(address: str) -> web.Response:
    return web.Response(status=302, headers={"Location": address, **_FRESH})


def _own_address(request: web.Request) -> str:
    """The address the request came to: it needs no name server to be found again."""
    transport = request.transport
    name = transport.get_extra_info("sockname") if transport is not None else None
    if not isinstance(name, tuple) or len(name) < 2:
        return NAME
    host = f"[{name[0]}]" if ":" in str(name[0]) else str(name[0])
    return host if name[1] == 80 else f"{host}:{name[1]}"
