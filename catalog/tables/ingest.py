"""Feeds become tables: a new catalogue beside, from the previous one and what changed.

Unchanged collections keep their rows and row numbers, so that the index beside it keeps its
documents. Withdrawn lessons are left out wherever they stand; to bring a reinstated lesson back,
hand its collection over as replaced.
"""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from catalog.model import LessonResource, Lessons
from catalog.suggest import suggestion_keys
from catalog.tables import arrange
from catalog.tables.database import building
from catalog.tables.rows import (
    Placing,
    Row,
    lesson_row,
    numbered,
    resource_row,
    series_row,
    textbook_row,
)
from sync.files import PARTIAL, disk_errors, rename_durably, sync_file


@dataclass(frozen=True, slots=True)
class EditionContent:
    """A collection as one edition of its publisher has it."""

    publisher: str
    """The publisher's code."""
    edition: int
    lessons: Lessons
    title: str = ""
    """As the directory has it; empty: the feed's."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What the new catalogue has otherwise than the previous one."""

    replaced: Iterable[EditionContent] = ()
    """Gone through once, so that they need not be in memory together."""
    removed: Sequence[str] = ()
    """Collections no longer subscribed to."""
    withdrawn: frozenset[tuple[str, str]] = frozenset()
    """(collection, lesson) of every withdrawal in force, also of unchanged collections."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """What came of it."""

    changed: tuple[str, ...]
    """Collections whose documents the index must replace or drop, sorted."""
    lessons: int
    """Lessons written."""
    left_out: int
    """Lessons left out or taken out because they are withdrawn."""


def ingest(previous: Path | None, target: Path, changes: Changes) -> Ingested:
    """Build the catalogue ``target`` beside ``previous`` (None: from nothing).

    The file takes its name when it is whole and synced. Raises CatalogueError when ``previous`` is
    damaged (ingest everything from nothing then), NoRoom, MediumFailing.
    """
    partial = target.with_name(target.name + PARTIAL)
    with disk_errors(target):
        partial.unlink(missing_ok=True)
        try:
            if previous is not None:
                shutil.copyfile(previous, partial)
            with building(partial) as connection:
                ingested = _Ingest(connection, changes.withdrawn).run(changes)
            with partial.open("rb+") as file:
                sync_file(file)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    rename_durably(partial, target)
    return ingested


class _Ingest:
    """One run over one connection."""

    def __init__(
        self, connection: sqlite3.Connection, withdrawn: frozenset[tuple[str, str]]
    ) -> None:
        self._db = connection
        self._withdrawn = {f"{collection}/{lesson}" for collection, lesson in withdrawn}
        self._shelves: dict[str, int] = dict(connection.execute("SELECT places, id FROM shelf"))
        self._written = 0
        self._left_out = 0

    def run(self, changes: Changes) -> Ingested:
        gone = self._drop_collections(changes.removed)
        replaced = [self._replace(content) for content in changes.replaced]
        touched = self._take_out_withdrawn()
        for statement in _COUNTS:
            self._db.execute(statement)
        return Ingested(tuple(sorted({*replaced, *gone, *touched})), self._written, self._left_out)

    # what goes

    def _replace(self, content: EditionContent) -> str:
        code = content.lessons.collection
        self._drop_collections([code])
        self._add(content)
        return code

    def _drop_collections(self, codes: Iterable[str]) -> list[str]:
        numbers = dict(self._db.execute("SELECT code, id FROM collection"))
        here = [code for code in sorted(codes) if code in numbers]
        self._name_gone(
            "SELECT id FROM lesson WHERE collection = ?", [numbers[code] for code in here]
        )
        self._delete_gone()
        for statement in _DROP_COLLECTION:
            self._db.executemany(statement, [(numbers[code],) for code in here])
        return here

    def _take_out_withdrawn(self) -> list[str]:
        """Withdrawals also apply to collections nobody hands over."""
        self._name_gone("SELECT id FROM lesson WHERE code = ?", sorted(self._withdrawn))
        touched = self._db.execute(_TOUCHED).fetchall()
        for number, _, revision, codes in touched:
            self._set_revision(number, hashlib.sha256(f"{revision} without {codes}".encode()))
        self._left_out += self._delete_gone()
        return [code for _, code, _, _ in touched]

    def _name_gone(self, query: str, values: Sequence[object]) -> None:
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS gone (id INTEGER PRIMARY KEY)")
        self._db.execute("DELETE FROM gone")
        self._db.executemany(f"INSERT INTO gone {query}", [(value,) for value in values])

    def _delete_gone(self) -> int:
        if self._db.execute("SELECT 1 FROM gone").fetchone() is None:
            return 0
        for table in ("suggestion", "resource", "lesson_chapter"):
            self._db.execute(
                f"DELETE FROM {table} WHERE lesson IN (SELECT id FROM gone)"  # noqa: S608 - ours
            )
        return self._db.execute("DELETE FROM lesson WHERE id IN (SELECT id FROM gone)").rowcount

    # what comes

    def _add(self, content: EditionContent) -> None:
        lessons = self._without_withdrawn(content.lessons)
        title = content.title or lessons.title
        collection = self._insert(
            "collection",
            {
                "code": lessons.collection,
                "publisher": content.publisher,
                "title": title,
                "edition": content.edition,
                "revision": "",
                "lessons": 0,
            },
        )
        numbers = self._add_lessons(collection, lessons)
        readings = arrange.readings(lessons)
        for textbook in lessons.textbooks:
            row = numbered(textbook_row(lessons.collection, textbook), collection=collection)
            self._add_textbook(row, readings[textbook.id], numbers)
        self._add_series(collection, lessons, title, numbers)

    def _without_withdrawn(self, lessons: Lessons) -> Lessons:
        kept = tuple(
            lesson
            for lesson in lessons.lessons
            if f"{lessons.collection}/{lesson.id}" not in self._withdrawn
        )
        self._written += len(kept)
        self._left_out += len(lessons.lessons) - len(kept)
        return replace(lessons, lessons=kept)

    def _add_lessons(self, collection: int, lessons: Lessons) -> dict[str, int]:
        """Row numbers by lesson id. They go on above every number in use."""
        (last,) = self._db.execute("SELECT coalesce(max(id), 0) FROM lesson").fetchone()
        # The revision says which rows hold what: an index that has it fits these rows.
        revision = hashlib.sha256(f"after {last}".encode())
        placing = Placing(lessons)
        numbers: dict[str, int] = {}
        for number, lesson in enumerate(lessons.lessons, start=last + 1):
            numbers[lesson.id] = number
            row = lesson_row(lessons.collection, lesson, placing.path(lesson))
            places = placing.places(lesson)
            revision.update(repr((row, places)).encode())
            shelf = self._shelf(places)
            self._insert("lesson", numbered(row, id=number, collection=collection, shelf=shelf))
            self._add_resources(number, lesson.resources)
            self._add_suggestions(number, str(row["folded"]))
        self._set_revision(collection, revision)
        return numbers

    def _set_revision(self, collection: int, revision: "hashlib._Hash") -> None:
        self._db.execute(
            "UPDATE collection SET revision = ? WHERE id = ?", (revision.hexdigest(), collection)
        )

    def _add_resources(self, lesson: int, resources: Sequence[LessonResource]) -> None:
        for resource in resources:
            self._insert("resource", numbered(resource_row(resource), lesson=lesson))

    def _add_suggestions(self, lesson: int, folded: str) -> None:
        keys = sorted(suggestion_keys(folded))
        self._db.executemany(
            "INSERT INTO suggestion VALUES (?, ?)", [(key, lesson) for key in keys]
        )

    def _shelf(self, places: tuple[arrange.Place, ...]) -> int:
        key = json.dumps(places, ensure_ascii=False)
        if key not in self._shelves:
            self._shelves[key] = self._insert("shelf", {"places": key, "lessons": 0})
            self._db.executemany(
                "INSERT INTO place VALUES (?, ?, ?, ?, ?, ?)",
                [(self._shelves[key], *place) for place in places],
            )
        return self._shelves[key]

    def _add_textbook(self, row: Row, reading: arrange.Reading, numbers: Mapping[str, int]) -> None:
        number = self._insert("textbook", numbered(row, lessons=0))
        chapters: dict[str | None, int | None] = {None: None}
        for position, node in enumerate(reading.nodes):
            chapters[node.chapter.id] = self._insert(
                "chapter",
                {
                    "textbook": number,
                    "code": node.chapter.id,
                    "parent": chapters[node.chapter.parent],
                    "title": node.chapter.title,
                    "depth": node.depth,
                    "position": position,
                },
            )
        self._add_stops(number, reading.stops, numbers, chapters)

    def _add_series(
        self, collection: int, lessons: Lessons, title: str, numbers: Mapping[str, int]
    ) -> None:
        stops = arrange.loose(lessons)
        if stops:
            row = numbered(series_row(lessons, title), collection=collection, lessons=0)
            self._add_stops(self._insert("textbook", row), stops, numbers, {None: None})

    def _add_stops(
        self,
        textbook: int,
        stops: Sequence[arrange.Stop],
        numbers: Mapping[str, int],
        chapters: Mapping[str | None, int | None],
    ) -> None:
        self._db.executemany(
            "INSERT INTO lesson_chapter VALUES (?, ?, ?, ?)",
            [
                (textbook, position, numbers[stop.lesson], chapters[stop.chapter])
                for position, stop in enumerate(stops)
            ],
        )

    def _insert(self, table: str, row: Row) -> int:
        """The number of the new row."""
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        cursor = self._db.execute(
            f"INSERT INTO {table} ({names}) VALUES ({marks})",  # noqa: S608 - names from our code
            tuple(row.values()),
        )
        return cursor.lastrowid or 0


_DROP_COLLECTION = (
    "DELETE FROM chapter WHERE textbook IN (SELECT id FROM textbook WHERE collection = ?)",
    "DELETE FROM textbook_shelf WHERE textbook IN (SELECT id FROM textbook WHERE collection = ?)",
    "DELETE FROM textbook WHERE collection = ?",
    "DELETE FROM collection WHERE id = ?",
)

_TOUCHED = """
    SELECT collection.id, collection.code, collection.revision, group_concat(lesson.code, ' ')
    FROM gone JOIN lesson ON lesson.id = gone.id
    JOIN collection ON collection.id = lesson.collection GROUP BY collection.id"""

_COUNTS = (
    "DELETE FROM textbook_shelf",
    """INSERT INTO textbook_shelf
       SELECT textbook, shelf, count(DISTINCT lesson.id) FROM lesson_chapter
       JOIN lesson ON lesson.id = lesson_chapter.lesson GROUP BY textbook, shelf""",
    """UPDATE textbook SET lessons =
       (SELECT coalesce(sum(lessons), 0) FROM textbook_shelf WHERE textbook = textbook.id)""",
    """UPDATE collection SET lessons =
       (SELECT count(*) FROM lesson WHERE collection = collection.id)""",
    "UPDATE shelf SET lessons = (SELECT count(*) FROM lesson WHERE shelf = shelf.id)",
    "DELETE FROM place WHERE shelf IN (SELECT id FROM shelf WHERE lessons = 0)",
    "DELETE FROM shelf WHERE lessons = 0",
)
