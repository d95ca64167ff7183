"""Files of spreadsheet programs as tables of text, CSV, XLSX and ODS: the only door to them.

Which headings a file should have, its reader says (``sheet`` for lessons, the image builder for its
list of sites); here bytes become cells, each where the spreadsheet program shows it.
"""

import csv
import datetime
import io
import re
import unicodedata
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

import python_calamine

from catalog.errors import SheetRefused
from catalog.sheets.workbook import Unreadable, check_workbook
from sync.errors import Fault

MAX_FILE = 64 * 2**20
"""Longest sheet we read, in bytes."""
MAX_ROWS = 200_000
MAX_COLUMNS = 256
MAX_CELL = 10_000
"""Longest text of a cell, in characters."""

_UNHEARD = re.compile(r"[\s_\-*:]+|\(.*\)$")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b\ufeff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a file: its worksheet's name (empty: a CSV), its cells from row 1."""

    worksheet: str
    grid: tuple[tuple[str, ...], ...]


def fold_heading(text: str) -> str:
    """A heading as headings are compared: case, width, spaces and brackets do not count."""
    return _UNHEARD.sub("", unicodedata.normalize("NFKC", text).casefold().strip())


def read_tables(
    data: bytes, name: str, headings: Container[str]
) -> tuple[list[Table], list[Fault]]:
    """The tables of a file of that name that hold anything, and notes about how it was read.

    ``headings``, folded, decide what separates the cells of a CSV. Raises SheetRefused.
    """
    if len(data) > MAX_FILE:
        raise refused(
            name, f"{len(data)} bytes, at most {MAX_FILE} are read", "split it into several sheets"
        )
    if name.lower().endswith(".csv"):
        tables, notes = _read_csv(data, name, headings)
    else:
        tables, notes = _read_workbook(data, name), []
    return [table for table in tables if any(map(any, table.grid))], notes


def header_row(grid: Sequence[Sequence[str]], headings: Container[str]) -> int | None:
    """Index of the row of headings: the one of the first ten that has most we know."""
    counts = [sum(fold_heading(cell) in headings for cell in row) for row in grid[:10]]
    best = max(counts, default=0)
    return counts.index(best) if best >= 2 else None


def refused(where: str, what: str, cure: str) -> SheetRefused:
    """A refusal with one fault."""
    return SheetRefused(f"{where}: {what}", faults=(Fault(where, what, cure),))


def _read_csv(data: bytes, name: str, headings: Container[str]) -> tuple[list[Table], list[Fault]]:
    text, encoding = _decode(data, name)
    notes = []
    if encoding != "UTF-8":
        cure = "nothing to do; saving it as CSV UTF-8 makes it safe on every machine"
        notes.append(Fault(name, f"read as {encoding}", cure))
    delimiter = max(",\t;，", key=lambda mark: _known(text, mark, headings))
    csv.field_size_limit(MAX_FILE)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        grid = _grid(reader, name)
    except csv.Error as error:
        raise refused(name, f"broken CSV ({error})", "open it and save it as CSV again") from error
    return [Table("", grid)], notes


def _known(text: str, delimiter: str, headings: Container[str]) -> int:
    """How many headings the first line has if that is what separates them."""
    line = next((line for line in text[:20_000].splitlines() if line.strip(delimiter + ' "')), "")
    return sum(fold_heading(cell.strip('"')) in headings for cell in line.split(delimiter))


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
    raise refused(name, "neither UTF-8 nor GBK", "save it as CSV UTF-8 (逗号分隔)")


def _read_workbook(data: bytes, name: str) -> list[Table]:
    try:
        check_workbook(data)
        workbook = python_calamine.load_workbook(io.BytesIO(data))
        tables = [
            (title, workbook.get_sheet_by_name(title).to_python(skip_empty_area=False))
            for title in workbook.sheet_names
        ]
    except (Unreadable, python_calamine.CalamineError, ValueError, OverflowError) as error:
        cure = "open it, delete what is beyond the table, save it as XLSX"
        raise refused(name, f"not readable: {error}", cure) from error
    return [Table(title, _grid(rows, name)) for title, rows in tables]


def _grid(rows: Iterable[Sequence[object]], name: str) -> tuple[tuple[str, ...], ...]:
    grid: list[tuple[str, ...]] = []
    for row in rows:
        if len(grid) >= MAX_ROWS or len(row) > MAX_COLUMNS:
            what = f"more than {MAX_ROWS} rows or {MAX_COLUMNS} columns"
            raise refused(name, what, "split it into several sheets")
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


def write_csv(grid: Iterable[Iterable[str]]) -> bytes:
    """A CSV file as spreadsheet programs of every country read it: UTF-8 with a mark."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(grid)
    return text.getvalue().encode("utf-8-sig")


def write_workbook(grids: Iterable[tuple[str, list[list[str]]]]) -> bytes:
    """An XLSX file, every cell as text, the same bytes for the same cells."""
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
