"""The firewall, as nft reads it: nothing comes in but what the box is for, nothing goes through.

Pure. The table replaces the one the image starts with (same name) in one transaction. Ports per
card; between the classroom and the uplink only devices that the site lists, by hardware address.
"""

from collections.abc import Iterable

from appliance.lan.dnsmasq import THROUGH_PORT
from appliance.lan.plan import Plan

TABLE = "inet kexia"


def text(plan: Plan) -> str:
    """The rules, to be loaded with ``nft -f``."""
    chains = [
        _sets(plan),
        _chain("input", _hook("filter", "input", "filter", "drop"), _input(plan)),
        *_doors(plan),
        _chain("forward", _hook("filter", "forward", "filter", "drop"), _forward(plan)),
        *_nat(plan),
    ]
    body = "\n".join(chain for chain in chains if chain)
    return f"table {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{\n{body}}}\n"


def _sets(plan: Plan) -> str:
    if not plan.through:
        return ""
    elements = ", ".join(plan.through)
    return f"\tset through {{\n\t\ttype ether_addr\n\t\telements = {{ {elements} }}\n\t}}\n"


def _input(plan: Plan) -> list[str]:
    rules = [
        "ct state established,related accept",
        "ct state invalid drop",
        'iifname "lo" accept',
        # Ping, path MTU, and what IPv6 cannot do without.
        "icmp type { echo-request, destination-unreachable, time-exceeded } accept",
        "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert,"
        " packet-too-big, destination-unreachable, time-exceeded, echo-request,"
        " mld-listener-query } accept",
    ]
    if plan.card:
        rules.append(f'iifname "{plan.card}" jump classroom')
    if plan.uplinks:
        rules.append(f"iifname {_names(plan.uplinks)} jump uplink")
    return rules


def _doors(plan: Plan) -> list[str]:
    return [
        _chain("classroom", "", _classroom(plan)) if plan.card else "",
        _chain("uplink", "", _uplink(plan)) if plan.uplinks else "",
    ]


def _classroom(plan: Plan) -> list[str]:
    ports = plan.ports
    rules = [f"tcp dport {_ports((ports.pages, ports.sites))} accept", "udp dport 5353 accept"]
    if plan.makes_wifi:
        names = (53, THROUGH_PORT) if plan.through else (53,)
        rules += [f"udp dport {_ports((*names, 67))} accept", f"tcp dport {_ports(names)} accept"]
    else:
        rules.append("udp sport 67 udp dport 68 accept")
    rules += _for_few(plan, (plan.card,))
    # Refused at once: a tablet that asks for https must not wait until it gives up.
    return [*rules, "meta l4proto tcp reject with tcp reset", "reject with icmpx admin-prohibited"]


def _uplink(plan: Plan) -> list[str]:
    """No page out there; an address from DHCP, the technician, neighbours where they may be met."""
    rules = ["udp sport 67 udp dport 68 accept", *_for_few(plan, plan.uplinks)]
    met = [name for name in plan.uplinks if name in plan.ports.neighbours]
    if met:
        rules.append(f"iifname {_names(met)} udp dport 5353 accept")
    return rules


def _for_few(plan: Plan, cards: Iterable[str]) -> list[str]:
    ports = plan.ports
    rules = ["tcp dport 22 accept"] if ports.ssh else []
    met = [name for name in cards if name in ports.neighbours]
    if ports.peers and met:
        rules.append(f"iifname {_names(met)} tcp dport {ports.peers} accept")
    return rules


def _forward(plan: Plan) -> list[str]:
    if not plan.through:
        return []
    return [
        "ct state established,related accept",
        f'iifname "{plan.card}" oifname {_names(plan.uplinks)} ether saddr @through accept',
    ]


def _nat(plan: Plan) -> list[str]:
    if not plan.through or plan.address is None:
        return []
    to_second = f'iifname "{plan.card}" ether saddr @through'
    return [
        _chain(
            "prerouting",
            _hook("nat", "prerouting", "dstnat", "accept"),
            [
                f"{to_second} udp dport 53 redirect to :{THROUGH_PORT}",
                f"{to_second} tcp dport 53 redirect to :{THROUGH_PORT}",
            ],
        ),
        _chain(
            "postrouting",
            _hook("nat", "postrouting", "srcnat", "accept"),
            [f"oifname {_names(plan.uplinks)} ip saddr {plan.address.network} masquerade"],
        ),
    ]


def _hook(kind: str, hook: str, priority: str, policy: str) -> str:
    return f"type {kind} hook {hook} priority {priority}; policy {policy};"


def _chain(name: str, head: str, rules: Iterable[str]) -> str:
    lines = "".join(f"\t\t{line}\n" for line in (head, *rules) if line)
    return f"\tchain {name} {{\n{lines}\t}}\n"


def _names(cards: Iterable[str]) -> str:
    return "{ " + ", ".join(f'"{card}"' for card in cards) + " }"


def _ports(ports: Iterable[int]) -> str:
    return "{ " + ", ".join(map(str, sorted(set(ports)))) + " }"
