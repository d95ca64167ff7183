"""What `kexia box doctor` and the page /admin/doctor do: look, judge, tell. No telemetry: what is
found is shown to whoever asks, and goes nowhere.

Looking at the machine's own files takes a moment and is what a page may do for whoever asks; who
also brings an ``Asking`` (``deep``) has the wire, the programmes and the publishers asked.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from appliance import config as configs
from appliance.config import BoxConfig
from appliance.doctor import look
from appliance.doctor.facts import Clock, Facts, Network, Programmes, Uplink
from appliance.doctor.findings import Finding, findings
from appliance.doctor.isolation import Isolation
from appliance.firststart.noted import read_note
from appliance.generation import current
from appliance.lan import inforce
from appliance.lan.card import Card
from appliance.lan.cards import read_cards
from appliance.lan.inforce import InForce
from appliance.paths import BoxPaths
from appliance.version import BUILD_TIME
from sync.errors import KexiaError

NTP_FLAG = Path("/run/systemd/timesync/synchronized")
ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class Heard:
    """What the classroom's wire says."""

    isolation: Isolation | None = None
    strangers: tuple[str, ...] = ()
    is_gateway_there: bool | None = None


class Asking(Protocol):
    """What takes seconds, or root."""

    def outside(
        self, box: BoxConfig, state: InForce | None, cards: tuple[Card, ...]
    ) -> tuple[Uplink, str]:
        """Ask the publishers' addresses."""

    def wire(self, state: InForce, port: int) -> Heard:
        """Ask the classroom's network."""

    def programmes(self, paths: BoxPaths, box: BoxConfig) -> Programmes:
        """Ask the box's own programmes."""


def found(
    paths: BoxPaths, now: datetime, asking: Asking | None = None, root: Path = ROOT
) -> tuple[Finding, ...]:
    """What is wrong with this box, the worst first; raises UsageError if it is no box."""
    return findings(examine(paths, configs.load(paths), now, asking, root))


def found_beside(paths: BoxPaths, now: datetime) -> tuple[Finding, ...]:
    """The same for its page, at once and without asking: also where kexia.toml cannot be read."""
    try:
        box = configs.load(paths)
    except KexiaError:
        box = BoxConfig()
    return findings(examine(paths, box, now))


def examine(
    paths: BoxPaths,
    box: BoxConfig,
    now: datetime,
    asking: Asking | None = None,
    root: Path = ROOT,
) -> Facts:
    """Everything that can be measured from here."""
    state, cards, log = inforce.load(paths), read_cards(), look.kernel_log(root)
    uplink, detail = asking.outside(box, state, cards) if asking else (None, "")
    return Facts(
        clock=_clock(paths, box, now, root),
        network=_network(state, cards, box, asking)
        if state is not None
        else Network(is_wanted=paths.network.exists()),
        power=look.power(root, log),
        disk=look.disk(root, paths.root, log),
        uplink=uplink,
        uplink_detail=detail,
        programmes=asking.programmes(paths, box) if asking else Programmes(),
        first_start=read_note(paths),
    )


def _clock(paths: BoxPaths, box: BoxConfig, now: datetime, root: Path) -> Clock:
    floor = BUILD_TIME
    with suppress(KexiaError, OSError):
        generation = current(paths)
        for publisher in generation.record.publishers if generation else ():
            with suppress(ValueError):
                floor = max(floor, datetime.fromisoformat(publisher.signed_at))
    return Clock(
        wall=now,
        floor=floor,
        is_set=box.clock_is_set or NTP_FLAG.exists(),
        has_chip=look.has_clock_chip(root),
    )


def _network(
    state: InForce, cards: tuple[Card, ...], box: BoxConfig, asking: Asking | None
) -> Network:
    card = next((card for card in cards if card.name == state.card), None)
    has_link = card is not None and card.has_link
    may_ask = has_link and state.address is not None and not state.makes_wifi
    heard = asking.wire(state, box.listen.port) if asking and may_ask else Heard()
    return Network(
        is_wanted=True,
        is_told=True,
        mode=state.mode.value,
        card=state.card,
        ssid=state.ssid,
        address=str(state.address or ""),
        has_link=has_link,
        problem=state.problem,
        detail=state.detail,
        isolation=heard.isolation,
        strangers=heard.strangers,
        is_gateway_there=heard.is_gateway_there,
    )
