"""``kexia box first-start``: a card's site file makes a machine the box of one teaching point."""

from pathlib import Path
from typing import Annotated

import typer

from appliance.cli import starting
from appliance.cli.command import command
from appliance.cli.console import Json
from appliance.cli.starting import IMAGE, OWNER, SSH_KEYS

Box = Annotated[Path, typer.Argument(metavar="BOX", help="The box's folder.")]


def add_to(app: typer.Typer) -> None:
    """Add the command to the group ``box``."""
    command(app, "first-start")(first_start)


def first_start(
    box: Box,
    site: Annotated[
        Path, typer.Option(metavar="DIR", help="The card's FAT partition, mounted writable.")
    ],
    ssh_keys: Annotated[
        Path, typer.Option(help="File for the technician's ssh keys, as sshd reads it.")
    ] = SSH_KEYS,
    image: Annotated[Path, typer.Option(help="What the image says about itself.")] = IMAGE,
    owner: Annotated[
        str, typer.Option(help="User that gets what is made (as root); empty: nobody.")
    ] = OWNER,
    as_json: Json = False,
) -> None:
    """Set the box up from site.toml on its card, once for each file laid there; then wipe secrets.

    A factory reset that was wished is done before. Without a site file a new box makes a Wi-Fi of
    its own. A site file that is not as it must be changes nothing (3); BOX/first-start.json says
    what is wrong. What the disk or the card refuses is told, too (8).
    """
    wish = starting.FirstStart(box, site, ssh_keys, image, owner, as_json)
    raise typer.Exit(starting.perform(wish))
