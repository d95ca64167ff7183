"""``kexia box system``: which system runs, which update lies ready, what became of others."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.cli.command import command
from appliance.cli.console import EXIT_CODES, Json, result, showing
from appliance.config import BoxConfig, BoxPaths, load

if TYPE_CHECKING:
    from appliance.system.programme import Attendant, Machine, State

app = typer.Typer(
    name="system",
    help="The box's own system: which one runs, and its updates.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)

Box = Annotated[Path, typer.Argument(metavar="BOX", help="The box's folder.")]
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def add_to(group: typer.Typer) -> None:
    """Add these commands to the group ``box``."""
    group.add_typer(app)


@command(app)
def status(box: Box, as_json: Json = False) -> None:
    """Tell which system runs, which update lies ready, and what became of the last ones."""
    state = _attendant(box).state()
    result(state.value(), as_json=as_json, text=lambda: _words(state))


@command(app)
def install(
    box: Box,
    bundle: Annotated[
        Path | None, typer.Argument(help="The bundle, if not the one in the library.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also if it was tried here and did not hold.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Install the update that lies ready, whatever the hour; the next start tries it.

    Refused is a bundle that no current signed list names, an older one, one of another authority.
    """
    attendant = _attendant(box)
    with showing(as_json=as_json) as shown:
        state = attendant.install(bundle, again=again, progress=shown)
    result(state.value(), as_json=as_json, text=lambda: _words(state))


@command(app)
def run(box: Box, as_json: Json = False) -> None:
    """Do by itself what is to be done now: what the timer calls every quarter of an hour."""
    attendant = _attendant(box)
    with showing(as_json=as_json) as shown:
        state = attendant.run(shown)
    result(state.value(), as_json=as_json, text=lambda: _words(state))


def _attendant(box: Path) -> "Attendant":
    from appliance.system.programme import Attendant

    paths = BoxPaths(box)
    config = load(paths)
    return Attendant(paths, config, _machine(paths, config))


def _machine(paths: BoxPaths, config: BoxConfig) -> "Machine":
    from appliance.box.programmes import is_clock_set
    from appliance.system import image, loader
    from appliance.system.history import Running
    from appliance.system.programme import Machine, NoImage
    from appliance.system.quiet import look
    from appliance.version import BUILD_TIME
    from sync.trust import TrustClock

    here = loader.here()
    if here is None:
        raise NoImage(
            "this machine was not started from a box's image: it has no slots to update",
            hint="on Debian, update the package kexia instead",
        )
    own = image.read_image(image.FILE.read_bytes())
    boot = _BOOT.read_text(encoding="ascii").strip()
    ports = {config.listen.port, config.listen.site_port}
    return Machine(
        running=Running(
            own.compatible,
            own.version,
            own.floor,
            boot,
            confirmed=here.proven,
            fallen_back=here.fallen_back,
        ),
        slot=str(here.booted.slot),
        clock=TrustClock(datetime.now(UTC), wall_is_set=is_clock_set(config), floor=BUILD_TIME),
        busy=lambda: _is_busy(paths),
        looks=lambda: look(ports),
        restart=loader.reboot,
    )


def _is_busy(paths: BoxPaths) -> bool:
    """Whether the update process works or was paused; one that does not run does neither."""
    from appliance.control import NotRunning, ask
    from sync.progress import Silent

    try:
        told = ask(paths, {"command": "status"}, Silent()).get("update")
    except NotRunning:
        return False
    return isinstance(told, dict) and bool(told.get("doing") or told.get("paused"))


def _words(state: "State") -> str:
    confirmed = "confirmed" if state.confirmed else "not confirmed yet"
    lines = [f"{state.running} runs from slot {state.slot}, {confirmed}"]
    if state.ready:
        lines.append(f"{state.ready} lies ready: {state.answer}")
    elif state.why:
        lines.append(f"no update: {state.why}")
    if state.pending:
        lines.append(f"under way: {state.pending}")
    lines += [f"{one.version}: {one.outcome} {one.at}".rstrip() for one in state.events]
    return "\n".join(lines)
