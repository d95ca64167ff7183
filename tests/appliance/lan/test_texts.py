"""What the system's programmes are told: golden files, and read by those programmes themselves.

When a text changes on purpose: ``python -m tests.appliance.lan.test_texts`` writes the files anew.
"""

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.lan.compose import Composition, compose
from appliance.lan.config import Mode, NetworkConfig
from appliance.lan.plan import Ports, make_plan
from tests.appliance.lan.samples import WIFI, WORDS, plans
from tests.kit.netns import Lab, needs_namespaces
from tests.kit.networkd import Networkd, needs_networkd

GOLDEN = Path(__file__).parents[2] / "golden" / "lan"
WAYS = sorted(plans())
SBIN = "/usr/sbin:/sbin:/usr/bin:/bin"


def program(name: str) -> str:
    """Where a program is; it must be there wherever these tests run."""
    found = shutil.which(name, path=SBIN)
    assert found, f"{name} is missing: .ci/setup installs it"
    return found


def spoken(*words: str | Path) -> tuple[int, str]:
    done = subprocess.run(
        list(map(str, words)), capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


def texts(wanted: Composition) -> Iterator[tuple[str, str]]:
    yield from wanted.networkd.items()
    yield from wanted.settings.items()
    yield "rules.nft", wanted.rules


@pytest.mark.parametrize("way", WAYS)
def test_each_way_has_its_golden_files(way: str) -> None:
    made = dict(texts(compose(plans()[way])))
    kept = {path.name: path.read_text(encoding="utf-8") for path in (GOLDEN / way).iterdir()}
    assert made == kept


def test_the_secret_is_written_nowhere_but_as_the_key_that_both_ends_make() -> None:
    wanted = compose(plans()["through"])
    key = hashlib.pbkdf2_hmac("sha1", WORDS.encode(), "青山教学点".encode(), 4096, 32).hex()
    assert f"wpa_psk={key}\n" in wanted.settings["hostapd.conf"]
    everything = "".join(text for _, text in texts(wanted)) + "".join(wanted.units.values())
    assert WORDS not in everything
    others = everything.replace(wanted.settings["hostapd.conf"], "")
    assert key not in others


def test_the_standard_s_own_example_of_a_key() -> None:
    """IEEE 802.11i, H.4.3: pass phrase "password", SSID "IEEE"."""
    config = NetworkConfig(ssid="IEEE", passphrase="password")
    text = compose(make_plan(config, (WIFI,), Ports())).settings["hostapd.conf"]
    assert "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e" in text


@needs_namespaces
@pytest.mark.parametrize("way", WAYS)
def test_nft_takes_the_rules(way: str, tmp_path: Path) -> None:
    rules = tmp_path / "rules.nft"
    rules.write_text(compose(plans()[way]).rules)
    assert spoken("unshare", "--net", program("nft"), "-c", "-f", rules) == (0, "")


@pytest.mark.parametrize("name", ["dnsmasq.conf", "through.conf"])
def test_dnsmasq_takes_its_settings(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text(compose(plans()["through"]).settings[name])
    code, words = spoken(program("dnsmasq"), "--test", f"--conf-file={file}")
    assert (code, words.strip()) == (0, "dnsmasq: syntax check OK.")


def _hostapd(file: Path) -> str:
    return spoken("timeout", "10", program("hostapd"), file)[1]


def _supplicant(file: Path) -> str:
    command = (program("wpa_supplicant"), "-D", "nl80211", "-i", "lo", "-c", file)
    return spoken("timeout", "10", *command)[1]


@needs_namespaces
@pytest.mark.parametrize(
    ("way", "name", "run", "spoilt"),
    [
        ("alone", "hostapd.conf", _hostapd, "wpa_psk="),
        ("through", "hostapd.conf", _hostapd, "hw_mode="),
        ("client", "wpa.conf", _supplicant, "psk="),
    ],
)
def test_wifi_programmes_read_their_settings(
    way: str, name: str, run: Callable[[Path], str], spoilt: str, tmp_path: Path
) -> None:
    """Without a radio they end after reading; what they cannot read they name by its line."""
    file, text = tmp_path / name, compose(plans()[way]).settings[name]
    file.write_text(text.replace("/run/kexia-network", str(tmp_path)))
    assert not any(line.startswith("Line ") for line in run(file).splitlines())
    file.write_text(text.replace(spoilt, f"{spoilt}zz"))
    assert any(line.startswith("Line ") for line in run(file).splitlines())


@needs_networkd
@pytest.mark.thorough
@pytest.mark.parametrize("way", WAYS)
def test_networkd_takes_its_files(way: str, tmp_path: Path) -> None:
    """The real systemd-networkd, in a namespace of its own, names what it does not know."""
    with Lab("box") as lab, Networkd(lab, "box", tmp_path) as networkd:
        for name, text in compose(plans()[way]).networkd.items():
            networkd.write(name, text)
        networkd.write("99-other.network", "[Match]\nName=none\n[Network]\nNoSuchKey=1\n")
        said = networkd.start_and_read("Enumeration completed")
    complaints = [line for line in said.splitlines() if ".network" in line]
    assert len(complaints) == 1
    assert "NoSuchKey" in complaints[0]


@pytest.mark.parametrize("way", WAYS)
def test_systemd_takes_the_units(way: str, tmp_path: Path) -> None:
    units = compose(plans()[way]).units
    for name, text in units.items():
        (tmp_path / name).write_text(text)
    if units:
        files = [tmp_path / name for name in units]
        assert spoken(program("systemd-analyze"), "verify", "--man=no", *files) == (0, "")


def test_a_wifi_nobody_makes_has_no_name_server() -> None:
    client, wired = compose(plans()["client"]), compose(plans()["wired"])
    assert set(client.services) == {"kexia-wpa.service"}
    assert wired.services == {}
    assert not client.forwards
    assert plans()["client"].mode is Mode.CLIENT


if __name__ == "__main__":
    for way, plan in plans().items():
        (GOLDEN / way).mkdir(parents=True, exist_ok=True)
        for file, content in texts(compose(plan)):
            (GOLDEN / way / file).write_text(content, encoding="utf-8")
