"""``kexia box screen``: the status picture, on HDMI or in a file; ``button`` beside it."""

import re
from pathlib import Path
from typing import Annotated

import typer

from appliance.cli.command import command
from appliance.cli.console import Json, result
from appliance.config import BoxPaths
from sync.errors import UsageError

Box = Annotated[Path, typer.Argument(metavar="BOX", help="The box's folder.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to the group ``box``."""
    command(app)(screen)
    command(app)(button)


def screen(
    box: Box,
    to: Annotated[
        Path | None, typer.Option(help="Write one picture into this PNG file, and end.")
    ] = None,
    size: Annotated[
        str, typer.Option(metavar="WxH", help="With --to: pixels of the picture.")
    ] = "1280x720",
    as_json: Json = False,
) -> None:
    """Show on the box's screen how to reach it, what comes in and what is wrong, until stopped."""
    paths = BoxPaths(box)
    if to is None:
        from appliance.box.beside import run_screen

        run_screen(paths)
        return
    from appliance.screen.draw import Size
    from appliance.screen.show import write_picture

    sides = re.fullmatch(r"([0-9]{3,4})x([0-9]{3,4})", size)
    if sides is None:
        raise UsageError(f"{size[:40]!r} is no size", hint="say, for instance, 1280x720")
    write_picture(paths, Size(int(sides[1]), int(sides[2])), to)
    result({"file": str(to)}, as_json=as_json, text=lambda: f"{to}: the screen as it is now")


def button(box: Box) -> None:
    """Attend to the box's button until stopped: held for ten seconds, it takes the PIN away.

    A key KEY_SETUP, or Pause on a keyboard. Then the first PIN can be chosen for 15 minutes.
    """
    from appliance.box.beside import run_button

    run_button(BoxPaths(box))
