"""Metadata sheets: CSV, XLSX and ODS files as rows of named cells; the only door to spreadsheets.

What a cell means is checked further on (``check``); here a file becomes text, every heading a
column we know or an extra one, and every row keeps the number the spreadsheet program shows.
"""

import csv
import datetime
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

import python_calamine

from catalog.errors import SheetRefused
from catalog.sheets.workbook import Unreadable, check_workbook
from sync.errors import Fault

SUFFIXES = (".csv", ".xlsx", ".ods")
WITH_IDS = ".with-ids"
"""Before the suffix of the copy that lesson ids are written back to."""
MAX_FILE = 64 * 2**20
"""Longest sheet we read, in bytes."""
MAX_ROWS = 200_000
MAX_COLUMNS = 256
MAX_CELL = 10_000
"""Longest text of a cell, in characters."""


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

_UNHEARD = re.compile(r"[\s_\-*:]+|\(.*\)$")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b\ufeff\ufffe\uffff]")
_VALUES = re.compile("[;；]")


def _fold_heading(text: str) -> str:
    return _UNHEARD.sub("", unicodedata.normalize("NFKC", text).casefold().strip())


_BY_HEADING = {
    _fold_heading(name): column
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
    if len(data) > MAX_FILE:
        raise _refused(
            name, f"{len(data)} bytes, at most {MAX_FILE} are read", "split it into several sheets"
        )
    if name.lower().endswith(".csv"):
        tables, notes = _read_csv(data, name)
    else:
        tables, notes = _read_workbook(data, name), []
    tables = [table for table in tables if any(map(any, table.grid))]
    ours = [table for table in tables if _header(table.grid) is not None]
    if not ours:
        known = "、".join(column.heading for column in COLUMNS if column.required)
        raise _refused(
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
        return f"{stem}{WITH_IDS}.csv", _write_csv(grids[0][1])
    return f"{stem}{WITH_IDS}.xlsx", _write_workbook(grids)


@dataclass(frozen=True, slots=True)
class _Table:
    worksheet: str
    grid: tuple[tuple[str, ...], ...]


def _refused(where: str, what: str, cure: str) -> SheetRefused:
    return SheetRefused(f"{where}: {what}", faults=(Fault(where, what, cure),))


def _read_csv(data: bytes, name: str) -> tuple[list[_Table], list[Fault]]:
    text, encoding = _decode(data, name)
    notes = []
    if encoding != "UTF-8":
        cure = "nothing to do; saving it as CSV UTF-8 makes it safe on every machine"
        notes.append(Fault(name, f"read as {encoding}", cure))
    delimiter = max(",\t;，", key=lambda mark: _known_in_first_line(text, mark))
    csv.field_size_limit(MAX_FILE)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        grid = _grid(reader, name)
    except csv.Error as error:
        raise _refused(name, f"broken CSV ({error})", "open it and save it as CSV again") from error
    return [_Table("", grid)], notes


def _known_in_first_line(text: str, delimiter: str) -> int:
    line = next((line for line in text[:20_000].splitlines() if line.strip(delimiter + ' "')), "")
    return sum(_fold_heading(cell.strip('"')) in _BY_HEADING for cell in line.split(delimiter))


def _decode(data: bytes, name: str) -> tuple[str, str]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        candidates = [("utf-16", "UTF-16")]
    else:
        candidates = [("utf-8-sig", "UTF-8"), ("gbk", "GBK"), ("gb18030", "GB18030")]
    for codec, called in candidates:
        try:
            return data.decode(codec), called
        except UnicodeDecodeError:
            continue
    raise _refused(name, "neither UTF-8 nor GBK", "save it as CSV UTF-8 (逗号分隔)")


def _read_workbook(data: bytes, name: str) -> list[_Table]:
    try:
        check_workbook(data)
        workbook = python_calamine.load_workbook(io.BytesIO(data))
        tables = [
            (title, workbook.get_sheet_by_name(title).to_python(skip_empty_area=False))
            for title in workbook.sheet_names
        ]
    except (Unreadable, python_calamine.CalamineError, ValueError, OverflowError) as error:
        cure = "open it, delete what is beyond the table, save it as XLSX"
        raise _refused(name, f"not readable: {error}", cure) from error
    return [_Table(title, _grid(rows, name)) for title, rows in tables]


def _grid(rows: Iterable[Sequence[object]], name: str) -> tuple[tuple[str, ...], ...]:
    grid: list[tuple[str, ...]] = []
    for row in rows:
        if len(grid) >= MAX_ROWS or len(row) > MAX_COLUMNS:
            what = f"more than {MAX_ROWS} rows or {MAX_COLUMNS} columns"
            raise _refused(name, what, "split it into several sheets")
        grid.append(tuple(map(_text, row)))
    return tuple(grid)


def _text(value: object) -> str:
    """A cell as a person reads it: whole numbers without ``.0``, dates as ISO 8601."""
    if isinstance(value, str):
        return _CONTROL.sub("", value).strip()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    return str(value)


def _header(grid: Sequence[Sequence[str]]) -> int | None:
    """Index of the row of headings: the one of the first ten that has most we know."""
    counts = [sum(_fold_heading(cell) in _BY_HEADING for cell in row) for row in grid[:10]]
    best = max(counts, default=0)
    return counts.index(best) if best >= 2 else None


def _sheet(file: str, table: _Table, *, several: bool) -> Sheet:
    name = f"{file} sheet {table.worksheet}" if several else file
    header = _header(table.grid) or 0
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
        column = _BY_HEADING.get(_fold_heading(heading))
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


def _aside(file: str, table: _Table) -> Fault:
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


def _write_csv(grid: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(grid)
    return text.getvalue().encode("utf-8-sig")


def _write_workbook(grids: Iterable[tuple[str, list[list[str]]]]) -> bytes:
    import xlsxwriter  # a tenth of a release's start, and a release only reads

    data = io.BytesIO()
    with xlsxwriter.Workbook(data, {"in_memory": True}) as workbook:
        workbook.set_properties({"created": datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)})
        for number, (worksheet, grid) in enumerate(grids, start=1):
            page = workbook.add_worksheet(_lawful_name(worksheet, number))
            for row, cells in enumerate(grid):
                for column, cell in enumerate(cells):
                    page.write_string(row, column, cell)
    return data.getvalue()


def _lawful_name(worksheet: str, number: int) -> str:
    """A worksheet's name as Excel allows it; its number where it does not."""
    lawful = 0 < len(worksheet) <= 31 and not re.search(r"[\[\]:*?/\\]|^'|'$", worksheet)
    return worksheet if lawful and worksheet.lower() != "history" else f"sheet {number}"
