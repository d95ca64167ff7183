"""The night window: by the clock of schools, over midnight; never without a clock."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from appliance import config
from appliance.box.daemon import UpdateProcess
from appliance.night import Night
from tests.appliance.test_daemon import box, province, server  # noqa: F401
from tests.kit.boxes import BoxUnderTest


def at(clock: str) -> datetime:
    """That time in China, as UTC."""
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, 11, 26, (hour - 8) % 24, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("night", "inside", "outside"),
    [
        (
            Night("22:00", "06:00"),
            ["22:00", "23:59", "00:00", "05:59"],
            ["06:00", "12:00", "21:59"],
        ),
        (Night("01:00", "05:00"), ["01:00", "04:59"], ["00:59", "05:00", "13:00"]),
        (Night(), ["00:00", "12:00"], []),
        (Night("08:00", "08:00"), ["00:00", "08:00"], []),
    ],
)
def test_a_window_is_told_in_chinas_time(
    night: Night, inside: list[str], outside: list[str]
) -> None:
    assert all(night.holds(at(clock)) for clock in inside)
    assert not any(night.holds(at(clock)) for clock in outside)


@pytest.mark.parametrize(
    ("is_set", "has_lessons", "may"),
    [(True, True, False), (False, True, True), (True, False, True)],
)
def test_by_day_a_box_waits_unless_it_is_empty_or_knows_no_hour(
    box: BoxUnderTest,  # noqa: F811
    *,
    is_set: bool,
    has_lessons: bool,
    may: bool,
) -> None:
    import threading

    config.save(box.paths, replace(config.load(box.paths), night=Night("22:00", "06:00")))
    if has_lessons:
        box.sync()
    day = replace(box.machine.clock(), wall=at("12:00"), wall_is_set=is_set)
    machine = replace(box.machine, clock=lambda: day)
    process = UpdateProcess(box.paths, machine, stop=threading.Event())
    assert process._may_ask() is may
    night = replace(machine, clock=lambda: replace(day, wall=at("23:00")))
    assert UpdateProcess(box.paths, night, stop=threading.Event())._may_ask()
