"""``kexia box network``: which network a box wants, which it has, and putting it into force."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.cli.command import command
from appliance.cli.console import Json, result, say
from appliance.config import BoxPaths

if TYPE_CHECKING:
    from appliance.lan.config import NetworkConfig
    from appliance.lan.inforce import InForce

PROBLEMS = {
    "no-wifi-card": "no Wi-Fi card here can make or join a Wi-Fi; the cable is used instead",
    "uplink-not-there": "the card that [network] uplink names is not there",
    "conflict": "somebody else has the fixed address; this one was taken instead",
    "rolled-back": "the new network did not come up; the last working one is in force, the new "
    "one lies in network.refused.toml",
    "refused": "network.toml cannot be read; the last working network is in force",
}
"""What the codes of ``appliance.lan`` mean to a technician."""


class Action(StrEnum):
    """What to do."""

    SHOW = "show"
    APPLY = "apply"


def add_to(app: typer.Typer) -> None:
    """Add the command to the group ``box``."""
    command(app)(network)


def network(
    box: Annotated[Path, typer.Argument(metavar="BOX", help="The box's folder.")],
    action: Annotated[
        Action, typer.Argument(metavar="[show|apply]", help="Look only, or put it into force.")
    ] = Action.SHOW,
    stay: Annotated[
        bool, typer.Option("--keep", help="With apply: stay, and keep it in force; for systemd.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show the network this box wants and has, or put the wanted one (network.toml) into force."""
    from appliance.lan.programme import show

    paths = BoxPaths(box)
    if action is Action.APPLY:
        _apply(paths, stay=stay, as_json=as_json)
        return
    wanted, state, fault = show(paths)
    result(
        {"wanted": _wanted(wanted), "in_force": _in_force(state), "fault": fault},
        as_json=as_json,
        text=lambda: "\n".join((*_wanted_lines(wanted, fault), *_lines(state))),
    )
    if wanted is None:
        raise typer.Exit(3)


def _apply(paths: BoxPaths, *, stay: bool, as_json: bool) -> None:
    from appliance.lan.keep import load
    from appliance.lan.programme import apply_once, keep_for_ever, make_keeper

    keeper = make_keeper(paths)
    if stay:
        keep_for_ever(keeper, say)
    state, done = apply_once(keeper, load(paths))
    result(
        {"in_force": _in_force(state), "changed": done.written, "restarted": done.restarted},
        as_json=as_json,
        text=lambda: "\n".join(_lines(state)),
    )
    if state.problem in ("rolled-back", "refused"):
        raise typer.Exit(9)


def _wanted(config: "NetworkConfig | None") -> dict[str, object] | None:
    """The wanted network without its secret."""
    from appliance.lan.config import table

    if config is None:
        return None
    return {key: value for key, value in table(config).items() if key != "passphrase"}


def _in_force(state: "InForce | None") -> dict[str, object] | None:
    from appliance.cli.plain import plain_object

    if state is None:
        return None
    return {**plain_object(state), "address": str(state.address or "")}


def _wanted_lines(config: "NetworkConfig | None", fault: str) -> list[str]:
    if config is None:
        return [f"wanted: {fault}"]
    parts: list[str] = [config.mode.value, config.ssid]
    parts += [f"channel {config.channel}"] if config.mode.value == "access-point" else []
    parts += [str(config.address)] if config.address else []
    through = f"{len(config.forward)} devices are let through" if config.forward else ""
    return ["wanted: " + ", ".join(part for part in (*parts, through) if part)]


def _lines(state: "InForce | None") -> list[str]:
    if state is None:
        return ["in force: nothing told yet; is kexia-network running?"]
    where = f"http://{state.address.ip}/" if state.address else "no address yet"
    name = f' "{state.ssid}"' if state.ssid else ""
    lines = [f"in force: {state.mode.value}{name} on {state.card or 'no card'}, {where}"]
    if state.uplinks:
        lines.append(f"uplinks: {', '.join(state.uplinks)}")
    if state.problem:
        told = PROBLEMS.get(state.problem, state.problem)
        lines.append(f"problem: {told}" + (f" ({state.detail})" if state.detail else ""))
    return lines
