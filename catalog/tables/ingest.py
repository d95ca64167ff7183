"""Feeds become tables: a new catalogue beside, from the previous one and what changed.

Collections whose lessons read as before keep these rows and their numbers, also where files of
theirs changed, so that the index beside it keeps its documents. Withdrawn lessons are left out
wherever they stand; to bring a reinstated lesson back, hand its collection over as replaced.
"""

import hashlib
import shutil
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from catalog.model import Lessons
from catalog.suggest import suggestion_keys
from catalog.tables import arrange
from catalog.tables.database import building
from catalog.tables.rows import (
    LessonRow,
    Numbers,
    Row,
    lesson_rows,
    numbered,
    resource_row,
    series_row,
    shelf_key,
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

    @property
    def shown_title(self) -> str:
        """What the pages call it."""
        return self.title or self.lessons.title


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
        replaced = [code for content in changes.replaced for code in self._replace(content)]
        touched = self._take_out_withdrawn()
        for statement in _COUNTS:
            self._db.execute(statement)
        return Ingested(tuple(sorted({*replaced, *gone, *touched})), self._written, self._left_out)

    # what goes

    def _replace(self, content: EditionContent) -> list[str]:
        """The collection's code, unless its lessons are found by the same words as before."""
        lessons = self._without_withdrawn(content.lessons)
        rows = lesson_rows(lessons)
        at = self._kept(lessons.collection, rows)
        changed = [] if at else [lessons.collection]
        if at:
            self._clear(at, content)
        else:
            self._drop_collections(changed)
            at = self._add_lessons(self._add_collection(content), rows)
        self._add_resources(at.lessons, lessons)
        self._add_textbooks(at, lessons, content.shown_title)
        return changed

    def _kept(self, code: str, rows: Sequence[LessonRow]) -> Numbers | None:
        """The lessons' rows, if the previous catalogue has the same in the same order."""
        if not rows:
            return None
        columns = ", ".join(rows[0].row)
        found = self._db.execute(
            f"SELECT lesson.id, collection, places, {columns} FROM lesson "  # noqa: S608 - ours
            "JOIN shelf ON shelf.id = shelf "
            "WHERE collection = (SELECT id FROM collection WHERE code = ?) ORDER BY lesson.id",
            (code,),
        ).fetchall()
        wanted = [(shelf_key(one.places), *one.row.values()) for one in rows]
        if [row[2:] for row in found] != wanted:
            return None
        numbers = {one.id: row[0] for one, row in zip(rows, found, strict=True)}
        return Numbers(found[0][1], numbers)

    def _clear(self, kept: Numbers, content: EditionContent) -> None:
        """Of a collection that keeps its lessons' rows all else goes, to come anew."""
        for statement in _CLEAR:
            self._db.execute(statement, (kept.collection,))
        self._db.execute(
            "UPDATE collection SET publisher = ?, title = ?, edition = ? WHERE id = ?",
            (content.publisher, content.shown_title, content.edition, kept.collection),
        )

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

    def _add_collection(self, content: EditionContent) -> int:
        return self._insert(
            "collection",
            {
                "code": content.lessons.collection,
                "publisher": content.publisher,
                "title": content.shown_title,
                "edition": content.edition,
                "revision": "",
                "lessons": 0,
            },
        )

    def _without_withdrawn(self, lessons: Lessons) -> Lessons:
        kept = tuple(
            lesson
            for lesson in lessons.lessons
            if f"{lessons.collection}/{lesson.id}" not in self._withdrawn
        )
        self._left_out += len(lessons.lessons) - len(kept)
        return replace(lessons, lessons=kept)

    def _add_lessons(self, collection: int, rows: Sequence[LessonRow]) -> Numbers:
        """Row numbers go on above every number in use."""
        (last,) = self._db.execute("SELECT coalesce(max(id), 0) FROM lesson").fetchone()
        # The revision says which rows hold what: an index that has it fits these rows.
        revision = hashlib.sha256(f"after {last}".encode())
        numbers: dict[str, int] = {}
        for number, one in enumerate(rows, start=last + 1):
            numbers[one.id] = number
            revision.update(repr((one.row, one.places)).encode())
            shelf = self._shelf(one.places)
            self._insert("lesson", numbered(one.row, id=number, collection=collection, shelf=shelf))
            self._add_suggestions(number, str(one.row["folded"]))
        self._set_revision(collection, revision)
        self._written += len(rows)
        return Numbers(collection, numbers)

    def _set_revision(self, collection: int, revision: "hashlib._Hash") -> None:
        self._db.execute(
            "UPDATE collection SET revision = ? WHERE id = ?", (revision.hexdigest(), collection)
        )

    def _add_resources(self, numbers: Mapping[str, int], lessons: Lessons) -> None:
        for lesson in lessons.lessons:
            for resource in lesson.resources:
                row = numbered(resource_row(resource), lesson=numbers[lesson.id])
                self._insert("resource", row)

    def _add_suggestions(self, lesson: int, folded: str) -> None:
        keys = sorted(suggestion_keys(folded))
        self._db.executemany(
            "INSERT INTO suggestion VALUES (?, ?)", [(key, lesson) for key in keys]
        )

    def _shelf(self, places: tuple[arrange.Place, ...]) -> int:
        key = shelf_key(places)
        if key not in self._shelves:
            self._shelves[key] = self._insert("shelf", {"places": key, "lessons": 0})
            self._db.executemany(
                "INSERT INTO place VALUES (?, ?, ?, ?, ?, ?)",
                [(self._shelves[key], *place) for place in places],
            )
        return self._shelves[key]

    def _add_textbooks(self, at: Numbers, lessons: Lessons, title: str) -> None:
        readings = arrange.readings(lessons)
        for textbook in lessons.textbooks:
            row = numbered(textbook_row(lessons.collection, textbook), collection=at.collection)
            self._add_textbook(row, readings[textbook.id], at.lessons)
        self._add_series(at.collection, lessons, title, at.lessons)

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


_DROP_TEXTBOOKS = (
    "DELETE FROM chapter WHERE textbook IN (SELECT id FROM textbook WHERE collection = ?)",
    "DELETE FROM textbook_shelf WHERE textbook IN (SELECT id FROM textbook WHERE collection = ?)",
    "DELETE FROM textbook WHERE collection = ?",
)

_DROP_COLLECTION = (*_DROP_TEXTBOOKS, "DELETE FROM collection WHERE id = ?")

_CLEAR = (
    "DELETE FROM resource WHERE lesson IN (SELECT id FROM lesson WHERE collection = ?)",
    "DELETE FROM lesson_chapter WHERE lesson IN (SELECT id FROM lesson WHERE collection = ?)",
    *_DROP_TEXTBOOKS,
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
