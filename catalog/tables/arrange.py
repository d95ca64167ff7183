"""Between feed and tables: the order in which a textbook is read, the places of a lesson. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from catalog.model import Chapter, Lesson, Lessons, Textbook


class Place(NamedTuple):
    """Where a lesson is looked for: one code in each dimension, empty where it has none."""

    stage: str
    grade: str
    subject: str
    press: str
    book: str


@dataclass(frozen=True, slots=True)
class Node:
    """A chapter at its place in the order of reading."""

    chapter: Chapter
    depth: int


@dataclass(frozen=True, slots=True)
class Stop:
    """A lesson at its place in the order of reading; no chapter in a series."""

    lesson: str
    chapter: str | None


@dataclass(frozen=True, slots=True)
class Reading:
    """A textbook in the order it is read."""

    nodes: tuple[Node, ...]
    """Chapters depth first, brothers by their order; none is left out."""
    stops: tuple[Stop, ...]
    """Lessons of the chapters, in each as the collection has them."""


def readings(lessons: Lessons) -> dict[str, Reading]:
    """Every textbook of a collection, by id."""
    chapters: dict[str, list[Chapter]] = {textbook.id: [] for textbook in lessons.textbooks}
    for chapter in lessons.chapters:
        chapters[chapter.textbook].append(chapter)
    inside: dict[str, list[str]] = {chapter.id: [] for chapter in lessons.chapters}
    for lesson in lessons.lessons:
        for number in dict.fromkeys(lesson.chapters):
            inside[number].append(lesson.id)
    return {textbook: _reading(found, inside) for textbook, found in chapters.items()}


def _reading(chapters: Sequence[Chapter], inside: Mapping[str, Sequence[str]]) -> Reading:
    below: dict[str | None, list[Chapter]] = {}
    for chapter in chapters:
        below.setdefault(chapter.parent, []).append(chapter)
    nodes = tuple(_walk(below))
    stops = (Stop(lesson, node.chapter.id) for node in nodes for lesson in inside[node.chapter.id])
    return Reading(nodes, tuple(stops))


def _walk(below: Mapping[str | None, Sequence[Chapter]]) -> Iterator[Node]:
    # A stack, not recursion: how deep a tree goes is the publisher's choice.
    waiting = _brothers(below, None, 0)
    while waiting:
        node = waiting.pop()
        yield node
        waiting += _brothers(below, node.chapter.id, node.depth + 1)


def _brothers(
    below: Mapping[str | None, Sequence[Chapter]], parent: str | None, depth: int
) -> list[Node]:
    first_to_last = sorted(below.get(parent, ()), key=lambda chapter: chapter.order)
    return [Node(chapter, depth) for chapter in reversed(first_to_last)]


def loose(lessons: Lessons) -> tuple[Stop, ...]:
    """The lessons in no textbook, which make the collection's series."""
    return tuple(Stop(lesson.id, None) for lesson in lessons.lessons if not lesson.chapters)


def places(lesson: Lesson, textbooks: Sequence[Textbook]) -> tuple[Place, ...]:
    """Every place of a lesson that stands in these textbooks (none: outside textbooks), sorted."""
    if not textbooks:
        found = _places(lesson.stage, lesson.grades, lesson.subject, "", "")
        return tuple(sorted(set(found)))
    all_places: set[Place] = set()
    for textbook in textbooks:
        stages = (textbook.stage,) if textbook.stage else lesson.stage
        grades = ((textbook.grade,) if textbook.grade else ()) + lesson.grades
        subject = textbook.subject or lesson.subject
        all_places.update(_places(stages, grades, subject, textbook.press, textbook.book))
    return tuple(sorted(all_places))


def _places(
    stages: Sequence[str], grades: Sequence[str], subject: str, press: str, book: str
) -> Iterator[Place]:
    for stage, grade in product(stages or ("",), grades or ("",)):
        yield Place(stage, grade, subject, press, book)


def common(values: Sequence[Sequence[str]]) -> str:
    """The one value all lessons share, or empty: what a series can say about itself."""
    found = {tuple(value) for value in values}
    if len(found) != 1:
        return ""
    only = found.pop()
    return only[0] if len(only) == 1 else ""
