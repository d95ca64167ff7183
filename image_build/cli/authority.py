"""``kexia image authority``: who signs a province's systems. Words in, lines or one object out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.cli.command import command
from appliance.cli.console import EXIT_CODES, Json, result
from appliance.cli.passphrase import PassphraseFile, keys, new_passphrase
from appliance.cli.plain import plain

if TYPE_CHECKING:
    from image_build.updates.authority import Authority

app = typer.Typer(
    name="authority",
    help="Who signs a province's systems: its CA (offline) and its signing certificate.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)

Folder = Annotated[Path, typer.Argument(help="The authority's folder.")]
Demo = Annotated[bool, typer.Option("--demo", help="Keys without passphrase, for trials only.")]


@command(app)
def new(
    folder: Folder,
    name: Annotated[str, typer.Option(help="Whose systems these are: 湖南省.")],
    demo: Demo = False,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Make an authority: a CA for 20 years and a code-signing certificate for 5."""
    from image_build.updates import authority as authorities

    chosen = None if demo else new_passphrase(passphrase_file)()
    made = authorities.found(folder, name, chosen)
    _show(
        made,
        f"{folder} can sign systems. Next: take {made.ca_key} to where no network is, with a copy "
        f"elsewhere; images carry {made.ca}.",
        as_json=as_json,
    )


@command(app)
def show(folder: Folder, as_json: Json = False) -> None:
    """List the certificates, until when they hold, and what is going on."""
    from image_build.updates import authority as authorities

    opened = authorities.open_authority(folder)
    changing = opened.following.folder.is_dir()
    state = "its CA is being changed; images carry both" if changing else "one CA, in force"
    _show(opened, f"{folder}: {state}.", as_json=as_json)


@command(app)
def renew(
    folder: Folder,
    demo: Demo = False,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Make a new signing key and certificate; the CA's key must be there. Boxes notice nothing."""
    from image_build.updates import authority as authorities

    opened = authorities.open_authority(folder)
    chosen = None if demo else new_passphrase(passphrase_file)()
    authorities.renew(opened, keys(passphrase_file).ask, chosen)
    _show(opened, f"{folder} signs with a new key.", as_json=as_json)


@command(app)
def rotate(
    folder: Folder,
    finish: Annotated[
        bool, typer.Option("--finish", help="Every box has had an update with both CAs.")
    ] = False,
    demo: Demo = False,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Change the CA: first both are carried and the old one signs, then (--finish) the new one."""
    from image_build.updates import authority as authorities
    from image_build.updates.authority import Rotation

    opened = authorities.open_authority(folder)
    if finish:
        authorities.rotate(opened, Rotation.FINISH)
        said = f"The new CA signs. Next: take {opened.ca_key} away, build and publish a system."
    else:
        keep = demo or authorities.is_cut_off(opened)  # then its keys are there already
        chosen = None if keep else new_passphrase(passphrase_file)()
        authorities.rotate(opened, Rotation.BEGIN, chosen)
        said = (
            f"{opened.ca} holds both CAs. Next: build a system with it, publish it, wait until "
            "every box runs it; then `kexia image authority rotate … --finish`."
        )
    _show(opened, said, as_json=as_json)


def _show(authority: "Authority", said: str, *, as_json: bool) -> None:
    from image_build.updates.authority import certificates

    listed = certificates(authority)
    value: dict[str, object] = {
        "folder": str(authority.folder),
        "changing": authority.following.folder.is_dir(),
        "certificates": plain(listed),
    }
    lines = [said, *(f"  {one.file}: {one.subject}, until {one.expires}" for one in listed)]
    result(value, as_json=as_json, text=lambda: "\n".join(lines))
