"""Between feed and tables: each record of the model as the row that holds it. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from catalog.model import Lesson, LessonResource, Lessons, Role, Textbook
from catalog.tables import arrange
from catalog.text import fold

Row = dict[str, object]

TEXTBOOK = "textbook"
SERIES = "series"
"""The two kinds of things that hold lessons in an order."""

ROLE_ORDER = {role: place for place, role in enumerate(Role)}
"""Pieces stand on a lesson's page as the code list has them: video, courseware, lesson plan, …"""


class Placing:
    """Where the lessons of a collection stand in its textbooks."""

    def __init__(self, lessons: Lessons) -> None:
        self._textbooks = {textbook.id: textbook for textbook in lessons.textbooks}
        self._chapters = {chapter.id: chapter for chapter in lessons.chapters}

    def textbooks(self, lesson: Lesson) -> tuple[Textbook, ...]:
        """The textbooks a lesson stands in, each once."""
        ids = dict.fromkeys(self._chapters[chapter].textbook for chapter in lesson.chapters)
        return tuple(self._textbooks[textbook] for textbook in ids)

    def places(self, lesson: Lesson) -> tuple[arrange.Place, ...]:
        """Its places in every dimension."""
        return arrange.places(lesson, self.textbooks(lesson))

    def path(self, lesson: Lesson) -> str:
        """Titles of its textbooks and chapters in one line, each once: text for the search."""
        titles = [textbook.title for textbook in self.textbooks(lesson)]
        for chapter in lesson.chapters:
            titles += self._chapter_path(chapter)
        return " ".join(dict.fromkeys(title for title in titles if title))

    def _chapter_path(self, chapter: str) -> list[str]:
        titles: list[str] = []
        at: str | None = chapter
        while at is not None:
            titles.append(self._chapters[at].title)
            at = self._chapters[at].parent
        return titles[::-1]


@dataclass(frozen=True, slots=True)
class LessonRow:
    """A lesson's row before it has its numbers, and the places that make its shelf."""

    id: str
    """The lesson's, in its collection."""
    row: Row
    places: tuple[arrange.Place, ...]


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers of the rows of a collection and, by id, of its lessons."""

    collection: int
    lessons: Mapping[str, int]


def lesson_rows(lessons: Lessons) -> list[LessonRow]:
    """Each lesson of a collection as it will be found."""
    placing = Placing(lessons)
    return [
        LessonRow(
            lesson.id,
            lesson_row(lessons.collection, lesson, placing.path(lesson)),
            placing.places(lesson),
        )
        for lesson in lessons.lessons
    ]


def shelf_key(places: tuple[arrange.Place, ...]) -> str:
    """Places as the table of shelves names them."""
    return json.dumps(places, ensure_ascii=False)


def lesson_row(collection: str, lesson: Lesson, path: str) -> Row:
    """The row of a lesson, without the numbers that tie it to others."""
    pieces = sorted(
        (piece for piece in lesson.resources if piece.role is not Role.SUBTITLE),
        key=lambda piece: ROLE_ORDER[piece.role],
    )
    return {
        "code": f"{collection}/{lesson.id}",
        "title": lesson.title,
        "folded": fold(lesson.title),
        "language": lesson.language,
        "teacher": lesson.teacher,
        "school": lesson.school,
        "province": lesson.province,
        "program": lesson.program,
        "package_type": lesson.package_type,
        "class_hour": lesson.class_hour,
        "duration": next((piece.duration for piece in pieces if piece.role is Role.VIDEO), ""),
        "roles": " ".join(dict.fromkeys(piece.role.value for piece in pieces)),
        "keywords": " ".join(lesson.keywords),
        "path": path,
        "pieces": " ".join(dict.fromkeys(piece.title for piece in pieces if piece.title)),
        "summary": lesson.summary,
    }


def resource_row(resource: LessonResource) -> Row:
    """The row of a resource, without its lesson's number."""
    of = resource.subtitle_of
    return {
        "digest": bytes.fromhex(resource.digest),
        "size": resource.size,
        "role": resource.role.value,
        "format": resource.format,
        "title": resource.title,
        "language": resource.language,
        "duration": resource.duration,
        "licence": resource.licence,
        "provider": resource.provider,
        "authorised_scope": resource.authorised_scope,
        "reviewed_by": resource.reviewed_by,
        "subtitle_of": None if of is None else bytes.fromhex(of),
    }


def textbook_row(collection: str, textbook: Textbook) -> Row:
    """The row of a textbook."""
    return {
        "code": f"{collection}/{textbook.id}",
        "kind": TEXTBOOK,
        "title": textbook.title,
        "stage": textbook.stage,
        "grade": textbook.grade,
        "subject": textbook.subject,
        "press": textbook.press,
        "book": textbook.book,
        "syllabus": textbook.syllabus,
    }


def series_row(lessons: Lessons, title: str) -> Row:
    """The row of the series that holds the lessons outside textbooks."""
    inside = [lesson for lesson in lessons.lessons if not lesson.chapters]
    return {
        "code": lessons.collection,
        "kind": SERIES,
        "title": title,
        "stage": arrange.common([lesson.stage for lesson in inside]),
        "grade": arrange.common([lesson.grades for lesson in inside]),
        "subject": arrange.common([(lesson.subject,) for lesson in inside]),
        "press": "",
        "book": "",
        "syllabus": "",
    }


def numbered(row: Mapping[str, object], **numbers: int) -> Row:
    """``row`` with the numbers that tie it to others."""
    return {**numbers, **row}
