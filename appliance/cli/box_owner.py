"""``kexia box factory-reset``: a box for another school."""

from pathlib import Path
from typing import Annotated

import typer

from appliance.cli.command import command
from appliance.cli.console import Json, result
from appliance.config import BoxPaths
from sync.errors import UsageError

IMAGE, IMAGE_BOX = Path("/etc/kexia/image.json"), Path("/var/lib/kexia")
"""On an image first start does it: it knows the card and the technician's keys."""
Box = Annotated[Path, typer.Argument(metavar="BOX", help="The box's folder.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to the group ``box``."""
    command(app, "factory-reset")(factory_reset)


def factory_reset(
    box: Box,
    keep_lessons: Annotated[
        bool, typer.Option("--keep-lessons", help="The lessons and their publishers stay.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="It is meant: nobody is asked.")] = False,
    as_json: Json = False,
) -> None:
    """Begin anew: name, key, PIN, network and what teachers made are removed for good.

    On an image at the next start, which also removes the site file from the card; else at once.
    """
    from appliance.box.factory import reset
    from appliance.reset_wish import Keep, wish

    if not box.is_dir():
        raise UsageError(f"{box} is no folder", hint="give the box's folder: /var/lib/kexia")
    if not (yes or typer.confirm(f"Remove what makes {box} this school's box?", default=False)):
        raise UsageError("nothing was changed", hint="say yes, or --yes in a script")
    keep = Keep.LESSONS if keep_lessons else Keep.NOTHING
    if IMAGE_BOX.exists() and IMAGE.exists() and IMAGE_BOX.samefile(box):
        wish(BoxPaths(box), keep)
        result(
            {"removed": [], "lessons": keep_lessons, "restart": True},
            as_json=as_json,
            text=lambda: "it is done at the next start: restart the box",
        )
        return
    gone = reset(BoxPaths(box), keep)
    result(
        {"removed": list(gone), "lessons": keep_lessons, "restart": False},
        as_json=as_json,
        text=lambda: (
            f"removed: {', '.join(gone) or 'nothing'}; "
            + ("the lessons are kept" if keep_lessons else "nothing is kept")
        ),
    )
