"""Ranges, plans, ARP and the state file: decided from what is known, for any that there can be."""

import struct
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.lan import arp, inforce
from appliance.lan.config import Mode, NetworkConfig
from appliance.lan.inforce import InForce
from appliance.lan.plan import NO_WIFI, NOT_THERE, Ports, make_plan
from appliance.lan.ranges import choose, pool
from sync.errors import UsageError
from tests.appliance.lan.samples import ALONE, CABLE, CARDS, CLIENT, FIXED, PHONE, WIFI

addresses = st.ip_addresses(v=4).map(lambda ip: IPv4Address(int(ip)))
networks = st.builds(
    lambda ip, prefix: IPv4Network((int(ip), prefix), strict=False),
    addresses,
    st.integers(8, 32),
)
hosts = st.builds(
    lambda network, at: IPv4Interface(
        f"{network[1 + at % (network.num_addresses - 2)]}/{network.prefixlen}"
    ),
    networks.filter(lambda network: 16 <= network.prefixlen <= 30),
    st.integers(0, 2**16),
)


@given(st.lists(networks, max_size=6), st.none() | hosts, st.none() | hosts)
def test_the_classroom_s_network_is_nobody_else_s_and_stays(
    taken: list[IPv4Network], wanted: IPv4Interface | None, before: IPv4Interface | None
) -> None:
    own = choose(taken, wanted=wanted, before=before)
    assert not any(own.network.overlaps(network) for network in taken)
    assert choose(taken, wanted=wanted, before=own) in (own, wanted)
    if wanted is not None and not any(wanted.network.overlaps(network) for network in taken):
        assert own == wanted
    elif before is not None and not any(before.network.overlaps(network) for network in taken):
        assert own == before


def test_it_moves_when_an_uplink_collides_and_not_back() -> None:
    first = choose(())
    assert str(first) == "192.168.77.1/24"
    moved = choose([first.network], before=first)
    assert str(moved) == "192.168.177.1/24"
    assert choose((), before=moved) == moved


def test_uplinks_that_take_everything_are_told() -> None:
    with pytest.raises(UsageError, match="no network is left"):
        choose(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))


@given(hosts)
def test_tablets_get_addresses_of_the_same_network_and_never_the_box_s(own: IPv4Interface) -> None:
    first, last = pool(own)
    assert own.network[0] < first <= last < own.network[-1]
    assert not first <= own.ip <= last
    assert 2 * (int(last) - int(first) + 2) >= 0.85 * (own.network.num_addresses - 3)


def test_who_is_on_which_card() -> None:
    plan = make_plan(ALONE, CARDS, Ports())
    assert (plan.card, plan.uplinks, plan.phones) == ("wlan0", ("eth0", "usb0"), ("usb0",))
    assert plan.through == ()
    client = make_plan(CLIENT, CARDS, Ports())
    assert (client.mode, client.card, client.address) == (Mode.CLIENT, "wlan0", None)
    wired = make_plan(FIXED, CARDS, Ports())
    assert (wired.card, str(wired.address), wired.uplinks) == (
        "eth0", "192.168.1.2/24", ("usb0",),
    )  # fmt: skip


def test_of_two_cables_the_one_with_somebody_at_its_end_is_the_classroom() -> None:
    loose = replace(CABLE, name="eth0", has_link=False)
    plugged = replace(CABLE, name="eth1")
    wanted = NetworkConfig(mode=Mode.WIRED)
    assert make_plan(wanted, (loose, plugged), Ports()).card == "eth1"
    assert make_plan(wanted, (loose,), Ports()).card == "eth0"
    assert make_plan(wanted, (PHONE,), Ports()).card == ""


def test_a_machine_without_wifi_is_reached_by_its_cable_and_says_why() -> None:
    plan = make_plan(replace(ALONE, address=IPv4Interface("10.5.0.1/24")), (CABLE,), Ports())
    assert (plan.mode, plan.card, plan.address) == (Mode.WIRED, "eth0", None)
    assert plan.problem == NO_WIFI


def test_uplinks_as_the_site_says() -> None:
    def uplinks(uplink: str) -> tuple[str, ...]:
        return make_plan(replace(ALONE, uplink=uplink), CARDS, Ports()).uplinks

    assert uplinks("none") == ()
    assert uplinks("usb0") == ("usb0",)
    assert make_plan(replace(ALONE, uplink="eth7"), CARDS, Ports()).problem == NOT_THERE
    second = replace(WIFI, name="wlan1")
    plan = make_plan(replace(ALONE, uplink="wlan0"), (WIFI, second), Ports())
    assert (plan.card, plan.uplinks) == ("wlan1", ("wlan0",))


def test_a_wifi_without_pass_phrase_is_never_made() -> None:
    with pytest.raises(UsageError, match="pass phrase"):
        make_plan(NetworkConfig(ssid="open"), CARDS, Ports())


OURS, THEIRS = bytes.fromhex("a45046000002"), bytes.fromhex("a45046000009")


def reply(mac: bytes, sender: str, target: str, kind: int = 2) -> bytes:
    packed = IPv4Address(sender).packed, IPv4Address(target).packed
    body = struct.pack("!HHBBH6s4s6s4s", 1, 0x800, 6, 4, kind, mac, packed[0], OURS, packed[1])
    return OURS + mac + b"\x08\x06" + body + bytes(18)


def test_a_question_claims_nothing() -> None:
    frame = arp.question(OURS, IPv4Address("192.168.1.2"))
    assert frame.hex() == (
        "ffffffffffffa4504600000208060001080006040001a4504600000200000000000000000000c0a80102"
    )
    assert len(frame) == arp.LENGTH
    heard = arp.read(frame)
    assert heard is not None
    assert int(heard.address) == 0


@pytest.mark.parametrize(
    ("frame", "is_conflict"),
    [
        (reply(THEIRS, "192.168.1.2", "0.0.0.0"), True),
        (reply(THEIRS, "192.168.1.2", "192.168.1.9", kind=1), True),
        (reply(THEIRS, "0.0.0.0", "192.168.1.2", kind=1), True),
        (reply(THEIRS, "192.168.1.3", "192.168.1.2", kind=1), False),
        (reply(OURS, "192.168.1.2", "192.168.1.2"), False),
    ],
)
def test_who_has_the_address_or_asks_for_it_too(frame: bytes, is_conflict: bool) -> None:
    heard = arp.read(frame)
    assert heard is not None
    assert arp.is_conflict(heard, OURS, IPv4Address("192.168.1.2")) is is_conflict


@given(st.binary(max_size=80))
def test_frames_of_strangers_are_read_or_passed_over(frame: bytes) -> None:
    heard = arp.read(frame)
    assert heard is None or len(frame) >= arp.LENGTH


@given(hosts, st.frozensets(addresses, max_size=3))
def test_instead_of_a_taken_address_others_of_its_network(
    own: IPv4Interface, avoid: frozenset[IPv4Address]
) -> None:
    others = list(arp.instead_of(own, avoid))
    assert len(others) == len(set(others)) <= arp.TRIES
    for other in others:
        assert other.network == own.network
        assert other.ip not in avoid | {own.network[0], own.network[-1]}


STATE = InForce(
    Mode.CLIENT, "wlan0", IPv4Interface("10.0.0.5/24"), "青山", ("eth0",), "conflict", "a → b"
)


def test_the_golden_state_is_read_and_written_byte_for_byte() -> None:
    data = (Path(__file__).parents[2] / "golden" / "network-1.json").read_bytes()
    assert inforce.decode(data) == STATE
    assert inforce.encode(STATE) == data


def test_the_state_reads_back_and_strangers_files_are_none() -> None:
    assert inforce.decode(inforce.encode(STATE)) == STATE
    assert inforce.decode(inforce.encode(InForce(Mode.WIRED))) == InForce(Mode.WIRED)
    for data in (b"", b"{}", b"[]", b'{"format": "kexia-network-1"}', b"[" * 5000, b"\xff"):
        assert inforce.decode(data) is None
    bad = inforce.encode(STATE).replace(b"10.0.0.5/24", b"10.0.0.5/99")
    assert inforce.decode(bad) is None
    assert inforce.decode(inforce.encode(STATE) + b" " * inforce.MAX_BYTES) is None
