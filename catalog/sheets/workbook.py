"""Before a workbook is read: does it unpack to a table, or to more memory than the machine has?

The spreadsheet library lays a table out from its first to its last cell and ends the whole process
if there is no room for that, and it searches broken XML for an end that never comes. So one stray
cell in the last row of the last column, and XML that is not well-formed, must be found beforehand.
"""

import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from xml.parsers import expat

MAX_XML = 512 * 2**20
"""Most bytes a workbook may unpack to."""
MAX_AREA = 20_000_000
"""Most cells between the first and the last one of a table."""

_BROKEN = (
    expat.ExpatError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    OverflowError,
)
"""What Python's zipfile and expat raise for damaged archives."""

_XLSX_CELL = re.compile(rb"<(?:\w+:)?c\s(?:[^>]*?\s)?r\s*=\s*[\"']([A-Za-z]+)(\d+)[^>]*(?<!/)>")
_ODS_CELL = re.compile(rb"<table:(?:covered-)?table-cell\b([^>]*)>")
_ODS_COLUMNS = re.compile(rb"number-columns-repeated=[\"'](\d+)")
_ODS_ROWS = re.compile(rb"number-rows-repeated=[\"'](\d+)")
_VALUE = b"value-type"


class Unreadable(ValueError):
    """The archive is broken or spans too much; says which."""


def check_workbook(data: bytes) -> None:
    """Raise Unreadable unless ``data`` is a zip archive whose tables fit in memory."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_XML:
                raise Unreadable("it unpacks to too many bytes")
            for name in archive.namelist():
                _check_member(name, archive)
    except Unreadable:
        raise
    except _BROKEN as error:
        raise Unreadable(f"no workbook ({error})") from error


def _check_member(name: str, archive: zipfile.ZipFile) -> None:
    data = archive.read(name)
    if not data or not (name.endswith((".xml", ".rels")) or data.startswith(b"<?xml")):
        return
    _check_well_formed(data)
    for rows, columns in _extents(data, ods=name == "content.xml"):
        if rows * columns > MAX_AREA:
            raise Unreadable(f"a cell in row {rows}, column {columns} is far outside the table")


def _check_well_formed(xml: bytes) -> None:
    parser = expat.ParserCreate("UTF-8")  # whatever it declares: what follows reads bytes
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.Parse(xml, True)  # noqa: FBT003 - expat's own word for the last piece


def _refuse_doctype(*_: object) -> None:
    raise Unreadable("its XML declares a document type, which no spreadsheet program writes")


def _extents(xml: bytes, *, ods: bool) -> Iterator[tuple[int, int]]:
    """Rows and columns up to each table's last cell with a value."""
    if ods:
        for table in xml.split(b"<table:table ")[1:]:
            yield _ods_extent(table)
    else:
        places = [(_number(column), int(row[:9])) for column, row in _XLSX_CELL.findall(xml)]
        yield (
            max((row for _, row in places), default=0),
            max((column for column, _ in places), default=0),
        )


def _ods_extent(table: bytes) -> tuple[int, int]:
    row = last_row = last_column = 0
    for line in table.split(b"<table:table-row")[1:]:
        row += _repeated(_ODS_ROWS, line.partition(b">")[0])
        if _VALUE in line:
            last_row = row
            last_column = max(last_column, _last_column(line))
    return last_row, last_column


def _last_column(line: bytes) -> int:
    column = last = 0
    for cell in _ODS_CELL.findall(line):
        column += _repeated(_ODS_COLUMNS, cell)
        if _VALUE in cell:
            last = column
    return last


def _repeated(pattern: re.Pattern[bytes], attributes: bytes) -> int:
    found = pattern.search(attributes)
    return int(found[1][:9]) if found else 1


def _number(letters: bytes) -> int:
    number = 0
    for letter in letters[:6].upper():
        number = number * 26 + letter - 64
    return number
