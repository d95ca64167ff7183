"""The same catalogue as JSON, for other programs: ``/api/v1/…``, described by openapi.json."""

import json
from dataclasses import asdict
from pathlib import Path

from aiohttp import web

from appliance.language import Speech
from appliance.serve import links
from appliance.serve.pages import MAX_QUERY, choose_language
from appliance.serve.pieces import Way, ways
from appliance.serve.render import name_of
from appliance.serve.reply import JSON, answer, finish
from appliance.serve.state import State
from appliance.serve.troubles import Trouble
from appliance.version import VERSION
from catalog.search.searcher import Results
from catalog.tables.shelves import DIMENSIONS, Choice
from catalog.tables.views import ChapterNode, LessonCard, LessonView, TextbookCard, TextbookView

OPENAPI = Path(__file__).with_name("openapi.json")
MAX_LIMIT = 100
Value = dict[str, object]


class Api:
    """The API's handlers."""

    def __init__(self, state: State, *, box: str) -> None:
        self._state = state
        self._box = box
        self._description = finish(OPENAPI.read_bytes(), JSON)

    def routes(self) -> list[web.RouteDef]:
        """Every route, all of them described in openapi.json."""
        return [
            web.get("/api/v1/openapi.json", self.description),
            web.get("/api/v1/status", self.status),
            web.get("/api/v1/choices", self.choices),
            web.get("/api/v1/textbooks", self.textbooks),
            web.get("/api/v1/textbooks/{id:.+}", self.textbook),
            web.get("/api/v1/lessons/{key:.+}", self.lesson),
            web.get("/api/v1/search", self.search),
            web.get("/api/v1/suggest", self.suggest),
        ]

    async def description(self, request: web.Request) -> web.Response:
        """The OpenAPI document."""
        return answer(request, self._description)

    async def status(self, request: web.Request) -> web.Response:
        """What is served: generation, how much, how fresh."""
        snapshot = self._state.snapshot
        counts = snapshot.catalogue.counts()
        record = snapshot.generation.record
        return _json(
            request,
            {
                "version": VERSION,
                "box": self._box,
                "generation": record.number,
                **asdict(counts),
                "publishers": [
                    {
                        "id": item.id,
                        "code": item.code,
                        "name": item.name,
                        "signed_at": item.signed_at,
                    }
                    for item in record.publishers
                ],
            },
        )

    async def choices(self, request: web.Request) -> web.Response:
        """What can be chosen, given what is chosen in the other dimensions."""
        selection = links.read_selection(request.query)
        offered = self._state.snapshot.catalogue.choices(selection)
        return _json(request, {"choices": _choices(request, offered)})

    async def textbooks(self, request: web.Request) -> web.Response:
        """Textbooks and series with lessons in the selection."""
        selection = links.read_selection(request.query)
        books = self._state.snapshot.catalogue.textbooks(selection)
        return _json(request, {"textbooks": [_book(book) for book in books]})

    async def textbook(self, request: web.Request) -> web.Response:
        """A textbook with its chapters and lessons."""
        view = self._state.snapshot.catalogue.textbook(request.match_info["id"])
        return _json(request, _textbook(view))

    async def lesson(self, request: web.Request) -> web.Response:
        """A lesson with its pieces."""
        view = self._state.snapshot.catalogue.lesson(request.match_info["key"])
        return _json(request, _lesson(view))

    async def search(self, request: web.Request) -> web.Response:
        """Lessons that fit a query and a selection, best first."""
        query = request.query.get("q", "")[:MAX_QUERY]
        selection = links.read_selection(request.query)
        offset, limit = (
            _count(request, "offset", 0, 100_000),
            _count(request, "limit", 20, MAX_LIMIT),
        )
        results = await self._state.snapshot.search.ask(
            lambda searcher: searcher.search(query, selection=selection, offset=offset, limit=limit)
        )
        return _json(request, _results(request, results))

    async def suggest(self, request: web.Request) -> web.Response:
        """How a query that somebody types may go on."""
        prefix = request.query.get("q", "")[:MAX_QUERY]
        found = await self._state.snapshot.search.ask(lambda searcher: searcher.suggest(prefix))
        return _json(request, {"suggestions": list(found)})


def trouble(request: web.Request, told: Trouble, speech: Speech) -> web.Response:
    """An error as JSON."""
    said: Value = {"error": told.code, "message": speech.say(told.what), "do": speech.say(told.do)}
    body = finish(dumps(said), JSON)
    return answer(request, body, status=told.status)


def _json(request: web.Request, value: Value) -> web.Response:
    return answer(request, finish(dumps(value), JSON))


def dumps(value: Value) -> str:
    """JSON as every answer has it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _count(request: web.Request, name: str, default: int, most: int) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 8 and int(text) <= most):
        raise web.HTTPBadRequest
    return int(text)


def _choices(request: web.Request, offered: dict[str, tuple[Choice, ...]]) -> Value:
    language = choose_language(request)
    return {
        name: [
            {
                "code": choice.code,
                "name": name_of(language, name, choice.code),
                "lessons": choice.lessons,
            }
            for choice in choices
        ]
        for name, choices in offered.items()
    }


def _book(book: TextbookCard) -> Value:
    return {
        "id": book.id,
        "kind": book.kind,
        "title": book.title,
        **{name: getattr(book, name) for name in DIMENSIONS},
        "syllabus": book.syllabus,
        "collection": book.collection,
        "lessons": book.lessons,
        "url": links.textbook(book.id),
    }


def _textbook(view: TextbookView) -> Value:
    return {**_book(view), "chapters": [_chapter(chapter) for chapter in view.chapters]}


def _chapter(node: ChapterNode) -> Value:
    return {
        "id": node.id,
        "title": node.title,
        "lessons": [_card(card) for card in node.lessons],
        "chapters": [_chapter(child) for child in node.children],
    }


def _card(card: LessonCard) -> Value:
    return {
        "key": card.key,
        "title": card.title,
        "language": card.language,
        "teacher": card.teacher,
        "school": card.school,
        "roles": list(card.roles),
        "textbook_title": card.textbook_title,
        "chapter_title": card.chapter_title,
        "class_hour": card.class_hour,
        "duration": card.duration,
        "url": links.lesson(card.key),
    }


def _lesson(view: LessonView) -> Value:
    return {
        **_card(view),
        "collection": view.collection,
        "summary": view.summary,
        "keywords": list(view.keywords),
        "program": view.program,
        "province": view.province,
        "package_type": view.package_type,
        "chapters": [
            {"textbook": path.textbook, "title": path.textbook_title, "chapters": list(path.titles)}
            for path in view.chapters
        ],
        "pieces": [_piece(way) for way in ways(view)],
        "previous": _card(view.previous) if view.previous else None,
        "next": _card(view.next) if view.next else None,
    }


def _piece(way: Way) -> Value:
    piece = way.piece
    return {
        "role": piece.role,
        "title": piece.title,
        "format": piece.format,
        "size": piece.size,
        "sha256": piece.digest,
        "duration": piece.duration,
        "language": piece.language,
        "licence": piece.licence,
        "provider": piece.provider,
        "authorised_scope": piece.authorised_scope,
        "reviewed_by": piece.reviewed_by,
        "url": way.download or way.href,
        "page": way.href,
        "subtitles": [
            {
                "language": subtitle.language,
                "title": subtitle.title,
                "url": links.resource(subtitle.digest, "vtt"),
            }
            for subtitle in piece.subtitles
        ],
    }


def _results(request: web.Request, results: Results) -> Value:
    return {
        "total": results.total,
        "hits": [
            {
                **_card(hit.card),
                "snippet": [{"text": text, "matched": matched} for text, matched in hit.snippet],
            }
            for hit in results.hits
        ],
        "facets": _choices(request, dict(results.facets)),
        "understood": results.understood.chosen(),
        "fallback": results.fallback,
    }
