"""The button on the box: held for ten seconds, it takes the PIN away and opens the setup anew.

Whoever reaches the button can take the card out, too, so it gives nothing that was not theirs. A
key ``KEY_SETUP`` (of a machine that has such a button) or ``KEY_PAUSE`` (of a keyboard plugged in)
counts. Events are those of linux/input.h, 24 bytes on 64-bit machines.
"""

import logging
import os
import select
import struct
import threading
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path

from appliance import pin as pins
from appliance import setup_window
from appliance.config import BoxPaths
from appliance.state import open_state
from sync.errors import KexiaError

DEVICES = Path("/dev/input")
KEYS = frozenset({141, 119})
"""KEY_SETUP, KEY_PAUSE."""
HELD_SECONDS = 10.0
MAX_DEVICES = 32
_EVENT = struct.Struct("qqHHi")
_KEY, _PRESSED, _RELEASED = 1, 1, 0
_LOST = (0, 3)
"""EV_SYN, SYN_DROPPED."""
_LOOK_SECONDS = 5.0
_LOG = logging.getLogger("kexia.button")


class Hold:
    """How long one of the keys has been down; says once per press that it was long enough."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def event(self, device: str, event: tuple[int, int, int], now: float) -> None:
        """One event of a device: kind, code, value."""
        kind, code, value = event
        if (kind, code) == _LOST:
            self.forget(device)
        if kind != _KEY or code not in KEYS:
            return
        if value == _PRESSED:
            self._since[device] = now
        elif value == _RELEASED:
            self.forget(device)

    def forget(self, device: str) -> None:
        """It was pulled out, or its events were lost: whether the key is down, nobody knows."""
        self._since.pop(device, None)

    def is_due(self, now: float) -> bool:
        """True once, ten seconds after it went down, if it still is."""
        due = [device for device, since in self._since.items() if now - since >= HELD_SECONDS]
        for device in due:
            self.forget(device)
        return bool(due)


def events(data: bytes) -> Iterable[tuple[int, int, int]]:
    """Kind, code, value of each whole event in ``data``."""
    whole = len(data) - len(data) % _EVENT.size
    for _, _, kind, code, value in _EVENT.iter_unpack(data[:whole]):
        yield kind, code, value


def watch_button(
    paths: BoxPaths,
    stop: threading.Event,
    clock: Callable[[], float],
    devices: Path = DEVICES,
    note: Path = setup_window.NOTE,
) -> None:
    """Until ``stop`` is set; ``clock``: seconds since power-on; ``note``: of the open setup."""
    hold, opened = Hold(), dict[str, int]()
    looked = float("-inf")
    try:
        while not stop.is_set():
            if clock() - looked >= _LOOK_SECONDS:
                _open_new(devices, opened)
                looked = clock()
            _read(opened, hold, clock)
            if hold.is_due(clock()):
                _take_away(paths, note, clock())
            if not opened:
                stop.wait(1.0)
    finally:
        for descriptor in opened.values():
            os.close(descriptor)


def _open_new(devices: Path, opened: dict[str, int]) -> None:
    for path in sorted(devices.glob("event*"))[:MAX_DEVICES]:
        if path.name not in opened:
            with suppress(OSError):
                opened[path.name] = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def _read(opened: dict[str, int], hold: Hold, clock: Callable[[], float]) -> None:
    names = {descriptor: name for name, descriptor in opened.items()}
    for descriptor in select.select(list(names), [], [], 0.5)[0] if names else ():
        try:
            data = os.read(descriptor, 64 * _EVENT.size)
        except BlockingIOError:
            continue
        except OSError:
            data = b""
        if not data:  # pulled out
            os.close(opened.pop(names[descriptor]))
            hold.forget(names[descriptor])
            continue
        for event in events(data):
            hold.event(names[descriptor], event, clock())


def _take_away(paths: BoxPaths, note: Path, now: float) -> None:
    try:
        setup_window.open_now(now, note)
        with closing(open_state(paths.state_db)) as state:
            pins.remove_pin(state)
        _LOG.warning("the button was held: the PIN is removed, the setup is open for 15 minutes")
    except (KexiaError, OSError) as error:
        _LOG.error("the PIN could not be removed: %s", error)
