"""``kexia stick``, the way back: what boxes wrote is collected, forwarded, opened."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.cli.command import command
from appliance.cli.console import Json, result, showing
from appliance.cli.passphrase import PassphraseFile, new_passphrase
from appliance.cli.passphrase import keys as keys_of
from appliance.cli.plain import plain
from sync.errors import UsageError

if TYPE_CHECKING:
    from appliance.technician.collect import Collected
    from appliance.technician.forward import Forwarded
    from appliance.technician.reading import Opened

Sticks = Annotated[
    list[Path],
    typer.Argument(metavar="STICK...", help="Folders of sticks; files of papers from phones."),
]
Key = Annotated[
    Path | None, typer.Option("--keys", metavar="FILE", help="A recipient's private key.")
]


def add_to(app: typer.Typer) -> None:
    """Add these commands to the group ``stick``."""
    command(app)(collect)
    command(app, "open")(open_command)
    command(app)(keys)
    command(app)(expect)
    command(app)(pin)


def collect(
    stick: Sticks,
    to: Annotated[Path, typer.Option(metavar="FOLDER", help="The county's folder of boxes.")],
    forward: Annotated[
        str | None,
        typer.Option(metavar="FOLDER|URL", help="Hand on what waits: a folder, or HTTP PUT."),
    ] = None,
    key: Key = None,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Collect what boxes wrote on sticks: signatures checked, old and cloned papers flagged."""
    from appliance.technician import collect as technician
    from appliance.technician import forward as forwarding
    from appliance.technician.reading import open_reports
    from sync.publish.keys import read_recipient_key

    if str(to).startswith(("http:", "https:")):
        raise UsageError(
            f"--to {to} is no folder", hint="give the county's folder, and --forward URL to hand on"
        )
    private = None if key is None else read_recipient_key(key, keys_of(passphrase_file).ask)
    give = None if forward is None else forwarding.giver(forward)
    county = technician.County(to)
    with showing(as_json=as_json) as shown:
        done = technician.collect(stick, county, datetime.now(UTC), shown)
        files = [file for news in done.boxes for file in news.reports]
        opened = () if private is None else open_reports(files, private)
        sent = None if give is None else forwarding.forward(county, give, shown)
    problem = None if sent is None else sent.problem
    code = done.exit_code or (problem.exit_code if problem else 0)
    value = {**_collected(done), **_sent(sent), "reports": _reports(opened), "exit_code": code}
    result(value, as_json=as_json, text=lambda: "\n".join(_lines(done, opened, sent)))
    if code:
        raise typer.Exit(code)


def open_command(
    paper: Annotated[list[Path], typer.Argument(metavar="REPORT...", help="Sealed reports.")],
    key: Annotated[Path, typer.Option("--keys", metavar="FILE", help="A recipient's private key.")],
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Open sealed reports with a recipient's key."""
    from appliance.technician.reading import open_reports
    from sync.publish.keys import read_recipient_key

    opened = open_reports(paper, read_recipient_key(key, keys_of(passphrase_file).ask))
    code = 5 if any(one.report is None for one in opened) else 0
    result(
        {"reports": _reports(opened), "exit_code": code},
        as_json=as_json,
        text=lambda: "\n".join(_report_lines(opened)),
    )
    if code:
        raise typer.Exit(code)


def keys(
    folder: Annotated[Path, typer.Argument(help="Folder for the new key, kept safe.")],
    name: Annotated[str, typer.Option(help="Who will read: 长沙县电教馆.")],
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Make the key of somebody who reads what boxes send back; its .pub goes to the publisher."""
    from appliance.technician.reading import make_pair

    made = make_pair(folder, name, new_passphrase(passphrase_file))
    result(
        {
            "key": made.recipient.public.hex(),
            "name": made.recipient.name,
            "private": str(made.private),
            "public": str(made.public),
        },
        as_json=as_json,
        text=lambda: (
            f"{made.private}: keep it safe, with its passphrase; without it nothing can be read\n"
            f"{made.public}: give it to the publisher: kexia publish recipients WORKSPACE add"
        ),
    )


def expect(
    stick: Annotated[Path, typer.Argument(help="Folder the stick is mounted at.")],
    box: Annotated[list[str], typer.Argument(metavar="BOX-ID...", help="Ids of the boxes.")],
    as_json: Json = False,
) -> None:
    """Let a stick wait for what these boxes send back, for instance of new ones."""
    from appliance.technician.expecting import expect as let_wait

    files = let_wait(stick, box)
    result(
        {"files": [str(file) for file in files]},
        as_json=as_json,
        text=lambda: f"{stick} waits for {len(files)} boxes",
    )


def pin(
    stick: Annotated[Path, typer.Argument(help="Folder the stick is mounted at.")],
    have: Annotated[
        Path, typer.Option("--for", metavar="HAVE", help="The box's have-list: it names its key.")
    ],
    key: Annotated[Path, typer.Option("--keys", metavar="FILE", help="A recipient's private key.")],
    pin_file: Annotated[
        Path | None, typer.Option(help="File whose first line is the PIN; else it is asked for.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Let the stick set the PIN of one box's page /admin, for a school that has lost it."""
    from appliance.cli.passphrase import new_pin
    from appliance.technician.instruct import set_pin
    from sync.publish.keys import read_recipient_key

    county = read_recipient_key(key, keys_of(passphrase_file).ask)
    done = set_pin(stick, have, county, new_pin(pin_file), datetime.now(UTC))
    result(
        {"box": done.box, "name": done.name, "file": str(done.file)},
        as_json=as_json,
        text=lambda: (
            f"{done.file}: plugged into {done.name or 'its box'} ({done.box}), it sets the PIN once"
        ),
    )


def _collected(done: "Collected") -> dict[str, object]:
    return {
        "boxes": [
            {
                "box": one.box,
                "name": one.name,
                "flags": [flag.value for flag in one.flags],
                "have": "" if one.have is None else str(one.have),
                "backup": "" if one.backup is None else str(one.backup),
                "reports": [str(file) for file in one.reports],
            }
            for one in done.boxes
        ],
        "refused": [{"where": one.where, "why": one.why} for one in done.refused],
    }


def _sent(sent: "Forwarded | None") -> dict[str, object]:
    if sent is None:
        return {}
    problem = "" if sent.problem is None else sent.problem.fact
    return {"forwarded": sent.sent, "waiting": sent.waiting, "problem": problem}


def _reports(opened: "Iterable[Opened]") -> list[object]:
    return [
        {
            "file": str(one.file),
            "report": None if one.report is None else plain(one.report),
            "problem": one.problem,
        }
        for one in opened
    ]


def _lines(
    done: "Collected", opened: "Iterable[Opened]", sent: "Forwarded | None"
) -> Iterable[str]:
    for one in done.boxes:
        parts = [
            *(["have-list"] if one.have else []),
            *([f"{len(one.reports)} reports"] if one.reports else []),
            *(["backup"] if one.backup else []),
        ]
        yield f"{one.box} {one.name}: {', '.join(parts) or 'nothing new'}"
        yield from (
            f"  {flag.value}: {said}" for flag, said in zip(one.flags, one.sentences, strict=True)
        )
    yield from (f"refused: {one.where}: {one.why}" for one in done.refused)
    if not done.boxes and not done.refused:
        yield "no box has written anything"
    yield from _report_lines(opened)
    if sent is not None:
        yield f"forwarded: {sent.sent}, waiting: {sent.waiting}"
        if sent.problem is not None:
            yield f"  {sent.problem.fact}\n  → {sent.problem.hint}"


def _report_lines(opened: "Iterable[Opened]") -> Iterable[str]:
    for one in opened:
        found = one.report
        if found is None:
            yield f"{one.file}: {one.problem}"
            continue
        at = "at a time it does not know" if found.made_at is None else str(found.made_at)
        codes = " ".join(str(sync.exit_code) for sync in found.syncs) or "none"
        yield f"{found.name} ({found.box}) {at}: generation {found.generation}"
        yield f"  kexia {found.versions.get('kexia', '?')}, {found.free} bytes free"
        yield f"  {len(found.editions)} collections, {found.warnings} warnings"
        yield f"  last syncs ended with: {codes}"
