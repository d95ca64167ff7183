"""The API a phone sends a file of lessons with, part by part: `/api/v1/uploads`.

After the resumable uploads of the IETF's HTTP group and of tus 1.0: POST announces, HEAD tells the
offset, PATCH appends there, DELETE gives up. A connection that broke may still look alive here: a
new request for the same file ends the old one first.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import BinaryIO
from urllib.parse import unquote

from aiohttp import web

from appliance.language import Speech
from appliance.serve import api
from appliance.serve.admission import TOKEN, Admission, Caller, check_change, check_sender
from appliance.serve.importing import Importer
from appliance.serve.pages import speech_of
from appliance.serve.troubles import BAD, Declined
from appliance.serve.upload_note import MAX_SIZE
from appliance.serve.upload_words import (
    IN_USE,
    PART_TOO_LARGE,
    PHASES,
    SAYINGS,
    Stage,
    Word,
)
from appliance.serve.uploads import HEAD, MAX_PART, Upload, Uploads
from appliance.sticks import Phase

BLOCK = 2**20
"""Bytes that are gathered before they are written."""
PART = "application/offset+octet-stream"
IDLE_SECONDS = 60.0
"""A part of which nothing comes for so long has broken off."""
UPLOAD = "/api/v1/uploads/{id}"


class UploadApi:
    """The handlers; also what the plain form of a browser without JavaScript sends."""

    def __init__(self, uploads: Uploads, admission: Admission, importer: Importer) -> None:
        self._uploads = uploads
        self._admission = admission
        self._importer = importer
        self._wanting: dict[str, asyncio.Task[object] | None] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._beginning = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        """Every route, all of them described in openapi.json."""
        return [
            web.post("/api/v1/uploads", self.begin),
            web.get(UPLOAD, self.show, allow_head=False),
            web.head(UPLOAD, self.offset),
            web.patch(UPLOAD, self.append),
            web.delete(UPLOAD, self.give_up),
        ]

    async def begin(self, request: web.Request) -> web.Response:
        """Announce a file with its name, length and first bytes."""
        await self._let_in(request)
        size = _number(request, "Upload-Length", MAX_SIZE * 1024)
        name = unquote(request.headers.get("Upload-Name", ""))
        if (request.content_length or 0) > HEAD:
            raise Declined(PART_TOO_LARGE)
        head = await _at_most(request, HEAD)
        async with self._beginning:
            upload, is_new = await asyncio.to_thread(self._uploads.begin, name, size, head)
        self._importer.look(upload)
        response = self._json(request, upload, status=201 if is_new else 200)
        response.headers["Location"] = f"/api/v1/uploads/{upload.id}"
        return response

    async def show(self, request: web.Request) -> web.Response:
        """How far a file is, without disturbing whoever sends it."""
        return self._json(request, self._uploads.find(request.match_info["id"]))

    async def offset(self, request: web.Request) -> web.Response:
        """Where to go on; ends a part that is still coming in."""
        upload = self._uploads.find(request.match_info["id"])
        async with self._turn(upload):
            return web.Response(headers=_headers(upload))

    async def append(self, request: web.Request) -> web.Response:
        """Take a part; what came of it is kept, even if it breaks off."""
        await self._let_in(request)
        if request.content_type != PART:
            raise Declined(BAD)
        upload = self._uploads.find(request.match_info["id"])
        offset = _number(request, "Upload-Offset", MAX_SIZE)
        if request.content_length is None:
            raise Declined(BAD)
        async with self._turn(upload):
            await self._receive(upload, offset, request.content_length, request.content.read)
        self._importer.look(upload)
        return web.Response(status=204, headers=_headers(upload))

    async def give_up(self, request: web.Request) -> web.Response:
        """Remove a file that is on its way or waits, or its result."""
        await self._let_in(request)
        upload = self._uploads.find(request.match_info["id"])
        await self.drop(upload)
        return web.Response(status=204)

    async def drop(self, upload: Upload) -> None:
        """Remove a file; one that is being imported stays until that has ended."""
        async with self._turn(upload):
            if upload.is_importing:
                raise Declined(IN_USE)
            self._uploads.known.pop(upload.id, None)  # before anybody begins to import it
            await _to_the_end(lambda: self._uploads.remove(upload))
        self._turns.pop(upload.id, None)

    async def take_whole(
        self, name: str, size: int, read: Callable[[int], Awaitable[bytes]]
    ) -> Upload:
        """A file in one go, as a plain form sends it; ``size`` is the most it can have.

        What breaks off is removed: a form cannot go on in the middle.
        """
        head = await _fill(read, HEAD)
        length = size if len(head) == HEAD else len(head)
        async with self._beginning:
            upload = await asyncio.to_thread(self._uploads.begin_form, name, length, head)
        try:
            async with self._turn(upload):
                await self._receive_form(upload, read)
        except BaseException:
            await _to_the_end(lambda: self._uploads.remove(upload))
            raise
        self._importer.look(upload)
        return upload

    async def _receive_form(self, upload: Upload, read: Callable[[int], Awaitable[bytes]]) -> None:
        ended = False

        async def until_the_end(count: int) -> bytes:
            nonlocal ended
            block = await read(count)
            ended = not block
            return block

        while not ended and upload.note.stage is Stage.COMING:
            length = min(MAX_PART, upload.note.size - upload.offset)
            await self._receive(upload, upload.offset, length, until_the_end)
        await asyncio.to_thread(self._uploads.settle, upload)

    async def _receive(
        self,
        upload: Upload,
        offset: int,
        length: int,
        read: Callable[[int], Awaitable[bytes]],
    ) -> None:
        """Write what comes, at most ``length`` bytes, and bring it to the disk, come what may."""
        opened: list[BinaryIO] = []
        try:
            await _to_the_end(
                lambda: opened.append(self._uploads.open_part(upload, offset, length))
            )
            upload.is_sending = True
            await self._pour(upload, opened[0], length, read)
        finally:
            upload.is_sending = False
            for file in opened:
                await _to_the_end(lambda: self._uploads.close_part(upload, file))  # noqa: B023

    async def _pour(
        self,
        upload: Upload,
        file: BinaryIO,
        length: int,
        read: Callable[[int], Awaitable[bytes]],
    ) -> None:
        left, gathered = length, bytearray()

        async def put_down() -> None:
            data = bytes(gathered)
            gathered.clear()
            await _to_the_end(lambda: self._uploads.write(upload, file, data))

        try:
            while left:
                block = await asyncio.wait_for(read(min(left, BLOCK)), IDLE_SECONDS)
                if not block:
                    return
                left -= len(block)
                gathered += block
                if len(gathered) >= BLOCK:
                    await put_down()
        except (TimeoutError, ConnectionError):
            return  # it broke off; whoever still listens is told how far it came
        finally:
            if gathered:
                await put_down()

    @asynccontextmanager
    async def _turn(self, upload: Upload) -> AsyncIterator[None]:
        """The sole right to a file; whoever had it, or waits for it, is ended."""
        turn = self._turns.setdefault(upload.id, asyncio.Lock())
        if (before := self._wanting.get(upload.id)) is not None:
            before.cancel()
        task = self._wanting[upload.id] = asyncio.current_task()
        try:
            async with turn:
                yield
        finally:
            if self._wanting.get(upload.id) is task:
                del self._wanting[upload.id]

    async def _let_in(self, request: web.Request) -> Caller:
        caller = await self._admission.caller(request)
        check_sender(caller)
        check_change(request, caller, request.headers.get(TOKEN, ""))
        return caller

    def _json(self, request: web.Request, upload: Upload, *, status: int = 200) -> web.Response:
        response = web.json_response(
            value_of(upload, speech_of(request)), status=status, dumps=api.dumps
        )
        response.headers.update(_headers(upload))
        return response


def value_of(upload: Upload, speech: Speech) -> dict[str, object]:
    """How far a file is, for JSON."""
    note, word = upload.note, upload.word
    return {
        "name": note.name,
        "size": note.size,
        "offset": upload.offset,
        "stage": note.stage.value,
        "word": word.value,
        "phase": phase_of(word).value,
        "percent": upload.percent,
        "what": speech.say(SAYINGS[word].what),
        "do": speech.say(SAYINGS[word].do),
        "detail": note.detail,
        "editions": dict(note.editions),
    }


def phase_of(word: Word) -> Phase:
    """The colour and sign of a word."""
    return PHASES.get(word, Phase.PROBLEM)


def _headers(upload: Upload) -> dict[str, str]:
    return {
        "Upload-Offset": str(upload.offset),
        "Upload-Length": str(upload.note.size),
        "Cache-Control": "no-store",
    }


def _number(request: web.Request, name: str, most: int) -> int:
    text = request.headers.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 19 and int(text) <= most):
        raise Declined(BAD)
    return int(text)


async def _at_most(request: web.Request, most: int) -> bytes:
    """The body; raises Declined if it is longer."""
    body = await _fill(request.content.read, most + 1)
    if len(body) > most:
        raise Declined(PART_TOO_LARGE)
    return body


async def _to_the_end(work: Callable[[], None]) -> None:
    """Do ``work`` on another thread and wait for its end, also when this task is cancelled."""
    future = asyncio.ensure_future(asyncio.to_thread(work))
    was_cancelled = False
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            was_cancelled = True
    future.result()
    if was_cancelled:
        raise asyncio.CancelledError


async def _fill(read: Callable[[int], Awaitable[bytes]], count: int) -> bytes:
    """The next ``count`` bytes, or those up to the end, or to where it broke off."""
    gathered = bytearray()
    with suppress(TimeoutError, ConnectionError):
        while len(gathered) < count:
            block = await asyncio.wait_for(read(count - len(gathered)), IDLE_SECONDS)
            if not block:
                break
            gathered += block
    return bytes(gathered)
