"""Between feed and tables: in how many weeks a lesson is read in the school year. Pure.

A textbook says by its volume which term it is for, and its order of reading spreads over that
term's weeks. Schools begin a week sooner or later; it decides which lessons come first, no more.
"""

from collections.abc import Sequence
from datetime import date, timedelta

from catalog.model import Lessons
from catalog.tables.arrange import readings

_AUTUMN = (9, 1, 20)
_SPRING = (2, 22, 19)
"""Month and day on which a term begins, and its weeks."""
_TERMS = {
    "upper": (_AUTUMN,),
    "lower": (_SPRING,),
    "full": (_AUTUMN, _SPRING),
    "full-upper": (_AUTUMN,),
    "full-lower": (_SPRING,),
    "required-upper": (_AUTUMN,),
    "required-lower": (_SPRING,),
}
"""By the codes of volumes; no other says when it is read."""


def weeks_until(lessons: Lessons, today: date) -> dict[tuple[str, str], int]:
    """By textbook and lesson, weeks until it is read there: 0, in these days, to 52.

    Only of textbooks whose volume names a term. A lesson of a short textbook is read for several
    weeks; what was read before comes again in a year.
    """
    found: dict[tuple[str, str], int] = {}
    read = readings(lessons)
    for textbook in lessons.textbooks:
        weeks = _weeks(_TERMS.get(textbook.book, ()), today)
        stops = tuple(dict.fromkeys(stop.lesson for stop in read[textbook.id].stops))
        for number, lesson in enumerate(stops if weeks else ()):
            first = number * len(weeks) // len(stops)
            after = -(-(number + 1) * len(weeks) // len(stops))
            found[textbook.id, lesson] = min(weeks[first:after])
    return found


def _weeks(terms: Sequence[tuple[int, int, int]], today: date) -> tuple[int, ...]:
    """How far the next time of each week of the terms is from today's."""
    return tuple(
        min(
            away
            for year in (today.year - 1, today.year, today.year + 1)
            if (away := _away(date(year, month, day) + timedelta(weeks=week), today)) >= 0
        )
        for month, day, weeks in terms
        for week in range(weeks)
    )


def _away(begins: date, today: date) -> int:
    """Weeks to one that begins then; negative once it is over."""
    return ((begins - today).days + 6) // 7
