"""From joining the Wi-Fi to the first page, as tablets do it: DHCP, DNS, firewall, pages."""

import http.client
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from appliance.config import BoxConfig, Listen, save
from appliance.lan.config import NetworkConfig
from tests.kit import tablet
from tests.kit.netbox import NetBox
from tests.kit.netns import Lab, needs_namespaces
from tests.kit.networkd import needs_networkd

pytestmark = [needs_namespaces, needs_networkd, pytest.mark.thorough]
SERVE = "import sys; from appliance.cli.main import main; sys.argv[0] = 'kexia'; main()"


@contextmanager
def school(tmp_path: Path) -> Iterator[tuple[Lab, tablet.Lease]]:
    """A box that makes its Wi-Fi and serves its pages, and a tablet that has just joined."""
    with Lab("box", "tablet") as lab:
        lab.cable("box", "wlan0", "tablet", "net0")
        with NetBox(lab, "box", tmp_path, wifi=("wlan0",)) as box:
            save(box.paths, BoxConfig(name="青山", listen=Listen("0.0.0.0", 80, 8081)))
            box.wants(NetworkConfig(ssid="school", passphrase="words enough"))
            box.until(lambda state: state.address is not None)
            pages = lab.start(
                "box",
                [sys.executable, "-c", SERVE, "box", "serve", str(box.paths.root)],
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
            )
            try:
                lease = tablet.join(lab, "tablet", "net0", tmp_path)
                _until_open(lab, lease)
                yield lab, lease
            finally:
                pages.terminate()
                pages.wait(10)


def _until_open(lab: Lab, lease: tablet.Lease) -> None:
    for _ in range(150):
        if tablet.knock(lab, "tablet", lease.dns, 80, seconds=1) == "open":
            return
        time.sleep(0.2)
    raise AssertionError("the pages never came")


def get(lab: Lab, lease: tablet.Lease, host: str, path: str) -> tuple[int, str, bytes]:
    """Look the name up, ask what it leads to; status, Location, body."""
    (address,) = tablet.lookup(lab, "tablet", lease.dns, host).addresses
    with lab.inside("tablet"), closing(http.client.HTTPConnection(address, timeout=20)) as wire:
        wire.request("GET", path, headers={"Host": host})
        answer = wire.getresponse()
        return answer.status, answer.headers.get("Location", ""), answer.read()


def test_a_tablet_is_led_to_the_lessons_and_stays(tmp_path: Path) -> None:
    with school(tmp_path) as (lab, lease):
        probe = ("connectivitycheck.platform.hicloud.com", "/generate_204")
        status, where, _ = get(lab, lease, *probe)
        assert (status, where) == (302, f"http://{lease.dns}/welcome")
        status, _, page = get(lab, lease, "ke.lan", "/welcome")
        assert status == 200
        assert "青山" in page.decode()
        assert f"http://{lease.dns}/" in page.decode()
        assert get(lab, lease, "ke.lan", "/welcome/on")[:2] == (303, "/")
        assert get(lab, lease, *probe)[0] == 204

        assert b"Success" in get(lab, lease, "captive.apple.com", "/hotspot-detect.html")[2]
        assert get(lab, lease, "www.baidu.com", "/")[:2] == (302, f"http://{lease.dns}/")
        # https is refused at once, so that nobody waits.
        assert tablet.knock(lab, "tablet", lease.dns, 443) == "refused"
        with lab.inside("tablet"), closing(http.client.HTTPConnection(lease.dns)) as wire:
            wire.request("POST", "/admin/sync", headers={"Host": "evil.example"})
            assert wire.getresponse().status == 421
