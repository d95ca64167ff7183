"""A phone on USB as the way out: found by the kernel's own tables, paid for from a budget."""

import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance import config
from appliance.box.status import read_status
from appliance.cli.lines import status_lines
from appliance.config import Uplink
from appliance.generation import current
from appliance.onlink import PHONES
from appliance.update import metered
from appliance.update import sync as update
from appliance.update.ledger import MIB, Ledger
from appliance.update.metered import (
    Phone,
    Route,
    decide,
    defaults_4,
    defaults_6,
    find_phone,
)
from appliance.update.report import SyncReport
from appliance.update.sync import Box
from sync.progress import Silent
from sync.run import run
from tests.kit.boxes import BoxUnderTest
from tests.kit.packed import noise
from tests.kit.province import Province
from tests.kit.server import FolderServer

NOW = datetime(2026, 11, 24, 20, tzinfo=UTC)
PHONE = Phone("usb0", "rndis_host")
HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT"
ZERO = "0" * 32


def route_4(card: str, metric: int, *, to: str = "00000000", flags: str = "0003") -> str:
    mask = "00000000" if to == "00000000" else "00FFFFFF"
    return f"{card}\t{to}\t0100090A\t{flags}\t0\t0\t{metric}\t{mask}\t0\t0\t0"


def route_6(card: str, metric: str, *, to: str = ZERO, size: str = "00", flags: str = "3") -> str:
    return f"{to} {size} {ZERO} 00 {ZERO} {metric} 00000001 00000000 {flags.zfill(8)}     {card}"


def machine(folder: Path, drivers: dict[str, str], four: str = "", six: str = "") -> Path:
    """A made tree: tables of routes, and cards with their drivers (empty: no device)."""
    (folder / "proc/net").mkdir(parents=True)
    (folder / "proc/net/route").write_text(f"{HEAD}\n{four}\n")
    (folder / "proc/net/ipv6_route").write_text(six + "\n")
    cards(folder, drivers)
    return folder


def cards(folder: Path, drivers: dict[str, str]) -> None:
    for card, driver in drivers.items():
        device = folder / f"sys/devices/{card}"
        device.mkdir(parents=True)
        (folder / "sys/class/net" / card).mkdir(parents=True)
        if driver:
            (folder / "sys/bus/usb/drivers" / driver).mkdir(parents=True, exist_ok=True)
            (device / "driver").symlink_to(folder / "sys/bus/usb/drivers" / driver)
            (folder / "sys/class/net" / card / "device").symlink_to(device)


@pytest.mark.parametrize("driver", sorted(PHONES))
def test_a_default_route_over_a_phone_is_metered(tmp_path: Path, driver: str) -> None:
    root = machine(tmp_path, {"usb0": driver, "eth0": "bcmgenet"}, route_4("usb0", 100))
    assert find_phone(root) == Phone("usb0", driver)


@pytest.mark.parametrize(
    ("drivers", "four", "six"),
    [
        ({}, "", ""),
        ({"eth0": "bcmgenet"}, route_4("eth0", 0), ""),
        ({"br0": ""}, route_4("br0", 0), route_6("br0", "00000400")),
        ({"usb0": "rndis_host"}, route_4("usb0", 0, to="0000090A"), ""),
        ({"usb0": "rndis_host"}, route_4("usb0", 0, flags="0000"), ""),
        ({"usb0": "rndis_host"}, "", route_6("usb0", "00000001", flags="200201")),
        ({"usb0": "rndis_host"}, "", route_6("usb0", "00000001", to="f" * 32, size="08")),
        (
            {"usb0": "rndis_host", "eth0": "e1000e"},
            "\n".join([route_4("usb0", 700), route_4("eth0", 100)]),
            "",
        ),
        ({"usb0": "rndis_host"}, "usb0 nonsense\nusb0\t0", "nonsense"),
        ({}, route_4("../../etc", 0), route_6(".", "00000001")),
    ],
)
def test_what_is_no_default_route_over_a_phone_is_not(
    tmp_path: Path, drivers: dict[str, str], four: str, six: str
) -> None:
    assert find_phone(machine(tmp_path, drivers, four, six)) is None


def test_ipv6_alone_counts_too(tmp_path: Path) -> None:
    root = machine(tmp_path, {"enx1": "cdc_ncm"}, "", route_6("enx1", "00000400"))
    assert find_phone(root) == Phone("enx1", "cdc_ncm")


def test_the_lowest_metric_decides() -> None:
    four = [Route("usb0", 100), Route("eth0", 50), Route("wlan0", 600)]
    drivers = {"usb0": "ipheth", "eth0": "e1000e", "wlan0": "brcmfmac"}
    assert decide([four], drivers.__getitem__) is None
    assert decide([four[::2]], drivers.__getitem__) == Phone("usb0", "ipheth")
    assert decide([[], four[:1]], drivers.__getitem__) == Phone("usb0", "ipheth")


def test_a_machine_without_these_tables_has_no_phone(tmp_path: Path) -> None:
    assert find_phone(tmp_path) is None


LOOK = """
import sys
from pathlib import Path
from appliance.update.metered import find_phone
print(find_phone(Path(sys.argv[1])))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a network of its own")
def test_the_kernels_own_tables_are_understood(tmp_path: Path) -> None:
    """A network of its own, with a real default route over a card that is called usb0."""
    (tmp_path / "proc").symlink_to("/proc")
    cards(tmp_path, {"usb0": "rndis_host", "eth0": "e1000e"})
    look = f"{sys.executable} -c '{LOOK}' {tmp_path}"
    script = (
        f"set -e; PATH=$PATH:/usr/sbin; cd {Path(__file__).parents[2]}; {look}; "
        "ip link add usb0 type veth peer name eth0; "
        "ip addr add 10.9.0.2/24 dev usb0; ip addr add 10.8.0.2/24 dev eth0; "
        "ip link set usb0 up; ip link set eth0 up; "
        f"ip route add default via 10.9.0.1 metric 100; {look}; "
        f"ip route add default via 10.8.0.1 metric 50; {look}; "
        f"ip route del default via 10.8.0.1; ip route del default via 10.9.0.1; {look}; "
        f"ip -6 route add default dev usb0 metric 7; {look}"
    )
    done = run(["unshare", "--net", "sh", "-c", script], timeout=60)
    phone = "a phone on USB (usb0, rndis_host)"
    assert done.stdout.decode().splitlines() == ["None", phone, "None", "None", phone]


def ledgers(folder: Path) -> tuple[Ledger, Ledger]:
    return Ledger(folder / "ledger.json"), Ledger(folder / "ledger-metered.json")


@pytest.mark.parametrize(
    ("network", "left"),
    [
        (Uplink(), 50 * MIB),
        (Uplink(metered_mib=0), 0),
        (Uplink(metered_mib=70, night_mib=20), 20 * MIB),
        (Uplink(metered_mib=10, month_mib=500), 10 * MIB),
    ],
)
def test_the_budget_of_a_phone(tmp_path: Path, network: Uplink, left: int) -> None:
    purse = metered.purse(PHONE, network, ledgers(tmp_path), lambda: NOW)
    assert purse is not None
    assert purse.left == left
    assert "usb0" in purse.why


def test_without_a_phone_only_what_a_person_set_counts(tmp_path: Path) -> None:
    assert metered.purse(None, Uplink(), ledgers(tmp_path), lambda: NOW) is None
    purse = metered.purse(None, Uplink(night_mib=3), ledgers(tmp_path), lambda: NOW)
    assert purse is not None
    assert (purse.left, purse.why) == (3 * MIB, "")


def test_what_came_over_a_phone_counts_for_both_and_the_other_way_not(tmp_path: Path) -> None:
    every, phones = ledgers(tmp_path)
    network = Uplink(night_mib=100)
    every.add(NOW, 60 * MIB)
    purse = metered.purse(PHONE, network, (every, phones), lambda: NOW)
    assert purse is not None
    assert purse.left == 40 * MIB
    purse.pay(5 * MIB)
    purse.close()
    assert (every.spent(NOW), phones.spent(NOW)) == (65 * MIB, 5 * MIB)


@pytest.fixture(scope="module")
def province(tmp_path_factory: pytest.TempPathFactory) -> Province:
    province = Province.create(tmp_path_factory.mktemp("province"))
    province.publish({"43/a": {f"l{n}.mp4": noise(n, 600_000) for n in range(1, 6)}})
    return province


def sync_over_a_phone(box: BoxUnderTest, mib: int) -> SyncReport:
    network = Uplink(metered_mib=mib)
    found = ledgers(box.paths.root)
    ways = replace(
        box.machine.network, purse=lambda: metered.purse(PHONE, network, found, lambda: NOW)
    )
    used = replace(box.machine, network=ways)
    return update.sync(Box(box.paths, config.load(box.paths), used), [], Silent())


def test_a_sync_over_a_phone_keeps_to_it_and_says_so(tmp_path: Path, province: Province) -> None:
    with FolderServer(province.repository) as server:
        box = BoxUnderTest.create(tmp_path / "box", province.root, urls={0: server.url})
        box.subscribe("43/a")
        nothing = sync_over_a_phone(box, 0)
        assert (nothing.bytes_fetched, nothing.metadata_bytes, server.requests) == (0, 0, [])
        report = sync_over_a_phone(box, 1)
        assert report.exit_code == 9
        assert report.bytes_fetched + report.metadata_bytes <= MIB
        why = "the line is a phone on USB (usb0, rndis_host): at most 1 MiB a night come over it"
        assert why in report.notes
        again = sync_over_a_phone(box, 1)
        assert again.bytes_fetched + again.metadata_bytes < 1000, "the night's budget is spent"
        assert sync_over_a_phone(box, 50).editions == {"43/a": 1}


def test_status_says_it(tmp_path: Path, province: Province) -> None:
    box = BoxUnderTest.create(tmp_path / "box", province.root)
    root = machine(tmp_path / "root", {"usb0": "cdc_ether"}, route_4("usb0", 0))
    loaded = config.load(box.paths)
    seen = read_status(box.paths, loaded, current(box.paths), root).value()
    assert seen["line"] == {
        "metered": True,
        "interface": "usb0",
        "driver": "cdc_ether",
        "metered_mib": 50,
    }
    lines = list(status_lines({**seen, "box": "x", "back": {}}))
    assert "line: a phone on USB (usb0, cdc_ether), at most 50 MiB a night" in lines


def test_tables_of_any_bytes_are_read() -> None:
    for table in ("", "\0\n\n", "a b c d e f g h i j k\n" * 9, "x" * 9999):
        assert defaults_4(table) == []
        assert defaults_6(table) == []
