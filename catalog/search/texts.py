"""Between tables and index: the texts a lesson is found by, and what a hit is looked up in."""

import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from catalog.tables.browse import Catalogue
from catalog.tables.views import LessonText

_BATCH = 500
"""Lessons read at once when a collection is indexed."""


def texts(catalogue: Catalogue, numbers: Sequence[int]) -> dict[int, LessonText]:
    """Texts by row number."""
    rows = catalogue.query(
        f"SELECT {_COLUMNS} FROM {_TABLES} "  # noqa: S608 - our column names
        "WHERE lesson.id IN (SELECT value FROM json_each(?))",
        json.dumps(list(numbers)),
    )
    return {row[0]: LessonText(*row) for row in rows}


def texts_of(catalogue: Catalogue, collections: Iterable[str]) -> Iterator[LessonText]:
    """Texts of whole collections, in the order of their rows."""
    for collection in collections:
        numbers = [number for (number,) in catalogue.query(_NUMBERS, collection)]
        for start in range(0, len(numbers), _BATCH):
            yield from texts(catalogue, numbers[start : start + _BATCH]).values()


@dataclass(frozen=True, slots=True)
class Measures:
    """Of every lesson, by row number: its shelf, the lengths of its texts in characters."""

    shelf: "array[int]"
    title: "array[int]"
    body: "array[int]"


def measures(catalogue: Catalogue) -> Measures:
    """Two or four bytes a lesson and measure; numbers nobody has stay 0."""
    ((last,),) = catalogue.query("SELECT coalesce(max(id), 0) FROM lesson")
    found = Measures(*(array("I", bytes(4 * (last + 1))) for _ in range(3)))
    for number, shelf, title, body in catalogue.query(_MEASURES):
        found.shelf[number] = shelf
        found.title[number] = title
        found.body[number] = body
    return found


def titles_starting(catalogue: Catalogue, key: str, *, limit: int) -> tuple[str, ...]:
    """Titles with a key (see catalog.suggest) that starts so: whole titles first, then shortest."""
    if not key:
        return ()
    rows = catalogue.query(_STARTING, key, key + "\U0010ffff")
    best_first = sorted((not folded.startswith(key), len(k), k, title) for k, title, folded in rows)
    return tuple(dict.fromkeys(title for *_, title in best_first))[:limit]


def numbers_with_title(catalogue: Catalogue, words: Sequence[str]) -> list[tuple[int, int]]:
    """(row number, shelf) of the lessons whose folded title has all the words; shortest first."""
    return [
        (number, shelf) for number, shelf in catalogue.query(_WITH_TITLE, json.dumps(list(words)))
    ]


_COLUMNS = """lesson.id, collection.code, lesson.title, folded, teacher, school, program, keywords,
    path, pieces, summary"""

_TABLES = "lesson JOIN collection ON collection.id = lesson.collection"

_NUMBERS = f"SELECT lesson.id FROM {_TABLES} WHERE collection.code = ? ORDER BY lesson.id"  # noqa: S608 - our names

_MEASURES = """
    SELECT id, shelf, length(folded), length(summary) + length(pieces) FROM lesson"""

# Read in the order of keys and cut: of the many titles that start with one letter, the first.
_STARTING = """
    SELECT key, title, folded FROM suggestion JOIN lesson ON lesson.id = suggestion.lesson
    WHERE key >= ? AND key < ? ORDER BY key LIMIT 300"""

_WITH_TITLE = """
    SELECT id, shelf FROM lesson WHERE NOT EXISTS (
        SELECT 1 FROM json_each(?) WHERE instr(folded, json_each.value) = 0)
    ORDER BY length(folded), id"""
