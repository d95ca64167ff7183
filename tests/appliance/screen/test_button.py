"""The button: ten seconds take the PIN away and open the setup; less does nothing."""

import os
import struct
import threading
from contextlib import closing
from pathlib import Path

import pytest

from appliance import pin, setup_window
from appliance.config import BoxPaths
from appliance.screen import button
from appliance.screen.button import Hold, events, watch_button
from appliance.state import open_state

EVENT = struct.Struct("qqHHi")
SETUP = 141


def pressed(value: int, code: int = SETUP) -> bytes:
    return EVENT.pack(1, 2, 1, code, value) + EVENT.pack(1, 2, 0, 0, 0)


def test_events_are_read_whole() -> None:
    assert list(events(pressed(1) + b"half")) == [(1, SETUP, 1), (0, 0, 0)]


def test_ten_seconds_count_and_less_does_not() -> None:
    hold = Hold()
    hold.event(1, SETUP, 1, 100.0)
    hold.event(1, SETUP, 2, 105.0)  # the kernel repeats a key that is held
    assert not hold.is_due(109.9)
    assert hold.is_due(110.0)
    assert not hold.is_due(120.0)
    hold.event(1, SETUP, 1, 200.0)
    hold.event(1, SETUP, 0, 209.0)
    assert not hold.is_due(300.0)
    hold.event(1, 30, 1, 400.0)
    assert not hold.is_due(500.0)


def test_a_held_button_opens_the_setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = BoxPaths(tmp_path / "box")
    with closing(open_state(paths.state_db)) as state:
        pin.set_pin(state, pin.hashed("240613", b"0123456789abcdef"))
    monkeypatch.setattr(button, "HELD_SECONDS", 0.2)
    devices = tmp_path / "input"
    devices.mkdir()
    os.mkfifo(devices / "event0")
    keeper = os.open(devices / "event0", os.O_RDWR)
    stop, now = threading.Event(), [5_000.0]

    def clock() -> float:
        now[0] += 0.05
        return now[0]

    thread = threading.Thread(target=watch_button, args=(paths, stop, clock, devices))
    thread.start()
    try:
        os.write(keeper, pressed(1))
        for _ in range(200):
            if setup_window.is_open(paths, now[0]):
                break
            threading.Event().wait(0.05)
        assert setup_window.is_open(paths, now[0])
    finally:
        stop.set()
        thread.join(10)
        os.close(keeper)
    with closing(open_state(paths.state_db)) as state:
        assert pin.read_pin(state) == ""


def test_the_window_closes(tmp_path: Path) -> None:
    paths = BoxPaths(tmp_path)
    assert setup_window.is_open(paths, 899)
    assert not setup_window.is_open(paths, 900)
    setup_window.open_now(paths, 5000)
    assert setup_window.is_open(paths, 5899)
    assert not setup_window.is_open(paths, 5901)
    (paths.run / setup_window.NAME).write_text("another-boot 5000\n")
    assert not setup_window.is_open(paths, 5100)
    (paths.run / setup_window.NAME).write_text("nonsense\n")
    assert not setup_window.is_open(paths, 5100)
