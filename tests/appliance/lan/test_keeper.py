"""The wanted network in force: only what changed, told when it cannot be, and the way back."""

import os
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from appliance.lan import inforce, keep, keeper
from appliance.lan.apply import Places
from appliance.lan.card import Card
from appliance.lan.config import Mode, NetworkConfig
from appliance.lan.keeper import SECONDS_TO_JOIN, Keeper
from appliance.lan.plan import Ports
from appliance.lan.probe import CannotAsk
from appliance.paths import BoxPaths
from sync.errors import InputRefused, KexiaError, UsageError
from tests.appliance.lan.samples import ALONE, CABLE, CLIENT, FIXED, WIFI

JOINED = replace(WIFI, has_link=True, addresses=(IPv4Interface("10.0.0.7/24"),))


@dataclass
class Recorder:
    """Stands for systemd, networkd and nft: notes what it is asked, refuses what it is told to."""

    asked: list[str] = field(default_factory=list)
    refuses: str = ""

    def _note(self, what: str) -> None:
        self.asked.append(what)
        if what == self.refuses:
            raise KexiaError(f"{what} failed")

    def reload_units(self) -> None:
        self._note("units")

    def restart(self, unit: str) -> None:
        self._note(f"restart {unit}")

    def stop(self, unit: str) -> None:
        self._note(f"stop {unit}")

    def reload_networks(self) -> None:
        self._note("networks")

    def load_rules(self, file: Path) -> None:
        assert file.read_text().startswith("table inet kexia\n")
        self._note("rules")


class Bench:
    """A box whose cards, wire and clock are moved by hand."""

    def __init__(self, folder: Path) -> None:
        self.paths = BoxPaths(folder / "box")
        self.paths.root.mkdir()
        self.system, self.now, self.here = Recorder(), 0.0, (WIFI,)
        self.doors = Ports()
        self.busy: set[str] = set()
        self.can_ask = True
        forwarding = folder / "ip_forward"
        forwarding.write_text("0\n")
        self.places = Places(folder / "n", folder / "u", folder / "s", forwarding)
        self.keeper = Keeper(self.paths, self, self.system, self.places, lambda: self.now)

    here: tuple[Card, ...]

    def cards(self) -> tuple[Card, ...]:
        return self.here

    def ports(self) -> Ports:
        return self.doors

    def is_taken(self, card: str, address: IPv4Address) -> bool:
        if not self.can_ask:
            raise CannotAsk(f"{card} is down")
        return str(address) in self.busy

    def step(self) -> list[str]:
        """What was asked of the system by one step."""
        before = len(self.system.asked)
        self.keeper.step()
        return self.system.asked[before:]

    def settle(self) -> None:
        """A step that puts the network into force, and one that sees what came of it."""
        self.step()
        assert self.step() == []

    @property
    def problem(self) -> str:
        state = inforce.load(self.paths)
        assert state is not None
        return state.problem


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_the_firewall_stands_before_anything_is_opened_and_twice_is_once(bench: Bench) -> None:
    keep.save(bench.paths, ALONE)
    assert bench.step() == [
        "rules", "networks", "units",
        "restart kexia-hostapd.service", "restart kexia-dnsmasq.service",
    ]  # fmt: skip
    assert bench.step() == []
    again = Keeper(bench.paths, bench, bench.system, bench.places, lambda: bench.now)
    assert not again.step()[1].is_anything


def test_what_holds_a_secret_is_for_root_alone(bench: Bench) -> None:
    keep.save(bench.paths, ALONE)
    bench.step()
    modes = {path.name: path.stat().st_mode & 0o777 for path in bench.places.settings.iterdir()}
    assert set(modes.values()) == {0o600}
    assert ALONE.passphrase not in bench.paths.network_state.read_text()


def test_another_channel_begins_the_wifi_anew_and_nothing_else(bench: Bench) -> None:
    keep.save(bench.paths, ALONE)
    bench.step()
    keep.save(bench.paths, replace(ALONE, channel=11))
    assert bench.step() == ["restart kexia-hostapd.service"]


def test_a_door_that_opens_is_the_firewall_s_alone(bench: Bench) -> None:
    keep.save(bench.paths, ALONE)
    bench.step()
    bench.doors = Ports(ssh=True)
    assert bench.step() == ["rules"]


def test_tablets_ask_anew_when_the_address_moved(bench: Bench) -> None:
    keep.save(bench.paths, ALONE)
    bench.step()
    bench.here = (WIFI, replace(CABLE, addresses=(IPv4Interface("192.168.77.9/24"),)))
    assert bench.step() == [
        "rules", "networks",
        "restart kexia-hostapd.service", "restart kexia-dnsmasq.service",
    ]  # fmt: skip
    assert bench.paths.classroom.read_text() == "192.168.177.1/24\n"


def test_a_refused_firewall_leaves_everything_as_it_was_and_is_tried_again(bench: Bench) -> None:
    keep.save(bench.paths, ALONE)
    bench.system.refuses = "rules"
    with pytest.raises(KexiaError, match="rules failed"):
        bench.step()
    assert bench.system.asked == ["rules"]
    assert not bench.places.networkd.exists()
    bench.system.refuses = ""
    assert bench.step()[0] == "rules"


@pytest.mark.parametrize("refuses", ["networks", "units", "restart kexia-dnsmasq.service"])
def test_what_was_left_half_done_is_done_again(bench: Bench, refuses: str) -> None:
    keep.save(bench.paths, ALONE)
    bench.system.refuses = refuses
    with pytest.raises(KexiaError, match="failed"):
        bench.step()
    bench.system.refuses = ""
    # Also by another process, after this one was killed.
    bench.keeper = Keeper(bench.paths, bench, bench.system, bench.places, lambda: bench.now)
    assert bench.step() == [
        "rules", "networks", "units",
        "restart kexia-hostapd.service", "restart kexia-dnsmasq.service",
    ]  # fmt: skip
    assert bench.step() == []


def test_from_its_own_wifi_to_one_that_stands_there_and_back(bench: Bench) -> None:
    keep.save(bench.paths, ALONE)
    bench.here = (replace(WIFI, has_link=True),)
    bench.settle()
    assert keep.read(bench.paths.network_working.read_bytes()) == ALONE

    keep.save(bench.paths, CLIENT)
    bench.here = (WIFI,)
    asked = bench.step()
    assert asked[:2] == ["rules", "networks"]
    assert {"stop kexia-hostapd.service", "stop kexia-dnsmasq.service"} <= set(asked)
    assert asked[-1] == "restart kexia-wpa.service"
    bench.now = SECONDS_TO_JOIN - 1
    assert bench.step() == []
    assert keep.load(bench.paths) == CLIENT

    bench.now = SECONDS_TO_JOIN
    bench.step()
    assert keep.load(bench.paths) == ALONE
    assert keep.read(bench.paths.network_refused.read_bytes()) == CLIENT
    assert "restart kexia-hostapd.service" in bench.step()
    assert bench.problem == "rolled-back"


def test_a_new_network_that_is_joined_in_time_stays(bench: Bench) -> None:
    keep.save(bench.paths, ALONE)
    bench.here = (replace(WIFI, has_link=True),)
    bench.settle()
    keep.save(bench.paths, CLIENT)
    bench.here = (WIFI,)
    bench.step()
    bench.now = SECONDS_TO_JOIN - 1
    bench.here = (JOINED,)
    bench.step()
    assert keep.read(bench.paths.network_working.read_bytes()) == CLIENT
    # Its access point is off for a night: no reason to leave.
    bench.here, bench.now = (WIFI,), 10 * SECONDS_TO_JOIN
    bench.step()
    assert keep.load(bench.paths) == CLIENT
    assert bench.problem == ""


def test_the_link_to_the_network_before_says_nothing_of_a_new_one(bench: Bench) -> None:
    keep.save(bench.paths, CLIENT)
    bench.here = (JOINED,)
    bench.settle()
    assert keep.read(bench.paths.network_working.read_bytes()) == CLIENT
    wrong = replace(CLIENT, passphrase="not the right one")
    keep.save(bench.paths, wrong)
    bench.step()  # looks while the card is still joined by the key before
    bench.here = (WIFI,)
    bench.step()
    bench.now = SECONDS_TO_JOIN
    bench.step()
    assert keep.load(bench.paths) == CLIENT
    assert keep.read(bench.paths.network_refused.read_bytes()) == wrong


def test_the_first_network_of_all_has_nothing_to_go_back_to(bench: Bench) -> None:
    keep.save(bench.paths, CLIENT)
    bench.step()
    bench.now = 10 * SECONDS_TO_JOIN
    bench.step()
    assert keep.load(bench.paths) == CLIENT
    assert not bench.paths.network_refused.exists()


def test_a_next_try_that_works_forgets_the_refused_one(bench: Bench) -> None:
    test_from_its_own_wifi_to_one_that_stands_there_and_back(bench)
    keep.save(bench.paths, replace(CLIENT, passphrase="the right one"))
    bench.step()
    bench.here = (JOINED,)
    bench.step()
    assert not bench.paths.network_refused.exists()
    assert bench.problem == ""


def test_a_spoilt_network_toml_keeps_the_last_that_worked(bench: Bench) -> None:
    bench.paths.network.write_text("ssid = 5\n")
    with pytest.raises(InputRefused):
        bench.keeper.step()
    bench.paths.network.unlink()
    with pytest.raises(UsageError):
        bench.keeper.step()
    keep.save(bench.paths, ALONE)
    bench.here = (replace(WIFI, has_link=True),)
    bench.settle()
    bench.paths.network.write_text("ssid = 5\n")
    assert bench.step() == []
    assert bench.problem == "refused"


def test_a_fixed_address_is_asked_for_once_a_link(bench: Bench) -> None:
    keep.save(bench.paths, FIXED)
    bench.here, bench.busy = (CABLE,), {"192.168.1.2"}
    bench.step()
    file = bench.places.networkd / "10-kexia-classroom.network"
    assert "Address=192.168.1.3/24\n" in file.read_text()
    assert bench.problem == "conflict"
    bench.busy = set()
    assert bench.step() == []  # it stays where it is as long as the cable is in
    bench.here = (replace(CABLE, has_link=False),)
    bench.step()
    bench.here = (CABLE,)
    bench.step()
    assert "Address=192.168.1.2/24\n" in file.read_text()
    assert bench.problem == ""


def test_the_gateway_s_address_is_never_taken(bench: Bench) -> None:
    wanted = replace(FIXED, gateway=IPv4Address("192.168.1.3"))
    keep.save(bench.paths, wanted)
    bench.here, bench.busy = (CABLE,), {"192.168.1.2"}
    bench.step()
    file = bench.places.networkd / "10-kexia-classroom.network"
    assert "Address=192.168.1.4/24\n" in file.read_text()


def test_a_wire_that_cannot_be_asked_is_asked_later(bench: Bench) -> None:
    keep.save(bench.paths, FIXED)
    bench.here, bench.busy, bench.can_ask = (CABLE,), {"192.168.1.2"}, False
    bench.step()
    bench.can_ask = True
    bench.step()
    assert bench.problem == "conflict"


def test_watching_tells_a_trouble_once(bench: Bench) -> None:
    told: list[str] = []
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            keep.save(bench.paths, NetworkConfig(mode=Mode.WIRED))
            bench.here = (CABLE,)
        if len(slept) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keeper.watch(bench.keeper, sleep=sleep, tell=told.append)
    assert len(told) == 2
    assert told[0].startswith("fault: ")
    assert told[1].startswith("wired eth0 -")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_keeps_belongs_to_whoever_the_box_is(tmp_path: Path) -> None:
    """The card and the screen, which show the Wi-Fi, run as the box's user."""
    os.chown(tmp_path, 990, 991)
    paths = BoxPaths(tmp_path)
    keep.save(paths, ALONE)
    about = paths.network.stat()
    assert (about.st_uid, about.st_gid, about.st_mode & 0o777) == (990, 991, 0o600)


def test_a_pipe_in_place_of_the_wanted_network_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(BoxPaths(tmp_path).network)
    with pytest.raises(KexiaError, match="not a regular file"):
        keep.load(BoxPaths(tmp_path))
