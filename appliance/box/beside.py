"""The small programmes beside pages and update: sticks, screen, button.

None loads update machinery: a box starts them all at once, and what one loads the others wait for.
"""

import signal
import threading
import time
from pathlib import Path

from appliance import config
from appliance.config import BoxPaths


def run_volumes(paths: BoxPaths, mounts: Path | None) -> None:
    """The volumes process; ends on SIGTERM or SIGINT, or at once if the box wants no sticks."""
    from appliance.volumes.watch import watch_volumes  # libudev is of no use to the others

    volumes = config.load(paths).volumes
    if volumes.on:
        watch_volumes(paths, volumes, mounts or paths.mounts, stop_on_signals())


def run_screen(paths: BoxPaths) -> None:
    """The screen process; ends on SIGTERM or SIGINT."""
    from appliance.screen.show import keep_showing  # Pillow is of no use to the others

    keep_showing(paths, stop_on_signals())


def run_button(paths: BoxPaths) -> None:
    """The button's process; ends on SIGTERM or SIGINT."""
    from appliance.screen.button import watch_button

    watch_button(paths, stop_on_signals(), time.monotonic)


def stop_on_signals() -> threading.Event:
    """Set by the first SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
