"""A school's timetable as it hangs on the wall, in every way that schools write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.timetable import keep
from appliance.timetable.sheet import example, read_timetable
from appliance.timetable.week import Period, Taught
from catalog.sheets.table import write_csv, write_workbook
from sync.errors import InputRefused

HEADINGS = ["节次", "时间", "星期一", "星期二"]


def week(cell: str, *, grades: tuple[str, ...] = (), time: str = "8:30-9:10") -> tuple[Period, ...]:
    data = write_csv([HEADINGS, ["1", time, cell, ""]])
    return read_timetable(data, "week.csv", grades).week


def taught(cell: str, *, grades: tuple[str, ...] = ()) -> list[str]:
    return [f"{one.grade}/{one.subject}" for one in week(cell, grades=grades)[0].taught]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("一年级语文", ["g1/chinese"]),
        ("一年级语文；二年级数学", ["g1/chinese", "g2/math"]),
        ("一年级 语文\n二年级 数学", ["g1/chinese", "g2/math"]),
        ("一年级语文/二年级数学", ["g1/chinese", "g2/math"]),
        ("1-3年级音乐", ["g1/music", "g2/music", "g3/music"]),
        ("一至三年级音乐", ["g1/music", "g2/music", "g3/music"]),
        ("一、二年级音乐", ["g1/music", "g2/music"]),
        ("一语文", ["g1/chinese"]),
        ("高一物理", ["g10/physics"]),
        ("一年级小学科学", ["g1/science"]),
        ("g1 math", ["g1/math"]),
    ],
)
def test_a_cell_says_who_learns_what(cell: str, expected: list[str]) -> None:
    assert taught(cell) == expected


def test_without_a_grade_it_is_for_all_of_the_point() -> None:
    assert taught("体育", grades=("g1", "g2")) == ["g1/pe", "g2/pe"]
    with pytest.raises(InputRefused) as caught:
        week("体育")
    [fault] = caught.value.faults
    assert str(fault).startswith("week.csv row 2 column 星期一: '体育': of which grade?")


@pytest.mark.parametrize("time", ["08:30-09:10", "8:30～9:10", "8:30:00 至 9:10:00", "8:30 — 9:10"])
def test_times_as_people_write_them(time: str) -> None:
    assert week("一年级语文", time=time)[0] == Period(
        1, "08:30", "09:10", (Taught("g1", "chinese"),)
    )


def test_times_in_two_columns() -> None:
    grid = [["开始", "结束", "Mon", "Sunday"], ["8:30:00", "9:10:00", "", "一年级语文"]]
    [period] = read_timetable(write_csv(grid), "week.csv").week
    assert (period.day, period.begin, period.end) == (7, "08:30", "09:10")


def test_a_worksheet_for_each_class() -> None:
    grids = [
        (name, [["时间", "周一"], ["8:30-9:10", "语文"]]) for name in ("一年级", "二年级", "说明")
    ]
    data = write_workbook([*grids, ("封面", [["青山教学点"]])])
    assert read_timetable(data, "week.xlsx", ("g3",)).week == (
        Period(1, "08:30", "09:10", tuple(Taught(f"g{n}", "chinese") for n in (1, 2, 3))),
    )


def test_what_is_no_lesson_is_told_and_left_aside() -> None:
    grid = [
        [*HEADINGS, "备注"],
        ["", "7:50-8:20", "早操", ""],
        ["1", "8:30-9:10", "一年级数雪", "一年级语文"],
    ]
    reading = read_timetable(write_csv(grid), "week.csv")
    assert [one.day for one in reading.week] == [2]
    assert [str(note) for note in reading.notes] == [
        "week.csv row 1 column 备注: a column we do not know; it is left aside"
        " → nothing to do, or correct it",
        "week.csv row 2 column 星期一: '早操' is no subject; it is left aside → nothing to do",
        "week.csv row 3 column 星期一: '一年级数雪' is no subject; it is left aside"
        " → nothing to do",
    ]


CROWD = ";".join(f"{n}年级{subject}" for n in "12345" for subject in ("语文", "数学", "音乐"))
MANY = [
    [f"{hour}:{minute:02d}-23:59", "一年级语文"]
    for hour in range(8, 23)
    for minute in range(0, 60, 5)
]


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ([["a", "b"], ["c", "d"]], "no row of headings we know"),
        ([["节次", "时间"], ["1", "8:30-9:10"]], "has no day of the week"),
        ([["星期一", "星期二"], ["一年级语文", ""]], "has no column 时间"),
        ([["时间", "周一", "星期一"], ["8:30-9:10", "一年级语文", ""]], "stands twice"),
        ([["时间", "周一"], ["9:10-8:30", "一年级语文"]], "is no time of a lesson"),
        ([["时间", "周一"], ["24:30-25:30", "一年级语文"]], "is no time of a lesson"),
        ([["时间", "周一"], ["上午", "一年级语文"]], "is no time of a lesson"),
        ([["时间", "周一"], ["8:30-9:10", ""]], "no lesson in it"),
        ([["时间", "周一"], ["8:30-9:10", CROWD]], "more than 12 lessons"),
        ([["时间", "周一"], *MANY], "at most 150"),
    ],
)
def test_each_fault_is_named(grid: list[list[str]], words: str) -> None:
    with pytest.raises(InputRefused) as caught:
        read_timetable(write_csv(grid), "week.csv")
    assert any(words in str(fault) for fault in caught.value.faults), caught.value.faults


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_the_example_works(suffix: str) -> None:
    reading = read_timetable(example(suffix), f"week{suffix}", ("g1", "g2"))
    assert len(reading.week) == 10
    assert reading.notes == ()


cells = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["一年级语文", "体育", "8:30-9:10", "=1+1", "一" * 50, "、年级语文", "1-0语文"]
    ),
)


@given(st.lists(st.lists(cells, min_size=4, max_size=4), max_size=4))
def test_whatever_a_sheet_holds_the_box_reads_what_it_makes(rows: list[list[str]]) -> None:
    try:
        found = read_timetable(write_csv([HEADINGS, *rows]), "week.csv", ("g1",)).week
    except InputRefused:
        return
    assert keep.read(keep.write(found)) == found
