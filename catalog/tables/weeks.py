"""Between feed and tables: in how many weeks a lesson's turn comes in the school year. Pure.

A textbook says by its volume which term it is for, and its order of reading spreads over that
term's weeks. Schools begin a week sooner or later; it decides which lessons come first, no more.
"""

from collections.abc import Iterator, Sequence
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
_YEAR = 365


def weeks_until(lessons: Lessons, today: date) -> dict[str, int]:
    """Weeks until the turn of each lesson whose textbook names its term: 0, this week, to 52.

    A lesson of several textbooks counts where its turn comes soonest; what was read last week comes
    again in a year.
    """
    found: dict[str, int] = {}
    read = readings(lessons)
    for textbook in lessons.textbooks:
        weeks = tuple(_weeks(_TERMS.get(textbook.book, ()), today))
        stops = tuple(dict.fromkeys(stop.lesson for stop in read[textbook.id].stops))
        if not weeks:
            continue
        for number, lesson in enumerate(stops):
            away = weeks[number * len(weeks) // len(stops)]
            found[lesson] = min(away, found.get(lesson, away))
    return found


def _weeks(terms: Sequence[tuple[int, int, int]], today: date) -> Iterator[int]:
    """How far each week of the terms is from today's, going forward only."""
    for month, day, weeks in terms:
        for week in range(weeks):
            begins = date(today.year, month, day) + timedelta(weeks=week)
            yield ((begins - today).days + 6) % _YEAR // 7
