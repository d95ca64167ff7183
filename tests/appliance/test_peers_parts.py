"""Who is a neighbour: the decisions alone, with every lie an announcement can tell."""

import ipaddress
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.announcement import (
    MOST_MARKS,
    Announcement,
    instance,
    mark,
    marks,
    parse,
    properties,
)
from appliance.box.identity import open_identity
from appliance.box.neighbours_found import found
from appliance.cli.lines import peer_lines
from appliance.holdings import repository_name
from appliance.network import read_interfaces
from appliance.onlink import ETHERNET, LAN, LOOPBACK, Interface, Link, PeerPolicy, link_to, links
from appliance.peers.choose import Chooser, Sighting, printable
from appliance.peers.find import Announcer
from appliance.peers.refused import FOR, MOST, Refused
from appliance.serve.fairness import Doorkeeper, Pace
from sync.digest import sha256
from sync.errors import FormatError, NoSource
from tests.kit.boxes import BoxUnderTest
from tests.kit.province import Province

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OWN = "0" * 16
LINKS = (
    Link("eth0", (ipaddress.ip_interface("10.77.0.2/24"),)),
    Link("eth1", (ipaddress.ip_interface("192.168.1.9/24"), ipaddress.ip_interface("fd00::9/64"))),
)


def interface(name: str, *addresses: str, **more: object) -> Interface:
    standard: dict[str, object] = {
        "kind": ETHERNET,
        "is_up": True,
        "is_wireless": False,
        "drivers": frozenset({"r8169"}),
        **more,
    }
    connected = tuple(ipaddress.ip_interface(each) for each in addresses)
    return Interface(name, addresses=connected, **standard)  # type: ignore[arg-type]


def allowed(*interfaces: Interface, names: tuple[str, ...] = (LAN,)) -> list[str]:
    return [link.name for link in links(interfaces, PeerPolicy(interfaces=names))]


def test_lan_is_every_wired_interface_with_a_private_address() -> None:
    assert allowed(interface("eth0", "10.0.0.2/24"), interface("eth1", "fd00::1/64")) == [
        "eth0",
        "eth1",
    ]


@pytest.mark.parametrize(
    "other",
    [
        interface("wlan0", "10.88.0.1/24", is_wireless=True),
        interface("br0", "10.88.0.1/24", is_wireless=True),
        interface("usb0", "192.168.42.5/24", drivers=frozenset({"rndis_host"})),
        interface("usb0", "192.168.42.5/24", drivers=frozenset({"cdc_ether"})),
        interface("eth0", "10.0.0.2/24", is_up=False),
        interface("eth0"),
        interface("eth0", "203.0.113.5/24"),
        interface("eth0", "10.0.0.2/32"),
        interface("eth0", "169.254.3.4/16", "fe80::1/64"),
        interface("lo", "127.0.0.1/8", kind=LOOPBACK),
        interface("tun0", "10.8.0.2/24", kind=65534),
    ],
    ids=lambda one: f"{one.name} {one.addresses}",
)
def test_lan_is_nothing_else(other: Interface) -> None:
    assert allowed(other) == []


def test_a_name_allows_what_it_names_and_nothing_else() -> None:
    wlan = interface("wlan0", "10.88.0.1/24", is_wireless=True)
    eth = interface("eth0", "10.0.0.2/24")
    assert allowed(wlan, eth, names=("wlan0",)) == ["wlan0"]
    assert allowed(wlan, eth, names=("wlan0", LAN)) == ["wlan0", "eth0"]
    assert allowed(wlan, eth, names=()) == []
    assert allowed(interface("lo", "127.0.0.1/8", kind=LOOPBACK), names=("lo",)) == []


def test_interfaces_are_read_as_the_kernel_shows_them(tmp_path: Path) -> None:
    """A bridge with a Wi-Fi card below, as hostapd makes it, counts as Wi-Fi."""
    (tmp_path / "lo").mkdir()
    for file, text in {"type": "772", "flags": "0x9", "operstate": "unknown"}.items():
        (tmp_path / "lo" / file).write_text(text + "\n")
    [found] = [one for one in read_interfaces(tmp_path) if one.name == "lo"]
    assert (found.kind, found.is_up, found.is_wireless) == (LOOPBACK, True, False)
    (tmp_path / "wlan7" / "phy80211").mkdir(parents=True)
    (tmp_path / "usb7" / "device").mkdir(parents=True)
    (tmp_path / "usb7" / "device" / "driver").symlink_to("../../drivers/rndis_host")
    for lower in ("wlan7", "usb7"):
        (tmp_path / "lo" / f"lower_{lower}").symlink_to(tmp_path / lower)
    [found] = [one for one in read_interfaces(tmp_path) if one.name == "lo"]
    assert found.is_wireless
    assert found.is_metered


def test_an_interface_nothing_is_known_of_is_down(tmp_path: Path) -> None:
    assert all(not one.is_up for one in read_interfaces(tmp_path))


@pytest.mark.parametrize("address", ["10.77.0.1", "192.168.1.250", "fd00::1"])
def test_a_neighbours_address_is_on_a_connected_network(address: str) -> None:
    assert link_to(address, LINKS) is not None


@pytest.mark.parametrize(
    "address",
    [
        *("10.77.1.1", "8.8.8.8", "10.77.0.2", "192.168.1.9", "10.77.0.0", "10.77.0.255"),
        *("127.0.0.1", "::1", "fe80::1", "fd01::1", "fd00::1%eth1", "box.local", "10.77.0.1:80"),
        *("10.77.0.1/24", "0.0.0.0", "169.254.169.254", "224.0.0.251", "::ffff:10.77.0.1"),
        *("010.077.0.1", "1", ""),
    ],
)
def test_what_is_no_neighbours_address(address: str) -> None:
    assert link_to(address, LINKS) is None


@given(st.ip_addresses().map(str))
def test_nobody_beyond_the_cable_is_ever_a_neighbour(address: str) -> None:
    found = link_to(address, LINKS)
    if found is not None:
        assert any(ipaddress.ip_address(address) in own.network for own in found.addresses)


def sighting(
    box: str = "b" * 16, *addresses: str, port: int | None = 8082, **more: str
) -> Sighting:
    said = properties(Announcement(box, port or 8082, frozenset({"0a1b2c3d"})))
    txt = {key.encode(): value.encode() for key, value in {**said, **more}.items()}
    return Sighting(instance(box), port, addresses or ("10.77.0.1",), dict(txt))


def test_a_neighbour_is_asked_at_its_own_address() -> None:
    around = Chooser(LINKS, OWN).choose([sighting()])
    [peer] = around.peers
    assert peer.url == "http://10.77.0.1:8082/kexia-peer/1"
    assert peer.interface == "eth0"
    assert around.passed == ()


def test_the_first_address_on_a_cable_is_taken() -> None:
    [peer] = Chooser(LINKS, OWN).choose([sighting("b" * 16, "8.8.8.8", "fd00::1")]).peers
    assert peer.url == "http://[fd00::1]:8082/kexia-peer/1"


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        (sighting("b" * 16, "8.8.8.8"), "no network of an allowed interface"),
        (sighting("b" * 16, "10.77.0.2"), "no network of an allowed interface"),
        (sighting(port=80), "port 80"),
        (sighting(port=None), "port None"),
        (sighting(v="2"), "format '2'"),
        (sighting(id="B" * 16), "no peer id"),
        (sighting(id="../../etc"), "no peer id"),
        (sighting(s="zz"), "no marks"),
        (sighting("c" * 16), "set aside for a while: it lied"),
        (sighting("d" * 16, "10.77.0.66"), "set aside for a while: its address lied"),
        (Sighting("x\x1b[2J", 8082, (), {}), "format ''"),
    ],
)
def test_why_another_is_passed_over(lie: Sighting, words: str) -> None:
    refused = {"c" * 16: "it lied", "10.77.0.66": "its address lied"}
    around = Chooser(LINKS, OWN, refused).choose([lie])
    assert around.peers == ()
    [passed] = around.passed
    assert words in passed.reason
    assert "\x1b" not in passed.name


def test_its_own_announcement_is_no_news() -> None:
    around = Chooser(LINKS, OWN).choose([sighting(OWN, "10.77.0.2")])
    assert (around.peers, around.passed) == ((), ())


def test_nobody_is_asked_twice_and_few_at_all() -> None:
    same = [sighting("b" * 16), sighting("c" * 16, "10.77.0.1")]
    around = Chooser(LINKS, OWN).choose(same)
    assert (len(around.peers), len(around.passed)) == (1, 1)
    many = [sighting(f"{number:016x}", f"10.77.0.{number}") for number in range(10, 20)]
    around = Chooser(LINKS, OWN).choose(many)
    assert (len(around.peers), len(around.passed)) == (4, 6)


def test_a_route_narrower_than_the_network_is_a_router() -> None:
    around = Chooser(LINKS, OWN, goes_straight=lambda _: False).choose([sighting()])
    assert around.peers == ()
    assert "over a router" in around.passed[0].reason


@given(
    st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
    st.integers(1024, 65535),
    st.dictionaries(st.from_regex(r"[0-9a-f]{16}", fullmatch=True), st.integers(0), max_size=40),
)
def test_an_announcement_reads_back_and_fits_one_string(
    box: str, port: int, versions: dict[str, int]
) -> None:
    said = Announcement(box, port, marks(versions))
    txt = properties(said)
    assert all(len(f"{key}={value}") <= 255 for key, value in txt.items())
    assert len(said.marks) <= MOST_MARKS
    assert parse({key.encode(): value.encode() for key, value in txt.items()}, port) == said


@given(st.dictionaries(st.sampled_from([b"v", b"id", b"s"]), st.none() | st.binary()))
def test_foreign_announcements_are_read_or_refused(txt: dict[bytes, bytes | None]) -> None:
    try:
        said = parse(txt, 8082)
    except FormatError:
        return
    assert len(said.box) == 16


def test_an_announcement_nobody_can_hear_is_an_error_and_the_next_is_told() -> None:
    announcer, said = Announcer(), Announcement("a" * 16, 8082, frozenset({"0a1b2c3d"}))
    loopback = (Link("lo", (ipaddress.ip_interface("127.0.0.1/8"),)),)
    with pytest.raises(NoSource, match="do not hear of this box"):
        announcer(loopback, replace(said, box="a" * 99))  # longer than a name may be
    announcer(loopback, said)
    announcer((), None)


def test_marks_tell_states_apart() -> None:
    assert mark("a" * 16, 1) != mark("a" * 16, 2) != mark("b" * 16, 2)


@given(st.text())
def test_foreign_text_does_nothing_to_a_terminal(text: str) -> None:
    shown = printable(text)
    assert len(shown) <= 160
    assert shown.isprintable()


def test_a_fault_is_remembered_for_a_day(tmp_path: Path) -> None:
    refused = Refused(tmp_path / "refused.json")
    assert refused.now(NOW) == {}
    refused.add(("b" * 16, "10.77.0.1"), "wrong bytes", NOW)
    assert set(refused.now(NOW + timedelta(hours=23))) == {"b" * 16, "10.77.0.1"}
    assert refused.now(NOW + FOR) == {}


def test_a_clock_that_was_wrong_shuts_nobody_out(tmp_path: Path) -> None:
    refused = Refused(tmp_path / "refused.json")
    refused.add(("b" * 16,), "wrong bytes", NOW + timedelta(days=20_000))
    assert refused.now(NOW) == {}


def test_the_memory_of_faults_is_bounded(tmp_path: Path) -> None:
    refused = Refused(tmp_path / "refused.json")
    for number in range(MOST * 2):
        refused.add((f"{number:016x}",), "x" * 1000, NOW + timedelta(seconds=number))
    kept = refused.now(NOW + timedelta(minutes=5))
    assert len(kept) == MOST
    assert f"{MOST * 2 - 1:016x}" in kept
    assert (tmp_path / "refused.json").stat().st_size < 64 * 1024


@pytest.mark.parametrize(
    "damage", [b"", b"[]", b'{"a": 1}', b'{"a": ["x", "y"]}', b"\xff", b"[" * 9999]
)
def test_a_damaged_memory_refuses_nobody(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "refused.json"
    path.write_bytes(damage)
    assert Refused(path).now(NOW) == {}
    Refused(path).add(("b" * 16,), "wrong", NOW)
    assert set(json.loads(path.read_bytes())) == {"b" * 16}


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abcdef")), max_size=80))
def test_never_more_inside_than_there_is_room(moves: list[tuple[bool, str]]) -> None:
    door = Doorkeeper(most=5, per_client=2)
    inside: list[str] = []
    for comes, client in moves:
        if comes:
            may = len(inside) < 5 and inside.count(client) < 2
            assert door.enter(client) is may
            inside += [client] if may else []
        elif client in inside:
            inside.remove(client)
            door.leave(client)
        assert door.count == len(inside)


@given(st.lists(st.integers(1, 400_000), min_size=1, max_size=50))
def test_no_more_goes_out_than_the_rate_allows(pieces: list[int]) -> None:
    pace, now = Pace(100_000), 50.0
    for piece in pieces:
        now += pace.wait(piece, now)
    sent_before = sum(pieces[:-1])
    assert now - 50.0 >= (sent_before - 512 * 1024) / 100_000 - 1e-6


def test_without_a_rate_nobody_waits() -> None:
    assert Pace(0).wait(10**9, 1.0) == 0


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("root_history/3.root.json", "metadata/3.root.json"),
        ("timestamp.json", "metadata/timestamp.json"),
        ("snapshot.json", "metadata/7.snapshot.json"),
        ("editor.json", "metadata/2.editor.json"),
        ("directory", f"targets/{sha256(b'')}.directory"),
        ("rollout", f"targets/{sha256(b'')}.rollout"),
        ("roots/4301.root.json", f"targets/roots/{sha256(b'')}.4301.root.json"),
        ("config/recipients.json", f"targets/config/{sha256(b'')}.recipients.json"),
        ("floor.json", ""),
        ("root.json", ""),
        ("targets.json", ""),
        ("roots/../floor.json", ""),
    ],
)
def test_what_a_kept_file_is_called_in_its_repository(path: str, name: str) -> None:
    assert repository_name(path, sha256(b""), {"snapshot": 7, "editor": 2}) == name


def test_a_peer_id_is_not_called_a_box_id(tmp_path: Path) -> None:
    box = BoxUnderTest.create(tmp_path / "box", Province.create(tmp_path).root)
    box.set_peers(PeerPolicy(use=True, interfaces=("none0",)))
    mine = open_identity(box.paths).box
    value = found(box.paths)
    assert "box" not in value
    assert value["peer"] == box.paths.peer_id.read_text() != mine
    assert f"this box as a peer: {value['peer']}" in next(iter(peer_lines(value)))
