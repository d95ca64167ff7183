"""The machine's own files: made trees stand for a Pi, an eMMC, a disk that gives up."""

import os
from datetime import UTC, datetime
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from appliance.config import BoxConfig, Publisher, load, save
from appliance.doctor import look, outside, wire
from appliance.doctor.facts import Uplink
from appliance.doctor.programme import examine, found
from appliance.doctor.sayings import Code
from appliance.lan import inforce
from appliance.lan.card import Card
from appliance.lan.config import Mode
from appliance.lan.inforce import InForce
from appliance.paths import BoxPaths
from sync.errors import UsageError
from tests.kit.faults import Portal
from tests.kit.province import Province
from tests.kit.server import FolderServer

NOW = datetime(2026, 11, 26, tzinfo=UTC)
CABLE = Card("eth0", "02:00:00:00:00:01", False, False, True, (IPv4Interface("10.0.0.2/24"),))
STATE = InForce(Mode.WIRED, "eth0", IPv4Interface("10.0.0.2/24"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A Pi, all well, whose box folder is on partition 5 of its card."""
    made = tmp_path / "root"
    device = (tmp_path / "box-folder").parent.stat().st_dev
    numbers = f"{os.major(device)}:{os.minor(device)}"
    put(made, "sys/class/hwmon/hwmon0/name", "cpu_thermal")
    put(made, "sys/class/hwmon/hwmon1/name", "rpi_volt")
    put(made, "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "0")
    put(made, "sys/class/thermal/thermal_zone0/temp", "48312")
    put(made, "sys/devices/mmc/mmcblk0/mmcblk0p5/partition", "5")
    put(made, "sys/devices/mmc/mmcblk0/mmcblk0p5/size", "2048")
    put(made, "sys/fs/ext4/mmcblk0p5/errors_count", "0")
    (made / "sys/dev/block").mkdir(parents=True)
    (made / "sys/dev/block" / numbers).symlink_to(made / "sys/devices/mmc/mmcblk0/mmcblk0p5")
    put(made, "proc/self/mountinfo", mountinfo(numbers, "rw"))
    return made


def mountinfo(numbers: str, mode: str) -> str:
    return (
        f"24 1 7:0 / / ro,relatime shared:1 - squashfs /dev/root ro\n"
        f"31 24 {numbers} / /data rw,relatime shared:5 - ext4 /dev/mmcblk0p5 {mode},errors=x\n"
    )


def put(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")
    return path


def codes(root: Path, tmp_path: Path) -> set[Code]:
    box = BoxPaths(tmp_path / "box-folder")
    box.root.mkdir(exist_ok=True)
    save(box, BoxConfig(clock_is_set=True))
    return {one.code for one in found(box, NOW, root=root)}


def test_a_pi_that_is_well(root: Path, tmp_path: Path) -> None:
    assert codes(root, tmp_path) <= {Code.DISK_FULL, Code.DISK_NEARLY_FULL}
    paths = BoxPaths(tmp_path / "box-folder")
    facts = examine(paths, load(paths), NOW, root=root)
    assert facts.power.is_low is False
    assert facts.power.celsius == pytest.approx(48.312)
    assert (facts.disk.size, facts.disk.errors, facts.disk.faults) == (2048 * 512, 0, 0)


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1", Code.UNDER_VOLTAGE),
        ("sys/class/thermal/thermal_zone0/temp", "83000", Code.HOT),
        ("sys/fs/ext4/mmcblk0p5/errors_count", "2", Code.CARD_DYING),
        ("sys/devices/mmc/mmcblk0/device/life_time", "0x09 0x0a", Code.CARD_WORN),
        ("dev/kmsg", "3,1,2,-;I/O error, dev mmcblk0, sector 8", Code.CARD_DYING),
        ("dev/kmsg", "4,1,2,-;hwmon hwmon1: Undervoltage detected!", Code.UNDER_VOLTAGE),
    ],
)
def test_what_the_kernel_tells_is_found(
    root: Path, tmp_path: Path, name: str, text: str, code: Code
) -> None:
    put(root, name, text)
    assert code in codes(root, tmp_path)


def test_a_data_file_system_that_gave_up_writing(root: Path, tmp_path: Path) -> None:
    table = root / "proc/self/mountinfo"
    table.write_text(table.read_text().replace(" rw,errors=x", " ro,errors=x"))
    assert Code.CARD_READ_ONLY in codes(root, tmp_path)


def test_a_machine_that_tells_nothing_is_not_called_ill(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    facts_power, facts_disk = look.power(empty, ()), look.disk(empty, tmp_path, ())
    assert (facts_power.is_low, facts_power.celsius) == (None, None)
    assert (facts_disk.errors, facts_disk.worn, facts_disk.is_read_only) == (None, None, False)
    for name in ("sys/class/thermal/thermal_zone0/temp", "sys/class/hwmon/hwmon0/name"):
        put(empty, name, "\x00 nonsense")
    assert look.power(empty, ()).celsius is None


def test_no_box_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no box"):
        found(BoxPaths(tmp_path), NOW)


TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid
   0: 0200000A:0050 3200000A:C001 01 00000000:00000000 00:00000000 00000000     0        0 1
   1: 0200000A:0050 0908A8C0:C001 01 00000000:00000000 00:00000000 00000000     0        0 1
   2: 0200000A:0016 3200000A:C001 01 00000000:00000000 00:00000000 00000000     0        0 1
   3: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   4: broken
"""
ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100000A\t0003\t0\t0\t1024\t00000000\t0\t0\t0
eth0\t0000000A\t00000000\t0001\t0\t0\t1024\t00FFFFFF\t0\t0\t0
"""


def test_visitors_and_router_as_the_kernel_lists_them(tmp_path: Path) -> None:
    put(tmp_path, "proc/net/tcp", TCP)
    put(tmp_path, "proc/net/route", ROUTES)
    assert wire.count_visitors(tmp_path, 80, IPv4Interface("10.0.0.2/24")) == 1
    assert str(wire.gateway_of(tmp_path, "eth0")) == "10.0.0.1"
    assert wire.gateway_of(tmp_path, "wlan0") is None
    assert wire.gateway_of(tmp_path / "none", "eth0") is None


def test_of_a_large_network_only_the_neighbourhood_is_asked() -> None:
    asked = wire.neighbours_of(IPv4Interface("10.1.2.3/8"))
    assert len(asked) == 253
    assert {str(one).rpartition(".")[0] for one in asked} == {"10.1.2"}
    assert len(wire.neighbours_of(IPv4Interface("10.1.2.1/30"))) == 1


def follows(*urls: str) -> BoxConfig:
    return BoxConfig(publishers=(Publisher("43", "roots/43.root.json", urls),))


def test_the_publishers_own_addresses_are_asked_and_nobody_else(tmp_path: Path) -> None:
    province = Province.create(tmp_path / "p")
    with FolderServer(province.repository) as server:
        assert outside.ask(follows(server.url), STATE, (CABLE,))[0] is Uplink.WELL
        assert server.requests == ["metadata/timestamp.json"]
        server.fail("metadata/*", Portal(), times=1)
        assert outside.ask(follows(server.url), STATE, (CABLE,))[0] is Uplink.PORTAL
        dead = "http://127.0.0.1:9/"
        assert outside.ask(follows(dead, server.url), STATE, (CABLE,))[0] is Uplink.WELL
        wrong = outside.ask(follows(f"{server.url}/elsewhere"), STATE, (CABLE,))
        assert wrong[0] is Uplink.PORTAL
    assert outside.ask(follows(server.url), STATE, (CABLE,))[0] is Uplink.SILENT


def test_a_name_nobody_knows() -> None:
    uplink, detail = outside.ask(follows("https://no-such-name.invalid/kexia"), STATE, (CABLE,))
    assert (uplink, detail) == (Uplink.NO_NAMES, "no-such-name.invalid")


def test_lines_that_are_not_there_are_not_asked() -> None:
    config = follows("http://127.0.0.1:9/")
    loose = Card("eth0", "", False, False, False)
    bare = Card("eth0", "", False, False, True)
    alone = InForce(Mode.ACCESS_POINT, "wlan0", IPv4Interface("192.168.77.1/24"))
    assert outside.ask(config, STATE, (loose,)) == (Uplink.NO_LINE, "eth0")
    assert outside.ask(config, STATE, (bare,)) == (Uplink.NO_ADDRESS, "eth0")
    assert outside.ask(config, alone, (CABLE,))[0] is Uplink.NOT_WANTED
    assert outside.ask(follows(), STATE, (loose,))[0] is Uplink.NOT_WANTED


def test_the_network_in_force_is_judged_by_its_card(root: Path, tmp_path: Path) -> None:
    box = BoxPaths(tmp_path / "box-folder")
    box.root.mkdir()
    inforce.save(box, InForce(Mode.CLIENT, "no-such-card", None, "school"))
    assert Code.WIFI_DOWN in codes(root, tmp_path)
