"""The week's periods, and the tables of TOML they are written as. Pure.

In ``site.toml`` and ``timetable.toml`` alike, a table for each period::

    [[timetable]]
    day = 1                                  # Monday; 7 is Sunday
    from = "08:30"
    to = "09:10"
    lessons = ["g1/chinese", "g2/math"]      # codes of grade and subject
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from appliance.night import check_clock
from appliance.reading import Reader
from catalog import codes
from sync.errors import Fault

KEY = "timetable"
DAYS = range(1, 8)
"""Monday to Sunday."""
DAY_LETTERS = "一二三四五六日"
"""What follows 星期, in the order of ``DAYS``."""
MAX_PERIODS = 150
"""Of a week: seven days of more lessons than any school has."""
MAX_TAUGHT = 36
"""At the same time: three subjects that take turns, in each of twelve grades."""
MAX_LESSONS = 1000
"""Of a week, over all grades; so that its file stays below 64 KiB."""


@dataclass(frozen=True, slots=True)
class Taught:
    """What one grade learns, by codes of ``catalog.codes``."""

    grade: str
    subject: str


@dataclass(frozen=True, slots=True)
class Period:
    """A time of the week in which something is taught, by the clock on the wall."""

    day: int
    """1 (Monday) to 7."""
    begin: str
    """``08:30``."""
    end: str
    taught: tuple[Taught, ...]
    """Several in a class of combined grades; in the order of grades."""


def merged(found: Iterable[Period]) -> tuple[Period, ...]:
    """Periods in order, those of one time as one: each grade may have had a sheet of its own."""
    together: dict[tuple[int, str, str], set[Taught]] = {}
    for one in found:
        together.setdefault((one.day, one.begin, one.end), set()).update(one.taught)
    return tuple(
        Period(*when, tuple(sorted(taught, key=_order)))
        for when, taught in sorted(together.items())
    )


def _order(one: Taught) -> tuple[int, str]:
    grade = codes.tag("grade", one.grade)
    return (grade.order if grade else 0, one.subject)


def week_tables(week: Iterable[Period]) -> list[dict[str, object]]:
    """The periods as tables of TOML; ``read_week`` gives them back."""
    return [
        {
            "day": one.day,
            "from": one.begin,
            "to": one.end,
            "lessons": [f"{each.grade}/{each.subject}" for each in one.taught],
        }
        for one in week
    ]


def read_week(file: Reader, faults: list[Fault]) -> tuple[Period, ...]:
    """The periods of a file's tables ``[[timetable]]``; what is wrong is added to ``faults``."""
    tables = file.tables(KEY, MAX_PERIODS)
    found = [_period(number, table, faults) for number, table in enumerate(tables, start=1)]
    week = merged(one for one in found if one is not None)
    if sum(len(one.taught) for one in week) > MAX_LESSONS:
        file.wrong(f"[[{KEY}]]", f"must hold at most {MAX_LESSONS} lessons", "give one week")
    return week


def _period(number: int, table: Mapping[str, object], faults: list[Fault]) -> Period | None:
    reader, before = Reader(f"[[{KEY}]] {number}", table, faults), len(faults)
    day = reader.take("day")
    if not isinstance(day, int) or isinstance(day, bool) or day not in DAYS:
        reader.wrong("day", "must be a number from 1 to 7", "day = 1 is Monday")
        day = DAYS.start
    begin, end = reader.text("from", check_clock), reader.text("to", check_clock)
    if len(faults) == before and not begin < end:
        reader.wrong("to", "must be later than from", 'like from = "08:30", to = "09:10"')
    lessons = reader.texts("lessons", _check_taught, MAX_TAUGHT)
    if len(faults) == before and not lessons:
        reader.wrong("lessons", "is missing", 'like lessons = ["g1/chinese"]')
    reader.end()
    if len(faults) > before:
        return None
    return Period(day, begin, end, tuple(Taught(*text.split("/")) for text in lessons))


def _check_taught(text: str) -> str:
    grade, _, subject = text.partition("/")
    if codes.tag("grade", grade) and codes.tag("subject", subject):
        return ""
    return "is no grade and subject, like g1/chinese"
