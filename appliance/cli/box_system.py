"""``kexia box health`` and ``no-data``: what an image's own units call at each start."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from appliance.cli import judging
from appliance.cli.command import command
from appliance.cli.console import Json, say

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
    ] = judging.PATIENCE,
    as_json: Json = False,
) -> None:
    """Look whether this box serves; on an image, confirm the booted slot or give it up.

    Ends with 0 if all is sound, 8 if the data partition cannot be opened, 1 for anything else.
    """
    raise typer.Exit(judging.perform(box, patience, as_json=as_json))


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
