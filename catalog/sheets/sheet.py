"""Metadata sheets: tables of spreadsheet programs as rows of named cells.

What a cell means is checked further on (``check``); here every heading becomes a column
we know or an extra one, and every row keeps the number the spreadsheet program shows.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from catalog.errors import SheetRefused
from catalog.sheets.table import (
    MAX_CELL as MAX_CELL,
)
from catalog.sheets.table import (
    MAX_COLUMNS,
    Table,
    fold_heading,
    header_row,
    read_tables,
    refused,
    write_csv,
    write_workbook,
)
from sync.errors import Fault

SUFFIXES = (".csv", ".xlsx", ".ods")
WITH_IDS = ".with-ids"
"""Before the suffix of the copy that lesson ids are written back to."""


class Level(Enum):
    """What a column describes: it may stay empty below a lesson's first row, or may not."""

    LESSON = "lesson"
    RESOURCE = "resource"


@dataclass(frozen=True, slots=True)
class Column:
    """A column we know: its key, its Chinese heading, other headings people use for it."""

    key: str
    heading: str
    level: Level
    required: bool = False
    """The sheet must have it; more is required of some rows (catalog.sheets.check)."""
    aliases: tuple[str, ...] = ()


def _lesson(key: str, heading: str, *aliases: str, required: bool = False) -> Column:
    return Column(key, heading, Level.LESSON, required, aliases)


def _resource(key: str, heading: str, *aliases: str, required: bool = False) -> Column:
    return Column(key, heading, Level.RESOURCE, required, aliases)


COLUMNS = (
    _lesson("lesson_id", "课程编号", "课编号", "编号", "id"),
    _lesson("title", "标题", "课程标题", "课题", "课程名称", required=True),
    _lesson("stage", "学段", required=True),
    _lesson("grade", "年级", "grades"),
    _lesson("subject", "学科", "科目", required=True),
    _lesson("press", "版本", "教材版本", "出版社"),
    _lesson("book", "册次", "册别"),
    _lesson("syllabus", "教材", "新旧教材"),
    _lesson("chapter", "章节", "目录", "chapters"),
    _lesson("class_hour", "课时"),
    _lesson("package_type", "课程包", "课程包类型"),
    _lesson("program", "栏目", "programme"),
    _lesson("teacher", "教师", "授课教师", "主讲教师"),
    _lesson("school", "学校", "单位"),
    _lesson("province", "省份", "省"),
    _lesson("language", "语言", "语种"),
    _lesson("summary", "简介", "摘要", "课程简介"),
    _lesson("keywords", "关键词", "关键字", "keyword"),
    _resource("role", "资源类型", "类型", required=True),
    _resource("file", "文件", "文件路径", "文件名", required=True),
    _resource("resource_title", "资源标题", "资源名称"),
    _resource("duration", "时长"),
    _resource("licence", "许可", "license", "许可协议", "授权协议", required=True),
    _resource("provider", "提供者", "提供方", required=True),
    _resource("authorised_scope", "授权范围", "authorized_scope", "使用范围", required=True),
    _resource("reviewed_by", "审核人", "审核"),
    _resource("subtitle_of", "字幕对应", "对应文件"),
)
"""The sheet's columns; docs/metadata.md explains each."""
BY_KEY = {column.key: column for column in COLUMNS}

_VALUES = re.compile("[;；]")


_BY_HEADING = {
    fold_heading(name): column
    for column in COLUMNS
    for name in (column.key, column.heading, *column.aliases)
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row below the headings: known cells by key, others by heading; no empty ones."""

    number: int
    """As the spreadsheet program shows it, from 1."""
    cells: dict[str, str]
    extra: dict[str, str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table of a sheet file."""

    file: str
    """Name of the file."""
    name: str
    """How a fault names it: the file, and the worksheet where the file has several."""
    header: int
    """Number of the row that holds the headings."""
    headings: dict[str, str]
    """Heading as written, by key, of each column we know."""
    rows: tuple[Row, ...]
    grid: tuple[tuple[str, ...], ...] = field(repr=False)
    """All cells of the table as text, from row 1."""
    worksheet: str = ""

    def where(self, row: int, key: str = "") -> str:
        """How a fault names a cell: ``lessons.csv row 7 column 文件``."""
        place = f"{self.name} row {row}"
        return f"{place} column {self.headings.get(key, BY_KEY[key].heading)}" if key else place


@dataclass(frozen=True, slots=True)
class Reading:
    """What a sheet file holds, and what its owner should know about the way it was read."""

    sheets: tuple[Sheet, ...]
    notes: tuple[Fault, ...]


def split_values(text: str) -> tuple[str, ...]:
    """The values of a cell that may hold several: ``a; b；c``."""
    return tuple(value for part in _VALUES.split(text) if (value := part.strip()))


def read_sheet(data: bytes, name: str) -> Reading:
    """Read a sheet file of that name; raises SheetRefused for one that is no table of ours."""
    tables, notes = read_tables(data, name, _BY_HEADING)
    ours = [table for table in tables if header_row(table.grid, _BY_HEADING) is not None]
    if not ours:
        known = "、".join(column.heading for column in COLUMNS if column.required)
        raise refused(
            name, "no row of headings we know", f"give its columns headings: 课程编号、{known} …"
        )
    sheets = tuple(_sheet(name, table, several=len(tables) > 1) for table in ours)
    notes += [_aside(name, table) for table in tables if table not in ours]
    notes += [note for sheet in sheets for note in _unknown_columns(sheet)]
    return Reading(sheets, tuple(notes))


def with_ids(sheets: Sequence[Sheet], ids: Mapping[tuple[str, int], str]) -> tuple[str, bytes]:
    """Name and bytes of a copy of one file's sheets with lesson ids by (sheet name, row)."""
    stem, _, suffix = sheets[0].file.rpartition(".")
    grids = [(sheet.worksheet, _grid_with_ids(sheet, ids)) for sheet in sheets]
    if suffix.lower() == "csv":
        return f"{stem}{WITH_IDS}.csv", write_csv(grids[0][1])
    return f"{stem}{WITH_IDS}.xlsx", write_workbook(grids)


def _sheet(file: str, table: Table, *, several: bool) -> Sheet:
    name = f"{file} sheet {table.worksheet}" if several else file
    header = header_row(table.grid, _BY_HEADING) or 0
    headings = table.grid[header]
    known, extra = _columns(headings, f"{name} row {header + 1}")
    rows = (
        Row(
            number,
            {key: row[index] for key, index in known.items() if row[index : index + 1] > ("",)},
            {head: row[index] for head, index in extra.items() if row[index : index + 1] > ("",)},
        )
        for number, row in enumerate(table.grid[header + 1 :], start=header + 2)
    )
    return Sheet(
        file=file,
        name=name,
        header=header + 1,
        headings={key: headings[index] for key, index in known.items()},
        rows=tuple(row for row in rows if row.cells or row.extra),
        grid=table.grid,
        worksheet=table.worksheet,
    )


def _columns(headings: Sequence[str], where: str) -> tuple[dict[str, int], dict[str, int]]:
    """Index by key of the columns we know, and by heading of the others."""
    known: dict[str, int] = {}
    extra: dict[str, int] = {}
    faults = []
    for index, heading in enumerate(headings):
        column = _BY_HEADING.get(fold_heading(heading))
        if column is None:
            extra[_free_name(heading or f"column {index + 1}", extra)] = index
        elif column.key in known:
            what = f"a second column for {column.heading} ({column.key})"
            faults.append(Fault(f"{where} column {heading}", what, "keep one of the two"))
        else:
            known[column.key] = index
    if faults:
        raise SheetRefused(f"{where}: a column stands twice", faults=tuple(faults))
    return known, extra


def _free_name(name: str, taken: Mapping[str, int]) -> str:
    names = (name, *(f"{name} ({number})" for number in range(2, MAX_COLUMNS + 2)))
    return next(name for name in names if name not in taken)


def _unknown_columns(sheet: Sheet) -> Iterator[Fault]:
    for heading in dict.fromkeys(heading for row in sheet.rows for heading in row.extra):
        yield Fault(
            f"{sheet.name} column {heading}",
            "a column we do not know; its cells are kept with the lesson",
            "nothing to do, or correct the heading (docs/metadata.md lists those we know)",
        )


def _aside(file: str, table: Table) -> Fault:
    return Fault(
        f"{file} sheet {table.worksheet}",
        "has no headings we know and is left aside",
        "nothing to do, or give its columns the headings of docs/metadata.md",
    )


def _grid_with_ids(sheet: Sheet, ids: Mapping[tuple[str, int], str]) -> list[list[str]]:
    heading = sheet.headings.get("lesson_id")
    header = sheet.grid[sheet.header - 1]
    at = header.index(heading) if heading is not None else 0
    grid = []
    for number, row in enumerate(sheet.grid, start=1):
        cells = list(row) + [""] * (at + 1 - len(row))
        if heading is None:
            title = BY_KEY["lesson_id"].heading if number == sheet.header else ""
            cells.insert(0, title)
        cells[at] = ids.get((sheet.name, number), cells[at])
        grid.append(cells)
    return grid
