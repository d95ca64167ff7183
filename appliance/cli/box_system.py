"""``kexia box health`` and ``no-data``: what an image's own units call at each start."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.cli.command import command
from appliance.cli.console import Json, result, say
from appliance.config import BoxPaths

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
        float, typer.Option(metavar="SECONDS", help="How long it may take to start.")
    ] = 240.0,
    as_json: Json = False,
) -> None:
    """Look whether this box serves; on an image, confirm the booted slot or give it up.

    Ends with 0 if all is sound, 8 if the data partition cannot be opened, 1 for anything else.
    """
    from appliance.system.image import running_here
    from appliance.system.signs import Looker, mounted

    loader = running_here()
    where = "" if loader is None else f"slot={loader.booted.slot} version={loader.booted.version}"
    looker = Looker(
        BoxPaths(box),
        time.monotonic,
        time.sleep,
        mounted if loader else Path.exists,
    )
    signs = looker.watch(patience, lambda: None if as_json else _tell(f"KEXIA-READY {where}"))
    verdict = None if loader is None else _judge(loader, signs)
    soundness = "bad" if signs.missing else "good"
    value: dict[str, object] = {
        "health": soundness,
        "missing": list(signs.missing),
        "slot": str(loader.booted.slot) if loader else "",
        "version": loader.booted.version if loader else "",
        "verdict": str(verdict or ""),
    }
    why = f" missing={','.join(signs.missing)} verdict={verdict}" if signs.missing else ""
    line = f"KEXIA-HEALTH {soundness} {where}{why}"
    if loader and verdict:
        # Said before it is done where what is done ends everything; after it where it may fail.
        _carry_out(loader, verdict, (lambda: None) if as_json else (lambda: _tell(line)))
    result(value, as_json=as_json, text=lambda: _advice(signs))
    if signs.missing:
        raise typer.Exit(1 if signs.data else 8)


def _judge(loader: "Loader", signs: "Signs") -> "Verdict":
    from appliance.system.health import decide

    loader.mend()
    return decide(signs, proven=loader.proven, other_good=loader.other_good)


def no_data(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "",
    port: Annotated[int, typer.Option(help="Port.")] = 80,
) -> None:
    """Serve the one page that says the data partition cannot be opened, until ended."""
    from appliance.system.no_data import Server

    with Server(host, port) as server:
        say(f"http://{host or '0.0.0.0'}:{server.server_port}")
        sys.stdout.flush()
        server.serve_forever()
