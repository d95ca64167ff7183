"""Lamps on the box: blinking while it works, steady when done, fast when something is wrong."""

import logging
from collections.abc import Iterable
from enum import Enum
from pathlib import Path

from appliance.sticks import Phase

FOLDER = Path("/sys/class/leds")
_LOG = logging.getLogger("kexia.volumes")


class Pattern(Enum):
    """What a lamp does: milliseconds on and off; (0, 0): always on."""

    NOTHING = None
    WORKING = (500, 500)
    DONE = (0, 0)
    PROBLEM = (100, 100)


def pattern(phases: Iterable[Phase]) -> Pattern:
    """For all sticks together: one that must stay in comes first, then one with a problem."""
    found = set(phases)
    if any(phase.is_working for phase in found):
        return Pattern.WORKING
    if Phase.PROBLEM in found:
        return Pattern.PROBLEM
    return Pattern.DONE if Phase.DONE in found else Pattern.NOTHING


class Leds:
    """The lamps of the names given; one that is missing is no fault."""

    def __init__(self, names: Iterable[str], folder: Path = FOLDER) -> None:
        self._lamps = [folder / name for name in names]
        self._before = {lamp: _trigger(lamp) for lamp in self._lamps}
        self._shown = Pattern.NOTHING

    def show(self, wanted: Pattern) -> None:
        """Change what is shown, if it is another pattern."""
        if wanted is self._shown:
            return
        self._shown = wanted
        for lamp in self._lamps:
            try:
                self._set(lamp, wanted)
            except OSError as error:
                _LOG.info("lamp %s: %s", lamp.name, error.strerror)

    def _set(self, lamp: Path, wanted: Pattern) -> None:
        """Nothing: whatever the lamp showed before we came."""
        if wanted.value is None:
            _write(lamp / "trigger", self._before[lamp] or "none")
            return
        on, off = wanted.value
        if not off:
            _write(lamp / "trigger", "none")
            _write(lamp / "brightness", (lamp / "max_brightness").read_text().strip())
            return
        _write(lamp / "trigger", "timer")
        _write(lamp / "delay_on", str(on))
        _write(lamp / "delay_off", str(off))


def _write(path: Path, text: str) -> None:
    """Into a file of the kernel: never made anew."""
    with path.open("r+") as file:
        file.write(text + "\n")


def _trigger(lamp: Path) -> str:
    """The one in force stands in brackets among all that there are."""
    try:
        words = (lamp / "trigger").read_text().split()
    except OSError:
        return ""
    return next((word.strip("[]") for word in words if word.startswith("[")), "")
