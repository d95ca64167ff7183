"""A network card as the plan needs to know it. Pure."""

import ipaddress
from dataclasses import dataclass

from appliance.onlink import Connected


@dataclass(frozen=True, slots=True)
class Card:
    """One card."""

    name: str
    mac: str
    is_wireless: bool
    is_phone: bool
    """A phone or modem on USB: a line that somebody pays for."""
    has_link: bool
    """A cable with somebody at its other end, or a Wi-Fi that was joined."""
    addresses: tuple[Connected, ...] = ()

    @property
    def networks(self) -> tuple[ipaddress.IPv4Network, ...]:
        """The IPv4 networks it is connected to."""
        return tuple(
            own.network for own in self.addresses if isinstance(own, ipaddress.IPv4Interface)
        )

    @property
    def ipv4(self) -> ipaddress.IPv4Interface | None:
        """Its first IPv4 address that is no stop-gap (169.254/16)."""
        for own in self.addresses:
            if isinstance(own, ipaddress.IPv4Interface) and not own.ip.is_link_local:
                return own
        return None
