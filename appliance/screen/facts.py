"""What the screen's board is made of, read from the box: it changes nothing and needs no lease."""

import ipaddress
import socket
from collections.abc import Iterable
from contextlib import closing

from appliance import pin as pins
from appliance import sticks
from appliance.config import BoxConfig, BoxPaths, load
from appliance.doctor.findings import trouble_of
from appliance.doctor.sayings import SAYINGS
from appliance.firststart.noted import read_note
from appliance.generation import current
from appliance.lan import keep
from appliance.lan.config import Mode
from appliance.language import N_
from appliance.network import read_interfaces
from appliance.onlink import TETHERS, Interface
from appliance.screen.board import Facts, Wifi
from appliance.state import open_state
from sync.errors import KexiaError

ANSWER_SECONDS = 2.0
NO_DATA = N_(
    "The box's storage cannot be read. Switch it off and on; if this stays, tell the technician."
)
UNREADABLE = N_("The box is not set up, or its settings are damaged: show it to the technician.")


def read_facts(paths: BoxPaths) -> Facts:
    """The box as it is now; whatever cannot be read becomes a trouble that is told."""
    addresses, wifi = reachable(read_interfaces()), read_wifi(paths)
    if not paths.root.is_dir() or not any(paths.root.iterdir()):
        return Facts(addresses=addresses, wifi=wifi, troubles=(NO_DATA,))
    try:
        config = load(paths)
    except KexiaError:
        return Facts(addresses=addresses, wifi=wifi, troubles=(UNREADABLE,))
    return Facts(
        name=config.name,
        addresses=addresses,
        port=config.listen.port,
        wifi=wifi,
        is_serving=_answers(config),
        lessons=_lessons(paths),
        sticks=sticks.read(paths.volumes).sticks,
        troubles=_of_first_start(paths),
    )


def _of_first_start(paths: BoxPaths) -> tuple[str, ...]:
    """What it could not do, and the first thing that is wrong in the site file."""
    note = read_note(paths)
    trouble = trouble_of(note)
    return (SAYINGS[trouble].what, *note.faults[:1]) if trouble else ()


def reachable(interfaces: Iterable[Interface]) -> tuple[str, ...]:
    """IPv4 addresses under which a tablet may find the box: its Wi-Fi before its cables.

    Not those of a phone's line, and none that only this machine has.
    """
    found: list[tuple[bool, str]] = []
    for one in interfaces:
        if not one.is_up or one.drivers & TETHERS:
            continue
        for address in one.addresses:
            own = address.ip
            if isinstance(own, ipaddress.IPv4Address) and own.is_private and not own.is_loopback:
                found.append((not one.is_wireless, str(own)))
    return tuple(address for _, address in sorted(found, key=lambda item: item[0]))


def _answers(config: BoxConfig) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", config.listen.port), ANSWER_SECONDS):
            return True
    except OSError:
        return False


def _lessons(paths: BoxPaths) -> int:
    try:
        generation = current(paths)
    except (KexiaError, OSError):
        return 0
    if generation is None:
        return 0
    return sum(
        kept.entry.lessons if kept.lessons is None else len(kept.lessons)
        for kept in generation.record.collections
    )


def read_wifi(paths: BoxPaths) -> Wifi | None:
    """The classroom's Wi-Fi, as the box's network settings name it; None: there is none."""
    try:
        wanted = keep.load(paths)
    except (KexiaError, OSError):
        return None
    if wanted.mode is Mode.WIRED or not wanted.ssid:
        return None
    is_own = wanted.mode is Mode.ACCESS_POINT
    shown = wanted.passphrase if is_own and not _has_pin(paths) else ""
    return Wifi(wanted.ssid, is_own, shown)


def _has_pin(paths: BoxPaths) -> bool:
    """Whether somebody has set the box up; what cannot be read counts as yes."""
    try:
        with closing(open_state(paths.state_db)) as state:
            return bool(pins.read_pin(state))
    except KexiaError:
        return True
