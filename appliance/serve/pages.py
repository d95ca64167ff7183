"""What a teacher sees: home, timetable, textbook, lesson, search, reader, player, per snapshot."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from aiohttp import web

from appliance.language import Language, Speech, choose, speech
from appliance.serve import hosts, links
from appliance.serve.choosing import facets, settle
from appliance.serve.documents import Documents
from appliance.serve.media import Notice
from appliance.serve.pieces import PLAYED, ways
from appliance.serve.poppler import WIDTHS, CannotDraw, Sheet
from appliance.serve.render import Renderer
from appliance.serve.reply import HTML, Finished, answer, finish
from appliance.serve.resources import digest_of
from appliance.serve.state import Snapshot, State
from appliance.serve.timetable import ShownPeriod, Timetable, as_table
from catalog.tables.shelves import DIMENSIONS, Selection
from catalog.tables.views import LessonView, ResourceView, TextbookView
from sync import site
from sync.digest import Digest

YEAR = 366 * 24 * 3600
MAX_COVERS = 60
"""Covers on the home page; whoever has more chooses first."""
PER_PAGE = 20
FRIDAY = 5
"""A week is shown as far as this day at least."""
MAX_QUERY = 200
_UNSET = Selection()
_VERTICAL = "mn-mong"
"""Traditional Mongolian is written in columns; as a heading it is shown so."""


class Chooser(Enum):
    """How the home page shows what can be chosen."""

    OPEN = "open"
    FOLDED = "folded"
    """For whoever comes back: the choice in one line, the textbooks right below."""


@dataclass(frozen=True, slots=True)
class Footer:
    """What every page says about where its lessons come from."""

    box: str
    publishers: tuple[str, ...]
    lessons: int
    signed: str
    """Date of the newest signature, ``2026-11-23``, or empty."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the pages are shown, and what is going on there."""

    box: str
    """The box's name."""
    site_port: int
    notice: Callable[[], Notice]
    """What every page says atop, now."""
    timetable: Timetable


class Pages:
    """The pages' handlers."""

    def __init__(
        self, state: State, renderer: Renderer, documents: Documents, place: Place
    ) -> None:
        self._state = state
        self._renderer = renderer
        self._documents = documents
        self._box = place.box
        self._site_port = place.site_port
        self._notice = place.notice
        self._timetable = place.timetable

    async def home(self, request: web.Request) -> web.Response:
        """Choose, and the textbooks that fit; the last choice is remembered."""
        snapshot = self._state.snapshot
        explicit = any(name in request.query for name in DIMENSIONS)
        wanted = (
            links.read_selection(request.query)
            if explicit
            else links.recall(request.cookies.get("choice", ""))
        )
        chooser = Chooser.OPEN if explicit or wanted == _UNSET else Chooser.FOLDED
        week = self._timetable.week()
        key = ("home", wanted, chooser, week)
        response = self._kept(
            request,
            snapshot,
            key,
            lambda: {
                **_home(snapshot, wanted, chooser),
                "week": self._timetable.shown(week, snapshot.catalogue),
            },
        )
        if explicit:
            _remember(response, "choice", links.remember(wanted))
        return response

    async def timetable(self, request: web.Request) -> web.Response:
        """The whole week; what is taught now stands on the home page."""
        snapshot, week = self._state.snapshot, self._timetable.week()
        if not week.periods:
            raise web.HTTPNotFound
        return self._kept(
            request,
            snapshot,
            ("timetable", week),
            lambda: _timetable(self._timetable.shown(week, snapshot.catalogue)),
        )

    async def textbook(self, request: web.Request) -> web.Response:
        """A textbook or series: its chapters and lessons."""
        snapshot = self._state.snapshot
        textbook_id = request.match_info["id"]
        return self._kept(
            request,
            snapshot,
            ("textbook", textbook_id),
            lambda: _textbook(snapshot.catalogue.textbook(textbook_id)),
        )

    async def lesson(self, request: web.Request) -> web.Response:
        """A lesson with its pieces."""
        snapshot = self._state.snapshot
        key = request.match_info["key"]
        return self._kept(request, snapshot, ("lesson", key), lambda: _lesson(snapshot, key))

    async def search(self, request: web.Request) -> web.Response:
        """What a search finds, to be narrowed down."""
        snapshot = self._state.snapshot
        query = " ".join(request.query.get("q", "").split())[:MAX_QUERY]
        if not query:
            raise web.HTTPSeeOther("/")
        selection, page = links.read_selection(request.query), page_of(request)
        key = (choose_language(request), self._notice(), "search", query, selection, page)
        found = snapshot.pages.find(key)
        if found is None:
            results = await snapshot.search.ask(
                lambda searcher: searcher.search(
                    query, selection=selection, offset=(page - 1) * PER_PAGE, limit=PER_PAGE
                )
            )
            values: dict[str, object] = {
                "template": "search.html",
                "query": query,
                "results": results,
                "selection": selection,
                "understood": results.understood.chosen(),
                "rows": facets(selection, results.facets),
                "page": page,
                "pages": -(-results.total // PER_PAGE),
            }
            found = snapshot.pages.put(key, self._finish(request, snapshot, values))
        return answer(request, found)

    async def read(self, request: web.Request) -> web.Response:
        """A document, one page at a time: that is what a tablet's memory and a class can hold."""
        snapshot = self._state.snapshot
        view = _resource(snapshot, digest_of(request), "pdf")
        page = page_of(request)
        values: dict[str, object] = {
            "template": "read.html",
            **_opened(request, snapshot, view),
            "download": links.resource(view.digest, view.format),
        }
        try:
            sheets = await self._documents.sheets(view.digest)
            values |= _sheet(view.digest, sheets, page)
        except CannotDraw as error:
            values["trouble"] = error.hint or error.fact
        return answer(request, self._finish(request, snapshot, values))

    async def play(self, request: web.Request) -> web.Response:
        """A site in its frame, from the other port."""
        snapshot = self._state.snapshot
        view = _resource(snapshot, digest_of(request), "site")
        authority = hosts.with_port(request.headers["Host"], self._site_port)
        values: dict[str, object] = {
            "template": "play.html",
            **_opened(request, snapshot, view),
            "address": links.site(authority, view.digest, site.ENTRY),
        }
        return answer(request, self._finish(request, snapshot, values))

    async def language(self, request: web.Request) -> web.Response:
        """Remember a language and go back to the page the tap came from."""
        wanted = request.match_info["code"]
        if wanted not in set(Language):
            raise web.HTTPNotFound
        response = web.Response(status=303, headers={"Location": _came_from(request)})
        _remember(response, "language", wanted)
        return response

    def _kept(
        self,
        request: web.Request,
        snapshot: Snapshot,
        key: tuple[object, ...],
        values: Callable[[], dict[str, object]],
    ) -> web.Response:
        """The page for ``key`` in the reader's language, made at its first use."""
        shelf_key = (choose_language(request), self._notice(), *key)
        found = snapshot.pages.find(shelf_key)
        if found is None:
            found = snapshot.pages.put(shelf_key, self._finish(request, snapshot, values()))
        return answer(request, found)

    def _finish(
        self, request: web.Request, snapshot: Snapshot, values: dict[str, object]
    ) -> Finished:
        template = str(values.pop("template"))
        words = speech_of(request)
        footer = _footer(snapshot, self._box)
        page = self._renderer.page(template, words, footer=footer, notice=self._notice(), **values)
        return finish(page, HTML)


def _home(snapshot: Snapshot, wanted: Selection, chooser: Chooser) -> dict[str, object]:
    settled, rows = settle(wanted, snapshot.catalogue.choices)
    books = snapshot.catalogue.textbooks(settled)
    return {
        "template": "home.html",
        "opened": chooser is Chooser.OPEN,
        "chosen": settled.chosen(),
        "rows": rows,
        "books": books[:MAX_COVERS],
        "total": len(books),
    }


def _timetable(week: Sequence[ShownPeriod]) -> dict[str, object]:
    days = range(1, max(FRIDAY, *(period.day for period in week)) + 1)
    return {"template": "timetable.html", "days": days, "lines": as_table(week)}


def _sheet(digest: Digest, sheets: Sequence[Sheet], page: int) -> dict[str, object]:
    if page > len(sheets):
        raise web.HTTPNotFound
    return {
        "trouble": "",
        "digest": digest,
        "page": page,
        "pages": len(sheets),
        "sheet": sheets[page - 1],
        "widths": WIDTHS,
    }


def _textbook(book: TextbookView) -> dict[str, object]:
    codes = {name: getattr(book, name) for name in DIMENSIONS if getattr(book, name)}
    return {"template": "textbook.html", "book": book, "codes": codes}


def _lesson(snapshot: Snapshot, key: str) -> dict[str, object]:
    lesson = snapshot.catalogue.lesson(key)
    all_ways = ways(lesson)
    return {
        "template": "lesson.html",
        "lesson": lesson,
        "subject": _subject(snapshot, lesson),
        "vertical": lesson.language.lower().startswith(_VERTICAL),
        "ways": all_ways,
        "played": [way for way in all_ways if way.kind in PLAYED],
        "opened": [way for way in all_ways if way.kind not in PLAYED],
        "unset": _UNSET,
    }


def _subject(snapshot: Snapshot, lesson: LessonView) -> str:
    """The subject whose colour the page has: that of the first textbook it stands in."""
    if not lesson.chapters:
        return ""
    return snapshot.catalogue.textbook(lesson.chapters[0].textbook).subject


def _resource(snapshot: Snapshot, digest: Digest, wanted: str) -> ResourceView:
    view = snapshot.resource(digest)
    if view is None or view.format != wanted:
        raise web.HTTPNotFound
    return view


def _opened(request: web.Request, snapshot: Snapshot, view: ResourceView) -> dict[str, object]:
    """What reader and player say about what they show, and the way back to the lesson.

    A file may belong to several lessons; ``lesson`` in the address says which one it was.
    """
    asked = request.query.get("lesson", "")
    cards = snapshot.catalogue.cards([asked]) if asked else ()
    key, title = (cards[0].key, cards[0].title) if cards else (view.lesson, view.lesson_title)
    return {
        "title": view.title or title,
        "resource_language": view.language,
        "back": links.lesson(key),
        "lesson_key": key if cards else "",
    }


def _footer(snapshot: Snapshot, box: str) -> Footer:
    publishers = snapshot.generation.record.publishers
    return Footer(
        box=box,
        publishers=tuple(publisher.name for publisher in publishers),
        lessons=snapshot.catalogue.counts().lessons,
        signed=max((publisher.signed_at[:10] for publisher in publishers), default=""),
    )


def _remember(response: web.Response, name: str, value: str) -> None:
    response.set_cookie(name, value, max_age=YEAR, path="/", httponly=True, samesite="Lax")


def _came_from(request: web.Request) -> str:
    """Path and query of the page that was left, if it was ours; else home."""
    referer = urlsplit(request.headers.get("Referer", ""))
    if referer.netloc != request.headers.get("Host") or not referer.path.startswith("/"):
        return "/"
    path = "/" + referer.path.lstrip("/\\")
    return f"{path}?{referer.query}" if referer.query else path


def page_of(request: web.Request) -> int:
    """The page number in the address, from 1; 404 for what is no number."""
    text = request.query.get("page", "1")
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:6]) <= 99_999):
        raise web.HTTPNotFound
    return int(text)


def choose_language(request: web.Request) -> Language:
    """The language this reader wants."""
    return choose(request.cookies)


def speech_of(request: web.Request) -> Speech:
    """What the interface says to this reader."""
    return speech(choose_language(request))
