"""``kexia image burn``: onto which card, asked once; then written, read back, let go."""

import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.cli.console import Json, showing
from appliance.cli.passphrase import PassphraseFile, keys
from sync.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from image_build.burner.batch import Outcome
    from image_build.burner.burning import Job
    from image_build.burner.media import Disk
    from image_build.partitions.compose import Backup, Wish


def burn(
    image: Annotated[
        Path | None, typer.Argument(help="An image: .img, .img.xz or .img.zst.")
    ] = None,
    device: Annotated[
        list[Path] | None, typer.Argument(help="Cards or sticks (/dev/sdb); none: choose.")
    ] = None,
    yes: Annotated[
        list[str] | None,
        typer.Option(metavar="SERIAL", help="Erase the medium of this serial without asking."),
    ] = None,
    site: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER/NAME", help="The site it is for; one for each card."),
    ] = None,
    preload: Annotated[
        str,
        typer.Option(metavar="PLACE", help="Lessons from a repository, a stick, a box's folder."),
    ] = "",
    restore: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A box's sealed backup, for its new card.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--keys", help="A recipient's private key, for --restore.")
    ] = None,
    ca: Annotated[Path | None, typer.Option(help="The province's ca.pem: who may sign.")] = None,
    cards: Annotated[
        Path | None, typer.Option(metavar="PDF", help="Print the sites' cards into this file.")
    ] = None,
    no_eject: Annotated[bool, typer.Option("--no-eject", help="Leave it plugged in.")] = False,
    only_list: Annotated[bool, typer.Option("--list", help="Show what can be written.")] = False,
    demo: Annotated[
        bool, typer.Option("--demo", help="Preload from publishers with demo keys, for trials.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Write an image to cards or sticks, several at once: shown, asked once, read back, ejected."""
    from image_build.burner.burning import Job, print_cards
    from image_build.cli.burn_talk import Answers, Talk
    from image_build.cli.burn_words import tongue

    talk = Talk(tongue(os.environ), as_json=as_json)
    if only_list:
        talk.show_media()
        return
    if image is None:
        raise UsageError("which image?", hint="kexia image burn IMAGE; --list shows the media")
    backup = _backup(restore, key, passphrase_file)
    job = Job(image, _wishes(site or [], preload, backup), ca)
    if cards is not None and not site:
        raise UsageError("--cards needs --site", hint="a card says whose box it is")
    disks = talk.choose(job, Answers(tuple(device or ()), tuple(yes or ())))
    if disks and cards is not None:
        print_cards(job, cards)
    if disks:
        talk.tell(_burn(job, disks, accept_demo=demo, eject=not no_eject, as_json=as_json))


def _burn(
    job: "Job", disks: "Sequence[Disk]", *, accept_demo: bool, eject: bool, as_json: bool
) -> "tuple[Outcome, ...]":
    """Here the real clock and chance come in."""
    from datetime import UTC, datetime

    from appliance.box.programmes import real_machine
    from image_build.burner.burn import Manner
    from image_build.burner.burning import burn_cards
    from image_build.partitions.preload import Desk

    desk = Desk(real_machine, lambda: datetime.now(UTC), accept_demo)
    manner = Manner(lambda: secrets.token_bytes(16), time.monotonic, eject)
    with showing(as_json=as_json) as shown:
        return burn_cards(job, disks, desk, manner, shown)


def _wishes(sites: "Sequence[Path]", lessons: str, backup: "Backup | None") -> "tuple[Wish, ...]":
    from image_build.partitions.compose import Wish
    from image_build.sites.site_files import site_files

    if not sites:
        return (Wish(lessons=lessons, backup=backup),)
    if backup is not None and len(sites) > 1:
        raise UsageError(
            "one backup for several sites", hint="a backup is one box's: burn one card"
        )
    return tuple(Wish(site_files(one), lessons, backup) for one in sites)


def _backup(file: Path | None, key: Path | None, passphrase_file: Path | None) -> "Backup | None":
    from image_build.partitions.compose import Backup
    from sync.publish.keys import read_recipient_key

    if file is None:
        return None
    if key is None:
        raise UsageError("--restore needs --keys", hint="a recipient's private key opens a backup")
    return Backup(file, lambda: read_recipient_key(key, keys(passphrase_file).ask))
