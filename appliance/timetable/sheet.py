"""A school's own timetable, CSV or workbook, as it hangs on the wall: times down, days across.

::

    节次 | 时间        | 星期一           | 星期二   | …
    1    | 08:30-09:10 | 一年级语文；二年级数学 | 1-3年级音乐 | …

A class of combined grades names them in the cell; a sheet of one class has its grade as the
worksheet's name; without either the lesson is for all grades of the point. What is no subject
(早操, 午休) is told and left aside.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from appliance.night import CLOCK
from appliance.timetable.week import DAYS, MAX_PERIODS, MAX_TAUGHT, Period, Taught, merged
from catalog import codes
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

TIME, BEGIN, END = "time", "from", "to"
_NAMES = {
    TIME: ("时间", "上课时间", "time"),
    BEGIN: ("开始", "上课", "from", "begin"),
    END: ("结束", "下课", "to", "end"),
}
_DAY_NAMES = ("一", "二", "三", "四", "五", "六", "日")
_ENGLISH = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PASSED_OVER = frozenset(map(fold_heading, ("节次", "节", "课节", "period")))
_SPAN = re.compile(r"(\d{1,2}:\d{2})(?::00)?\s*[-–—~～至到]+\s*(\d{1,2}:\d{2})(?::00)?")
_CLOCK = re.compile(r"(\d{1,2}:\d{2})(?::00)?")
_SEVERAL = re.compile(r"[;；,，/／|\n]")
_GRADES = re.compile(r"[、和与]")
_SHOWN = 40
"""Letters of a cell that a fault repeats."""


def _columns() -> dict[str, str | int]:
    known: dict[str, str | int] = {
        fold_heading(name): column for column, names in _NAMES.items() for name in names
    }
    for day, letter, english in zip(DAYS, _DAY_NAMES, _ENGLISH, strict=True):
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


def read_timetable(data: bytes, name: str, grades: Sequence[str] = ()) -> Reading:
    """The week of a sheet of that name; ``grades``: codes of all that learn here.

    Raises InputRefused with every fault by row and column.
    """
    tables, notes = read_tables(data, name, _HEADINGS)
    ours = [table for table in tables if header_row(table.grid, _HEADINGS) is not None]
    if not ours:
        cure = "its first row must be like 节次, 时间, 星期一, 星期二"
        raise refused(name, "no row of headings we know", cure)
    faults: list[Fault] = []
    found: list[Period] = []
    for table in ours:
        where = f"{name} sheet {table.worksheet}" if len(ours) > 1 else name
        own = _grades_of(table.worksheet) if table.worksheet else ()
        found += _Sheet(where, table, own or tuple(grades), faults, notes).periods()
    week = merged(found)
    crowded = next((one for one in week if len(one.taught) > MAX_TAUGHT), None)
    if crowded is not None:
        what = f"more than {MAX_TAUGHT} lessons at {crowded.begin} of day {crowded.day}"
        faults.append(Fault(name, what, "one for each grade is enough"))
    if len(week) > MAX_PERIODS:
        faults.append(Fault(name, f"{len(week)} periods, at most {MAX_PERIODS}", "give one week"))
    if not week and not faults:
        faults.append(Fault(name, "no lesson in it", "write them below the days"))
    if faults:
        count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
        raise InputRefused(f"the timetable {name} has {count}", faults=tuple(faults))
    return Reading(week, tuple(dict.fromkeys(notes)))


def example(suffix: str) -> bytes:
    """A timetable that shows what belongs there."""
    days = [f"星期{letter}" for letter in _DAY_NAMES[:5]]
    first = ("一年级语文；二年级数学", "一年级数学；二年级语文", "语文", "数学", "语文")
    second = ("一、二年级音乐", "1-2年级美术", "体育", "英语", "音乐")
    grid = [
        ["节次", "时间", *days],
        ["1", "08:30-09:10", *first],
        ["2", "09:20-10:00", *second],
    ]
    return write_csv(grid) if suffix.lower() == ".csv" else write_workbook([("课程表", grid)])


@dataclass(frozen=True, slots=True)
class _Sheet:
    """One table on its way to periods."""

    where: str
    table: Table
    grades: tuple[str, ...]
    faults: list[Fault]
    notes: list[Fault]

    def periods(self) -> Iterator[Period]:
        header = header_row(self.table.grid, _HEADINGS) or 0
        headings = self.table.grid[header]
        columns = self._columns(headings, f"{self.where} row {header + 1}")
        for number, row in enumerate(self.table.grid[header + 1 :], start=header + 2):
            place = f"{self.where} row {number}"
            days = {
                day: (row[index], headings[index])
                for day, index in columns.items()
                if isinstance(day, int) and row[index : index + 1] > ("",)
            }
            times = self._times(row, columns, place) if days else None
            if times is None:
                continue
            for day, (cell, heading) in days.items():
                taught = tuple(self._taught(cell, f"{place} column {heading}"))
                if taught:
                    yield Period(day, *times, taught)

    def _columns(self, headings: Sequence[str], place: str) -> dict[str | int, int]:
        found: dict[str | int, int] = {}
        for index, heading in enumerate(headings):
            folded = fold_heading(heading)
            column = _COLUMNS.get(folded)
            if column in found:
                self._wrong(f"{place} column {heading}", "stands twice", "keep one of the two")
            elif column is not None:
                found[column] = index
            elif heading and folded not in _PASSED_OVER:
                what = "a column we do not know; it is left aside"
                self._note(f"{place} column {heading}", what, "nothing to do, or correct it")
        if TIME not in found and not {BEGIN, END} <= found.keys():
            self._wrong(place, "has no column 时间", "with times like 08:30-09:10")
        if not any(isinstance(column, int) for column in found):
            self._wrong(place, "has no day of the week", "like 星期一, 星期二")
        return found

    def _times(
        self, row: Sequence[str], columns: Mapping[str | int, int], place: str
    ) -> tuple[str, str] | None:
        if TIME in columns:
            text = row[columns[TIME]] if columns[TIME] < len(row) else ""
            match = _SPAN.fullmatch(text)
            times = match.groups() if match else ()
        elif {BEGIN, END} <= columns.keys():
            cells = [row[columns[key]] if columns[key] < len(row) else "" for key in (BEGIN, END)]
            text = "-".join(cells)
            matches = [_CLOCK.fullmatch(cell) for cell in cells]
            times = tuple(match[1] for match in matches if match)
        else:
            return None  # told once, of the headings
        begin, end = (time.zfill(5) for time in times) if len(times) == 2 else ("", "")
        if not (CLOCK.fullmatch(begin) and CLOCK.fullmatch(end) and begin < end):
            self._wrong(place, f"{text[:_SHOWN]!r} is no time of a lesson", "like 08:30-09:10")
            return None
        return begin, end

    def _taught(self, cell: str, place: str) -> Iterator[Taught]:
        for part in filter(None, ("".join(part.split()) for part in _SEVERAL.split(cell))):
            found = _parse(part)
            if found is None:
                near = "、".join(codes.suggest("subject", part[:_SHOWN])[:1])
                cure = f"nothing to do; or perhaps {near}" if near else "nothing to do"
                self._note(place, f"{part[:_SHOWN]!r} is no subject; it is left aside", cure)
                continue
            grades, subject = found
            if not (grades or self.grades):
                self._wrong(place, f"{part[:_SHOWN]!r}: of which grade?", "like 一年级语文")
            for grade in grades or self.grades:
                yield Taught(grade, subject)

    def _wrong(self, where: str, what: str, cure: str) -> None:
        self.faults.append(Fault(where, what, cure))

    def _note(self, where: str, what: str, cure: str) -> None:
        self.notes.append(Fault(where, what, cure))


def _parse(text: str) -> tuple[tuple[str, ...], str] | None:
    """Grades, if it names any, and the subject of ``一至三年级音乐``; None: no subject in it."""
    for cut in range(min(len(text), _SHOWN)):
        subject = codes.resolve("subject", text[cut:])
        if subject is not None and (cut == 0 or _grades_of(text[:cut])):
            return _grades_of(text[:cut]), subject.code
    return None


def _grades_of(text: str) -> tuple[str, ...]:
    """Codes of ``一、二年级`` or ``1-3年级``; empty if any part of it is no grade."""
    found: list[str] = []
    for part in _GRADES.split(text):
        tags = codes.resolve_all("grade", part) or codes.resolve_all("grade", f"{part}年级")
        if not tags:
            return ()
        found += [tag.code for tag in tags]
    return tuple(dict.fromkeys(found))
