"""What a technician and a teacher see and do beside the box: /admin, /stick, /send.

Plain pages that work without JavaScript; every change is a POST that goes through ``admission``.
None of them needs lessons to be served, as a box without any needs them most.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import BodyPartReader, web

from appliance import setup_window
from appliance.config import BoxPaths
from appliance.control import Event, NotRunning, Refused
from appliance.language import N_
from appliance.serve import admission, outlook
from appliance.serve.admission import Caller, check_admin, check_change, check_sender
from appliance.serve.asking import Unanswered, ask
from appliance.serve.outlook import Outlook
from appliance.serve.pages import speech_of
from appliance.serve.receiving import Receiving
from appliance.serve.render import Renderer
from appliance.serve.reply import HTML, finish, takes_gzip
from appliance.serve.state import NothingYet, State
from appliance.serve.troubles import BAD, NO_REPORT, Declined
from appliance.serve.upload_api import phase_of
from appliance.serve.upload_note import MAX_SIZE
from appliance.serve.upload_words import NO_LESSONS, SAYINGS
from appliance.serve.uploads import HEAD, MAX_PART, Upload
from sync.errors import KexiaError
from sync.files import free_space

ANSWER_SECONDS = 5.0
"""How long the update process has to say what it does."""
BEGIN_SECONDS = 1.0
"""How long a sync is waited for that may be refused at once; it goes on when nobody waits."""
REPORT_SECONDS = 60.0
"""How long the update process has for the papers; a sync that is running comes first."""
MAX_PAPERS = 17 * 2**20
"""Bytes of a download: all that a box sends back at once, and a little."""
SOON, LATER = 4, 15
"""Seconds until /stick looks again: while something moves, and else."""
MAX_FIELD = 1024
SAID = {
    "sync": N_("The sync has begun; this page shows how it ends."),
    "paused": N_("The update process is paused: resume it first."),
    "refused": N_("The update process could not do that; see below."),
    "silent": N_("The update process does not run or does not answer."),
    "pause": N_("Paused: nothing comes in until somebody resumes."),
    "resume": N_("Resumed."),
    "reset": N_("The box begins anew when it is switched off and on."),
}
"""What /admin says after a change; the codes stand in its address."""
DOING = {
    "sync": N_("It brings lessons in."),
    "plan": N_("It looks at what is new."),
    "offered": N_("It looks at what is new."),
    "rollback": N_("It goes back to the lessons before."),
    "release": N_("It takes the newest lessons again."),
}
_CACHE = {"Cache-Control": "no-store", "Vary": "Cookie, Accept-Encoding"}


@dataclass(frozen=True, slots=True)
class Row:
    """A stick or a file, as /stick shows it."""

    title: str
    kind: str
    """``stick`` or ``file``."""
    phase: str
    what: str
    do: str
    percent: int
    is_moving: bool
    detail: str
    id: str = ""
    """Of a file that can be given up."""


class Desk:
    """The handlers."""

    def __init__(
        self,
        paths: BoxPaths,
        renderer: Renderer,
        state: State,
        receiving: Receiving,
        *,
        box: str,
    ) -> None:
        self._paths, self._renderer, self._state = paths, renderer, state
        self._box, self._now = box, receiving.now
        self._media, self._uploads = receiving.media, receiving.uploads
        self._admission, self._api = receiving.admission, receiving.api

    def routes(self) -> Iterable[web.RouteDef]:
        """Pages and changes."""
        return [
            web.get("/stick", self.stick),
            web.get("/send", self.send_page),
            web.post("/send", self.send),
            web.get("/admin", self.admin),
            web.post("/admin/sign-in", self.sign_in),
            web.post("/admin/sign-out", self.sign_out),
            web.post("/admin/sync", self.sync),
            web.post("/admin/{wish:pause|resume}", self.gate),
            web.post("/admin/report", self.report),
            web.post("/admin/uploads/{id}/remove", self.remove),
        ]

    async def stick(self, request: web.Request) -> web.Response:
        """How far sticks and files are, for whoever stands beside the box."""
        rows = self._rows(request)
        again = SOON if self._media.is_moving else LATER
        return self._page(request, "stick.html", rows=rows, again=again)

    async def send_page(self, request: web.Request) -> web.Response:
        """Where a phone chooses its file."""
        caller = await self._admission.caller(request)
        response = self._page(
            request, "send.html", visitor=caller, part=MAX_PART, head=HEAD, most=MAX_SIZE
        )
        admission.remember(response, caller.cookie)
        return response

    async def send(self, request: web.Request) -> web.Response:
        """A whole file from the plain form: the token first, then the file, streamed."""
        caller = await self._admission.caller(request)
        check_sender(caller)
        if not request.content_type.startswith("multipart/") or request.content_length is None:
            raise Declined(BAD)
        reader = await request.multipart()
        token = await _part(reader.next(), "token")
        check_change(request, caller, (await token.read_chunk(MAX_FIELD)).decode("latin-1"))
        await token.release()
        file = await _part(reader.next(), "file")
        if not file.filename:
            raise Declined(NO_LESSONS)
        most = min(MAX_SIZE, request.content_length)
        await self._api.take_whole(file.filename, most, _Field(file).read)
        return _see_other("/stick")

    async def admin(self, request: web.Request) -> web.Response:
        """The box at one glance; what may be done only for whoever gave the PIN."""
        caller = await self._admission.caller(request)
        said = SAID.get(request.query.get("said", ""), "")
        response = self._page(
            request,
            "admin.html",
            visitor=caller,
            box=await self._outlook(),
            rows=self._rows(request),
            said=said,
            doing_words=DOING,
            may_set_up=not caller.has_pin and setup_window.is_open(self._admission.ticks()),
        )
        admission.remember(response, caller.cookie)
        return response

    async def sign_in(self, request: web.Request) -> web.Response:
        """Begin a session with the PIN."""
        caller = await self._admission.caller(request)
        fields = await request.post()
        check_change(request, caller, str(fields.get("token", "")))
        cookie = await self._admission.sign_in(request, str(fields.get("pin", "")))
        response = _see_other("/admin")
        admission.remember(response, cookie)
        return response

    async def sign_out(self, request: web.Request) -> web.Response:
        """End the session."""
        await self._admission.sign_out(await self._changing(request))
        return _see_other("/admin")

    async def sync(self, request: web.Request) -> web.Response:
        """Have the update process ask its sources now."""
        await self._changing(request)
        return await self._told(
            "sync", ask(self._paths, {"command": "sync"}, seconds=BEGIN_SECONDS)
        )

    async def gate(self, request: web.Request) -> web.Response:
        """Let the update process wait, or go on."""
        await self._changing(request)
        wish = request.match_info["wish"]
        return await self._told(wish, ask(self._paths, {"command": wish}, seconds=ANSWER_SECONDS))

    async def report(self, request: web.Request) -> web.Response:
        """The box's papers as one file for the phone: have-list, sealed reports, sealed backup.

        The update process makes them anew, as it alone has the key; they are what a stick gets.
        """
        await self._changing(request)
        try:
            made = await ask(self._paths, {"command": "back"}, seconds=REPORT_SECONDS)
            papers = await asyncio.to_thread(self._papers)
        except (KexiaError, OSError) as error:
            raise Declined(NO_REPORT) from error
        name = f"{made.get('box', 'box')}-{self._now():%Y-%m-%d}.kexia-back"
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        }
        return web.Response(headers=headers, body=papers)

    def _papers(self) -> bytes:
        with self._paths.prepared.open("rb") as file:
            return file.read(MAX_PAPERS)

    async def remove(self, request: web.Request) -> web.Response:
        """Give a phone's file up, or forget its result."""
        await self._changing(request)
        await self._api.drop(self._uploads.find(request.match_info["id"]))
        return _see_other("/admin")

    async def _changing(self, request: web.Request) -> Caller:
        """Whoever may change something; raises Declined."""
        caller = await self._admission.caller(request)
        check_admin(caller)
        fields = await request.post()
        check_change(request, caller, str(fields.get("token", "")))
        return caller

    async def _told(self, done: str, answer: Awaitable[Event]) -> web.Response:
        """Back to /admin with what the update process said to it."""
        said = done
        try:
            await answer
        except Unanswered:
            said = "sync" if done == "sync" else "silent"
        except KexiaError as error:
            said = _said_of(error)
        return _see_other(f"/admin?said={said}")

    async def _outlook(self) -> Outlook:
        """From the update process, else from what is served."""
        try:
            status = await ask(self._paths, {"command": "status"}, seconds=ANSWER_SECONDS)
        except KexiaError:
            status = self._own_status()
        return outlook.read(status, made=self._made(), now=self._now())

    def _own_status(self) -> Event:
        """What can be said without the update process."""
        status: Event = {"name": self._box, "free": free_space(self._paths.root)}
        try:
            snapshot = self._state.snapshot
        except NothingYet:
            return status
        record = snapshot.generation.record
        publishers = [
            {"code": item.code, "name": item.name, "signed_at": item.signed_at}
            for item in record.publishers
        ]
        collections = [
            {"id": kept.entry.id, "title": kept.entry.title, "edition": kept.entry.edition}
            | {"lessons": kept.entry.lessons, "size": kept.entry.size}
            for kept in record.collections
        ]
        return status | {
            "generation": record.number,
            "lessons": snapshot.catalogue.counts().lessons,
            "publishers": publishers,
            "collections": collections,
        }

    def _made(self) -> datetime | None:
        try:
            folder = self._state.snapshot.generation.folder
            return datetime.fromtimestamp((folder / "generation.json").stat().st_mtime, UTC)
        except (NothingYet, OSError):
            return None

    def _rows(self, request: web.Request) -> list[Row]:
        say = speech_of(request).say
        rows = [
            Row(
                title=say("Stick %(name)s", name=item.label or item.name),
                kind="stick",
                phase=item.phase.value,
                what=say(item.saying.what),
                do=say(item.saying.do),
                percent=item.percent,
                is_moving=item.phase.is_working,
                detail=item.detail,
            )
            for item in self._media.sticks().sticks
        ]
        return rows + [_file_row(item, say) for item in self._media.uploads()]

    def _page(self, request: web.Request, template: str, **values: object) -> web.Response:
        page = self._renderer.page(
            template, speech_of(request), notice=self._media.notice(), **values
        )
        finished = finish(page, HTML)
        zipped = takes_gzip(request.headers.get("Accept-Encoding", ""))
        headers = {**_CACHE, "Content-Type": HTML}
        if zipped:
            headers["Content-Encoding"] = "gzip"
        return web.Response(headers=headers, body=finished.zipped if zipped else page.encode())


def _said_of(error: KexiaError) -> str:
    """The code of what /admin says of an error of the update process."""
    if isinstance(error, NotRunning):
        return "silent"
    is_paused = isinstance(error, Refused) and "paused" in error.fact
    return "paused" if is_paused else "refused"


def _file_row(item: Upload, say: Callable[..., str]) -> Row:
    saying, phase = SAYINGS[item.word], phase_of(item.word)
    return Row(
        title=item.note.name,
        kind="file",
        phase=phase.value,
        what=say(saying.what),
        do=say(saying.do),
        percent=item.percent,
        is_moving=phase.is_working,
        detail=item.note.detail,
        id="" if item.is_importing else item.id,
    )


class _Field:
    """A file in a form, read in pieces of any size; the form's reader has a least one."""

    def __init__(self, part: BodyPartReader) -> None:
        self._part = part
        self._left = b""

    async def read(self, count: int) -> bytes:
        """At most ``count`` bytes, none at the end; raises Declined if the form is cut off."""
        try:
            while not self._left and not self._part.at_eof():
                self._left = await self._part.read_chunk(HEAD)
        except (ConnectionError, ValueError) as error:
            raise Declined(BAD) from error
        block, self._left = self._left[:count], self._left[count:]
        return bytes(block)


async def _part(coming: Awaitable[object], name: str) -> BodyPartReader:
    """The next part of a form, which must be that field; raises Declined."""
    part = await coming
    if not isinstance(part, BodyPartReader) or part.name != name:
        raise Declined(BAD)
    return part


def _see_other(address: str) -> web.Response:
    return web.Response(status=303, headers={"Location": address, "Cache-Control": "no-store"})
