"""What matters first while the bytes may not suffice: which lessons, in which order. Pure.

Asked for by name; then week by week what the classes of this point read next; then what has no
week; then what is for other classes. Of these, lessons that are new here come before new states of
old ones, and those that lack little before those that lack much, whatever collection they are of.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import groupby

from appliance.needs import Needs
from catalog.model import Lesson, Lessons, Textbook
from catalog.tables.arrange import places
from catalog.tables.weeks import weeks_until
from sync.digest import Digest
from sync.feed import Resource
from sync.plan import Share

ASKED = 0
THIS_WEEK = 1
"""Of lessons that are read in these days; one more for each week to come."""
WITHOUT_WEEK = 60
OTHER_CLASSES = 61
REST = 62
"""Of what no lesson needs."""


@dataclass(frozen=True)
class Classes:
    """Who learns at this point: codes of grades and subjects; an empty field stands for all."""

    grades: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset()
    taught: frozenset[tuple[str, str]] = frozenset()
    """Grade and subject of all that the timetable names: it says all of the grades it names."""

    @cached_property
    def timetabled(self) -> frozenset[str]:
        """The grades that the timetable names."""
        return frozenset(grade for grade, _ in self.taught)

    def meet(self, grade: str, subject: str) -> bool:
        """Whether something of this grade and subject is for them; empty: for every class."""
        if subject and grade in self.timetabled:
            return (grade, subject) in self.taught
        by_grade = not (self.grades and grade) or grade in self.grades
        return by_grade and (not (self.subjects and subject) or subject in self.subjects)


def urgencies(
    lessons: Lessons, classes: Classes, today: date, asked: frozenset[str]
) -> dict[str, int]:
    """How soon each lesson of an edition is needed: ``ASKED`` to ``OTHER_CLASSES``."""
    weeks = weeks_until(lessons, today)
    books = {chapter.id: chapter.textbook for chapter in lessons.chapters}
    known = {textbook.id: textbook for textbook in lessons.textbooks}

    def meets(lesson: Lesson, inside: Sequence[Textbook]) -> bool:
        return any(classes.meet(one.grade, one.subject) for one in places(lesson, inside))

    def urgency(lesson: Lesson) -> int:
        if lesson.id in asked:
            return ASKED
        inside = tuple(dict.fromkeys(books[chapter] for chapter in lesson.chapters))
        if not meets(lesson, [known[book] for book in inside]):
            return OTHER_CLASSES
        theirs = [book for book in inside if meets(lesson, [known[book]])]
        away = [weeks[book, lesson.id] for book in theirs if (book, lesson.id) in weeks]
        return THIS_WEEK + min(away) if away else WITHOUT_WEEK

    return {lesson.id: urgency(lesson) for lesson in lessons.lessons}


def shares(
    needs: Iterable[Needs],
    urgent: Mapping[str, int],
    known: frozenset[str],
    held: Mapping[Digest, int],
    rest: Sequence[Resource] = (),
) -> tuple[Share, ...]:
    """The files of ``needs`` by ranks, each once, then ``rest``.

    ``known``: lessons that are served in some state; ``held``: what is here (digest → size). What
    is lacking is told by powers of two, so that lessons of several collections rank alike.
    """
    found: dict[Resource, tuple[int, ...]] = {}
    ordered = sorted((_rank(one, urgent, known, held), one) for one in needs)
    for (*rank, _lacking, _lesson), one in ordered:
        for resource in one.resources:
            found.setdefault(resource, tuple(rank))
    for resource in rest:
        found.setdefault(resource, (REST,))
    return tuple(Share(rank, tuple(files)) for rank, files in groupby(found, key=found.__getitem__))


def _rank(
    one: Needs, urgent: Mapping[str, int], known: frozenset[str], held: Mapping[Digest, int]
) -> tuple[int, bool, int, int, str]:
    """Its rank, and what orders lessons of one rank: what they lack, then their name."""
    lacking = one.lacking(held)
    return urgent[one.lesson], one.lesson in known, lacking.bit_length(), lacking, one.lesson
