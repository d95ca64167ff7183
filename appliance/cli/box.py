"""``kexia box …``: what a technician asks of a box. Words in, one object or a few lines out.

Every command imports what it needs when it runs: ``serve`` must not carry the update's machinery.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.cli import (
    box_back,
    box_doctor,
    box_first_start,
    box_network,
    box_owner,
    box_screen,
    box_system,
    box_timetable,
    box_updates,
    lines,
    services,
    syncing,
)
from appliance.cli.command import command
from appliance.cli.console import EXIT_CODES, Json, result, showing
from appliance.cli.syncing import Wish
from appliance.paths import BoxPaths

if TYPE_CHECKING:
    from appliance.config import Listen
    from appliance.control import Event

app = typer.Typer(
    name="box",
    help="A box: subscribe, sync, serve.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)

Box = Annotated[Path, typer.Argument(metavar="BOX", help="The box's folder.")]
From = Annotated[
    list[str] | None,
    typer.Option("--from", metavar="FOLDER|URL", help="A copy of a repository; may be repeated."),
]
Host = Annotated[str | None, typer.Option(help="Address to listen on; kexia.toml's if not given.")]
Port = Annotated[int | None, typer.Option(help="Port of the pages.")]
SitePort = Annotated[int | None, typer.Option(help="Port of sites, which are not ours.")]


@command(app)
def init(
    box: Box,
    root: Annotated[Path, typer.Option(help="The publisher's 1.root.json.")],
    url: Annotated[list[str] | None, typer.Option(help="Its repository; may be repeated.")] = None,
    name: Annotated[str, typer.Option(help="The box's name.")] = "",
    demo: Annotated[
        bool, typer.Option("--demo", help="Accept demo keys: for trials only.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a box that follows a publisher; again with another root, let it follow that one too."""
    from appliance.box.programmes import Invitation, init_box

    invitation = Invitation(root, tuple(url or ()), name, demo)
    made, publisher = init_box(BoxPaths(box), invitation)
    result(
        {
            "name": made.name,
            "publisher": publisher.publisher_id,
            "code": publisher.code,
            "publishers": [item.code for item in made.publishers],
        },
        as_json=as_json,
        text=lambda: (
            f"{box} follows {publisher.code} {publisher.name}\nnext: kexia box subscribe {box}"
        ),
    )


@command(app)
def subscribe(
    box: Box,
    collection: Annotated[list[str] | None, typer.Argument(help="Ids; none: list them.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="End these subscriptions.")] = False,
    source: From = None,
    as_json: Json = False,
) -> None:
    """Subscribe to collections; without any, list what is offered, with sizes."""
    if not collection:
        offered = _ask(box, {"command": "offered", "from": syncing.places(source)}, as_json=as_json)
        result(offered, as_json=as_json, text=lambda: "\n".join(lines.offered_lines(offered)))
        _leave(offered)
        return
    verb = "unsubscribe" if remove else "subscribe"
    done = _ask(box, {"command": "set", verb: collection}, as_json=as_json)
    result(
        done,
        as_json=as_json,
        text=lambda: (
            f"subscribed: {', '.join(lines.texts(done, 'subscriptions')) or 'nothing'}\n"
            f"next: kexia box sync {box}"
        ),
    )


@command(app)
def want(
    box: Box,
    lesson: Annotated[
        list[str] | None, typer.Argument(help="Keys (43/music-1a/l3); none: list them.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Ask for these no longer.")] = False,
    as_json: Json = False,
) -> None:
    """Ask for single lessons: the next sync brings them, without the rest of their collection."""
    verb = "no_longer_want" if remove else "want"
    done = _ask(box, {"command": "set", verb: lesson or []}, as_json=as_json)
    result(
        done,
        as_json=as_json,
        text=lambda: (
            f"asked for: {', '.join(lines.texts(done, 'wants')) or 'nothing'}\n"
            f"next: kexia box sync {box}"
        ),
    )


@command(app)
def sync(
    box: Box,
    source: From = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what would be done, and stop.")] = False,
    budget: Annotated[
        int | None,
        typer.Option(min=1, metavar="MIB", help="Fetch so many MiB at most; then go on next time."),
    ] = None,
    no_peers: Annotated[
        bool, typer.Option("--no-peers", help="Take nothing from boxes next door.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring in what is new: from the network, and from copies that were carried here."""
    sources = tuple(source or ())
    code = syncing.perform(Wish(box, sources, plan, budget, no_peers, as_json))
    if code:
        raise typer.Exit(code)


@command(app)
def status(box: Box, as_json: Json = False) -> None:
    """What is on the box, how old it is, what is wrong."""
    from appliance.box.works import look

    value = look(BoxPaths(box))
    result(value, as_json=as_json, text=lambda: "\n".join(lines.status_lines(value)))


@command(app)
def peers(box: Box, as_json: Json = False) -> None:
    """Boxes next door that are found now, and why any is passed over; takes a few seconds."""
    from appliance.box.neighbours_found import found

    value = found(BoxPaths(box))
    result(value, as_json=as_json, text=lambda: "\n".join(lines.peer_lines(value)))


@command(app)
def stick(
    box: Box,
    to: Annotated[
        Path,
        typer.Option(metavar="DIR|FILE.kexia", help="The mounted stick's folder, or a file."),
    ],
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Give up what is on the stick and is not on this box."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Fill a stick for a neighbour with what this box serves; run again to go on or renew."""
    from datetime import UTC, datetime

    from appliance.cli.plain import plain_object
    from appliance.cli.stick_words import prepared
    from appliance.technician.from_box import fill_stick
    from appliance.technician.spare import Earlier

    earlier = Earlier.REPLACE if replace else Earlier.SPARE
    with showing(as_json=as_json) as shown:
        done = fill_stick(BoxPaths(box), to, datetime.now(UTC), shown, earlier)
    result(plain_object(done), as_json=as_json, text=lambda: prepared(done))


@command(app)
def rollback(
    box: Box,
    to: Annotated[int | None, typer.Option(help="Number of the generation to go back to.")] = None,
    release: Annotated[
        bool, typer.Option("--release", help="End the hold: take the newest again.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Serve the previous editions again and hold them; withdrawn lessons stay withdrawn."""
    message = {"command": "release"} if release else {"command": "rollback", "to": to}
    done = _ask(box, message, as_json=as_json)
    result(done, as_json=as_json, text=lambda: "\n".join(lines.rollback_lines(done)))


@command(app)
def search(
    box: Box,
    query: Annotated[str, typer.Argument(help="As a teacher would type it.")],
    limit: Annotated[int, typer.Option(min=1, max=100, help="At most so many lessons.")] = 20,
    as_json: Json = False,
) -> None:
    """Find lessons on the box."""
    from appliance.box.find import find

    value = find(BoxPaths(box), query, limit=limit)
    result(value, as_json=as_json, text=lambda: "\n".join(lines.search_lines(value)))


@command(app)
def serve(box: Box, host: Host = None, port: Port = None, site_port: SitePort = None) -> None:
    """Serve the pages until ended; an update never takes them down."""
    from appliance.box.serving import run_serve

    paths = BoxPaths(box)
    run_serve(paths, _listen(paths, host, port, site_port), on_ready=services.ready)


@command(app)
def run(box: Box, host: Host = None, port: Port = None, site_port: SitePort = None) -> None:
    """Run update, serve and volumes until ended; each is restarted alone if it dies."""
    from appliance.box.programmes import run_all

    paths = BoxPaths(box)
    run_all(paths, _listen(paths, host, port, site_port))


@command(app)
def update(box: Box) -> None:
    """Run the update process alone: it syncs in its rhythm and when asked."""
    from appliance.box.programmes import run_update

    run_update(BoxPaths(box))


@command(app)
def volumes(
    box: Box,
    mounts: Annotated[
        Path | None, typer.Option(help="Folder to mount in; BOX/run/volumes if not given.")
    ] = None,
) -> None:
    """Run the volumes process alone: it sees sticks and has them imported; needs root to mount."""
    from appliance.box.beside import run_volumes

    run_volumes(BoxPaths(box), mounts)


@command(app)
def pause(box: Box, as_json: Json = False) -> None:
    """Let a running update wait, for instance during a class."""
    _gate(box, "pause", as_json=as_json)


@command(app)
def resume(box: Box, as_json: Json = False) -> None:
    """Let a paused update go on."""
    _gate(box, "resume", as_json=as_json)


@command(app)
def pin(
    box: Box,
    pin_file: Annotated[
        Path | None, typer.Option(help="File whose first line is the PIN; else it is asked for.")
    ] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="No PIN: the page /admin only shows.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Set the PIN of the page /admin; whoever is signed in there has to give the new one."""
    from contextlib import closing

    from appliance import pin as pins
    from appliance.cli.passphrase import new_pin
    from appliance.config import load
    from appliance.state import open_state

    paths = BoxPaths(box)
    load(paths)
    with closing(open_state(paths.state_db)) as state:
        if remove:
            pins.remove_pin(state)
        else:
            pins.set_pin(state, pins.hashed(pins.check(new_pin(pin_file)), os.urandom(pins.SALT)))
    result(
        {"pin": not remove},
        as_json=as_json,
        text=lambda: "no PIN: /admin only shows" if remove else "the PIN is set: open /admin",
    )


box_back.add_to(app)
box_first_start.add_to(app)
box_network.add_to(app)
box_doctor.add_to(app)
box_updates.add_to(app)
box_system.add_to(app)
box_screen.add_to(app)
box_owner.add_to(app)
box_timetable.add_to(app)


def _gate(box: Path, wish: str, *, as_json: bool) -> None:
    from appliance.control import ask
    from sync.progress import Silent

    state = ask(BoxPaths(box), {"command": wish}, Silent())
    result(state, as_json=as_json, text=lambda: f"{wish}d")


def _ask(box: Path, message: Mapping[str, object], *, as_json: bool) -> "Event":
    from appliance.box.programmes import real_machine
    from appliance.box.works import perform

    paths = BoxPaths(box)
    with showing(as_json=as_json) as shown:
        return perform(paths, real_machine(paths), message, shown)


def _listen(paths: BoxPaths, host: str | None, port: int | None, site_port: int | None) -> "Listen":
    """As given here, else as in kexia.toml; sites next to the pages if only those are given."""
    from appliance.config import Listen, load

    known = load(paths).listen
    if port is not None and site_port is None:
        site_port = port + 1 if port else 0
    return Listen(
        host=known.host if host is None else host,
        port=known.port if port is None else port,
        site_port=known.site_port if site_port is None else site_port,
    )


def _leave(value: Mapping[str, object]) -> None:
    """End with the exit code of the worst problem, if there was one."""
    code = value.get("exit_code")
    if isinstance(code, int) and code:
        raise typer.Exit(code)
