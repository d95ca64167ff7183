"""The administrator's PIN: what may be one, how it is kept, how it is set."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from appliance import pin
from appliance.cli.main import app
from appliance.config import BoxConfig, BoxPaths, save
from appliance.state import open_state
from sync.errors import UsageError

SALT = bytes(range(16))
KEPT = (
    "scrypt:000102030405060708090a0b0c0d0e0f:"
    "f050e09c3dc3d93869224b398e7188a0c7c5ecffc1521a17350a1676e10543cf"
)


@pytest.fixture
def box(tmp_path: Path) -> Path:
    save(BoxPaths(tmp_path), BoxConfig())
    return tmp_path


@pytest.fixture
def state(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_state(tmp_path / "state.db")
    yield connection
    connection.close()


@pytest.mark.parametrize("good", ["240613", "教学点的密码", "xy" * 32, "112233"])
def test_what_may_be_a_pin(good: str) -> None:
    assert pin.check(good) == good
    assert pin.matches(good, pin.hashed(good, SALT))


@pytest.mark.parametrize("bad", ["", "24061", "x" * 65, "000000", "123456", "987654", "2406\n13"])
def test_what_may_not(bad: str) -> None:
    with pytest.raises(UsageError):
        pin.check(bad)


def test_how_it_is_kept_stays_as_it_is() -> None:
    """Made on 2026-11-25; another spelling would lock every administrator out."""
    assert pin.hashed("240613", SALT) == KEPT
    assert not pin.matches("240614", KEPT)


@pytest.mark.parametrize("kept", ["", "scrypt", "scrypt::", "scrypt:zz:zz", "plain:00:240613", "x"])
def test_what_is_damaged_lets_nobody_in(kept: str) -> None:
    assert not pin.matches("240613", kept)
    assert not pin.matches("", kept)


def test_another_pin_ends_every_session(state: sqlite3.Connection) -> None:
    pin.set_pin(state, "a")
    state.execute("INSERT INTO admin_session VALUES ('t', 1)")
    pin.set_pin(state, "b")
    assert pin.read_pin(state) == "b"
    assert state.execute("SELECT count(*) FROM admin_session").fetchone() == (0,)
    pin.remove_pin(state)
    assert pin.read_pin(state) == ""


def kept_in(box: Path) -> str:
    connection = open_state(BoxPaths(box).state_db)
    try:
        return pin.read_pin(connection)
    finally:
        connection.close()


def test_the_command_sets_and_removes_it(box: Path, tmp_path: Path) -> None:
    file = tmp_path / "pin.txt"
    file.write_text("240613\nnot this\n")
    done = CliRunner().invoke(app, ["box", "pin", str(box), "--pin-file", str(file)])
    assert (done.exit_code, done.output) == (0, "the PIN is set: open /admin\n")
    assert pin.matches("240613", kept_in(box))
    assert "240613" not in kept_in(box)
    done = CliRunner().invoke(app, ["box", "pin", str(box), "--remove", "--json"])
    assert (done.exit_code, done.output.strip()) == (0, '{"pin": false}')
    assert kept_in(box) == ""


def test_a_bad_pin_changes_nothing(box: Path, tmp_path: Path) -> None:
    file = tmp_path / "pin.txt"
    file.write_text("123456\n")
    done = CliRunner().invoke(app, ["box", "pin", str(box), "--pin-file", str(file)])
    assert isinstance(done.exception, UsageError)
    assert kept_in(box) == ""
    with pytest.raises(UsageError, match="nobody is here to type it"):
        CliRunner().invoke(app, ["box", "pin", str(box)], catch_exceptions=False)
