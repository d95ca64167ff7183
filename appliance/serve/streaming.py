"""A file's bytes to a tablet: open files kept, ``sendfile`` for large parts, ``pread`` for small.

Standard event loop only: uvloop has no sendfile. A stream that is cut is normal (a tablet seeks,
sleeps or walks away) and ends quietly.
"""

import asyncio
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from aiohttp import web

from appliance.serve.ranges import Part, Unsatisfiable, names, parse, still_the_same
from appliance.serve.reply import FOREVER

SMALL = 64 * 1024
"""Parts up to this many bytes travel with their headers in one write."""
Pause = Callable[[int], Awaitable[None]]
"""Waited for before so many bytes are sent."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """A part goes out in pieces of ``size`` bytes, each after a pause, each within ``patience``."""

    size: int
    pause: Pause
    patience: float
    """Seconds a reader may take for a piece; then it is cut off."""


@dataclass(slots=True)
class OpenFile:
    """An open file: its size never changes, because its name is its content."""

    file: BinaryIO
    size: int
    users: int = 0


@dataclass(frozen=True, slots=True)
class Description:
    """What a response says about the file it carries."""

    etag: str
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)
    cache: str = FOREVER


class OpenFiles:
    """The files open now, at most ``limit`` besides those being read; for one event loop."""

    def __init__(self, limit: int = 128) -> None:
        self._limit = limit
        self._open: OrderedDict[Path, OpenFile] = OrderedDict()

    @contextmanager
    def borrow(self, path: Path) -> Iterator[OpenFile]:
        """``path`` opened, or found open; raises OSError. Never closed while somebody reads it."""
        found = self._open.get(path)
        if found is None:
            found = self._open[path] = _open(path)
        self._open.move_to_end(path)
        found.users += 1
        try:
            yield found
        finally:
            found.users -= 1
            self._close_idle(self._limit)

    def close(self) -> None:
        """Close all that nobody reads, so that removed files give their room back."""
        self._close_idle(0)

    def __len__(self) -> int:
        return len(self._open)

    def _close_idle(self, limit: int) -> None:
        surplus = len(self._open) - limit
        for path in [path for path, item in self._open.items() if not item.users][
            : max(surplus, 0)
        ]:
            self._open.pop(path).file.close()


def _open(path: Path) -> OpenFile:
    file = path.open("rb", buffering=0)
    return OpenFile(file, os.fstat(file.fileno()).st_size)


async def send(
    request: web.Request, opened: OpenFile, described: Description, pieces: Pieces | None = None
) -> web.StreamResponse:
    """Answer a GET or HEAD for ``opened``: preconditions, then Range (RFC 9110, 13.2.2).

    ``pieces``: not all at once, for readers who come after others.
    """
    headers = {
        **described.headers,
        "ETag": described.etag,
        "Cache-Control": described.cache,
        "Accept-Ranges": "bytes",
    }
    refusal = _precondition(request, described.etag, headers)
    if refusal is not None:
        return refusal
    headers["Content-Type"] = described.content_type
    wanted = None
    if request.method == "GET" and still_the_same(request.headers.get("If-Range"), described.etag):
        wanted = parse(request.headers.get("Range"), opened.size)
    if isinstance(wanted, Unsatisfiable):
        return web.Response(
            status=416, headers={**headers, "Content-Range": f"bytes */{opened.size}"}
        )
    if wanted is None:
        return await _send_part(request, opened, Part(0, opened.size), _Head(200, headers), pieces)
    headers["Content-Range"] = wanted.content_range(opened.size)
    return await _send_part(request, opened, wanted, _Head(206, headers), pieces)


@dataclass(frozen=True, slots=True)
class _Head:
    status: int
    headers: dict[str, str]


def _precondition(request: web.Request, etag: str, headers: dict[str, str]) -> web.Response | None:
    if_match = request.headers.get("If-Match")
    if if_match is not None and not names(if_match, etag):
        return web.Response(status=412, headers=headers)
    if names(request.headers.get("If-None-Match"), etag):
        return web.Response(status=304, headers=headers)
    return None


async def _send_part(
    request: web.Request, opened: OpenFile, part: Part, head: _Head, pieces: Pieces | None
) -> web.StreamResponse:
    if part.count <= SMALL and request.method == "GET":
        if pieces is not None:
            await pieces.pause(part.count)
        body = os.pread(opened.file.fileno(), part.count, part.offset)
        return web.Response(status=head.status, headers=head.headers, body=body)
    response = web.StreamResponse(status=head.status, headers=head.headers)
    response.content_length = part.count
    try:
        await response.prepare(request)
        if request.method == "GET":
            await _send_in(request, opened, part, pieces)
    except ConnectionError:
        return response  # the tablet went away: nothing to say, nobody to say it to
    return response


async def _send_in(
    request: web.Request, opened: OpenFile, part: Part, pieces: Pieces | None
) -> None:
    if pieces is None:
        await _send_file(request, opened, part)
        return
    try:
        for start in range(0, part.count, pieces.size):
            piece = Part(part.offset + start, min(pieces.size, part.count - start))
            await pieces.pause(piece.count)
            async with asyncio.timeout(pieces.patience):
                await _send_file(request, opened, piece)
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()


async def _send_file(request: web.Request, opened: OpenFile, part: Part) -> None:
    transport = request.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the client is gone")
    await asyncio.get_running_loop().sendfile(
        transport, opened.file, part.offset, part.count, fallback=False
    )
