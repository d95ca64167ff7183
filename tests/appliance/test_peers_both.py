"""Two boxes on one cable: real processes, real mDNS, real HTTP, in network namespaces."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from appliance.onlink import PeerPolicy
from tests.kit.boxes import BoxUnderTest
from tests.kit.netns import Lab, needs_namespaces
from tests.kit.province import Province
from tests.kit.server import FolderServer

pytestmark = [pytest.mark.thorough, needs_namespaces]
RNG = Random(23)
OLD = {"l1.mp4": RNG.randbytes(700_000), "l1.pdf": b"paper"}
NEW = {**OLD, "l2.mp4": RNG.randbytes(6 * 2**20), "l2.pdf": RNG.randbytes(300_000)}
KEXIA = str(Path(sys.executable).with_name("kexia"))


@dataclass
class Village:
    lab: Lab
    province: Province
    origin: FolderServer
    east: BoxUnderTest
    """Has the new edition and serves it."""
    west: BoxUnderTest
    """Has the old one, and a line to the origin."""

    def kexia(self, place: str, *words: str | Path) -> dict[str, object]:
        """A command as a technician types it there; its JSON."""
        said = self.lab.check(place, [KEXIA, *words, "--json"])
        value = json.loads(said.splitlines()[-1])
        assert isinstance(value, dict)
        return value

    @contextmanager
    def serving(self, place: str, box: BoxUnderTest) -> Iterator[None]:
        """``kexia box serve`` there, until the block ends."""
        words = [KEXIA, "box", "serve", str(box.paths.root), "--host", "0.0.0.0", "--port", "0"]
        with self.lab.start(place, words, stdout=subprocess.PIPE) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline().startswith(b"http")
                yield
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(30)

    def wait_for(self, place: str, box: BoxUnderTest, peers: int) -> dict[str, object]:
        """What ``kexia box peers`` says once it finds so many."""
        value: dict[str, object] = {}
        for _ in range(8):
            value = self.kexia(place, "box", "peers", box.paths.root)
            found = value["peers"]
            assert isinstance(found, list)
            if len(found) >= peers:
                return value
            time.sleep(0.5)
        raise AssertionError(f"not {peers} neighbours: {value}")


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Village]:
    province = Province.create(tmp_path)
    province.publish({"43/a": OLD})
    west = BoxUnderTest.create(tmp_path / "west", province.root).subscribe("43/a")
    west.sync(province.repository)
    province.publish({"43/a": NEW})
    east = BoxUnderTest.create(tmp_path / "east", province.root).subscribe("43/a")
    east.set_peers(PeerPolicy(serve=True, interfaces=("lan0",), rate_kib=0))
    east.sync(province.repository)
    with Lab("east", "west", "wan", "class") as lab:
        lab.join("east", "10.77.0.1/24", "west", "10.77.0.2/24", name="lan0")
        lab.join("east", "10.88.0.1/24", "class", "10.88.0.2/24", name="wlan0")
        lab.join("west", "10.99.0.2/24", "wan", "10.99.0.1/24", name="wan0")
        with lab.inside("wan"):
            origin = FolderServer(province.repository, host="10.99.0.1")
        with origin:
            west.follow(province.root, origin.url)
            west.set_peers(PeerPolicy(use=True, interfaces=("lan0",)))
            yield Village(lab, province, origin, east, west)


def test_the_second_box_takes_an_update_from_the_first(village: Village) -> None:
    with village.serving("east", village.east):
        found = village.wait_for("west", village.west, 1)
        assert found["interfaces"] == ["lan0"]
        village.origin.reset()
        report = village.kexia("west", "box", "sync", village.west.paths.root)
    assert report["exit_code"] == 0, report
    assert report["problems"] == []
    assert village.west.editions() == {"43/a": 2}
    assert set(village.west.resources().values()) == set(NEW.values())
    together = number(report, "bytes_fetched") + number(report, "metadata_bytes")
    peer = number(report, "peer_bytes")
    given = village.origin.bytes + peer
    assert given - 1024 <= together <= given, "each byte is somebody's, but for pages of errors"
    assert peer >= 0.95 * given
    assert village.west.status().publishers[0].code == "43"


def test_without_peers_all_comes_over_the_line(village: Village) -> None:
    with village.serving("east", village.east):
        village.wait_for("west", village.west, 1)
        report = village.kexia("west", "box", "sync", village.west.paths.root, "--no-peers")
    assert report["peer_bytes"] == 0
    assert village.west.editions() == {"43/a": 2}
    assert village.origin.bytes > 6 * 2**20


def test_the_classroom_hears_and_gets_nothing(village: Village, tmp_path: Path) -> None:
    tablet = BoxUnderTest.create(tmp_path / "tablet", village.province.root).subscribe("43/a")
    tablet.set_peers(PeerPolicy(use=True, interfaces=("wlan0",)))
    village.lab.route("class", "10.77.0.0/24", "10.88.0.1")
    with village.serving("east", village.east):
        village.wait_for("west", village.west, 1)
        heard = village.kexia("class", "box", "peers", tablet.paths.root)
        assert (heard["peers"], heard["passed"]) == ([], [])
        for host in ("10.88.0.1", "10.77.0.1"):
            assert answers(village.lab, "class", host) == b""
        assert answers(village.lab, "west", "10.77.0.1") != b""


def number(report: dict[str, object], name: str) -> int:
    value = report[name]
    assert isinstance(value, int)
    return value


def answers(lab: Lab, place: str, host: str) -> bytes:
    """What the peer port there says to somebody in ``place``."""
    import socket

    with lab.inside(place):
        try:
            with socket.create_connection((host, 8082), timeout=3) as line:
                line.sendall(b"GET /kexia-peer/1/ HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n")
                return line.recv(20)
        except OSError:
            return b""


ANNOUNCE = """
import socket, sys, time
from zeroconf import IPVersion, ServiceInfo, Zeroconf
from appliance.announcement import SERVICE, Announcement, instance, properties
own, address, box = sys.argv[1:]
zeroconf = Zeroconf(interfaces=[own], ip_version=IPVersion.V4Only)
said = Announcement(box, 8082, frozenset({"00000000"}))
zeroconf.register_service(ServiceInfo(SERVICE, instance(box), port=8082,
    addresses=[socket.inet_aton(address)], properties=properties(said), server=f"{box}.local."))
print("ready", flush=True)
time.sleep(60)
"""


def test_an_address_beyond_the_cable_is_refused(village: Village) -> None:
    words = [sys.executable, "-c", ANNOUNCE, "10.77.0.1", "10.99.0.1", "c" * 16]
    with village.lab.start("east", words, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            found = village.kexia("west", "box", "peers", village.west.paths.root)
            report = village.kexia("west", "box", "sync", village.west.paths.root)
        finally:
            process.kill()
    assert found["peers"] == []
    assert "10.99.0.1" in str(found["passed"])
    assert "no network of an allowed interface" in str(found["passed"])
    assert report["peer_bytes"] == 0
    assert village.west.editions() == {"43/a": 2}
