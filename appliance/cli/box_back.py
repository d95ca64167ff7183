"""``kexia box back``, ``backup``, ``restore``: what a box sends back, and what it gets again."""

from pathlib import Path
from typing import Annotated

import typer

from appliance.cli.command import command
from appliance.cli.console import Json, result, showing, size
from appliance.cli.passphrase import PassphraseFile, keys
from appliance.paths import BoxPaths

Box = Annotated[Path, typer.Argument(metavar="BOX", help="The box's folder.")]


def add_to(app: typer.Typer) -> None:
    """Add these commands to the group ``box``."""
    for function in (back, backup, restore):
        command(app)(function)


def back(
    box: Box,
    to: Annotated[
        Path | None, typer.Option(help="Folder of a stick mounted writable: write them there.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Prepare what this box sends back (have-list, report, backup); with --to, write it."""
    from appliance.box.programmes import real_machine
    from appliance.box.works import perform
    from appliance.volumes.write_back import write_back

    paths = BoxPaths(box)
    with showing(as_json=as_json) as shown:
        value = perform(paths, real_machine(paths), {"command": "back"}, shown)
    lines = [f"box {value['box']}: {value['papers']} papers, {size(int(str(value['bytes'])))}"]
    notes = value["notes"]
    lines += [f"note: {note}" for note in notes] if isinstance(notes, list) else []
    outcome = None if to is None else write_back(paths, to)
    if outcome is not None:
        value = {**value, "written": outcome.written.value, "outcome": outcome.sentence}
        lines.append(outcome.sentence)
    result(value, as_json=as_json, text=lambda: "\n".join(lines))
    if outcome is not None and not outcome.is_done:
        raise typer.Exit(outcome.exit_code)


def backup(
    box: Box,
    to: Annotated[Path, typer.Option(help="File to write.")],
    as_json: Json = False,
) -> None:
    """Write what teachers made into one file that only the publisher's recipients can open."""
    from appliance.box.programmes import real_machine
    from appliance.box.works import perform

    paths = BoxPaths(box)
    message: dict[str, object] = {"command": "backup", "to": str(to.absolute())}
    with showing(as_json=as_json) as shown:
        value = perform(paths, real_machine(paths), message, shown)
    result(
        value,
        as_json=as_json,
        text=lambda: f"{value['file']}: {size(int(str(value['bytes'])))}, sealed",
    )


def restore(
    box: Box,
    source: Annotated[Path, typer.Option("--from", metavar="FILE", help="The sealed backup.")],
    key: Annotated[Path, typer.Option("--keys", help="A recipient's private key.")],
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Bring a backup onto a new card; the box gets another key, and so another id."""
    from appliance.box.restore import restore as bring_back
    from sync.publish.keys import read_recipient_key

    private = read_recipient_key(key, keys(passphrase_file).ask)
    done = bring_back(BoxPaths(box), source, private)
    result(
        done.value(),
        as_json=as_json,
        text=lambda: (
            f"{size(done.bytes)} of {done.name} (box {done.came_from}) are back; "
            f"this box is {done.box} now\nnext: kexia box sync {box}"
        ),
    )
