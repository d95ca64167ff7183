"""The week of this point on the pages: each lesson leads to what there is for it.

Which lesson is on, the tablet decides by its own clock (``kexia.js``): a box may have none.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.paths import BoxPaths
from appliance.serve import links
from appliance.timetable import keep
from appliance.timetable.week import Period, Taught
from catalog.tables.browse import Catalogue
from catalog.tables.shelves import Selection
from sync.errors import InputRefused, KexiaError

_LOG = logging.getLogger("kexia.serve")
Version = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Week:
    """The periods of one state of the file; another state is another key of a shelf of pages."""

    periods: tuple[Period, ...] = ()


class Timetable:
    """The box's week as it is now: read again when its file is another one."""

    def __init__(self, paths: BoxPaths) -> None:
        self._paths = paths
        self._version: Version | None = None
        self._week = Week()
        self._shown: tuple[Week, Catalogue, tuple[ShownPeriod, ...]] | None = None

    def week(self) -> Week:
        """The periods; none where nobody said any, or where they cannot be read."""
        version = self._look()
        if version != self._version:
            try:
                self._week = Week(keep.load(self._paths))
            except KexiaError as error:
                _LOG.warning("no timetable is shown: %s", error)
                self._week = Week()
                if not isinstance(error, InputRefused):
                    return self._week  # a disk that fails is asked again
            self._version = version
        return self._week

    def shown(self, week: Week, catalogue: Catalogue) -> "tuple[ShownPeriod, ...]":
        """The week with its addresses in this catalogue: looked up once, for all pages."""
        known = self._shown
        if known is None or known[0] is not week or known[1] is not catalogue:
            known = self._shown = (week, catalogue, shown(week.periods, catalogue))
        return known[2]

    def _look(self) -> Version | None:
        try:
            about = self._paths.timetable.stat()
        except OSError:
            return None
        return about.st_ino, about.st_ctime_ns, about.st_size


@dataclass(frozen=True, slots=True)
class Shown:
    """One grade's lesson, and the page it leads to; empty: there is nothing for it here."""

    grade: str
    subject: str
    address: str


@dataclass(frozen=True, slots=True)
class ShownPeriod:
    """One period of one day."""

    day: int
    begin: str
    end: str
    lessons: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table: one time, what is taught then by day."""

    begin: str
    end: str
    days: dict[int, tuple[Shown, ...]]


def shown(week: Sequence[Period], catalogue: Catalogue) -> tuple[ShownPeriod, ...]:
    """The week with its addresses in this catalogue."""
    addresses = {
        one: _address(one, catalogue) for one in {each for period in week for each in period.taught}
    }
    return tuple(
        ShownPeriod(
            period.day,
            period.begin,
            period.end,
            tuple(Shown(one.grade, one.subject, addresses[one]) for one in period.taught),
        )
        for period in week
    )


def as_table(periods: Sequence[ShownPeriod]) -> tuple[Line, ...]:
    """The same as lines of a table, earliest first."""
    times = sorted({(one.begin, one.end) for one in periods})
    return tuple(
        Line(
            begin,
            end,
            {one.day: one.lessons for one in periods if (one.begin, one.end) == (begin, end)},
        )
        for begin, end in times
    )


def _address(one: Taught, catalogue: Catalogue) -> str:
    """Its textbook if there is but one, else what is to choose from."""
    selection = Selection(grade=one.grade, subject=one.subject)
    books = catalogue.textbooks(selection)
    if len(books) == 1:
        return links.textbook(books[0].id)
    return links.home(selection) if books else ""
