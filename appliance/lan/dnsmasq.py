"""Addresses and names for the classroom, as dnsmasq reads them (dnsmasq.conf). Pure.

Every name in the world has the box's address here: nobody is let out, so whatever a tablet asks
for, it is better answered by the box at once (``appliance/serve/captive.py``) than by nobody after
a long wait. Devices that are let through are sent to a second dnsmasq instead, which asks the
uplink's servers; the firewall tells them apart by their hardware address.
"""

import ipaddress
from collections.abc import Sequence

from appliance.lan.ranges import pool

DOMAIN = "ke.lan"
"""The box's name in its own Wi-Fi; sites have names of their own below ``s.ke.lan``."""
THROUGH_PORT = 5354
"""Where the second one listens, for devices that are let through."""
LEASES = "/run/kexia-network/leases"
UPLINK_SERVERS = "/run/systemd/resolve/resolv.conf"
"""Where systemd-resolved writes the name servers that uplinks told."""
_WINDOWS_ASKS = "address=/dns.msftncsi.com/131.107.255.255"
"""Windows takes a network for dead in which this name has another address."""


def text(card: str, own: ipaddress.IPv4Interface) -> str:
    """The classroom's dnsmasq.conf: DHCP, and one answer to all questions."""
    first, last = pool(own)
    lines = [
        *_common(card, 53),
        # local: what has no answer has none here either, told at once, not "refused".
        "local=/#/",
        f"address=/#/{own.ip}",
        _WINDOWS_ASKS,
        # Forgotten soon: a tablet that goes home must not look for the world at this address.
        "local-ttl=10",
        "dhcp-authoritative",
        f"dhcp-range={first},{last},{own.netmask},12h",
        f"dhcp-option=option:router,{own.ip}",
        f"dhcp-option=option:dns-server,{own.ip}",
        f"dhcp-leasefile={LEASES}",
        # Which child's tablet came when is nobody's business: no line about it in the journal.
        "quiet-dhcp",
        "quiet-dhcp6",
        "quiet-ra",
    ]
    return "\n".join(lines) + "\n"


def through_text(card: str, own: ipaddress.IPv4Interface, servers: Sequence[str]) -> str:
    """The second dnsmasq.conf: the box's names, all others from the uplink's servers."""
    lines = [
        *_common(card, THROUGH_PORT),
        f"local=/{DOMAIN}/",
        f"address=/{DOMAIN}/{own.ip}",
        *(f"server={server}" for server in servers),
        "no-resolv" if servers else f"resolv-file={UPLINK_SERVERS}",
    ]
    if servers:
        return "\n".join(lines) + "\n"
    return "\n".join(line for line in lines if line != "no-poll") + "\n"


def _common(card: str, port: int) -> list[str]:
    lines = [
        f"port={port}",
        f"interface={card}",
        "except-interface=lo",
        # The card may come later than this, and get another address while it runs.
        "bind-dynamic",
        "no-hosts",
        "no-poll",
        "domain-needed",
        "bogus-priv",
        "user=dnsmasq",
    ]
    return [*lines, "no-resolv"] if port == 53 else lines
