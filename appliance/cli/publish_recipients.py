"""``kexia publish recipients``: who may read what boxes send back."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.cli.command import command
from appliance.cli.console import Json, result
from appliance.cli.passphrase import KeyFiles, PassphraseFile, keys

if TYPE_CHECKING:
    from sync.stick.recipients import Recipient

app = typer.Typer(name="recipients", no_args_is_help=True, subcommand_metavar="COMMAND [ARGS]...")


@app.callback()
def _recipients(
    context: typer.Context,
    workspace: Annotated[Path, typer.Argument(help="The publisher's workspace.")],
) -> None:
    """Say who may read the reports and backups that boxes send back; the targets role signs it."""
    context.obj = workspace


@command(app, "list")
def list_command(context: typer.Context, as_json: Json = False) -> None:
    """Everybody to whom boxes seal what they send back."""
    from appliance.publisher import recipients as publisher

    _show(publisher.list_recipients(context.obj), as_json=as_json, push=False)


@command(app)
def add(
    context: typer.Context,
    public: Annotated[Path, typer.Argument(help="The .pub file of `kexia stick keys`.")],
    key: KeyFiles = None,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Let the holder of this key read, too; the same key again renames it."""
    from appliance.publisher import recipients as publisher

    now = datetime.now(UTC)
    found = publisher.add_recipient(context.obj, public, keys(passphrase_file, key), now)
    _show(found, as_json=as_json, push=True)


@command(app)
def remove(
    context: typer.Context,
    public: Annotated[str, typer.Argument(help="Begin of the recipient's key, 8 digits or more.")],
    key: KeyFiles = None,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Seal nothing more to this key once boxes have synced; what was sealed before stays so."""
    from appliance.publisher import recipients as publisher

    now = datetime.now(UTC)
    found = publisher.remove_recipient(context.obj, public, keys(passphrase_file, key), now)
    _show(found, as_json=as_json, push=True)


def _show(found: "tuple[Recipient, ...]", *, as_json: bool, push: bool) -> None:
    lines = [f"{each.id}  {each.name}" for each in found] or ["nobody: boxes send no reports"]
    if push:
        lines.append("Push now, so that boxes learn of it.")
    result(
        {"recipients": [{"key": each.public.hex(), "name": each.name} for each in found]},
        as_json=as_json,
        text=lambda: "\n".join(lines),
    )
