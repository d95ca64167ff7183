"""Addresses of the cards, as systemd-networkd reads them (.network files). Pure."""

from collections.abc import Iterable

from appliance.lan.plan import Plan

CLASSROOM, UPLINK, PHONE = (
    "10-kexia-classroom.network",
    "20-kexia-uplink.network",
    "21-kexia-phone.network",
)
OTHERS = "80-kexia-wired.network"
"""In place of the image's file of that name, which asks for an address on every cable."""
METRIC = {UPLINK: 512, PHONE: 2048}
"""A line that somebody pays for is taken last; the classroom's own way out, 1024, in between."""


def files(plan: Plan) -> dict[str, str]:
    """Text by file name."""
    found = {CLASSROOM: _classroom(plan)} if plan.card else {}
    wired = [name for name in plan.uplinks if name not in plan.phones]
    for file, cards in ((UPLINK, wired), (PHONE, plan.phones)):
        if cards:
            found[file] = _uplink(plan, cards, METRIC[file])
    found[OTHERS] = _sections(
        ("Match", ["Type=ether", "Kind=!*"]),
        ("Network", ["DHCP=no", "IPv6AcceptRA=no", "LinkLocalAddressing=no"]),
        ("Link", ["RequiredForOnline=no"]),
    )
    return found


def _classroom(plan: Plan) -> str:
    if plan.makes_wifi:
        return _sections(
            ("Match", [f"Name={plan.card}"]),
            (
                "Network",
                [
                    f"Address={plan.address}",
                    # The Wi-Fi is made later than the address; the pages need not wait for it.
                    "ConfigureWithoutCarrier=yes",
                    "IPv6AcceptRA=no",
                    "LinkLocalAddressing=ipv6",
                    "MulticastDNS=yes",
                ],
            ),
        )
    network = ["MulticastDNS=yes", "IPv6AcceptRA=yes", "LinkLocalAddressing=ipv6"]
    if plan.address is None:
        return _sections(
            ("Match", [f"Name={plan.card}"]),
            ("Network", ["DHCP=ipv4", *network, *_servers(plan.config.dns)]),
            ("DHCPv4", _dhcp(1024, plan.config.dns)),
        )
    gateway = plan.config.gateway
    return _sections(
        ("Match", [f"Name={plan.card}"]),
        (
            "Network",
            [
                *([f"Gateway={gateway}"] if gateway else []),
                *network,
                *_servers(plan.config.dns),
            ],
        ),
        # The kernel gets it only if nobody answers for it; `keeper` then looks for another.
        ("Address", [f"Address={plan.address}", "DuplicateAddressDetection=ipv4"]),
    )


def _uplink(plan: Plan, cards: Iterable[str], metric: int) -> str:
    servers = plan.config.dns if plan.makes_wifi else ()
    return _sections(
        ("Match", [f"Name={' '.join(cards)}"]),
        (
            "Network",
            ["DHCP=ipv4", "IPv6AcceptRA=yes", "LinkLocalAddressing=ipv6", *_servers(servers)],
        ),
        ("Link", ["RequiredForOnline=no"]),
        ("DHCPv4", _dhcp(metric, servers)),
    )


def _dhcp(metric: int, servers: tuple[str, ...]) -> list[str]:
    lines = [f"RouteMetric={metric}", "UseHostname=no", "SendHostname=no"]
    return [*lines, "UseDNS=no"] if servers else lines


def _servers(servers: Iterable[str]) -> list[str]:
    return [f"DNS={server}" for server in servers]


def _sections(*sections: tuple[str, list[str]]) -> str:
    return "\n".join(
        f"[{name}]\n" + "".join(f"{line}\n" for line in lines) for name, lines in sections
    )
