"""The doctor on real networks: an access point that keeps its clients apart, one that does not,
a box in the wrong network; and the command that tells it."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from appliance.config import BoxConfig, save
from appliance.lan import inforce
from appliance.lan.config import Mode
from appliance.lan.inforce import InForce
from appliance.paths import BoxPaths
from tests.kit.netns import Lab, needs_namespaces

pytestmark = [needs_namespaces, pytest.mark.thorough]
APART = """table bridge kexia {
 chain forward {
  type filter hook forward priority 0; policy accept;
  iifname { "box0", "tab0" } oifname { "box0", "tab0" } ether daddr != ff:ff:ff:ff:ff:ff drop
 }
}
"""
"""What most access points do: broadcasts pass, answers between clients do not."""


@contextmanager
def access_point(tmp_path: Path) -> Iterator[tuple[Lab, BoxPaths]]:
    """A router whose Wi-Fi is a bridge, with a box and a tablet on it."""
    with Lab("box", "tablet", "ap") as lab:
        lab.ip("ap", "link", "add", "br0", "type", "bridge")
        lab.ip("ap", "addr", "add", "10.6.0.1/24", "dev", "br0")
        lab.ip("ap", "link", "set", "br0", "up")
        for place, port, address in (("box", "box0", "10.6.0.2"), ("tablet", "tab0", "10.6.0.50")):
            lab.cable(place, "wlan0", "ap", port)
            lab.ip("ap", "link", "set", port, "master", "br0")
            lab.ip(place, "addr", "add", f"{address}/24", "dev", "wlan0")
        lab.ip("box", "route", "add", "default", "via", "10.6.0.1")
        paths = BoxPaths(tmp_path / "box")
        paths.root.mkdir()
        save(paths, BoxConfig(clock_is_set=True))
        own = IPv4Interface("10.6.0.2/24")
        inforce.save(paths, InForce(Mode.CLIENT, "wlan0", own, "school"))
        yield lab, paths


RUN = "import sys; from appliance.cli.main import main; sys.argv[0] = 'kexia'; main()"


def codes(lab: Lab, paths: BoxPaths) -> set[str]:
    """What `kexia box doctor --json` finds on the box."""
    words = ["box", "doctor", str(paths.root), "--json"]
    command = ["sh", "-c", '"$@" || true', "sh", sys.executable, "-c", RUN, *words]
    return {one["code"] for one in json.loads(lab.check("box", command))["findings"]}


def test_an_access_point_that_lets_its_clients_meet(tmp_path: Path) -> None:
    with access_point(tmp_path) as (lab, paths):
        found = codes(lab, paths)
        assert not found & {"isolated", "perhaps-isolated", "wrong-network", "no-gateway"}


def test_clients_kept_apart_are_found_when_one_of_them_is_heard(tmp_path: Path) -> None:
    with access_point(tmp_path) as (lab, paths):
        rules = tmp_path / "apart.nft"
        rules.write_text(APART)
        lab.check("ap", ["nft", "-f", rules])
        # A tablet that looks for the box, again and again, as its browser does.
        asking = lab.start(
            "tablet",
            [
                "sh",
                "-c",
                "while sleep 0.5; do ip neigh flush dev wlan0;"
                " timeout 0.3 bash -c '>/dev/tcp/10.6.0.9/80'; done",
            ],
        )
        try:
            time.sleep(1)
            assert "isolated" in codes(lab, paths)
        finally:
            asking.terminate()
            asking.wait(10)


def test_ports_that_not_even_pass_broadcasts_leave_a_doubt(tmp_path: Path) -> None:
    with access_point(tmp_path) as (lab, paths):
        for port in ("box0", "tab0"):
            lab.check("ap", ["bridge", "link", "set", "dev", port, "isolated", "on"])
        found = codes(lab, paths)
        assert "perhaps-isolated" in found
        assert "isolated" not in found


def test_a_box_among_devices_of_another_network(tmp_path: Path) -> None:
    with access_point(tmp_path) as (lab, paths):
        lab.ip("box", "addr", "flush", "dev", "wlan0")
        lab.ip("box", "addr", "add", "172.20.0.2/24", "dev", "wlan0")
        own = IPv4Interface("172.20.0.2/24")
        inforce.save(paths, InForce(Mode.CLIENT, "wlan0", own, "school"))
        asking = lab.start(
            "tablet",
            [
                "sh",
                "-c",
                "while sleep 0.5; do ip neigh flush dev wlan0;"
                " timeout 0.3 bash -c '>/dev/tcp/10.6.0.9/80'; done",
            ],
        )
        try:
            time.sleep(1)
            assert "wrong-network" in codes(lab, paths)
        finally:
            asking.terminate()
            asking.wait(10)


def test_a_router_that_was_named_and_is_not_there(tmp_path: Path) -> None:
    with access_point(tmp_path) as (lab, paths):
        lab.ip("box", "route", "replace", "default", "via", "10.6.0.77")
        assert "no-gateway" in codes(lab, paths)


def test_a_cable_without_an_end(tmp_path: Path) -> None:
    with access_point(tmp_path) as (lab, paths):
        lab.ip("ap", "link", "set", "box0", "down")
        assert "wifi-down" in codes(lab, paths)
