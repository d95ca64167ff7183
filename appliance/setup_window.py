"""May somebody without a PIN set the box up now? For a while after power-on or after the button.

Seconds since power-on are the kernel's, so that no clock that is set or lies moves the end. That
the button was held is noted below ``/run``, which ends with the boot, in the folder of the button's
unit: ``kexia-serve`` sees that folder, and nothing of /proc that tells one boot from another.
"""

from pathlib import Path

SECONDS = 15 * 60
"""How long it is open."""
NOTE = Path("/run/kexia-button/opened")
"""Seconds since power-on at which the button was held."""
_LONGEST = 40
_NEVER = float("-inf")


def is_open(uptime: float, note: Path = NOTE) -> bool:
    """Whether it is, so many seconds after power-on."""
    return uptime < SECONDS or 0 <= uptime - _opened_at(note) < SECONDS


def open_now(uptime: float, note: Path = NOTE) -> None:
    """The button was held; raises OSError."""
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(f"{uptime:.0f}\n", encoding="ascii")


def _opened_at(note: Path) -> float:
    try:
        with note.open(encoding="ascii") as file:
            return float(file.read(_LONGEST))
    except (OSError, ValueError):
        return _NEVER
