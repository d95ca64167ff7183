"""``serve``: shows a generation and changes no lesson; pages on one port, sites on another.

It never imports update machinery and writes nothing but drawn pages into its cache, files that
phones send, and state.db; so an import can never take the pages down, and a page can never harm a
lesson. What is to be brought in it asks of the update process. A third port, where that is
wanted, is for neighbouring boxes (``neighbours``).
"""

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Protocol

from aiohttp import web

from appliance.config import BoxConfig, BoxPaths, Listen, load
from appliance.serve import api, hosts
from appliance.serve.api import Api
from appliance.serve.assets import Assets
from appliance.serve.captive import Captive
from appliance.serve.checkup import Checkup
from appliance.serve.desk import Desk
from appliance.serve.documents import Documents, PageCache
from appliance.serve.guard import guard, policy
from appliance.serve.media import Notice
from appliance.serve.neighbours import Neighbourhood, welcome
from appliance.serve.owner import Owner
from appliance.serve.pages import Pages, Place, speech_of
from appliance.serve.receiving import receiving
from appliance.serve.render import Renderer
from appliance.serve.reply import HTML, answer, finish
from appliance.serve.resources import PATTERN, Resources
from appliance.serve.sites import Sites
from appliance.serve.state import State
from appliance.serve.streaming import OpenFiles
from appliance.serve.timetable import Timetable
from appliance.serve.troubles import EMPTY, Trouble
from sync.errors import KexiaError, UsageError
from sync.library import Store

MAX_FORM = 64 * 1024
"""Bytes of a form that is read into memory; files are streamed."""
SECONDS_TO_END = 3.0
"""How long a stop waits for answers that are being sent."""
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - an address somebody chose, named
_DIGEST = "{digest:[0-9a-f]{64}}"

Prepare = Callable[[web.Request, web.StreamResponse], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Serving:
    """A running ``serve``."""

    url: str
    site_port: int
    state: State


def run(
    paths: BoxPaths,
    listen: Listen,
    *,
    on_ready: Callable[[str], None],
    around: Neighbourhood | None = None,
) -> None:
    """Serve until SIGTERM; a switched ``current`` is noticed within a second.

    ``on_ready`` is told the URL when the first request may come. ``around``: where neighbours are
    served too. Raises UsageError if a port cannot be had. KeyboardInterrupt passes.
    """
    asyncio.run(_until_told(paths, listen, on_ready, around))


async def _until_told(
    paths: BoxPaths,
    listen: Listen,
    on_ready: Callable[[str], None],
    around: Neighbourhood | None,
) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with serving(paths, listen, around) as running:
        on_ready(running.url)
        await stop.wait()


@asynccontextmanager
async def serving(
    paths: BoxPaths, listen: Listen, around: Neighbourhood | None = None
) -> AsyncIterator[Serving]:
    """Serve while the block runs."""
    config = load(paths) if paths.config_file.exists() else BoxConfig()
    library = Store(paths.root).library
    async with AsyncExitStack() as stack:
        files = OpenFiles()
        stack.callback(files.close)
        state = State(paths)
        stack.push_async_callback(state.close)
        with suppress(KexiaError, OSError, sqlite3.Error):
            await state.refresh()  # if it fails the watch says why, and tries again
        documents = Documents(state, library, PageCache(paths.cache / "pages"))
        stack.callback(documents.close)
        renderer = Renderer(Assets())
        site_port = await _start(
            stack, _site_app(Sites(state, library, files), config), listen.host, listen.site_port
        )
        received = await stack.enter_async_context(receiving(paths, now=_now, ticks=monotonic))
        notice = received.media.notice
        pages = Pages(
            state, renderer, documents, Place(config.name, site_port, notice, Timetable(paths))
        )
        captive = Captive(paths, renderer, box=config.name, ticks=monotonic)
        app = _pages_app(config, renderer, notice, captive, site_port)
        app.add_routes(_page_routes(pages, renderer.assets))
        app.add_routes(_file_routes(Resources(state, library, files), documents))
        desk = Desk(paths, renderer, state, received, box=config.name)
        owner = Owner(paths, renderer, received.admission, box=config.name)
        checkup = Checkup(paths, renderer, now=_now, ticks=monotonic)
        _add(app, Api(state, box=config.name), received.api, captive, desk, owner, checkup)
        port = await _start(stack, app, listen.host, listen.port)
        _beside(stack, state.watch(files.close))
        if around is not None:
            _beside(stack, welcome(paths, state, around))
        yield Serving(_url(listen.host, port), site_port, state)


class _Part(Protocol):
    def routes(self) -> Iterable[web.RouteDef]: ...


def _add(app: web.Application, *parts: _Part) -> None:
    for part in parts:
        app.add_routes(part.routes())


def _pages_app(
    config: BoxConfig,
    renderer: Renderer,
    notice: Callable[[], Notice],
    captive: Captive,
    site_port: int,
) -> web.Application:
    """The port that tablets open: what every answer there carries, and errors as pages."""
    names = _names(config)
    doorkeeper = guard(
        names, lambda *told: _page_of_trouble(renderer, notice(), *told), captive.answer
    )
    app = web.Application(middlewares=[doorkeeper], client_max_size=MAX_FORM)
    app.on_response_prepare.append(_page_headers(names, site_port))
    return app


def _page_routes(pages: Pages, assets: Assets) -> Iterable[web.RouteDef]:
    return [
        web.get("/", pages.home),
        web.get("/timetable", pages.timetable),
        web.get("/textbook/{id:.+}", pages.textbook),
        web.get("/lesson/{key:.+}", pages.lesson),
        web.get("/search", pages.search),
        web.get(f"/read/{_DIGEST}", pages.read),
        web.get(f"/play/{_DIGEST}", pages.play),
        web.get("/language/{code}", pages.language),
        web.get("/static/{name}", assets.get),
    ]


def _file_routes(resources: Resources, documents: Documents) -> Iterable[web.RouteDef]:
    return [
        web.get(f"/r/{PATTERN}", resources.get),
        web.get(
            f"/read/{_DIGEST}/{{page:[1-9][0-9]{{0,3}}}}-{{width:[0-9]{{3,4}}}}.jpg",
            documents.image,
        ),
    ]


def _site_app(sites: Sites, config: BoxConfig) -> web.Application:
    app = web.Application(middlewares=[guard(_names(config), _line_of_trouble)])
    app.on_response_prepare.append(_common_headers)
    app.add_routes([web.get(f"/s/{_DIGEST}/{{path:.*}}", sites.get)])
    return app


def _names(config: BoxConfig) -> frozenset[str]:
    return frozenset({config.name.lower()})


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - a programme owns the clock


def _page_of_trouble(
    renderer: Renderer, notice: Notice, request: web.Request, trouble: Trouble
) -> web.Response:
    """The trouble as JSON under ``/api/``, else as a page; an empty box's page renews itself."""
    speech = speech_of(request)
    if request.path.startswith("/api/"):
        return api.trouble(request, trouble, speech)
    page = renderer.page("trouble.html", speech, trouble=trouble, notice=notice)
    response = answer(request, finish(page, HTML), status=trouble.status)
    if trouble is EMPTY:
        response.headers["Refresh"] = "10"
    return response


def _line_of_trouble(request: web.Request, trouble: Trouble) -> web.Response:
    return web.Response(status=trouble.status, text=speech_of(request).say(trouble.what))


def _page_headers(names: frozenset[str], site_port: int) -> Prepare:
    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        await _common_headers(request, response)
        host = request.headers.get("Host", "")
        if "Content-Security-Policy" not in response.headers and hosts.is_ours(host, names):
            response.headers["Content-Security-Policy"] = policy(host, site_port)

    return prepare


async def _common_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = "kexia"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"


async def _start(stack: AsyncExitStack, app: web.Application, host: str, port: int) -> int:
    """Listen; the port, also when it was left to the system (0)."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SECONDS_TO_END)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, host, port, backlog=512).start()
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}:{port}: {error.strerror}",
            hint="another programme has the port; choose others under [listen] in kexia.toml",
        ) from error
    return int(runner.addresses[0][1])


def _beside(stack: AsyncExitStack, work: Coroutine[object, object, None]) -> None:
    """Run ``work`` beside the answers until the stack ends."""
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(end)


def _url(host: str, port: int) -> str:
    name = _ANY.get(host, host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
