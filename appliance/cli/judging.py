"""``kexia box health``, without the library that reads command lines: at each start of a box."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.cli.loading import loading
from appliance.cli.output import result, say
from appliance.config import BoxPaths
from sync.errors import KexiaError

if TYPE_CHECKING:
    from appliance.system.health import Signs, Verdict
    from appliance.system.loader import Loader

PATIENCE = 240.0
"""Seconds that a start may take."""


def perform(box: Path, patience: float, *, as_json: bool = False) -> int:
    """Look, decide, do and say it; the exit code."""
    with loading():
        from appliance.system.loader import here
        from appliance.system.signs import Looker, mounted
    loader = here()
    slot, version = (str(loader.booted.slot), loader.booted.version) if loader else ("", "")
    where = f"slot={slot} version={version}"
    tell: Callable[[str], None] = (lambda _line: None) if as_json else _tell
    looker = Looker(
        BoxPaths(box), time.monotonic, time.sleep, mounted if loader else lambda path: path.is_dir()
    )
    signs = looker.watch(patience, lambda: tell(f"KEXIA-READY {where} up={_up()}"))
    verdict = _judge(loader, signs, where, tell) if loader else ""
    value: dict[str, object] = {
        "sound": not signs.missing,
        "missing": list(signs.missing),
        "slot": slot,
        "version": version,
        "verdict": str(verdict),
    }
    result(value, as_json=as_json, text=lambda: _summary(signs))
    if not signs.missing:
        return 0
    return 1 if signs.data else 8


def _judge(loader: "Loader", signs: "Signs", where: str, tell: Callable[[str], None]) -> "Verdict":
    """Decide and do; said afterwards where it may fail, before where it ends this very process."""
    from appliance.system.health import Verdict, decide

    try:
        loader.mend()
    except KexiaError:
        tell(f"KEXIA-HEALTH bad {where} up={_up()} missing=esp")
        raise
    verdict = decide(signs, proven=loader.proven, other_good=loader.other_good)
    if verdict is Verdict.CONFIRM:
        try:
            loader.carry_out(verdict)
        except KexiaError:
            tell(f"KEXIA-HEALTH bad {where} up={_up()} missing=rauc")
            raise
        tell(f"KEXIA-HEALTH good {where} up={_up()}")
    else:
        missing = ",".join(signs.missing)
        tell(f"KEXIA-HEALTH bad {where} up={_up()} missing={missing} verdict={verdict}")
        loader.carry_out(verdict)
    return verdict


def _tell(line: str) -> None:
    """At once, for whoever waits at the serial line."""
    say(line)
    sys.stdout.flush()


def _up() -> str:
    """Seconds since the kernel began."""
    return Path("/proc/uptime").read_text().partition(" ")[0]


def _summary(signs: "Signs") -> str:
    if not signs.missing:
        return "sound: pages, search and update process answer"
    if not signs.data:
        return "the data partition cannot be opened, or kexia.toml on it cannot be read"
    return f"not sound: {', '.join(signs.missing)} → journalctl -b -u 'kexia-*'"
