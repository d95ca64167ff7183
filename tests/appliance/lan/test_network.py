"""A box's network as tablets meet it: real DHCP, DNS, firewall and addresses in namespaces."""

import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from appliance.lan import keep
from appliance.lan.config import Mode, NetworkConfig
from appliance.lan.probe import is_taken
from tests.kit import tablet
from tests.kit.netbox import NetBox
from tests.kit.netns import Lab, needs_namespaces
from tests.kit.networkd import needs_networkd

pytestmark = [needs_namespaces, needs_networkd, pytest.mark.thorough]
WIFI = NetworkConfig(ssid="school", passphrase="words enough")


@contextmanager
def listening(lab: Lab, place: str, *ports: int) -> Iterator[None]:
    """Something answers on these ports."""
    servers = []
    with lab.inside(place):
        for port in ports:
            server = http.server.ThreadingHTTPServer(
                ("0.0.0.0", port), http.server.BaseHTTPRequestHandler
            )
            threading.Thread(target=server.serve_forever, daemon=True).start()
            servers.append(server)
    try:
        yield
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def test_a_tablet_on_the_box_s_own_network(tmp_path: Path) -> None:
    with Lab("box", "tablet") as lab:
        lab.cable("box", "wlan0", "tablet", "net0")
        with NetBox(lab, "box", tmp_path, wifi=("wlan0",)) as box:
            box.wants(WIFI)
            state = box.until(lambda state: state.address is not None)
            assert str(state.address) == "192.168.77.1/24"
            lease = tablet.join(lab, "tablet", "net0", tmp_path)
            assert lease.router == lease.dns == "192.168.77.1"
            assert IPv4Address(lease.address) in IPv4Interface("192.168.77.1/24").network
            assert lease.seconds == 12 * 3600

            for name in ("ke.lan", "0123abcd.s.ke.lan", "www.baidu.com"):
                assert tablet.lookup(lab, "tablet", lease.dns, name).addresses == (lease.dns,)
            for_windows = tablet.lookup(lab, "tablet", lease.dns, "dns.msftncsi.com")
            assert for_windows.addresses == ("131.107.255.255",)
            ipv6 = tablet.lookup(lab, "tablet", lease.dns, "www.baidu.com", 28)
            assert (ipv6.code, ipv6.addresses) == (0, ())

            with listening(lab, "box", 80, 8081, 8082, 22, 5000):
                doors = {
                    port: tablet.knock(lab, "tablet", lease.dns, port)
                    for port in (80, 443, 8081, 8082, 22, 5000)
                }
            # No kexia.toml here: the image's own ports, no neighbours, no key.
            assert [port for port, door in doors.items() if door == "open"] == [80, 8081]
            assert {doors[port] for port in (443, 8082, 22, 5000)} == {"refused"}
            assert "hostapd" in box.log.read_text()


def test_the_classroom_moves_away_from_the_uplink_and_then_stays(tmp_path: Path) -> None:
    with Lab("box", "tablet", "router") as lab:
        lab.cable("box", "wlan0", "tablet", "net0")
        lab.cable("box", "eth0", "router", "lan0")
        with NetBox(lab, "box", tmp_path, wifi=("wlan0",)) as box:
            box.wants(WIFI)
            box.until(lambda state: str(state.address) == "192.168.77.1/24")
            lab.ip("router", "addr", "add", "192.168.77.254/24", "dev", "lan0")
            with router(lab, tmp_path, "--port=0", "--dhcp-range=192.168.77.50,192.168.77.60,1h"):
                state = box.until(lambda state: str(state.address) == "192.168.177.1/24")
                assert state.uplinks == ("eth0",)
                lease = tablet.join(lab, "tablet", "net0", tmp_path)
                assert lease.dns == "192.168.177.1"
                # The uplink is gone again: what tablets know now stays as it is.
                asked = box.log.read_text()
                lab.ip("router", "link", "set", "lan0", "down")
                time.sleep(2)
                assert str(box.until(lambda _: True).address) == "192.168.177.1/24"
            assert box.paths.classroom.read_text() == "192.168.177.1/24\n"
            assert box.log.read_text() == asked


MAC = "02:00:5e:10:00:01"
LISTED = NetworkConfig(ssid="school", passphrase="words enough", dns=("10.9.8.1",), forward=(MAC,))


@contextmanager
def router(lab: Lab, tmp_path: Path, *more: str) -> Iterator[None]:
    """The uplink's router: addresses for whoever asks on ``lan0``."""
    process = lab.start(
        "router",
        [
            "dnsmasq", "-k", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root",
            "--interface=lan0", "--except-interface=lo", "--bind-interfaces", "--pid-file=",
            f"--dhcp-leasefile={tmp_path / 'router.leases'}",
            f"--log-facility={tmp_path / 'router.log'}", *more,
        ],
    )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def between(tmp_path: Path, config: NetworkConfig) -> Iterator[tuple[Lab, tablet.Lease]]:
    """A tablet on a box on a router on the world, which is the router's port 7000."""
    with Lab("box", "tablet", "router") as lab:
        lab.cable("box", "wlan0", "tablet", "net0")
        lab.ip("tablet", "link", "set", "net0", "address", MAC)
        lab.cable("box", "eth0", "router", "lan0")
        lab.ip("router", "addr", "add", "10.9.8.1/24", "dev", "lan0")
        pool = "--dhcp-range=10.9.8.50,10.9.8.60,1h"
        with (
            router(lab, tmp_path, "--address=/www.example.cn/10.9.8.1", pool),
            NetBox(lab, "box", tmp_path, wifi=("wlan0",)) as box,
            listening(lab, "router", 7000),
        ):
            box.wants(config)
            box.until(lambda state: state.address is not None)
            _until_the_box_has_a_way_out(lab)
            yield lab, tablet.join(lab, "tablet", "net0", tmp_path)


def _until_the_box_has_a_way_out(lab: Lab) -> None:
    for _ in range(100):
        if "10.9.8." in lab.check("box", ["ip", "-4", "-o", "addr", "show", "dev", "eth0"]):
            return
        time.sleep(0.2)
    raise AssertionError("no address from the router")


def test_nobody_goes_through_unless_listed(tmp_path: Path) -> None:
    with between(tmp_path, WIFI) as (lab, lease):
        assert tablet.knock(lab, "box", "10.9.8.1", 7000) == "open"
        assert tablet.knock(lab, "tablet", "10.9.8.1", 7000) != "open"
        found = tablet.lookup(lab, "tablet", lease.dns, "www.example.cn")
        assert found.addresses == (lease.dns,)
        assert lab.check("box", ["cat", "/proc/sys/net/ipv4/ip_forward"]).strip() == "0"


def test_a_listed_device_goes_through_and_nobody_comes_back(tmp_path: Path) -> None:
    with between(tmp_path, LISTED) as (lab, lease):
        assert tablet.knock(lab, "tablet", "10.9.8.1", 7000) == "open"
        found = tablet.lookup(lab, "tablet", lease.dns, "www.example.cn")
        assert found.addresses == ("10.9.8.1",)
        assert tablet.lookup(lab, "tablet", lease.dns, "ke.lan").addresses == (lease.dns,)
        # Not even for who knows the way.
        way = _address_of(lab)
        lab.ip("router", "route", "add", "192.168.77.0/24", "via", way)
        with listening(lab, "tablet", 7001), listening(lab, "box", 80):
            assert tablet.knock(lab, "router", lease.address, 7001, seconds=1) == "silent"
            assert tablet.knock(lab, "router", way, 80, seconds=1) == "silent"
        lab.ip("tablet", "link", "set", "net0", "address", "02:00:5e:10:00:02")
        assert tablet.knock(lab, "tablet", "10.9.8.1", 7000) != "open"


def _address_of(lab: Lab) -> str:
    words = lab.check("box", ["ip", "-4", "-o", "addr", "show", "dev", "eth0"]).split()
    return words[3].partition("/")[0]


def test_a_fixed_address_that_is_taken_is_left_to_whoever_has_it(tmp_path: Path) -> None:
    config = NetworkConfig(mode=Mode.WIRED, address=IPv4Interface("192.168.5.2/24"))
    with Lab("box", "printer") as lab:
        lab.cable("box", "eth0", "printer", "lan0")
        lab.ip("printer", "addr", "add", "192.168.5.2/24", "dev", "lan0")
        lab.ip("printer", "addr", "add", "192.168.5.3/24", "dev", "lan0")
        with NetBox(lab, "box", tmp_path) as box:
            box.wants(config)
            state = box.until(
                lambda state: state.problem == "conflict" and state.address is not None
            )
            assert str(state.address) == "192.168.5.4/24"
            assert state.detail == "192.168.5.2 → 192.168.5.4"
            lab.ip("printer", "addr", "del", "192.168.5.3/24", "dev", "lan0")
            with listening(lab, "box", 80):
                assert tablet.knock(lab, "printer", "192.168.5.4", 80) == "open"
        # What was free is told apart from what is taken, on the same wire.
        with lab.inside("box"):
            assert is_taken("eth0", IPv4Address("192.168.5.2"))
            assert not is_taken("eth0", IPv4Address("192.168.5.9"))


def test_an_address_that_is_free_is_taken_as_wanted(tmp_path: Path) -> None:
    config = NetworkConfig(mode=Mode.WIRED, address=IPv4Interface("192.168.5.2/24"))
    with Lab("box", "printer") as lab:
        lab.cable("box", "eth0", "printer", "lan0")
        lab.ip("printer", "addr", "add", "192.168.5.1/24", "dev", "lan0")
        with NetBox(lab, "box", tmp_path) as box:
            box.wants(config)
            state = box.until(lambda state: state.address is not None)
            assert (str(state.address), state.problem) == ("192.168.5.2/24", "")
            assert keep.read(box.paths.network_working.read_bytes()) == config
