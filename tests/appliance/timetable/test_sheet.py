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
        ("一年级语文", "g1/chinese"),
        ("一年级语文；二年级数学", "g1/chinese g2/math"),
        ("一年级 语文\n二年级 数学", "g1/chinese g2/math"),
        ("一年级语文 二年级数学", "g1/chinese g2/math"),
        ("一年级语文、二年级数学", "g1/chinese g2/math"),
        ("一年级语文／二年级数学", "g1/chinese g2/math"),
        ("一年级：语文", "g1/chinese"),
        ("语文（一年级）", "g1/chinese"),
        ("一年级语文（王老师）", "g1/chinese"),
        ("一年级语文 王小红", "g1/chinese"),
        ("一(1)班语文", "g1/chinese"),
        ("1-3年级音乐", "g1/music g2/music g3/music"),
        ("一至三年级音乐", "g1/music g2/music g3/music"),
        ("一、二年级音乐", "g1/music g2/music"),
        ("一二年级音乐", "g1/music g2/music"),
        ("1.2年级音乐", "g1/music g2/music"),
        ("一语文", "g1/chinese"),
        ("高一物理", "g10/physics"),
        ("一年级小学科学", "g1/science"),
        ("一年级思品；一年级外语", "g1/english g1/morality"),
        ("g1 math", "g1/math"),
    ],
)
def test_a_cell_says_who_learns_what(cell: str, expected: str) -> None:
    assert taught(cell) == expected.split()


def test_without_a_grade_it_is_for_all_of_the_point() -> None:
    assert taught("体育", grades=("g1", "g2")) == ["g1/pe", "g2/pe"]
    assert taught("语 数", grades=("g1",)) == ["g1/chinese", "g1/math"]
    with pytest.raises(InputRefused) as caught:
        week("体育")
    [fault] = caught.value.faults
    assert str(fault).startswith("week.csv row 2 column 星期一: '体育': of which grade?")


@pytest.mark.parametrize(
    "time",
    [
        *("08:30-09:10", "8:30～9:10", "8:30:00 至 9:10:00", "8:30 — 9:10", "8：30－9：10"),
        *("8.30-9.10", "8:30\n9:10", "上午8:30-9:10", "8:30−9:10（40分钟）"),
    ],
)
def test_times_as_people_write_them(time: str) -> None:
    assert week("一年级语文", time=time)[0] == Period(
        1, "08:30", "09:10", (Taught("g1", "chinese"),)
    )


def test_an_afternoon_says_so() -> None:
    [period] = week("一年级语文", time="下午2:00-2:40")
    assert (period.begin, period.end) == ("14:00", "14:40")


def test_times_in_two_columns() -> None:
    grid = [["开始", "结束", "Mon", "Sunday"], ["8:30:00", "9:10:00", "", "一年级语文"]]
    [period] = read_timetable(write_csv(grid), "week.csv").week
    assert (period.day, period.begin, period.end) == (7, "08:30", "09:10")


def test_a_worksheet_for_each_class() -> None:
    names = ("一年级课表", "二(1)班", "三年级2班")
    grids = [(name, [["时间", "周一"], ["8:30-9:10", "语文"]]) for name in names]
    data = write_workbook([*grids, ("作息", [["节次", "时间"], ["1", "8:30"]])])
    assert read_timetable(data, "week.xlsx", ("g1", "g2", "g3")).week == (
        Period(1, "08:30", "09:10", tuple(Taught(f"g{n}", "chinese") for n in (1, 2, 3))),
    )


def test_of_several_worksheets_each_must_say_its_grade() -> None:
    grids = [(name, [["时间", "周一"], ["8:30-9:10", "语文"]]) for name in ("1班", "2班")]
    with pytest.raises(InputRefused) as caught:
        read_timetable(write_workbook(grids), "week.xlsx", ("g1", "g2"))
    assert [fault.where for fault in caught.value.faults] == [
        f"week.xlsx sheet {name} row 2 column 周一" for name in ("1班", "2班")
    ]


def test_a_title_names_the_grade() -> None:
    grid = [["青山小学二年级课程表", "", ""], ["时间", "周一", "周二"], ["8:30-9:10", "语文", ""]]
    assert read_timetable(write_csv(grid), "week.csv", ("g1", "g2")).week[0].taught == (
        Taught("g2", "chinese"),
    )


@pytest.mark.parametrize("time", ["8:30-9:10", ""])
def test_a_row_for_each_class(time: str) -> None:
    """The time stands in each of them, or is merged over both."""
    rows = [["8:30-9:10", "一年级", "语文"], [time, "二年级", "数学"]]
    found = read_timetable(write_csv([["时间", "班级", "周一"], *rows]), "week.csv", ("g1", "g2"))
    assert found.week == (
        Period(1, "08:30", "09:10", (Taught("g1", "chinese"), Taught("g2", "math"))),
    )


def test_a_column_for_each_class_below_a_merged_day() -> None:
    grid = [
        ["时间", "星期一", "", "星期二", ""],
        ["", "一年级", "二年级", "一年级", "二年级"],
        ["8:30-9:10", "语文", "数学", "音乐", "音乐"],
    ]
    monday, tuesday = read_timetable(write_csv(grid), "week.csv", ("g1", "g2")).week
    assert monday.taught == (Taught("g1", "chinese"), Taught("g2", "math"))
    assert tuesday.taught == (Taught("g1", "music"), Taught("g2", "music"))


def test_breaks_need_no_time() -> None:
    grid = [["时间", "周一"], ["", "早读"], ["12:00", "午休"], ["8:30-9:10", "一年级语文"]]
    reading = read_timetable(write_csv(grid), "week.csv")
    assert len(reading.week) == 1
    assert [note.where for note in reading.notes] == [
        "week.csv row 2 column 周一",
        "week.csv row 3 column 周一",
    ]


def test_a_grade_that_the_point_does_not_have_is_told() -> None:
    data = write_csv([HEADINGS, ["1", "8:30-9:10", "五年级语文", ""]])
    [note] = read_timetable(data, "week.csv", ("g1", "g2")).notes
    assert "a grade that this point does not have" in note.what


def test_why_there_is_no_lesson_is_told() -> None:
    data = write_csv([HEADINGS, ["1", "8:30-9:10", "王老师", ""]])
    with pytest.raises(InputRefused) as caught:
        read_timetable(data, "week.csv", ("g1",))
    assert [fault.where for fault in caught.value.faults] == [
        "week.csv",
        "week.csv row 2 column 星期一",
    ]


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


CROWD = "；".join(f"一至九年级{subject}" for subject in ("语文", "数学", "音乐", "美术", "体育"))
MANY = [
    [f"{hour}:{minute:02d}-23:59", "一年级语文"]
    for hour in range(8, 23)
    for minute in range(0, 60, 5)
]


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ([["a", "b"], ["c", "d"]], "no row with days of the week"),
        ([["节次", "时间"], ["1", "8:30-9:10"]], "no row with days of the week"),
        ([["星期一", "星期二"], ["一年级语文", ""]], "has no column 时间"),
        ([["时间", "周一", "星期一"], ["8:30-9:10", "一年级语文", ""]], "stands twice"),
        ([["时间", "周一"], ["9:10-8:30", "一年级语文"]], "is no time of a lesson"),
        ([["时间", "周一"], ["24:30-25:30", "一年级语文"]], "is no time of a lesson"),
        ([["时间", "周一"], ["上午", "一年级语文"]], "is no time of a lesson"),
        ([["时间", "周一"], ["", "一年级语文"]], "is no time of a lesson"),
        ([["时间", "周一"], ["2:00-2:40", "一年级语文"]], "in the afternoon 14:00-14:40"),
        ([["时间", "周一"], ["8:30-9:10", ""]], "no lesson in it"),
        ([["时间", "周一"], ["8:30-9:10", CROWD]], "more than 36 lessons"),
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
