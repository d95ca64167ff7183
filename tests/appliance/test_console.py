"""What commands show: moving lines on a terminal, JSON lines for scripts, nothing in a pipe."""

import io
import json
import sys

import pytest

from appliance.cli.console import (
    JsonProgress,
    TerminalProgress,
    fail,
    progress,
    showing,
    size,
)
from sync.errors import Fault, InputRefused, NoRoom
from sync.progress import Silent


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_how_far_how_fast_how_long() -> None:
    screen, clock = Screen(), Clock()
    shown = TerminalProgress(screen, clock)
    shown.step("fetch", total=4_000_000)
    clock.now = 1.0
    shown.advance(1_000_000)
    assert screen.getvalue().endswith("fetch  1.0 MB of 4.0 MB  1.0 MB/s  3 s left")
    length = len(screen.getvalue())
    clock.now = 1.05
    shown.advance(1)
    assert len(screen.getvalue()) == length, "more than ten times a second"
    shown.step("index", total=3, unit="collections")
    shown.advance(1)
    clock.now = 3.05
    shown.close()
    assert screen.getvalue().endswith("index  1 of 3 collections  4 s left\n")


def test_nothing_moves_before_the_first_step() -> None:
    screen = Screen()
    TerminalProgress(screen).advance(5)
    JsonProgress(screen).advance(5)
    TerminalProgress(screen).close()
    assert screen.getvalue() == ""


def test_a_script_reads_json_lines() -> None:
    stream, clock = io.StringIO(), Clock()
    shown = JsonProgress(stream, clock)
    shown.step("fetch", total=10)
    shown.advance(3)
    clock.now = 2.0
    shown.advance(3)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["done"] for line in lines] == [0, 6]
    assert lines[1] == {"step": "fetch", "done": 6, "total": 10, "unit": "B"}


def test_quiet_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert isinstance(progress(as_json=False), Silent)
    assert isinstance(progress(as_json=True), JsonProgress)
    with showing(as_json=False) as shown:
        shown.step("x")


def test_the_line_ends_however_the_work_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)

    def work() -> None:
        with showing(as_json=False) as shown:
            shown.step("fetch")
            raise NoRoom("full")

    with pytest.raises(NoRoom):
        work()
    assert screen.getvalue().endswith("\n")


def test_an_error_is_a_fact_a_hint_and_a_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        fail(NoRoom("full", hint="free some"), as_json=False)
    assert ended.value.code == 6
    assert capsys.readouterr().err == "kexia: full\n  → free some\n"
    refused = InputRefused("bad sheet", faults=(Fault("a.csv row 2", "empty", "fill it"),))
    with pytest.raises(SystemExit):
        fail(refused, as_json=False)
    assert "a.csv row 2: empty → fill it" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        fail(refused, as_json=True)
    value = json.loads(capsys.readouterr().out)
    assert value["exit_code"] == 3
    assert value["faults"] == [{"where": "a.csv row 2", "what": "empty", "cure": "fill it"}]


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (12_345_678, "12.3 MB"), (5 * 10**12, "5.0 TB")],
)
def test_sizes_for_people(count: int, words: str) -> None:
    assert size(count) == words
