"""``kexia box timetable`` as a technician asks it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from appliance import config
from appliance.cli.main import app
from appliance.config import BoxConfig
from appliance.paths import BoxPaths
from appliance.timetable import keep
from appliance.timetable.sheet import example
from sync.errors import InputRefused, UsageError
from tests.kit.timetables import WEEK


@pytest.fixture
def box(tmp_path: Path) -> BoxPaths:
    paths = BoxPaths(tmp_path / "box")
    paths.root.mkdir()
    config.save(paths, BoxConfig())
    return paths


def ask(box: BoxPaths, *words: str) -> Result:
    return CliRunner().invoke(app, ["box", "timetable", str(box.root), *words])


def test_shown_and_forgotten(box: BoxPaths) -> None:
    assert "no timetable" in ask(box).output
    keep.save(box, WEEK)
    assert ask(box).output.splitlines()[0] == "星期一 08:30-09:10 一年级语文；二年级数学"
    value = json.loads(ask(box, "--json").output)
    assert value["timetable"][0]["lessons"] == ["g1/chinese", "g2/math"]
    assert "no timetable" in ask(box, "--clear").output
    assert keep.load(box) == ()


def test_taken_from_a_sheet(box: BoxPaths, tmp_path: Path) -> None:
    sheet = tmp_path / "week.csv"
    sheet.write_text("时间,周一\n8:30-9:10,一年级语文；午休\n")
    told = ask(box, str(sheet))
    assert told.exit_code == 0
    assert told.output.startswith("note: week.csv row 2 column 周一: '午休' is no subject")
    assert [one.begin for one in keep.load(box)] == ["08:30"]


def test_a_faulty_one_changes_nothing(box: BoxPaths, tmp_path: Path) -> None:
    keep.save(box, WEEK)
    sheet = tmp_path / "week.csv"
    sheet.write_bytes(example(".csv"))  # names no grade, and this box was told none
    told = ask(box, str(sheet))
    assert isinstance(told.exception, InputRefused)
    assert "of which grade?" in str(told.exception.faults[0])
    assert keep.load(box) == WEEK


@pytest.mark.parametrize("words", [("none.csv",), ("none.csv", "--clear")])
def test_slips_are_told(box: BoxPaths, words: tuple[str, ...]) -> None:
    assert isinstance(ask(box, *words).exception, UsageError)


def test_where_there_is_no_box(tmp_path: Path) -> None:
    assert isinstance(ask(BoxPaths(tmp_path)).exception, UsageError)
