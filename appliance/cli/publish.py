"""``kexia publish``: a province's week, from keys to a pushed repository.

Every command imports what it needs when it runs, so that a box's processes never carry it.
"""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.cli import publish_words as words
from appliance.cli.command import command
from appliance.cli.console import EXIT_CODES, Json, result, say, showing, size
from appliance.cli.passphrase import KeyFiles, PassphraseFile, keys, new_passphrase
from appliance.cli.plain import plain, plain_object
from appliance.cli.publish_keys import app as keys_app
from appliance.cli.publish_recipients import app as recipients_app
from sync.errors import Incomplete, InputRefused, TrustRefused, UsageError
from sync.publish.roles import KeyRole

if TYPE_CHECKING:
    from appliance.publisher.programmes import Sent

app = typer.Typer(
    name="publish",
    help="Publish lessons: keys, sources, editions, signatures, the repository.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)
app.add_typer(keys_app)
app.add_typer(recipients_app)

Workspace = Annotated[Path, typer.Argument(help="The publisher's workspace.")]
Demo = Annotated[
    bool, typer.Option("--demo", help="Keys without passphrase, which real boxes refuse.")
]
Push = Annotated[
    list[str] | None,
    typer.Option(help="Push there afterwards: a folder or [user@]host:path; may be repeated."),
]


def _now() -> datetime:
    return datetime.now(UTC)


@command(app)
def init(
    workspace: Workspace,
    code: Annotated[str, typer.Option(help="Division code (43, 430121) or a name (cn).")],
    name: Annotated[str, typer.Option(help="The publisher's name: 湖南省.")],
    demo: Demo = False,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Found a publisher: keys, root, and a repository that offers nothing yet."""
    from appliance.publisher import programmes as publisher
    from sync.publish.in_force import Publisher

    chosen = None if demo else new_passphrase(passphrase_file)()
    made = publisher.init(workspace, Publisher(code, name, demo=demo), chosen, _now())
    root = made.metadata / "1.root.json"
    value: dict[str, object] = {
        "workspace": str(workspace),
        "publisher_id": made.publisher_id,
        "root": str(root),
    }
    result(
        value,
        as_json=as_json,
        text=lambda: (
            f"{name} ({code}) is founded; publisher id {made.publisher_id}.\n"
            f"Boxes need {root}.\n"
            "Next: take the offline keys away (docs/keys.md), then `kexia publish add`."
        ),
    )


@command(app)
def add(
    workspace: Workspace,
    folder: Annotated[
        Path,
        typer.Argument(help="The folder with lessons and their sheet; with --system, a bundle."),
    ],
    collection: Annotated[str, typer.Option(help="Its id: 43/music-1a.")],
    title: Annotated[str, typer.Option(help="Its title; else the textbook's.")] = "",
    site: Annotated[
        bool, typer.Option("--site", help="The folder is one interactive with an index.html.")
    ] = False,
    system: Annotated[
        bool, typer.Option("--system", help="A system update for boxes: `kexia image bundle`.")
    ] = False,
    ca: Annotated[
        Path | None,
        typer.Option(help="With --system: ca.pem of the authority that must have signed it."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Register a folder as the source of a collection; again replaces it. Nothing is copied."""
    from appliance.publisher import programmes as publisher
    from sync.publish.workspace import Registration, SourceKind

    if site and system:
        raise UsageError("--site and --system exclude each other")
    kind = SourceKind.SITE if site else SourceKind.SYSTEM if system else SourceKind.SHEET
    registration = Registration(collection, folder.resolve(), title, kind)
    added = publisher.add(workspace, registration, ca=ca)
    result(
        {"collection": collection, "folder": str(added.folder), "kind": str(kind)},
        as_json=as_json,
        text=lambda: f"{collection} comes from {added.folder}.",
    )


@command(app)
def check(
    place: Annotated[Path, typer.Argument(help="A workspace, or one folder with its sheet.")],
    collection: Annotated[str, typer.Option(help="Only this collection.")] = "",
    as_json: Json = False,
) -> None:
    """List every fault of the sources at once, with file, row, column and cure (exit code 3)."""
    from appliance.publisher import programmes as publisher

    found = publisher.check(place, collection=collection)
    faults = tuple(fault for each in found for fault in each.faults)
    if faults:
        for note in words.notes(found) if not as_json else ():
            say(note)
        raise InputRefused(f"{len(faults)} fault(s) in {len(found)} folder(s)", faults=faults)
    result({"checked": plain(found)}, as_json=as_json, text=lambda: words.checked(found))


@command(app)
def release(
    workspace: Workspace,
    collection: Annotated[
        list[str] | None, typer.Option(help="Only this collection; may be repeated.")
    ] = None,
    sign_all: Annotated[
        bool, typer.Option("--sign-all", help="Demo keys only: sign as editor and reviewer too.")
    ] = False,
    reprove: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of the unchanged files that is read again."),
    ] = 1 / 30,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Stage the next edition of every collection that changed, for editor and reviewer to sign."""
    from appliance.publisher import programmes as publisher
    from appliance.publisher import signing

    if sign_all:
        signing.check_may_sign_all(workspace)
    with showing(as_json=as_json) as shown:
        released = publisher.release(workspace, collection or (), _now(), shown, reprove=reprove)
    signed = signing.sign_all(workspace, keys(passphrase_file)) if sign_all else ()
    staged = released.candidate
    value = {
        "staged": None if staged is None else staged.number,
        "renewal": released.renewal,
        "changes": [] if staged is None else staged.changes().get("changes", []),
        "notes": plain(released.notes),
        "signed": [str(each.role) for each in signed],
    }
    lines = [f"note: {note}" for note in released.notes]
    if staged is None:
        lines.append("Nothing changed; nothing was staged.")
    else:
        why = " (signatures to be renewed)" if released.renewal else ""
        lines.append(f"Candidate {staged.number} is staged in {staged.folder}{why}.")
    result(value, as_json=as_json, text=lambda: "\n".join(lines))


@command(app)
def sign(
    place: Annotated[Path, typer.Argument(help="A workspace, or a copy of a staged folder.")],
    as_role: Annotated[KeyRole, typer.Option("--as", help="editor or reviewer.")],
    key: KeyFiles = None,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Sign the newest candidate, here or on another machine; says what is being signed."""
    from appliance.publisher.signing import sign_staged

    if as_role not in (KeyRole.EDITOR, KeyRole.REVIEWER):
        raise UsageError(f"candidates are not signed by {as_role}", hint="--as editor|reviewer")
    signed = sign_staged(place, as_role, keys(passphrase_file, key))
    result(plain_object(signed), as_json=as_json, text=lambda: words.signed(signed))


@command(app)
def nightly(
    workspace: Workspace,
    push: Push = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Afterwards what `prune` does unless told otherwise.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Publish what both have signed, refresh the metadata, push; says what waits for whom."""
    from appliance.publisher import programmes as publisher
    from appliance.publisher.retention import Prune
    from appliance.publisher.retention import prune as remove
    from sync.publish.retain import Policy

    with showing(as_json=as_json) as shown:
        night = publisher.nightly(workspace, keys(passphrase_file), _now(), shown)
        sent = publisher.push(workspace, push or (), shown)
    pruned = remove(workspace, Policy(), Prune.REMOVE, _now()) if prune else None
    value = {
        "published": night.published,
        "collections": [
            {"id": each.id, "edition": each.edition, "lessons": each.lessons}
            for each in night.collections
        ],
        "timestamp_signed": night.timestamp_signed,
        "waiting": plain(night.waiting),
        "refused": plain(night.refused),
        "expiring": plain(night.expiring),
        **plain_object(sent),
        "pruned": None if pruned is None else words.pruned_value(pruned),
    }
    result(value, as_json=as_json, text=lambda: words.night(night, sent, pruned))
    if night.refused:  # told last: all that is sound is published and pushed
        raise typer.Exit(TrustRefused.exit_code)
    _end(sent)


@command(app, "push")
def push_command(
    workspace: Workspace,
    to: Annotated[list[str], typer.Argument(help="A folder, or [user@]host:path over SSH.")],
    as_json: Json = False,
) -> None:
    """Copy the repository to where boxes fetch it, in the lawful order; remove what was pruned."""
    from appliance.publisher import programmes as publisher

    with showing(as_json=as_json) as shown:
        sent = publisher.push(workspace, to, shown)
    result(plain_object(sent), as_json=as_json, text=lambda: words.sent(sent))
    _end(sent)


def _end(sent: "Sent") -> None:
    """What arrived is whole; the exit code says that the rest goes next time."""
    if sent.broken_off:
        raise typer.Exit(Incomplete.exit_code)


@command(app)
def prune(
    workspace: Workspace,
    editions: Annotated[
        int, typer.Option(min=1, help="The newest published directories that stay whole.")
    ] = 3,
    days: Annotated[
        int, typer.Option(min=0, help="Days that what went out of force stays for slow readers.")
    ] = 7,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
    as_json: Json = False,
) -> None:
    """Remove from the repository what no kept edition, candidate or reader under way needs."""
    from appliance.publisher.retention import Prune
    from appliance.publisher.retention import prune as remove
    from sync.publish.retain import Policy

    mode = Prune.DRY_RUN if dry_run else Prune.REMOVE
    done = remove(workspace, Policy(editions, timedelta(days=days)), mode, _now())
    result(
        {"dry_run": dry_run, **words.pruned_value(done), "names": list(done.removed)},
        as_json=as_json,
        text=lambda: words.pruned(done) if not dry_run else words.would_prune(done),
    )


@command(app)
def status(workspace: Workspace, as_json: Json = False) -> None:
    """What is published, what waits for whom, which keys are here, what expires."""
    from appliance.publisher.status import status as read_status

    found = read_status(workspace, _now())
    result(plain_object(found), as_json=as_json, text=lambda: words.status(found))


@command(app)
def withdraw(
    workspace: Workspace,
    lesson: Annotated[str, typer.Argument(help="Key of the lesson: 43/music-1a/l3.")] = "",
    reason: Annotated[str, typer.Option(help="Why; boxes show it.")] = "",
    undo: Annotated[
        int | None, typer.Option(help="Number of a withdrawal to lift; both must sign that.")
    ] = None,
    key: KeyFiles = None,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Hide a lesson at once (push afterwards), or stage the undoing of a withdrawal."""

    from appliance.publisher import programmes as publisher

    if undo is not None and not lesson:
        staged = publisher.reinstate(workspace, undo, _now())
        result(
            {"staged": staged.number, "reinstated": undo},
            as_json=as_json,
            text=lambda: f"Candidate {staged.number} lifts withdrawal {undo}; both must sign it.",
        )
        return
    if not lesson or not reason or undo is not None:
        raise UsageError("give a lesson's key and --reason, or --undo NUMBER")
    opened = keys(passphrase_file, key)
    made = publisher.withdraw(workspace, lesson, reason, opened, _now())
    result(
        {"number": made.number, "lesson": lesson, "reason": made.reason, "at": made.at},
        as_json=as_json,
        text=lambda: f"Withdrawal {made.number}: {lesson}. Push now; boxes hide it as they sync.",
    )


@command(app)
def mirror(
    workspace: Workspace,
    source: Annotated[str, typer.Argument(help="URL or folder of another repository.")],
    as_json: Json = False,
) -> None:
    """Copy another publisher's repository, verified and byte for byte, into ours."""
    from appliance.publisher import programmes as publisher
    from sync.transport.locate import open_transport
    from sync.transport.retry import Retry

    transport = Retry(open_transport(source), rng=Random(), sleep=time.sleep)  # noqa: S311 - jitter
    with showing(as_json=as_json) as shown:
        done = publisher.mirror(workspace, transport, _now(), shown)
    result(
        plain_object(done),
        as_json=as_json,
        text=lambda: (
            f"{done.name} ({done.code}) as mirrors/{done.publisher_id}: "
            f"{done.files} new file(s), {size(done.bytes)}."
        ),
    )


@command(app)
def serve(
    workspace: Workspace,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "0.0.0.0",  # noqa: S104 - a public repository
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
) -> None:
    """Serve the repository without another web server, until Ctrl-C."""
    from appliance.serve.repository import run_repository
    from sync.publish.workspace import open_workspace

    repository = open_workspace(workspace).repository
    run_repository(repository, host=host, port=port, on_ready=say)
