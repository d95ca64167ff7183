"""Documents to read: which pages there are, and each page's image, drawn once and kept.

One document is drawn at a time, on a thread of its own: forty tablets that open the same page wait
for one drawing. What is drawn is kept in ``cache/pages``, at most ``ROOM`` bytes of it.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from aiohttp import web

from appliance.serve import poppler
from appliance.serve.poppler import WIDTHS, Sheet
from appliance.serve.ranges import names
from appliance.serve.reply import FOREVER
from appliance.serve.resources import digest_of
from appliance.serve.state import State
from sync.digest import Digest
from sync.errors import KexiaError
from sync.files import PARTIAL, write_durably
from sync.library import ContentFolder

ROOM = 256 * 2**20
WAITING = 48
"""Drawings that may wait; more are told to come back."""
_REMEMBERED = 512
T = TypeVar("T")


class PageCache:
    """Page images on disk, the longest unused removed first.

    Read from any thread; kept, and so removed, only from the drawing thread.
    """

    def __init__(self, folder: Path, room: int = ROOM) -> None:
        self._folder = folder
        self._room = room
        self._sizes: OrderedDict[Path, int] | None = None

    def path(self, digest: Digest, page: int, width: int) -> Path:
        """Where that image is, if it is kept."""
        return self._folder / digest[:2] / digest / f"{page}-{width}.jpg"

    def read(self, path: Path) -> bytes | None:
        """The image kept at ``path``, or None."""
        try:
            data = path.read_bytes()
        except OSError:
            return None
        if self._sizes is not None:
            with suppress(KeyError):  # removed by the drawing thread since it was read
                self._sizes.move_to_end(path)
        return data

    def keep(self, path: Path, data: bytes) -> None:
        """Keep an image and make room for it; a full disk only means that it is drawn again."""
        sizes = self._ledger()
        with suppress(KexiaError):
            write_durably(path, data)
            sizes[path] = len(data)
        while sum(sizes.values()) > self._room:
            sizes.popitem(last=False)[0].unlink(missing_ok=True)

    def _ledger(self) -> OrderedDict[Path, int]:
        if self._sizes is None:
            for left in self._folder.rglob(f"*{PARTIAL}"):
                left.unlink(missing_ok=True)
            files = [(path, path.stat()) for path in self._folder.rglob("*.jpg")]
            files.sort(key=lambda item: item[1].st_mtime)
            self._sizes = OrderedDict((path, stat.st_size) for path, stat in files)
        return self._sizes


class Documents:
    """Answers ``/read/<sha256>/<page>-<width>.jpg`` and tells the reader page about documents."""

    def __init__(self, state: State, library: ContentFolder, cache: PageCache) -> None:
        self._state = state
        self._library = library
        self._cache = cache
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="draw")
        self._sheets: OrderedDict[Digest, tuple[Sheet, ...]] = OrderedDict()
        self._drawing: dict[Path, asyncio.Task[bytes]] = {}

    async def sheets(self, digest: Digest) -> tuple[Sheet, ...]:
        """Sizes of the pages of a PDF; raises CannotDraw."""
        found = self._sheets.get(digest)
        if found is None:
            found = await self._in_turn(lambda: poppler.measure(self._library.path(digest)))
            self._sheets[digest] = found
            if len(self._sheets) > _REMEMBERED:
                self._sheets.popitem(last=False)
        return found

    async def image(self, request: web.Request) -> web.Response:
        """A page's image; 404 for a page, width or document there is not."""
        digest = digest_of(request)
        page, width = int(request.match_info["page"]), int(request.match_info["width"])
        if not known_pdf(self._state, digest) or width not in WIDTHS:
            raise web.HTTPNotFound
        if not 1 <= page <= len(await self.sheets(digest)):
            raise web.HTTPNotFound
        return _picture(request, await self._drawn(digest, page, width))

    def close(self) -> None:
        """Let the drawing that runs end, forget those that wait."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _drawn(self, digest: Digest, page: int, width: int) -> bytes:
        path = self._cache.path(digest, page, width)
        kept = self._cache.read(path)
        if kept is not None:
            return kept
        running = self._drawing.get(path)
        if running is None:
            running = self._begin(path, lambda: self._draw(digest, page, width, path))
        return await asyncio.shield(running)

    def _begin(self, path: Path, work: Callable[[], bytes]) -> asyncio.Task[bytes]:
        if len(self._drawing) >= WAITING:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "2"})
        task = self._drawing[path] = asyncio.create_task(self._in_turn(work))
        task.add_done_callback(lambda done: self._end(path, done))
        return task

    def _end(self, path: Path, task: asyncio.Task[bytes]) -> None:
        del self._drawing[path]
        if not task.cancelled():
            task.exception()  # seen, even if every tablet that asked has gone

    def _draw(self, digest: Digest, page: int, width: int, path: Path) -> bytes:
        data = poppler.draw(self._library.path(digest), page, width)
        self._cache.keep(path, data)
        return data

    async def _in_turn(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def known_pdf(state: State, digest: Digest) -> bool:
    """True if the served generation has this PDF."""
    view = state.snapshot.resource(digest)
    return view is not None and view.format == "pdf"


def _picture(request: web.Request, data: bytes) -> web.Response:
    etag = f'"{hashlib.blake2b(data, digest_size=12).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": FOREVER, "X-Content-Type-Options": "nosniff"}
    if names(request.headers.get("If-None-Match"), etag):
        return web.Response(status=304, headers=headers)
    return web.Response(body=data, headers={**headers, "Content-Type": "image/jpeg"})
