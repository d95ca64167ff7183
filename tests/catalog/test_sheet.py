"""Sheets: whatever program wrote the file, the same cells come out, or a named refusal."""

import csv
import datetime
import io
import random
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.errors import SheetRefused
from catalog.sheets.sheet import COLUMNS, Sheet, read_sheet, split_values, with_ids
from catalog.sheets.table import MAX_COLUMNS

HEADINGS = ["课程编号", "标题", "资源类型", "文件", "备注"]
ROWS = [["l1", "观潮", "视频", "a.mp4", "好"], ["", "", "字幕", "a.vtt", ""]]


def text_csv(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def xlsx(sheets: Mapping[str, Sequence[Sequence[object]]]) -> bytes:
    data = io.BytesIO()
    with xlsxwriter.Workbook(data) as workbook:
        day = workbook.add_format({"num_format": "yyyy-mm-dd"})
        for name, rows in sheets.items():
            page = workbook.add_worksheet(name)
            for row, cells in enumerate(rows):
                for column, cell in enumerate(cells):
                    page.write(
                        row, column, cell, *([day] if isinstance(cell, datetime.date) else [])
                    )
    return data.getvalue()


def ods(table: str, *, name: str = "课") -> bytes:
    data = io.BytesIO()
    names = "".join(
        f' xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{short}:1.0"'
        for short in ("office", "table", "text")
    )
    mimetype = "application/vnd.oasis.opendocument.spreadsheet"
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("mimetype", mimetype)
        archive.writestr(
            "META-INF/manifest.xml",
            '<manifest:manifest xmlns:manifest="'
            'urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
            f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{mimetype}"/>'
            "</manifest:manifest>",
        )
        archive.writestr(
            "content.xml",
            f"<office:document-content{names}><office:body><office:spreadsheet>"
            f'<table:table table:name="{name}">{table}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        )
    return data.getvalue()


def ods_row(cells: list[str], *, repeated: int = 1) -> str:
    inner = "".join(
        f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>'
        if cell
        else "<table:table-cell/>"
        for cell in cells
    )
    return f'<table:table-row table:number-rows-repeated="{repeated}">{inner}</table:table-row>'


def only(data: bytes, name: str = "lessons.csv") -> Sheet:
    (sheet,) = read_sheet(data, name).sheets
    return sheet


def check_cells(sheet: Sheet) -> None:
    assert [row.number for row in sheet.rows] == [2, 3]
    assert sheet.rows[0].cells == {
        "lesson_id": "l1",
        "title": "观潮",
        "role": "视频",
        "file": "a.mp4",
    }
    assert sheet.rows[0].extra == {"备注": "好"}
    assert sheet.rows[1].cells == {"role": "字幕", "file": "a.vtt"}
    assert sheet.where(3, "file").endswith("row 3 column 文件")


@pytest.mark.parametrize(
    ("codec", "called"),
    [("utf-8", ""), ("utf-8-sig", ""), ("gbk", "GBK"), ("gb18030", "GBK"), ("utf-16", "UTF-16")],
)
def test_csv_in_every_encoding_that_offices_save(codec: str, called: str) -> None:
    reading = read_sheet(text_csv([HEADINGS, *ROWS]).encode(codec), "lessons.csv")
    check_cells(reading.sheets[0])
    notes = [note.what for note in reading.notes if note.what.startswith("read as")]
    assert notes == ([f"read as {called}"] if called else [])


def test_characters_that_only_gb18030_has() -> None:
    rows = [HEADINGS, ["l1", "ᠮᠣᠩᠭᠣᠯ 𠮷", "视频", "a.mp4", ""]]
    reading = read_sheet(text_csv(rows).encode("gb18030"), "lessons.csv")
    assert reading.sheets[0].rows[0].cells["title"] == "ᠮᠣᠩᠭᠣᠯ 𠮷"
    assert "read as GB18030" in [note.what for note in reading.notes]


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_csv_with_other_delimiters(delimiter: str) -> None:
    text = "\n".join(delimiter.join(row) for row in [HEADINGS, *ROWS])
    check_cells(only(text.encode()))


def test_xlsx_with_the_number_types_of_spreadsheets() -> None:
    day = datetime.date(2026, 9, 1)
    head: list[object] = ["标题", "课时", "文件", "日期", "比"]
    sheet = only(xlsx({"课": [[], head, ["观潮", 2, "a.mp4", day, 1.5]]}), "lessons.xlsx")
    (row,) = sheet.rows
    assert row.number == 3
    assert row.cells == {"title": "观潮", "class_hour": "2", "file": "a.mp4"}
    assert row.extra == {"日期": "2026-09-01", "比": "1.5"}


def test_ods_with_repeated_rows() -> None:
    table = ods_row(HEADINGS) + ods_row(ROWS[0]) + ods_row(ROWS[1], repeated=2)
    sheet = only(ods(table + ods_row([""], repeated=1_048_000)), "lessons.ods")
    assert [row.number for row in sheet.rows] == [2, 3, 4]
    assert sheet.rows[2].cells == {"role": "字幕", "file": "a.vtt"}


def test_every_worksheet_with_our_headings_is_read_and_others_are_named() -> None:
    rows = [HEADINGS, *ROWS]
    data = xlsx({"一年级": rows, "说明": [["怎样填写"]], "空": [], "二年级": rows})
    reading = read_sheet(data, "课程.xlsx")
    assert [sheet.name for sheet in reading.sheets] == [
        "课程.xlsx sheet 一年级",
        "课程.xlsx sheet 二年级",
    ]
    assert reading.sheets[1].where(2, "title") == "课程.xlsx sheet 二年级 row 2 column 标题"
    assert [note.where for note in reading.notes if "left aside" in note.what] == [
        "课程.xlsx sheet 说明"
    ]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.key)
def test_keys_headings_and_aliases_are_accepted_in_any_width_and_case(column: object) -> None:
    assert isinstance(column, type(COLUMNS[0]))
    for name in (column.key, column.key.upper(), column.heading, *column.aliases):
        wide = "".join(
            chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in name
        )
        for written in (name, f" {name} ", f"{name}*", f"{name}（必填）", wide):
            other = "文件" if column.key != "file" else "标题"
            data = text_csv([[written, other], ["x", "y"]]).encode()
            assert only(data).rows[0].cells[column.key] == "x", written


def test_headings_may_stand_below_a_title_row() -> None:
    data = text_csv([["湖南省课程登记表"], [], HEADINGS, *ROWS]).encode()
    sheet = only(data)
    assert sheet.header == 3
    assert [row.number for row in sheet.rows] == [4, 5]


def test_row_numbers_count_records_not_lines() -> None:
    rows = [HEADINGS, ["l1", "观\n潮", "视频", "a.mp4", ""], ["", "", "", "", ""], ROWS[1]]
    sheet = only(text_csv(rows).encode())
    assert [row.number for row in sheet.rows] == [2, 4]
    assert sheet.rows[0].cells["title"] == "观\n潮"


def test_unknown_columns_are_kept_and_named() -> None:
    head = [*HEADINGS, "备注", "", ""]
    reading = read_sheet(text_csv([head, [*ROWS[0], "二", "三", ""]]).encode(), "lessons.csv")
    extra = {"备注": "好", "备注 (2)": "二", "column 7": "三"}
    assert reading.sheets[0].rows[0].extra == extra
    assert [note.where for note in reading.notes] == [
        f"lessons.csv column {name}" for name in extra
    ]


def test_a_column_that_stands_twice_is_refused() -> None:
    with pytest.raises(SheetRefused) as refused:
        read_sheet(text_csv([["title", "标题", "文件"], ["a", "b", "c"]]).encode(), "lessons.csv")
    (fault,) = refused.value.faults
    assert fault.where == "lessons.csv row 1 column 标题"


@pytest.mark.parametrize(
    ("data", "name", "what"),
    [
        (b"", "a.csv", "no row of headings"),
        (b"a,b\n1,2\n", "a.csv", "no row of headings"),
        (b"\x81\xff\xff", "a.csv", "neither UTF-8 nor GBK"),
        (b"\xff\xfe\x00\xd8", "a.csv", "neither UTF-8 nor GBK"),
        (b"PK", "a.xlsx", "not readable"),
        (xlsx({"a": []}), "a.xlsx", "no row of headings"),
        (text_csv([HEADINGS * 60]).encode(), "a.csv", f"{MAX_COLUMNS} columns"),
        (xlsx({"a": [HEADINGS]}).replace(b"sheet1", b"sheet7", 1), "a.xlsx", "not readable"),
    ],
)
def test_what_is_no_sheet_is_refused_by_name(data: bytes, name: str, what: str) -> None:
    with pytest.raises(SheetRefused, match=what) as refused:
        read_sheet(data, name)
    assert refused.value.faults[0].where == name
    assert refused.value.faults[0].cure


def test_a_cell_at_the_far_corner_is_refused_before_it_takes_all_memory() -> None:
    data = io.BytesIO()
    with xlsxwriter.Workbook(data) as workbook:
        page = workbook.add_worksheet()
        page.write_row(0, 0, HEADINGS)
        page.write(1_048_575, 16_383, "x")
    with pytest.raises(SheetRefused, match="far outside"):
        read_sheet(data.getvalue(), "a.xlsx")
    table = ods_row(HEADINGS) + ods_row([""], repeated=1_000_000) + ods_row(["x"] * 30)
    with pytest.raises(SheetRefused, match="far outside"):
        read_sheet(ods(table), "a.ods")


def remade(data: bytes, member: str, old: bytes, new: bytes) -> bytes:
    """The same archive with something else in one of its files."""
    again = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(again, "w") as target:
        for name in source.namelist():
            text = source.read(name)
            if name == member:
                assert old in text
                text = text.replace(old, new)
            target.writestr(name, text)
    return again.getvalue()


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (b"</table:table>", b"</tale:table>", "mismatched tag"),
        (b"<office:document-content", b"office:document-content", "syntax error"),
        (b"<office:document-content", b"<!DOCTYPE x []><office:document-content", "document type"),
        (b"<office:document-content", b"<?xml version='1.0' encoding='UTB-8'?>", "not readable"),
    ],
)
def test_xml_that_the_library_would_search_for_ever_is_refused(
    old: bytes, new: bytes, what: str
) -> None:
    data = remade(ods(ods_row(HEADINGS)), "content.xml", old, new)
    with pytest.raises(SheetRefused, match=what):
        read_sheet(data, "a.ods")


def test_a_workbook_that_unpacks_to_more_than_memory_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("catalog.sheets.workbook.MAX_XML", 1_000)
    with pytest.raises(SheetRefused, match="too many bytes"):
        read_sheet(xlsx({"a": [HEADINGS]}), "a.xlsx")


def test_empty_parts_and_pictures_in_a_workbook_do_no_harm() -> None:
    data = io.BytesIO(ods(ods_row(HEADINGS) + ods_row(ROWS[0]) + ods_row(ROWS[1])))
    with zipfile.ZipFile(data, "a") as archive:
        archive.writestr("Configurations2/accelerator/current.xml", b"")
        archive.writestr("Thumbnails/thumbnail.png", b"\x89PNG<")
    check_cells(only(data.getvalue(), "a.ods"))


def test_formatted_empty_cells_far_away_do_no_harm() -> None:
    data = io.BytesIO()
    with xlsxwriter.Workbook(data) as workbook:
        page = workbook.add_worksheet()
        page.write_row(0, 0, HEADINGS)
        page.write_row(1, 0, ROWS[0])
        page.write_row(2, 0, ROWS[1])
        page.write_blank(1_048_575, 16_383, None, workbook.add_format({"bold": True}))
    check_cells(only(data.getvalue(), "a.xlsx"))


def test_values_are_split_at_either_semicolon() -> None:
    assert split_values(" a; b；;c ") == ("a", "b", "c")


@pytest.mark.parametrize("name", ["lessons.csv", "课程.xlsx", "课程.ods"])
def test_a_copy_with_ids_is_the_same_sheet_with_ids(name: str) -> None:
    head = [heading for heading in HEADINGS if heading != "课程编号"]
    rows = [head, *(row[1:] for row in ROWS)]
    if name.endswith("csv"):
        data = text_csv(rows).encode("gbk")
    elif name.endswith("xlsx"):
        data = xlsx({"一": rows, "二": rows})
    else:
        data = ods("".join(ods_row(row) for row in rows))
    sheets = read_sheet(data, name).sheets
    ids = {
        (sheet.name, row.number): f"l-{index}"
        for index, sheet in enumerate(sheets)
        for row in sheet.rows
    }
    copy_name, copy = with_ids(sheets, ids)
    assert copy_name == name.rpartition(".")[0] + (
        ".with-ids.csv" if name.endswith("csv") else ".with-ids.xlsx"
    )
    again = read_sheet(copy, copy_name).sheets
    for index, (old, new) in enumerate(zip(sheets, again, strict=True)):
        for old_row, new_row in zip(old.rows, new.rows, strict=True):
            assert new_row.cells == {**old_row.cells, "lesson_id": f"l-{index}"}
            assert (new_row.number, new_row.extra) == (old_row.number, old_row.extra)
    assert with_ids(sheets, ids) == (copy_name, copy)


def test_a_copy_fills_the_id_column_that_is_there() -> None:
    sheet = only(text_csv([HEADINGS, ["", *ROWS[0][1:]]]).encode())
    _, copy = with_ids([sheet], {("lessons.csv", 2): "l-1"})
    check = only(copy)
    assert check.rows[0].cells["lesson_id"] == "l-1"
    assert list(check.headings.values()) == HEADINGS[:4]


def test_a_copy_of_a_worksheet_whose_name_excel_forbids() -> None:
    sheets = read_sheet(ods(ods_row(HEADINGS) + ods_row(ROWS[0]), name="一/二?"), "a.ods").sheets
    name, copy = with_ids(sheets, {})
    assert read_sheet(copy, name).sheets[0].rows == sheets[0].rows


@given(st.binary(max_size=300), st.sampled_from(["a.csv", "a.xlsx", "a.ods"]))
def test_any_bytes_are_a_sheet_or_refused(data: bytes, name: str) -> None:
    with suppress(SheetRefused):
        read_sheet(data, name)


CELLS = st.text(max_size=8) | st.sampled_from([column.heading for column in COLUMNS])


@given(st.lists(st.lists(CELLS, max_size=6), max_size=6), st.sampled_from(["utf-8", "gb18030"]))
def test_any_cells_are_a_sheet_or_refused(rows: list[list[str]], codec: str) -> None:
    with suppress(SheetRefused):
        read_sheet(text_csv(rows).encode(codec, "replace"), "a.csv")


WORKBOOKS = {
    "a.xlsx": xlsx({"a": [HEADINGS, *ROWS]}),
    "a.ods": ods(ods_row(HEADINGS) + ods_row(ROWS[0])),
}


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(sorted(WORKBOOKS)))
def test_a_damaged_workbook_is_a_sheet_or_refused(seed: int, name: str) -> None:
    rng = random.Random(seed)
    data = bytearray(WORKBOOKS[name])
    for _ in range(rng.randint(1, 12)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    with suppress(SheetRefused):
        read_sheet(bytes(data[: rng.choice((len(data), rng.randrange(len(data))))]), name)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(sorted(WORKBOOKS)))
def test_a_workbook_with_odd_xml_is_a_sheet_or_refused(seed: int, name: str) -> None:
    rng = random.Random(seed)
    with zipfile.ZipFile(io.BytesIO(WORKBOOKS[name])) as archive:
        member = rng.choice([part for part in archive.namelist() if part.endswith(".xml")])
        text = bytearray(archive.read(member))
    old = bytes(text)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(text))
        odd = (b"9999", b"<c r='ZZ9'>", b' r="XFD1048576"', b"<", b"\xff", b' t="s"', b"")
        text[at : at + rng.randint(0, 3)] = rng.choice(odd)
    with suppress(SheetRefused):
        read_sheet(remade(WORKBOOKS[name], member, old, bytes(text)), name)
