"""What matters first while the bytes may not suffice: which lessons of an edition, in turns. Pure.

Asked for by name; then week by week what the classes of this point reach next; then what has no
week; then what is for other classes. In each turn lessons that are new here come before new states
of old ones, and of these those of which least is lacking.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from appliance.needs import Needs
from catalog.model import Lesson, Lessons
from catalog.tables.arrange import places
from catalog.tables.weeks import weeks_until
from sync.digest import Digest
from sync.feed import Resource
from sync.plan import Share

ASKED = 0
THIS_WEEK = 1
"""The turn of the lessons read in this week, one more for each week to come."""
WITHOUT_WEEK = 60
OTHER_CLASSES = 61
REST = 62
"""What no lesson needs."""


@dataclass(frozen=True, slots=True)
class Classes:
    """Who learns at this point: codes of grades and subjects; an empty field stands for all."""

    grades: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset()

    def meet(self, grade: str, subject: str) -> bool:
        """Whether something of this grade and subject is for them; empty: for every class."""
        by_grade = not (self.grades and grade) or grade in self.grades
        return by_grade and (not (self.subjects and subject) or subject in self.subjects)


def turns_of(
    lessons: Lessons, classes: Classes, today: date, asked: frozenset[str]
) -> dict[str, int]:
    """The turn of every lesson of an edition."""
    weeks = weeks_until(lessons, today)
    books = {chapter.id: chapter.textbook for chapter in lessons.chapters}
    known = {textbook.id: textbook for textbook in lessons.textbooks}

    def turn(lesson: Lesson) -> int:
        if lesson.id in asked:
            return ASKED
        inside = dict.fromkeys(books[chapter] for chapter in lesson.chapters)
        found = places(lesson, [known[book] for book in inside])
        if not any(classes.meet(place.grade, place.subject) for place in found):
            return OTHER_CLASSES
        return THIS_WEEK + weeks[lesson.id] if lesson.id in weeks else WITHOUT_WEEK

    return {lesson.id: turn(lesson) for lesson in lessons.lessons}


def in_turns(
    needs: Iterable[Needs],
    turns: Mapping[str, int],
    known: frozenset[str],
    held: Mapping[Digest, int],
    rest: Sequence[Resource] = (),
) -> tuple[Share, ...]:
    """The files of ``needs`` by turns, each once, then ``rest``.

    ``known``: lessons that are served in some state; ``held``: what is here (digest → size).
    """
    ordered = sorted(
        needs, key=lambda one: (turns[one.lesson], one.lesson in known, one.lacking(held))
    )
    turn_of: dict[Resource, int] = {}
    for one in ordered:
        for resource in one.resources:
            turn_of.setdefault(resource, turns[one.lesson])
    for resource in rest:
        turn_of.setdefault(resource, REST)
    shares = groupby(turn_of, key=turn_of.__getitem__)
    return tuple(Share(turn, tuple(files)) for turn, files in shares)
