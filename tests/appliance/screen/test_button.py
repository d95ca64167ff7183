"""The button: ten seconds take the PIN away and open the setup; less does nothing."""

import fcntl
import os
import struct
import termios
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
    hold.event("event0", (1, SETUP, 1), 100.0)
    hold.event("event0", (1, SETUP, 2), 105.0)  # the kernel repeats a key that is held
    assert not hold.is_due(109.9)
    assert hold.is_due(110.0)
    assert not hold.is_due(120.0)
    hold.event("event0", (1, SETUP, 1), 200.0)
    hold.event("event0", (1, SETUP, 0), 209.0)
    assert not hold.is_due(300.0)
    hold.event("event0", (1, 30, 1), 400.0)
    assert not hold.is_due(500.0)


def test_lost_events_do_not_hold_a_key_down() -> None:
    hold = Hold()
    hold.event("event0", (1, SETUP, 1), 100.0)
    hold.event("event0", (0, 3, 0), 101.0)
    assert not hold.is_due(200.0)


def test_a_keyboard_pulled_out_holds_nothing_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe whose writer is gone ends like a device that is pulled out."""
    paths, note = BoxPaths(tmp_path / "box"), tmp_path / "run" / "opened"
    monkeypatch.setattr(button, "HELD_SECONDS", 30.0)
    devices = tmp_path / "input"
    devices.mkdir()
    os.mkfifo(devices / "event0")
    keeper = os.open(devices / "event0", os.O_RDWR)
    stop, now = threading.Event(), [5_000.0]
    seen = threading.Event()

    def clock() -> float:
        seen.set()
        return now[0]

    os.write(keeper, pressed(1))
    thread = threading.Thread(target=watch_button, args=(paths, stop, clock, devices, note))
    thread.start()
    try:
        assert seen.wait(10)
        while _waiting(keeper):
            threading.Event().wait(0.02)
        (devices / "event0").unlink()
        os.close(keeper)
        threading.Event().wait(1.0)
        now[0] += 100
        threading.Event().wait(1.0)
        assert not note.exists()
    finally:
        stop.set()
        thread.join(10)


def _waiting(pipe: int) -> int:
    """Bytes nobody has read yet."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), "little")


def test_a_held_button_opens_the_setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths, note = BoxPaths(tmp_path / "box"), tmp_path / "run" / "opened"
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

    thread = threading.Thread(target=watch_button, args=(paths, stop, clock, devices, note))
    thread.start()
    try:
        os.write(keeper, pressed(1))
        for _ in range(200):
            if setup_window.is_open(now[0], note):
                break
            threading.Event().wait(0.05)
        assert setup_window.is_open(now[0], note)
    finally:
        stop.set()
        thread.join(10)
        os.close(keeper)
    with closing(open_state(paths.state_db)) as state:
        assert pin.read_pin(state) == ""


def test_the_window_closes(tmp_path: Path) -> None:
    note = tmp_path / "run" / "opened"
    assert setup_window.is_open(899, note)
    assert not setup_window.is_open(900, note)
    setup_window.open_now(5000, note)
    assert setup_window.is_open(5899, note)
    assert not setup_window.is_open(5901, note)
    assert not setup_window.is_open(4000, note)
    note.write_text("nonsense\n")
    assert not setup_window.is_open(5100, note)


def test_the_note_lies_where_the_unit_may_write_and_the_pages_may_read() -> None:
    """In the button's own folder, which systemd keeps until the machine is switched off."""
    units = Path(__file__).parents[3] / "appliance" / "units"
    unit = (units / "kexia-button.service").read_text()
    assert f"\nRuntimeDirectory={setup_window.NOTE.parent.name}\n" in unit
    assert "\nRuntimeDirectoryPreserve=yes\n" in unit
    assert setup_window.NOTE.parent.parent == Path("/run")
    for name in ("kexia-button", "kexia-serve"):
        text = (units / f"{name}.service").read_text()
        assert "\nUser=kexia\n" in text
        assert "InaccessiblePaths" not in text
