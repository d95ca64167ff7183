"""Tables become choices, textbooks and lessons: everything the pages read, but for the search."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from catalog.errors import UnknownLesson
from catalog.model import Role
from catalog.tables.arrange import Place
from catalog.tables.database import open_read_only, sqlite_errors
from catalog.tables.records import SqlRow, grow, lesson_card, pieces, textbook_order
from catalog.tables.shelves import Choice, Selection, Shelf, Shelves
from catalog.tables.views import (
    ChapterNode,
    ChapterPath,
    CollectionRow,
    Counts,
    LessonCard,
    LessonView,
    ResourceView,
    TextbookCard,
    TextbookView,
)
from sync.digest import Digest

__all__ = ["Catalogue", "Choice", "Selection", "open_catalogue"]


def open_catalogue(path: Path) -> "Catalogue":
    """The finished catalogue at ``path``; raises CatalogueError if there is none or it is damaged.

    One for each thread at a time. The file must not change while it is open.
    """
    connection = open_read_only(path)
    with sqlite_errors(path):
        return Catalogue(path, connection)


class Catalogue:
    """What one generation has to show. Raises CatalogueError where the file turns out damaged."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = connection
        self.shelves = Shelves(self._read_shelves())

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def query(self, statement: str, *values: object) -> list[SqlRow]:
        """Rows of the catalogue, for what else reads it (texts of the search)."""
        with sqlite_errors(self.path):
            return self._db.execute(statement, values).fetchall()

    def choices(self, selection: Selection) -> dict[str, tuple[Choice, ...]]:
        """By dimension, each code with its lessons given the choices in the other dimensions."""
        return self.shelves.choices(selection)

    def textbooks(self, selection: Selection) -> tuple[TextbookCard, ...]:
        """Textbooks and series with lessons in the selection, textbooks first."""
        shelves = json.dumps(sorted(self.shelves.matching(selection)))
        rows = self.query(_TEXTBOOKS, shelves)
        return tuple(sorted((TextbookCard(*row) for row in rows), key=textbook_order))

    def textbook(self, textbook_id: str) -> TextbookView:
        """A textbook or series with its tree; raises UnknownLesson."""
        rows = self.query(_TEXTBOOK, textbook_id)
        if not rows:
            raise UnknownLesson(
                f"no textbook {textbook_id[:100]!r} here", hint="it may be in no subscription"
            )
        number, *columns = rows[0]
        card = TextbookCard(*columns)
        return TextbookView(**asdict(card), chapters=self._tree(number, card.title))

    def lesson(self, key: str, *, textbook_id: str = "") -> LessonView:
        """A lesson with its pieces; raises UnknownLesson.

        Its neighbours are those in ``textbook_id``, or else in the first textbook it stands in.
        """
        rows = self.query(_LESSON, key)
        if not rows:
            raise UnknownLesson(
                f"no lesson {key[:150]!r} here", hint="it may be withdrawn or in no subscription"
            )
        number, collection, summary, keywords, program, province, package_type = rows[0]
        card = self._cards([number])[number]
        before, after = self._neighbours(number, textbook_id)
        return LessonView(
            **{name: getattr(card, name) for name in LessonCard.__slots__},
            collection=collection,
            summary=summary,
            keywords=tuple(keywords.split()),
            program=program,
            province=province,
            package_type=package_type,
            chapters=self._paths(number),
            pieces=pieces(self.query(_PIECES, number), card.language),
            previous=before,
            next=after,
        )

    def cards(self, keys: Sequence[str]) -> tuple[LessonCard, ...]:
        """Cards in the order of ``keys``; keys nobody knows are left out."""
        rows = self.query(
            "SELECT code, id FROM lesson WHERE code IN (SELECT value FROM json_each(?))",
            json.dumps(list(keys)),
        )
        numbers: dict[str, int] = dict(rows)
        return self.numbered_cards([numbers[key] for key in keys if key in numbers])

    def numbered_cards(self, numbers: Sequence[int]) -> tuple[LessonCard, ...]:
        """Cards by row number, in that order: what the index hands back."""
        cards = self._cards(numbers)
        return tuple(cards[number] for number in numbers if number in cards)

    def resource(self, digest: Digest) -> ResourceView | None:
        """What a file is, in the first lesson that has it; None if no lesson has it."""
        rows = self.query(_RESOURCE, bytes.fromhex(digest))
        if not rows:
            return None
        role, format_, title, size, language, lesson_language, lesson, lesson_title = rows[0]
        return ResourceView(
            digest,
            Role(role),
            format_,
            title,
            size,
            language or lesson_language,
            lesson,
            lesson_title,
        )

    def collections(self) -> tuple[CollectionRow, ...]:
        """All collections, by id."""
        rows = self.query(
            "SELECT code, title, publisher, edition, lessons FROM collection ORDER BY code"
        )
        return tuple(CollectionRow(*row) for row in rows)

    def counts(self) -> Counts:
        """How much there is."""
        return Counts(*self.query(_COUNTS)[0])

    def revisions(self) -> dict[str, str]:
        """What the rows of each collection hold, as one digest: an index must have the same."""
        return dict(self.query("SELECT code, revision FROM collection"))

    def _read_shelves(self) -> Iterable[Shelf]:
        places: dict[int, list[Place]] = {}
        for shelf, *codes in self.query("SELECT * FROM place"):
            places.setdefault(shelf, []).append(Place(*codes))
        for number, lessons in self.query("SELECT id, lessons FROM shelf"):
            yield Shelf(number, lessons, tuple(places.get(number, ())))

    def _cards(self, numbers: Iterable[int]) -> dict[int, LessonCard]:
        """Cards by row number, with the first textbook each stands in."""
        wanted = json.dumps(list(numbers))
        stands = {lesson: titles for lesson, *titles in self.query(_FIRST_PLACES, wanted)}
        return {
            row[0]: lesson_card(row[1:], *stands.get(row[0], ("", "")))
            for row in self.query(_CARDS, wanted)
        }

    def _tree(self, textbook: int, title: str) -> tuple[ChapterNode, ...]:
        inside: dict[int | None, list[LessonCard]] = {}
        for chapter, chapter_title, *columns in self.query(_LESSONS_OF_TEXTBOOK, textbook):
            inside.setdefault(chapter, []).append(lesson_card(tuple(columns), title, chapter_title))
        if None in inside:
            return (ChapterNode("", "", 0, tuple(inside[None]), ()),)
        return grow(self.query(_CHAPTERS, textbook), inside)

    def _neighbours(
        self, number: int, textbook_id: str
    ) -> tuple[LessonCard | None, LessonCard | None]:
        ((textbook, position),) = self.query(_STANDS, number, textbook_id)
        found = [
            [row[0] for row in self.query(statement, textbook, position, number)]
            for statement in (_BEFORE, _AFTER)
        ]
        cards = self._cards([lesson for side in found for lesson in side])
        before, after = (cards.get(side[0]) if side else None for side in found)
        return before, after

    def _paths(self, lesson: int) -> tuple[ChapterPath, ...]:
        return tuple(
            ChapterPath(code, title, self._titles_down_to(chapter))
            for code, title, chapter in self.query(_PATHS, lesson)
        )

    def _titles_down_to(self, chapter: int | None) -> tuple[str, ...]:
        return tuple(title for (title,) in self.query(_TITLES_DOWN, chapter))


_TEXTBOOK_COLUMNS = """textbook.code, kind, textbook.title, stage, grade, subject, press, book,
    syllabus, collection.code"""

_TEXTBOOKS = f"""
    SELECT {_TEXTBOOK_COLUMNS}, sum(textbook_shelf.lessons) FROM textbook_shelf
    JOIN textbook ON textbook.id = textbook_shelf.textbook
    JOIN collection ON collection.id = textbook.collection
    WHERE shelf IN (SELECT value FROM json_each(?)) GROUP BY textbook.id"""  # noqa: S608 - our column names

_TEXTBOOK = f"""
    SELECT textbook.id, {_TEXTBOOK_COLUMNS}, textbook.lessons FROM textbook
    JOIN collection ON collection.id = textbook.collection WHERE textbook.code = ?"""  # noqa: S608 - our column names

_CARD_COLUMNS = """lesson.code, lesson.title, lesson.language, teacher, school, roles, class_hour,
    duration"""

_CARDS = f"""
    SELECT lesson.id, {_CARD_COLUMNS} FROM lesson
    WHERE id IN (SELECT value FROM json_each(?))"""  # noqa: S608 - our column names

# Sorted backwards, so that the first place is the last to be taken into the dictionary.
_FIRST_PLACES = """
    SELECT lesson, textbook.title, coalesce(chapter.title, '') FROM lesson_chapter
    JOIN textbook ON textbook.id = lesson_chapter.textbook
    LEFT JOIN chapter ON chapter.id = lesson_chapter.chapter
    WHERE lesson IN (SELECT value FROM json_each(?))
    ORDER BY lesson_chapter.textbook DESC, lesson_chapter.position DESC"""

_LESSONS_OF_TEXTBOOK = f"""
    SELECT chapter.id, coalesce(chapter.title, ''), {_CARD_COLUMNS} FROM lesson_chapter
    JOIN lesson ON lesson.id = lesson_chapter.lesson
    LEFT JOIN chapter ON chapter.id = lesson_chapter.chapter
    WHERE lesson_chapter.textbook = ? ORDER BY lesson_chapter.position"""  # noqa: S608 - our column names

_CHAPTERS = """
    SELECT id, parent, code, title, depth FROM chapter WHERE textbook = ? ORDER BY position"""

_LESSON = """
    SELECT lesson.id, collection.code, summary, keywords, program, province, package_type
    FROM lesson JOIN collection ON collection.id = lesson.collection WHERE lesson.code = ?"""

_PIECES = """
    SELECT role, title, format, size, digest, duration, language, licence, provider,
    authorised_scope, reviewed_by, subtitle_of FROM resource WHERE lesson = ? ORDER BY id"""

_RESOURCE = """
    SELECT role, format, resource.title, size, resource.language, lesson.language, lesson.code,
    lesson.title FROM resource JOIN lesson ON lesson.id = resource.lesson
    WHERE digest = ? ORDER BY resource.id LIMIT 1"""

_STANDS = """
    SELECT textbook, position FROM lesson_chapter
    JOIN textbook ON textbook.id = lesson_chapter.textbook
    WHERE lesson = ? ORDER BY textbook.code = ? DESC, textbook, position LIMIT 1"""

# A lesson may stand in two chapters; then its neighbour is the next other lesson.
_BEFORE = """
    SELECT lesson FROM lesson_chapter WHERE textbook = ? AND position < ? AND lesson <> ?
    ORDER BY position DESC LIMIT 1"""

_AFTER = """
    SELECT lesson FROM lesson_chapter WHERE textbook = ? AND position > ? AND lesson <> ?
    ORDER BY position LIMIT 1"""

_PATHS = """
    SELECT textbook.code, textbook.title, chapter FROM lesson_chapter
    JOIN textbook ON textbook.id = lesson_chapter.textbook
    WHERE lesson = ? ORDER BY textbook, position"""

_TITLES_DOWN = """
    WITH RECURSIVE up (id, parent, title, depth) AS (
        SELECT id, parent, title, depth FROM chapter WHERE id = ?
        UNION ALL
        SELECT chapter.id, chapter.parent, chapter.title, chapter.depth
        FROM chapter JOIN up ON chapter.id = up.parent)
    SELECT title FROM up ORDER BY depth"""

_COUNTS = """
    SELECT (SELECT count(*) FROM collection),
    (SELECT count(*) FROM textbook WHERE kind = 'textbook'),
    (SELECT count(*) FROM lesson), (SELECT count(DISTINCT digest) FROM resource)"""
