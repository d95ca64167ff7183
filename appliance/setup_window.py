"""May somebody without a PIN set the box up now? For a while after power-on or after the button.

Seconds since power-on are the kernel's, so that no clock that is set or lies moves the end. The
button's press is noted in ``BOX/run/setup-open`` with this boot's id: it ends with the boot.
"""

from pathlib import Path

from appliance.paths import BoxPaths

SECONDS = 15 * 60
"""How long it is open."""
NAME = "setup-open"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_LONGEST = 200
_NEVER = float("-inf")


def is_open(paths: BoxPaths, uptime: float) -> bool:
    """Whether it is, so many seconds after power-on."""
    return uptime < SECONDS or 0 <= uptime - _opened_at(paths) < SECONDS


def open_now(paths: BoxPaths, uptime: float) -> None:
    """The button was held."""
    paths.run.mkdir(parents=True, exist_ok=True)
    _file(paths).write_text(f"{_boot()} {uptime:.0f}\n")


def _opened_at(paths: BoxPaths) -> float:
    try:
        with _file(paths).open() as file:
            boot, at = file.read(_LONGEST).split()
        return float(at) if boot == _boot() else _NEVER
    except (OSError, ValueError):
        return _NEVER


def _boot() -> str:
    return _BOOT_ID.read_text().strip()


def _file(paths: BoxPaths) -> Path:
    return paths.run / NAME
