"""The list of sites: a technician's sheet, CSV or workbook, as rows of named cells.

What a cell means is decided further on (``rows``); headings are known in Chinese and English, and
what nobody knows is told and left aside, never lost in silence.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from catalog.sheets.table import (
    MAX_CELL,
    Table,
    fold_heading,
    header_row,
    read_tables,
    refused,
    write_csv,
    write_workbook,
)
from sync.errors import Fault, InputRefused

MAX_SITES = 2000
"""A county has a few hundred; more is another sheet."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column we know: its key, its Chinese heading, other headings, what the example says."""

    key: str
    heading: str
    names: tuple[str, ...]
    example: str = ""
    required: bool = False


COLUMNS = (
    Column("name", "名称", ("教学点", "教学点名称", "学校", "site"), "青山教学点", required=True),
    Column("code", "县代码", ("区划代码", "行政区划代码", "county"), "430121", required=True),
    Column("grades", "年级", ("grade",), "一至三年级"),
    Column("subjects", "学科", ("科目", "subject"), "音乐;美术;英语"),
    Column("network", "联网方式", ("网络", "mode"), "热点"),
    Column("ssid", "Wi-Fi名称", ("无线名称", "无线网名称", "wifi", "wifi name"), "青山课匣"),
    Column("passphrase", "Wi-Fi密码", ("无线密码", "无线网密码", "wifi password", "password")),
    Column("channel", "信道", ("频道",), "6"),
    Column("address", "有线地址", ("固定地址", "ip地址", "ip", "wired address")),
    Column("gateway", "网关", ("router",)),
    Column("dns", "DNS", ("域名服务器",)),
    Column("forward", "放行设备", ("放行mac", "devices")),
    Column("roots", "发布者根文件", ("根文件", "发布者", "root"), "43.root.json", required=True),
    Column("urls", "发布网址", ("网址", "url"), "https://www.example.cn/kexia"),
    Column("collections", "资源", ("订阅", "资源包", "collection"), "43/music-1a;43/art-1a"),
    Column("system", "系统更新", ("system update",)),
    Column("night", "夜间时段", ("夜间", "night window"), "22:00-06:00"),
    Column("timetable", "课程表", ("课表", "课程表文件", "timetable file")),
    Column("ssh_keys", "SSH公钥", ("公钥", "ssh key", "ssh")),
    Column("pin", "PIN", ("pin码", "管理密码")),
    Column("serial", "编号", ("序号", "number")),
)
"""The sheet's columns; docs/images.md explains each."""
BY_KEY = {column.key: column for column in COLUMNS}
_BY_HEADING = {
    fold_heading(name): column
    for column in COLUMNS
    for name in (column.key, column.heading, *column.names)
}


@dataclass(frozen=True, slots=True)
class Row:
    """One site as it stands in the sheet: cells by key, no empty ones."""

    place: str
    """``sites.csv row 7``."""
    cells: Mapping[str, str]
    headings: Mapping[str, str]
    """As written in this sheet, by key."""

    def where(self, key: str = "") -> str:
        """How a fault names a cell: ``sites.csv row 7 column Wi-Fi名称``."""
        if not key:
            return self.place
        heading = self.headings.get(key) or (BY_KEY[key].heading if key in BY_KEY else key)
        return f"{self.place} column {heading}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What the sheet holds, and what its owner should know about it."""

    rows: tuple[Row, ...]
    notes: tuple[Fault, ...]


def read_sites(data: bytes, name: str) -> Reading:
    """The rows of a sheet of that name; raises InputRefused with every fault of its shape."""
    tables, notes = read_tables(data, name, _BY_HEADING)
    ours = [table for table in tables if header_row(table.grid, _BY_HEADING) is not None]
    if not ours:
        cure = "`kexia image new --example FILE` writes a sheet with its headings"
        raise refused(name, "no row of headings we know", cure)
    rows: list[Row] = []
    for table in ours:
        sheet = f"{name} sheet {table.worksheet}" if len(tables) > 1 else name
        headings = _headings(table, sheet)
        rows += _rows(table, sheet, headings)
        notes += _unknown(table, sheet)
    if len(rows) > MAX_SITES:
        raise refused(name, f"{len(rows)} sites, at most {MAX_SITES}", "split it into several")
    if not rows:
        raise refused(name, "no site below the headings", "write one row for each teaching point")
    return Reading(tuple(rows), tuple(notes))


def example(suffix: str) -> bytes:
    """An empty sheet with its headings and one row that shows what belongs there."""
    grid = [[column.heading for column in COLUMNS], [column.example for column in COLUMNS]]
    return write_csv(grid) if suffix.lower() == ".csv" else write_workbook([("教学点", grid)])


def _headings(table: Table, sheet: str) -> dict[int, Column]:
    """The column we know at each index; raises InputRefused."""
    header = header_row(table.grid, _BY_HEADING) or 0
    found: dict[int, Column] = {}
    faults = []
    for index, heading in enumerate(table.grid[header]):
        column = _BY_HEADING.get(fold_heading(heading))
        if column is None:
            continue
        if column in found.values():
            where = f"{sheet} row {header + 1} column {heading}"
            faults.append(Fault(where, f"a second column {column.heading}", "keep one of the two"))
        found[index] = column
    for column in COLUMNS:
        if column.required and column not in found.values():
            where = f"{sheet} row {header + 1}"
            what = f"has no column {column.heading} ({column.key})"
            faults.append(Fault(where, what, "give one of its columns this heading"))
    if faults:
        raise InputRefused(f"{sheet}: its headings will not do", faults=tuple(faults))
    return found


def _rows(table: Table, sheet: str, headings: Mapping[int, Column]) -> Iterator[Row]:
    header = header_row(table.grid, _BY_HEADING) or 0
    written = {column.key: table.grid[header][index] for index, column in headings.items()}
    for number, cells in enumerate(table.grid[header + 1 :], start=header + 2):
        known = {
            column.key: cells[index][: MAX_CELL + 1]
            for index, column in headings.items()
            if cells[index : index + 1] > ("",)
        }
        if known:
            yield Row(f"{sheet} row {number}", known, written)


def _unknown(table: Table, sheet: str) -> Iterator[Fault]:
    header = header_row(table.grid, _BY_HEADING) or 0
    below: Sequence[Sequence[str]] = table.grid[header + 1 :]
    for index, heading in enumerate(table.grid[header]):
        is_used = any(any(row[index : index + 1]) for row in below)
        if is_used and fold_heading(heading) not in _BY_HEADING:
            what = "a column we do not know; it is left aside"
            cure = "nothing to do, or correct the heading (docs/images.md lists those we know)"
            yield Fault(f"{sheet} column {heading or index + 1}", what, cure)
