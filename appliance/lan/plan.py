"""From what the site wants and the cards that are there to who is on which card. Pure."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.lan import ranges
from appliance.lan.card import Card
from appliance.lan.config import AUTO, NONE, Mode, NetworkConfig
from sync.errors import UsageError

NO_WIFI = "no-wifi-card"
NOT_THERE = "uplink-not-there"


@dataclass(frozen=True, slots=True)
class Ports:
    """Which doors of the box are to be open, as kexia.toml and the site say."""

    pages: int = 80
    sites: int = 8081
    ssh: bool = False
    """Somebody has a key; nobody ever has a password."""
    peers: int = 0
    """Port for neighbouring boxes; 0: none are served."""
    neighbours: tuple[str, ...] = ()
    """Cards on which neighbours may be met."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Who is on which card."""

    mode: Mode
    card: str
    """The classroom's card: tablets reach the box by it. Empty: there is none at all."""
    address: ipaddress.IPv4Interface | None
    """The box's own address there; None: DHCP gives it."""
    uplinks: tuple[str, ...]
    """Cards beside it that may lead out, phones last."""
    phones: tuple[str, ...]
    """Those of them that somebody pays for by the byte."""
    config: NetworkConfig
    ports: Ports
    problem: str = ""
    """A code of what could not be had as wanted."""

    @property
    def makes_wifi(self) -> bool:
        """The box is access point, DHCP and name server of the classroom."""
        return self.mode is Mode.ACCESS_POINT

    @property
    def through(self) -> tuple[str, ...]:
        """Devices that are let through to the uplink; empty: nobody."""
        return self.config.forward if self.makes_wifi and self.uplinks else ()


def make_plan(
    config: NetworkConfig,
    cards: Sequence[Card],
    ports: Ports,
    before: ipaddress.IPv4Interface | None = None,
) -> Plan:
    """The plan; ``before``: the box's address in its own Wi-Fi until now.

    A box without a Wi-Fi card, or without any, still gets the best plan there is, with its problem
    named. Raises UsageError if the uplinks leave no network for the classroom.
    """
    mode, problem = config.mode, ""
    if mode is not Mode.WIRED and not any(_may_be_wifi(card, config) for card in cards):
        mode, problem = Mode.WIRED, NO_WIFI
    if mode is Mode.ACCESS_POINT and not config.passphrase:
        raise UsageError(
            "the Wi-Fi has no pass phrase", hint="set [network] passphrase; none is ever open"
        )
    card = _classroom(config, mode, cards)
    uplinks, phones = _uplinks(config, [item for item in cards if item.name != card])
    if not problem and config.uplink not in (AUTO, NONE, card, *uplinks):
        problem = NOT_THERE
    return Plan(
        mode=mode,
        card=card,
        address=_address(config, mode, [item for item in cards if item.name in uplinks], before),
        uplinks=uplinks,
        phones=phones,
        config=config,
        ports=ports,
        problem=problem,
    )


def _may_be_wifi(card: Card, config: NetworkConfig) -> bool:
    return card.is_wireless and card.name != config.uplink


def _classroom(config: NetworkConfig, mode: Mode, cards: Sequence[Card]) -> str:
    """The card tablets are on; of several cables the first that has somebody at its other end."""
    if mode is not Mode.WIRED:
        return next(card.name for card in cards if _may_be_wifi(card, config))
    wired = [card for card in cards if not (card.is_wireless or card.is_phone)]
    wired.sort(key=lambda card: (not card.has_link, card.name))
    return wired[0].name if wired else ""


def _uplinks(
    config: NetworkConfig, others: Sequence[Card]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if config.uplink == NONE:
        return (), ()
    asked = [
        card
        for card in others
        if (config.uplink == AUTO and not card.is_wireless) or card.name == config.uplink
    ]
    asked.sort(key=lambda card: (card.is_phone, card.name))
    return (
        tuple(card.name for card in asked),
        tuple(card.name for card in asked if card.is_phone),
    )


def _address(
    config: NetworkConfig,
    mode: Mode,
    uplinks: Sequence[Card],
    before: ipaddress.IPv4Interface | None,
) -> ipaddress.IPv4Interface | None:
    if mode is not Mode.ACCESS_POINT:
        # What was wanted for its own Wi-Fi is of no use on somebody's cable.
        return config.address if config.mode is mode else None
    taken = [network for card in uplinks for network in card.networks]
    return ranges.choose(taken, wanted=config.address, before=before)
