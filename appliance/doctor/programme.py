"""What `kexia box doctor` and the page /admin/doctor do: look, judge, tell. No telemetry: what is
found is shown to whoever asks, and goes nowhere.
"""

import time
from contextlib import suppress
from datetime import datetime
from enum import Enum
from pathlib import Path

from appliance import config as configs
from appliance.config import BoxConfig
from appliance.doctor import look, outside, running, wire
from appliance.doctor.facts import Clock, Facts, Network, Programmes
from appliance.doctor.findings import Finding, findings
from appliance.doctor.isolation import Isolation, judge
from appliance.generation import current
from appliance.lan import inforce
from appliance.lan.arp import Address
from appliance.lan.card import Card
from appliance.lan.cards import read_cards
from appliance.lan.inforce import InForce
from appliance.lan.probe import CannotAsk
from appliance.paths import BoxPaths
from appliance.version import BUILD_TIME
from sync.errors import FormatError, KexiaError
from sync.trust.clock import parse_time

NTP_FLAG = Path("/run/systemd/timesync/synchronized")


class Depth(Enum):
    """How far the doctor goes."""

    SHALLOW = "shallow"
    """The machine's own files: a moment. What a page may do for whoever asks."""
    DEEP = "deep"
    """Asks the wire and the publishers' addresses, too: some seconds, half a minute at most."""


def examine(paths: BoxPaths, now: datetime, depth: Depth, root: Path = Path("/")) -> Facts:
    """Everything that can be measured from here; raises UsageError if ``paths`` is no box."""
    box = configs.load(paths)
    state, cards, log = inforce.load(paths), read_cards(), look.kernel_log(root)
    is_deep = depth is Depth.DEEP
    uplink = outside.ask(box, state, cards) if is_deep else (None, "")
    return Facts(
        clock=_clock(paths, box, now, root),
        network=_network(state, cards, box, root, is_deep=is_deep),
        power=look.power(root, log),
        disk=look.disk(root, paths.root, log),
        uplink=uplink[0],
        uplink_detail=uplink[1],
        programmes=running.look(paths, box.listen) if is_deep else Programmes(),
    )


def found(paths: BoxPaths, now: datetime, depth: Depth) -> tuple[Finding, ...]:
    """What is wrong with this box, the worst first."""
    return findings(examine(paths, now, depth))


def _clock(paths: BoxPaths, box: BoxConfig, now: datetime, root: Path) -> Clock:
    floor = BUILD_TIME
    with suppress(KexiaError, OSError):
        generation = current(paths)
        for publisher in generation.record.publishers if generation else ():
            with suppress(FormatError):
                floor = max(floor, parse_time(publisher.signed_at, what="signed_at"))
    return Clock(
        wall=now,
        floor=floor,
        is_set=box.clock_is_set or NTP_FLAG.exists(),
        has_chip=look.has_clock_chip(root),
    )


def _network(
    state: InForce | None, cards: tuple[Card, ...], box: BoxConfig, root: Path, *, is_deep: bool
) -> Network:
    if state is None:
        return Network()
    card = next((card for card in cards if card.name == state.card), None)
    heard: tuple[Isolation | None, tuple[str, ...], bool | None] = (None, (), None)
    gateway = wire.gateway_of(root, state.card)
    if is_deep and not state.makes_wifi and state.address is not None and card and card.has_link:
        heard = _heard(state, box, gateway, root)
    return Network(
        is_told=True,
        mode=state.mode.value,
        card=state.card,
        ssid=state.ssid,
        address=str(state.address or ""),
        has_link=card is not None and card.has_link,
        problem=state.problem,
        detail=state.detail or str(gateway or ""),
        isolation=heard[0],
        strangers=heard[1],
        is_gateway_there=heard[2],
    )


def _heard(
    state: InForce, box: BoxConfig, gateway: Address | None, root: Path
) -> tuple[Isolation | None, tuple[str, ...], bool | None]:
    """What the wire says; nothing where it may not be asked."""
    if state.address is None:
        return None, (), None
    try:
        answered, heard, elsewhere = wire.listen(state.card, state.address, ticks=time.monotonic)
    except CannotAsk:
        return None, (), None
    visitors = wire.count_visitors(root, box.listen.port, state.address)
    verdict = judge(wire.signs((answered, heard), gateway, visitors))
    is_there = gateway in answered if gateway is not None else None
    # One's own network is only wrong where nobody shares it.
    is_alone = not (answered or visitors or heard)
    networks = sorted({f"{'.'.join(str(one).split('.')[:3])}.0" for one in elsewhere})
    return verdict, tuple(networks[:4]) if is_alone else (), is_there
