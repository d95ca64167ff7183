"""``kexia box first-start``: a card's site file makes a machine the box of one teaching point."""

import json
import os
import pwd
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.cli.command import command
from appliance.cli.console import Json, result
from appliance.config import BoxPaths
from sync.errors import KexiaError, UsageError

if TYPE_CHECKING:
    from appliance.firststart.card import Card
    from appliance.firststart.start import Done
    from sync.trust import DemoKeys

Box = Annotated[Path, typer.Argument(metavar="BOX", help="The box's folder.")]
IMAGE = Path("/etc/kexia/image.json")
SSH_KEYS = Path("/data/system/ssh/authorized_keys")
_OWNED = ("roots", "generations", "run", "identity")
"""Folders that a first start may make or fill."""


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
    ] = "kexia",
    as_json: Json = False,
) -> None:
    """Set the box up from site.toml on its card, once for each file laid there; then wipe secrets.

    A factory reset that was wished is done before. Without a site file a new box makes a Wi-Fi of
    its own. A site file that is not as it must be changes nothing (3); BOX/first-start.json says
    what is wrong. What the disk or the card refuses is told, too (8).
    """
    from appliance.firststart.card import Card
    from appliance.firststart.start import Machine, tell
    from appliance.firststart.start import first_start as start

    os.umask(0o022)  # the box's programmes read what root makes here; secrets say their own mode
    machine = Machine(
        secrets.randbelow, ssh_keys, keys_of(image), lambda paths: _hand_over(paths, owner)
    )
    paths, card = BoxPaths(box), Card(site)
    trouble = _begin_anew(paths, card, ssh_keys, owner)
    done = start(paths, card, machine)
    if trouble:
        done = tell(paths, done, trouble)
        _hand_over(paths, owner)
    result(_value(done), as_json=as_json, text=lambda: "\n".join(_lines(done)))
    if done.note.refused:
        raise typer.Exit(3)
    if done.note.problem:
        raise typer.Exit(8)


def _begin_anew(paths: BoxPaths, card: "Card", ssh_keys: Path, owner: str) -> str:
    """Do the reset that was wished; why it was not done, or not to its end: empty if all is well.

    A box that cannot be reset still has to start.
    """
    from appliance.box.factory import fulfil
    from appliance.firststart.start import forget_site
    from appliance.reset_wish import wished

    try:
        if wished(paths) is None:
            return ""
        try:
            fulfil(paths, lambda: forget_site(paths, card, ssh_keys))
        finally:
            _hand_over(paths, owner)
    except KexiaError as error:
        return error.fact
    return ""


def _value(done: "Done") -> dict[str, object]:
    return {
        "step": done.step.value,
        "wiped": done.note.wiped,
        "problem": done.note.problem,
        "faults": list(done.note.faults),
    }


def _lines(done: "Done") -> list[str]:
    first = f"first start: {done.step.value}"
    if not done.note.problem:
        return [first]
    return [f"{first}: {done.note.problem}", *(f"  {fault}" for fault in done.note.faults)]


def keys_of(image: Path) -> "DemoKeys":
    """Demo keys count only where the image itself was built for trials."""
    from sync.trust import DemoKeys

    try:
        with image.open("rb") as file:
            value = json.loads(file.read(64 * 1024))
    except (OSError, ValueError):
        return DemoKeys.REFUSE
    wanted = isinstance(value, dict) and value.get("demo") is True
    return DemoKeys.ACCEPT if wanted else DemoKeys.REFUSE


def _hand_over(paths: BoxPaths, owner: str) -> None:
    """What root made belongs to the box's own user; links are never followed."""
    if not owner or os.geteuid() != 0:
        return
    try:
        user = pwd.getpwnam(owner)
    except KeyError as error:
        raise UsageError(f"there is no user {owner}", hint="--owner names another one") from error
    folders = [paths.root / name for name in _OWNED]
    for path in (paths.root, *paths.root.iterdir(), *_below(folders)):
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _below(folders: list[Path]) -> list[Path]:
    return [
        path
        for folder in folders
        if folder.is_dir() and not folder.is_symlink()
        for path in folder.iterdir()
    ]
