"""A school's own timetable, CSV or workbook, as it hangs on the wall: times down, days across.

::

    节次 | 时间        | 星期一           | 星期二   | …
    1    | 08:30-09:10 | 一年级语文；二年级数学 | 1-3年级音乐 | …

Here the table's shape is understood; what a cell says, ``cells`` does. A lesson whose cell names no
grade is for that of its row (年级), its column (a second heading), its sheet (the worksheet's name,
or the title above the headings), else for all grades of the point. What is no subject (早操, 午休)
is told and left aside.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from appliance.timetable import cells
from appliance.timetable.cells import Grades
from appliance.timetable.week import (
    DAY_LETTERS,
    DAYS,
    MAX_LESSONS,
    MAX_PERIODS,
    MAX_TAUGHT,
    Period,
    Taught,
    merged,
)
from catalog.sheets.table import (
    Table,
    fold_heading,
    header_row,
    read_tables,
    refused,
    write_csv,
    write_workbook,
)
from sync.errors import Fault, InputRefused

TIME, BEGIN, END, GRADE = "time", "from", "to", "grade"
_NAMES = {
    TIME: ("时间", "上课时间", "time"),
    BEGIN: ("开始", "上课", "from", "begin"),
    END: ("结束", "下课", "to", "end"),
    GRADE: ("年级", "班级", "grade", "class"),
}
_ENGLISH = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PASSED_OVER = frozenset(map(fold_heading, ("节次", "节", "课节", "午别", "period")))


def _columns() -> dict[str, str | int]:
    known: dict[str, str | int] = {
        fold_heading(name): column for column, names in _NAMES.items() for name in names
    }
    for day, letter, english in zip(DAYS, DAY_LETTERS, _ENGLISH, strict=True):
        names = [f"{week}{letter}" for week in ("星期", "周", "礼拜")]
        known |= dict.fromkeys(map(fold_heading, (letter, *names, english, english[:3])), day)
    known |= dict.fromkeys(map(fold_heading, ("星期天", "周天", "礼拜天")), DAYS[-1])
    return known


_COLUMNS = _columns()
_HEADINGS = frozenset(_COLUMNS) | _PASSED_OVER


@dataclass(frozen=True, slots=True)
class Reading:
    """A sheet's week, and what its owner should know about how it was read."""

    week: tuple[Period, ...]
    notes: tuple[Fault, ...]


@dataclass(slots=True)
class _Told:
    """What was found wrong, and what is only worth a word."""

    faults: list[Fault] = field(default_factory=list)
    notes: list[Fault] = field(default_factory=list)

    def wrong(self, where: str, what: str, cure: str) -> None:
        self.faults.append(Fault(where, what, cure))

    def note(self, where: str, what: str, cure: str) -> None:
        self.notes.append(Fault(where, what, cure))


def read_timetable(data: bytes, name: str, grades: Sequence[str] = ()) -> Reading:
    """The week of a sheet of that name; ``grades``: codes of all that learn here, if it is known.

    Raises InputRefused with every fault by row and column.
    """
    tables, notes = read_tables(data, name, _HEADINGS)
    ours = [table for table in tables if _is_week(table)]
    if not ours:
        cure = "its first row must be like 节次, 时间, 星期一, 星期二"
        raise refused(name, "no row with days of the week", cure)
    told = _Told(notes=notes)
    found: list[Period] = []
    for table in ours:
        where = f"{name} sheet {table.worksheet}" if len(ours) > 1 else name
        shared = tuple(grades) if len(ours) == 1 else ()
        sheet = _Sheet(where, table, _grades_of(table) or shared, frozenset(grades), told)
        found += sheet.periods()
    week = merged(found)
    _check_size(week, name, told)
    if told.faults:
        count = f"{len(told.faults)} fault{'s' if len(told.faults) > 1 else ''}"
        raise InputRefused(f"the timetable {name} has {count}", faults=tuple(told.faults))
    return Reading(week, tuple(dict.fromkeys(told.notes)))


def example(suffix: str) -> bytes:
    """A timetable that shows what belongs there."""
    days = [f"星期{letter}" for letter in DAY_LETTERS[:5]]
    first = ("一年级语文；二年级数学", "一年级数学；二年级语文", "语文", "数学", "语文")
    second = ("一、二年级音乐", "1-2年级美术", "体育", "英语", "音乐")
    grid = [
        ["节次", "时间", *days],
        ["1", "08:30-09:10", *first],
        ["2", "09:20-10:00", *second],
    ]
    return write_csv(grid) if suffix.lower() == ".csv" else write_workbook([("课程表", grid)])


def _is_week(table: Table) -> bool:
    header = header_row(table.grid, _HEADINGS)
    if header is None:
        return False
    return any(isinstance(_COLUMNS.get(fold_heading(cell)), int) for cell in table.grid[header])


def _grades_of(table: Table) -> Grades:
    """The grade that the worksheet is named after, or that stands above its headings."""
    above = table.grid[: header_row(table.grid, _HEADINGS)]
    return cells.titled([table.worksheet]) or cells.titled(cell for row in above for cell in row)


def _check_size(week: Sequence[Period], name: str, told: _Told) -> None:
    crowded = next((one for one in week if len(one.taught) > MAX_TAUGHT), None)
    if crowded is not None:
        what = f"more than {MAX_TAUGHT} lessons at {crowded.begin} of day {crowded.day}"
        told.wrong(name, what, "one for each grade is enough")
    lessons = sum(len(one.taught) for one in week)
    if len(week) > MAX_PERIODS or lessons > MAX_LESSONS:
        what = (
            f"{len(week)} periods with {lessons} lessons, at most {MAX_PERIODS} and {MAX_LESSONS}"
        )
        told.wrong(name, what, "give one week")
    if not week and not told.faults:
        told.wrong(name, "no lesson in it", "write them below the days")
        told.faults += dict.fromkeys(told.notes)


@dataclass(frozen=True, slots=True)
class _Column:
    """A column with lessons: its day, its heading, and the grade that stands below that."""

    index: int
    day: int
    heading: str
    grades: Grades = ()


@dataclass(frozen=True, slots=True)
class _Sheet:
    """One table on its way to periods."""

    where: str
    table: Table
    grades: Grades
    """Of lessons that name none."""
    point: frozenset[str]
    """All that learn here; empty: nobody said."""
    told: _Told

    def periods(self) -> Iterator[Period]:
        header = header_row(self.table.grid, _HEADINGS) or 0
        place = f"{self.where} row {header + 1}"
        named, days = self._headings(self.table.grid[header], place)
        first = header + 1
        if second := self._second_heading(first, named, days):
            days, first = second, first + 1
        times: tuple[str, str] | None = None
        for number, row in enumerate(self.table.grid[first:], start=first + 1):
            place = f"{self.where} row {number}"
            grades = cells.titled([_at(row, named.get(GRADE))]) or self.grades
            lessons = [(one.day, self._taught(row, one, grades, place)) for one in days]
            if not any(taught for _, taught in lessons):
                continue
            times = self._times(row, named, place, times if GRADE in named else None)
            if times is not None:
                yield from (Period(day, *times, taught) for day, taught in lessons if taught)

    def _headings(
        self, headings: Sequence[str], place: str
    ) -> tuple[dict[str, int], list[_Column]]:
        """The columns that say when and who, and those with lessons."""
        named: dict[str, int] = {}
        days: list[_Column] = []
        for index, heading in enumerate(headings):
            column = _COLUMNS.get(fold_heading(heading))
            if column in (*named, *(one.day for one in days)):
                self.told.wrong(f"{place} column {heading}", "stands twice", "keep one of them")
            elif isinstance(column, int):
                days.append(_Column(index, column, heading))
            elif column is not None:
                named[column] = index
            elif not heading and days and days[-1].index == index - 1:
                days.append(_Column(index, days[-1].day, days[-1].heading))  # merged across
            else:
                self._left_aside(heading, place)
        self._check_times(named, place)
        return named, days

    def _left_aside(self, heading: str, place: str) -> None:
        if heading and fold_heading(heading) not in _PASSED_OVER:
            what = "a column we do not know; it is left aside"
            self.told.note(f"{place} column {heading}", what, "nothing to do, or correct it")

    def _check_times(self, named: Mapping[str, int], place: str) -> None:
        if TIME not in named and not {BEGIN, END} <= named.keys():
            self.told.wrong(place, "has no column 时间", "with times like 08:30-09:10")

    def _second_heading(
        self, index: int, named: Mapping[str, int], days: Sequence[_Column]
    ) -> list[_Column]:
        """The days' columns with grades, if the next row names one below each; else none."""
        row = self.table.grid[index] if index < len(self.table.grid) else ()
        if any(_at(row, named.get(key)) for key in (TIME, BEGIN)):
            return []
        found = [cells.grades(_at(row, one.index)) for one in days]
        if not all(found):
            return []
        return [
            _Column(one.index, one.day, one.heading, grades)
            for one, grades in zip(days, found, strict=True)
        ]

    def _times(
        self,
        row: Sequence[str],
        named: Mapping[str, int],
        place: str,
        before: tuple[str, str] | None,
    ) -> tuple[str, str] | None:
        if TIME in named:
            text = _at(row, named[TIME])
        elif {BEGIN, END} <= named.keys():
            text = f"{_at(row, named[BEGIN])}-{_at(row, named[END])}"
        else:
            return None  # told once, of the headings
        if not text.strip("-") and before is not None:
            return before  # merged down
        found = cells.times(text)
        if found is None:
            what = f"{cells.short(text)} is no time of a lesson"
            self.told.wrong(place, what, "like 08:30-09:10, in the afternoon 14:00-14:40")
        return found

    def _taught(
        self, row: Sequence[str], column: _Column, grades: Grades, place: str
    ) -> tuple[Taught, ...]:
        where = f"{place} column {column.heading}"
        found: list[Taught] = []
        lessons, left = cells.lessons(_at(row, column.index))
        for text in left:
            what = f"{cells.short(text)} is no subject; it is left aside"
            self.told.note(where, what, cells.cure(text))
        for lesson in lessons:
            theirs = lesson.grades or column.grades or grades
            if not theirs:
                what = f"{cells.short(lesson.text)}: of which grade?"
                self.told.wrong(where, what, "like 一年级语文")
            if self.point and not self.point.issuperset(theirs):
                what = f"{cells.short(lesson.text)} is of a grade that this point does not have"
                self.told.note(where, what, "mend it here, or the grades in the list of sites")
            found += [Taught(grade, lesson.subject) for grade in theirs]
        return tuple(found)


def _at(row: Sequence[str], index: int | None) -> str:
    """A cell; empty where the row does not reach, or there is no such column."""
    return row[index] if index is not None and index < len(row) else ""
