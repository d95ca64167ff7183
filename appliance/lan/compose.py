"""From a plan to everything that is written and run for it. Pure."""

from dataclasses import dataclass

from appliance.lan import dnsmasq, hostapd, networkd, nftables, supplicant, units
from appliance.lan.config import Mode
from appliance.lan.plan import Plan


@dataclass(frozen=True, slots=True)
class Composition:
    """What the system's programmes are told."""

    networkd: dict[str, str]
    """Text by file name, for systemd-networkd."""
    settings: dict[str, str]
    """Text by file name, for the programmes; may hold a secret."""
    services: dict[str, tuple[str, ...]]
    """Units that run, with the names of the settings each one reads."""
    units: dict[str, str]
    """Text by unit."""
    rules: str
    """The firewall."""
    forwards: bool
    """The kernel may pass packets on, which the firewall then allows to the few."""


def compose(plan: Plan) -> Composition:
    """Everything that follows from ``plan``."""
    settings: dict[str, str] = {}
    services: dict[str, tuple[str, ...]] = {}

    def add(unit: str, name: str, text: str) -> None:
        settings[name] = text
        services[unit] = (name,)

    if plan.makes_wifi and plan.address is not None:
        add(units.HOSTAPD, "hostapd.conf", hostapd.text(plan.card, plan.config))
        add(units.DNSMASQ, "dnsmasq.conf", dnsmasq.text(plan.card, plan.address))
        if plan.through:
            text = dnsmasq.through_text(plan.card, plan.address, plan.config.dns)
            add(units.THROUGH, "through.conf", text)
    elif plan.mode is Mode.CLIENT:
        add(units.SUPPLICANT, "wpa.conf", supplicant.text(plan.config))
    return Composition(
        networkd=networkd.files(plan),
        settings=settings,
        services=services,
        units={unit: units.text(unit, plan.card) for unit in services},
        rules=nftables.text(plan),
        forwards=bool(plan.through),
    )
