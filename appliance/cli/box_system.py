"""``kexia box health`` and ``no-data``: what an image's own units call at each start."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.cli.command import command
from appliance.cli.console import Json, result, say
from appliance.config import BoxPaths
from sync.errors import KexiaError

if TYPE_CHECKING:
    from appliance.system.health import Signs, Verdict
    from appliance.system.loader import Loader

Box = Annotated[Path, typer.Argument(metavar="BOX", help="The box's folder.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to the group ``box``."""
    command(app)(health)
    command(app, "no-data")(no_data)


def health(
    box: Box,
    patience: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", envvar="KEXIA_PATIENCE", help="How long it may take to start."
        ),
    ] = 240.0,
    as_json: Json = False,
) -> None:
    """Look whether this box serves; on an image, confirm the booted slot or give it up.

    Ends with 0 if all is sound, 8 if the data partition cannot be opened, 1 for anything else.
    """
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
    if signs.missing:
        raise typer.Exit(1 if signs.data else 8)


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


def no_data(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "",
    port: Annotated[int, typer.Option(help="Port.")] = 80,
) -> None:
    """Serve the one page that says the data partition cannot be opened, until ended."""
    from appliance.system.no_data import Server

    with Server(host, port) as server:
        say(f"port {server.server_port}: every address answers that the data cannot be opened")
        sys.stdout.flush()
        server.serve_forever()
