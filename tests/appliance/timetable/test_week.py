"""The box's week: its file byte for byte, every fault of it named, kept durably."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from appliance.paths import BoxPaths
from appliance.timetable import keep
from appliance.timetable.week import MAX_LESSONS, MAX_PERIODS, Period, Taught, merged
from catalog import codes
from sync.errors import InputRefused
from tests.kit.timetables import GOLDEN, WEEK, weeks


def test_the_golden_file_is_read_and_written_byte_for_byte() -> None:
    assert keep.read(GOLDEN.read_bytes()) == WEEK
    assert keep.write(WEEK) == GOLDEN.read_bytes()


@given(weeks())
def test_what_is_written_reads_back(week: tuple[Period, ...]) -> None:
    assert keep.read(keep.write(week)) == week


def test_the_longest_week_fits(tmp_path: Path) -> None:
    grades = [tag.code for tag in codes.tags("grade")]
    subject = max((tag.code for tag in codes.tags("subject")), key=len)
    taught = tuple(Taught(grade, subject) for grade in grades)
    times = [f"{hour:02d}:{minute:02d}" for hour in range(6, 16) for minute in (0, 20, 40)]
    week = merged(
        Period(day, time, "23:59", taught[: 5 + (time < "14")])
        for day in range(1, 6)
        for time in times
    )
    assert len(week) == MAX_PERIODS
    assert sum(len(one.taught) for one in week) <= MAX_LESSONS
    keep.save(BoxPaths(tmp_path), week)
    assert keep.load(BoxPaths(tmp_path)) == week
    with pytest.raises(InputRefused):
        keep.read(keep.write([replace(one, taught=taught) for one in week]))


def test_every_fault_is_named_at_once() -> None:
    text = """format = 1
        [[timetable]]
        day = 8
        from = "8:30"
        to = "09:10"
        lessons = ["g1/alchemy"]
        [[timetable]]
        day = true
        from = "10:00"
        to = "09:10"
        teacher = "王"
        [[timetable]]
        day = 1
        from = "10:00"
        to = "09:10"
        lessons = []
    """
    with pytest.raises(InputRefused) as caught:
        keep.read(text.encode())
    assert [(fault.where, fault.what.split(",")[0]) for fault in caught.value.faults] == [
        ("[[timetable]] 1 day", "must be a number from 1 to 7"),
        ("[[timetable]] 1 from", "must be a time of day"),
        ("[[timetable]] 1 lessons", "'g1/alchemy' is no grade and subject"),
        ("[[timetable]] 2 day", "must be a number from 1 to 7"),
        ("[[timetable]] 2 teacher", "is no key of this place"),
        ("[[timetable]] 3 to", "must be later than from"),
    ]


@pytest.mark.parametrize("data", [b"", b"\xff", b"format = 2", b"format = 1\ntimetable = 1"])
def test_what_is_no_timetable_is_refused(data: bytes) -> None:
    with pytest.raises(InputRefused):
        keep.read(data)


def test_a_box_without_one_has_none(tmp_path: Path) -> None:
    paths = BoxPaths(tmp_path)
    assert keep.load(paths) == ()
    keep.forget(paths)
    keep.save(paths, WEEK)
    assert keep.load(paths) == WEEK
    keep.forget(paths)
    assert keep.load(paths) == ()


def test_each_grade_may_have_had_a_sheet_of_its_own() -> None:
    one, other = Taught("g2", "math"), Taught("g10", "art")
    apart = [Period(1, "08:30", "09:10", (other,)), Period(1, "08:30", "09:10", (one,))]
    assert merged(apart) == (Period(1, "08:30", "09:10", (one, other)),)
