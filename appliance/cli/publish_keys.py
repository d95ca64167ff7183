"""``kexia publish keys``: who holds which key, and what changes that."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from appliance.cli.command import command
from appliance.cli.console import Json, result
from appliance.cli.passphrase import KeyFiles, PassphraseFile, keys, new_passphrase
from appliance.cli.plain import plain
from sync.publish.roles import KeyRole

app = typer.Typer(name="keys", no_args_is_help=True, subcommand_metavar="COMMAND [ARGS]...")
NewPassphraseFile = Annotated[
    Path | None, typer.Option(help="The same for keys that are made or encrypted anew.")
]


def _now() -> datetime:
    return datetime.now(UTC)


@app.callback()
def _keys(
    context: typer.Context,
    workspace: Annotated[Path, typer.Argument(help="The publisher's workspace.")],
) -> None:
    """List, rotate and export keys; introduce and revoke publishers below."""
    context.obj = workspace


@command(app, "list")
def list_command(context: typer.Context, as_json: Json = False) -> None:
    """Every key in force: role, id, whether its private half is here, when to sign again."""
    from appliance.publisher import keys as publisher_keys

    found = publisher_keys.list_keys(context.obj)
    result(
        {"keys": plain(found)},
        as_json=as_json,
        text=lambda: "\n".join(
            f"{each.role:<10} {each.keyid[:16]}  {'here' if each.is_here else 'away'}  "
            f"expires {each.expires:%Y-%m-%d}"
            for each in found
        ),
    )


@command(app)
def rotate(
    context: typer.Context,
    role: Annotated[KeyRole, typer.Argument(help="Whose key is replaced.")],
    only: Annotated[str, typer.Option(help="Begin of the keyid, where a role has several.")] = "",
    new: Annotated[
        Path | None, typer.Option(help="The new private key, made by its holder; not kept here.")
    ] = None,
    key: KeyFiles = None,
    passphrase_file: PassphraseFile = None,
    new_passphrase_file: NewPassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Replace a role's key; the old one is worth nothing once boxes have synced (push now)."""
    from appliance.publisher import keys as publisher_keys

    done = publisher_keys.rotate_key(
        context.obj,
        publisher_keys.Rotation(role, only, new),
        keys(passphrase_file, key),
        new_passphrase(new_passphrase_file or passphrase_file),
        _now(),
    )
    restaged = None if done.restaged is None else done.restaged.number
    lines = [f"{role} {old[:16]} → {new_id[:16]}" for old, new_id in done.keys.items()]
    if restaged is not None:
        lines.append(f"What was staged is now candidate {restaged}; both must sign it again.")
    result(
        {"role": str(role), "keys": dict(done.keys), "restaged": restaged},
        as_json=as_json,
        text=lambda: "\n".join([*lines, "Push now, so that boxes learn of it."]),
    )


@command(app)
def introduce(
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="Code of the publisher below: 4301.")],
    root: Annotated[Path, typer.Argument(help="Its 1.root.json.")],
    url: Annotated[list[str], typer.Option(help="Where its repository is; may be repeated.")],
    key: KeyFiles = None,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Introduce a publisher below, so that boxes that trust us can follow it."""
    from appliance.publisher import keys as publisher_keys

    opened = keys(passphrase_file, key)
    child = publisher_keys.introduce(context.obj, code, root, tuple(url), opened, _now())
    result(
        {"code": child.code, "name": child.name, "urls": list(child.urls)},
        as_json=as_json,
        text=lambda: f"{child.name} ({child.code}) is introduced. Push now.",
    )


@command(app)
def revoke(
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="Code of a publisher introduced before.")],
    key: KeyFiles = None,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Take an introduction back."""
    from appliance.publisher import keys as publisher_keys

    child = publisher_keys.revoke(context.obj, code, keys(passphrase_file, key), _now())
    result(
        {"code": child.code, "revoked": True},
        as_json=as_json,
        text=lambda: f"{child.name} ({child.code}) is no longer introduced. Push now.",
    )


@command(app)
def export(
    context: typer.Context,
    role: Annotated[KeyRole, typer.Argument(help="Whose private keys.")],
    to: Annotated[Path, typer.Option(help="Folder to write them to: a stick.")],
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave them in the workspace too (a backup).")
    ] = False,
    passphrase_file: PassphraseFile = None,
    new_passphrase_file: NewPassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Hand private keys to their holder: write them to a stick and take them out of here."""
    from appliance.publisher import keys as publisher_keys

    again = None if new_passphrase_file is None else new_passphrase(new_passphrase_file)
    written = publisher_keys.export(context.obj, role, to, keys(passphrase_file), again, keep=keep)
    result(
        {"role": str(role), "files": [str(path) for path in written], "kept": keep},
        as_json=as_json,
        text=lambda: "\n".join(f"written: {path}" for path in written),
    )
