"""The rhythm of a box, and state.db."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.box.schedule import AFTER_START, FIRST_RETRY, SPREAD, first_wait, next_wait, rhythm
from appliance.state import Migration, StateDamaged, open_state

DAY = timedelta(hours=24)


@given(st.text())
def test_each_box_has_its_own_delay(name: str) -> None:
    own = rhythm(name, every=DAY)
    assert own == rhythm(name, every=DAY)
    assert timedelta(0) <= own.delay <= SPREAD
    assert first_wait(own) == AFTER_START + own.delay


def test_ten_thousand_boxes_do_not_knock_together() -> None:
    delays = [rhythm(f"box {number}", every=DAY).delay for number in range(10_000)]
    minutes = [int(delay / timedelta(minutes=1)) for delay in delays]
    assert max(minutes.count(minute) for minute in range(10)) < 1_200


def test_only_on_demand() -> None:
    assert not rhythm("x", every=timedelta(0)).is_on
    assert rhythm("x", every=DAY).is_on


@given(st.integers(0, 10), st.integers(0, 10**6))
def test_the_next_question_is_never_rarer_than_usual(code: int, failures: int) -> None:
    own = rhythm("x", every=DAY)
    assert timedelta(0) < next_wait(own, exit_code=code, failures=failures) <= DAY


def test_what_time_may_mend_is_tried_again_soon_and_ever_rarer() -> None:
    own = rhythm("x", every=DAY)
    assert next_wait(own, exit_code=0, failures=0) == DAY
    assert next_wait(own, exit_code=5, failures=1) == DAY
    waits = [next_wait(own, exit_code=4, failures=number) - own.delay for number in (1, 2, 3)]
    assert waits == [FIRST_RETRY, FIRST_RETRY * 2, FIRST_RETRY * 4]


FIRST = Migration("first", ("CREATE TABLE class (name TEXT)",))
SECOND = Migration("second", ("ALTER TABLE class ADD COLUMN grade TEXT",))


def tables(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}


def test_state_survives_a_power_cut_and_grows_by_named_steps(tmp_path: Path) -> None:
    path = tmp_path / "box" / "state.db"
    connection = open_state(path, migrations=[FIRST])
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.execute("INSERT INTO class VALUES ('一班')")
    connection.close()
    for _ in range(2):
        connection = open_state(path, migrations=[FIRST, SECOND])
        assert connection.execute("SELECT * FROM class").fetchall() == [("一班", None)]
        connection.close()


def test_a_step_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    broken = Migration("broken", ("CREATE TABLE half (x TEXT)", "NONSENSE"))
    with pytest.raises(StateDamaged):
        open_state(path, migrations=[FIRST, broken])
    connection = open_state(path, migrations=[FIRST])
    assert "half" not in tables(connection)
    assert "class" in tables(connection)
    connection.close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"x" * 4096)
    with pytest.raises(StateDamaged) as caught:
        open_state(tmp_path / "state.db")
    assert "backup" in caught.value.hint
