"""The real pyudev code, driven by umockdev: devices come, change, go, and come in storms."""

import textwrap

import pytest

from tests.kit.mockdevices import in_a_testbed, is_installed

pytestmark = pytest.mark.skipif(not is_installed(), reason="libumockdev is not installed")

BEGIN = """
import sys
from appliance.volumes.monitor import MAX_DEVICES, Monitor
from tests.kit.mockdevices import CARDS, USB, Testbed, disk, part

bed = Testbed()

def told(monitor, seconds=2.0):
    "What was told until nothing more comes, as short lines."
    lines = []
    while found := monitor.changes(seconds):
        lines += [f"{one.happened} {one.device.name}" for one in found]
        seconds = 0.05
    return lines

FAT = {"ID_FS_TYPE": "vfat", "ID_FS_UUID": "1234-ABCD", "ID_FS_LABEL_ENC": "LESSONS"}
stick = disk("sdb", {"ID_PART_TABLE_TYPE": "dos", "ID_BUS": "usb"})
first = part(stick, 1, FAT)
"""


def run(script: str) -> str:
    return in_a_testbed(BEGIN + textwrap.dedent(script))


def test_a_stick_comes_and_goes() -> None:
    run("""
        monitor = Monitor()
        assert told(monitor, 0) == []
        bed.plug(stick, first)
        assert told(monitor) == ["added sdb", "added sdb1"]
        bed.pull(first, stick)
        assert told(monitor) == ["removed sdb1", "removed sdb"]
        assert told(monitor, 0) == []
    """)


def test_what_udev_says_arrives_as_values() -> None:
    run("""
        monitor = Monitor()
        bed.plug(stick, first)
        told(monitor)
        device = monitor._known["sdb1"]
        assert (device.node, device.disk, device.bus) == ("/dev/sdb1", "sdb", "usb")
        assert (device.size, device.is_removable, device.partitions) == (4096 * 512, True, 1)
        assert (device.fs_type, device.uuid, device.label) == ("vfat", "1234-ABCD", "LESSONS")
        assert monitor._known["sdb"].table == "dos"
        assert not device.is_disk and monitor._known["sdb"].is_disk
    """)


def test_a_stick_that_was_there_at_boot() -> None:
    run("""
        bed.plug(stick, first)
        monitor = Monitor()
        assert told(monitor, 0) == ["added sdb", "added sdb1"]
    """)


def test_a_hub_with_several_sticks_and_partitions() -> None:
    run("""
        monitor = Monitor()
        sticks = [disk(f"sd{letter}", {"ID_PART_TABLE_TYPE": "gpt"}) for letter in "bcde"]
        parts = [part(one, number, FAT) for one in sticks for number in (1, 2, 3)]
        lines = []
        for each in (sticks, parts[:6], parts[6:]):
            bed.plug(*each)
            lines += told(monitor)
        assert len(lines) == 16 and set(line.split()[0] for line in lines) == {"added"}
        assert monitor._known["sde3"].partitions == 3
        bed.pull(*parts[:3], sticks[0])
        assert told(monitor) == ["removed sdb1", "removed sdb2", "removed sdb3", "removed sdb"]
    """)


def test_a_whole_disk_without_a_table_and_one_with_nothing_known() -> None:
    run("""
        monitor = Monitor()
        bed.plug(disk("sdb", FAT), disk("sdc"), disk("sdd", {"ID_FS_TYPE": "BitLocker"}))
        assert told(monitor) == ["added sdb", "added sdc", "added sdd"]
        known = monitor._known
        assert [known[name].fs_type for name in ("sdb", "sdc", "sdd")] == ["vfat", "", "BitLocker"]
        assert all(one.is_disk and not one.partitions for one in known.values())
    """)


def test_a_card_is_told_from_a_chip_that_is_soldered_in() -> None:
    run("""
        monitor = Monitor()
        soldered = CARDS.replace("aaaa", "0001")
        bed._add("chip", f"P: {soldered}\\nE: SUBSYSTEM=mmc\\nA: type=MMC\\n")
        card = disk("mmcblk0", {"ID_PART_TABLE_TYPE": "dos"}, above=CARDS, removable="0")
        chip = disk("mmcblk1", above=soldered, removable="0")
        bed.plug(card, part(card, 1, FAT), chip)
        told(monitor)
        assert monitor._known["mmcblk0p1"].bus == "mmc"
        assert monitor._known["mmcblk1"].bus == "emmc"
    """)


def test_a_reader_gets_another_card() -> None:
    run("""
        monitor = Monitor()
        bed.plug(disk("sdb", size="0"))
        told(monitor)
        assert monitor._known["sdb"].size == 0
        bed.change(disk("sdb", {**FAT, "DISKSEQ": "7"}))
        assert told(monitor) == ["changed sdb"]
        before = monitor._known["sdb"].identity
        bed.change(disk("sdb", {**FAT, "DISKSEQ": "8"}))
        assert told(monitor) == ["changed sdb"]
        assert monitor._known["sdb"].identity != before
    """)


def test_a_change_of_nothing_is_not_told() -> None:
    run("""
        monitor = Monitor()
        bed.plug(stick, first)
        told(monitor)
        for _ in range(8):
            bed.tell(first, "change")
        assert told(monitor, 0.5) == []
    """)


def test_out_and_in_again_between_two_looks_is_both() -> None:
    run("""
        monitor = Monitor()
        bed.plug(stick, first)
        told(monitor)
        for _ in range(4):
            bed.pull(first)
            bed.plug(first)
        assert told(monitor) == ["removed sdb1", "added sdb1"]
        bed.pull(first)
        bed.plug(first)
        bed.pull(first)
        assert told(monitor) == ["removed sdb1"]
    """)


def test_a_storm_is_told_once() -> None:
    """4,000 events of one bad plug; in bursts, as umockdev's socket keeps but ten."""
    run("""
        import resource
        monitor = Monitor()
        bed.plug(stick, first)
        told(monitor)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        lines = []
        for _ in range(500):
            for _ in range(4):
                bed.tell(first, "remove")
                bed.tell(first, "add")
            lines += [one.happened for one in monitor.changes(1)]
        assert lines == ["removed", "added"] * 500
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 * 1024
    """)


def test_more_devices_than_anybody_has_are_not_followed() -> None:
    run("""
        monitor = Monitor()
        lines = []
        for number in range(MAX_DEVICES + 20):
            bed.plug(disk(f"sd{number}"))
            lines += monitor.changes(1) if number % 8 == 7 else []
        lines += monitor.changes(0.2)
        assert len(lines) == len(monitor._known) == MAX_DEVICES
        bed.pull(disk("sd3"))
        assert [one.happened for one in monitor.changes(1)] == ["removed"]
        bed.tell(disk(f"sd{MAX_DEVICES + 1}"), "add")
        assert [one.happened for one in monitor.changes(1)] == ["added"]
    """)


def test_lost_events_are_made_good_by_looking_again() -> None:
    run("""
        monitor = Monitor()
        bed.plug(stick, first)
        told(monitor)
        other = disk("sdc", FAT)
        bed.take_away(first, stick)
        bed.plug(other)
        while monitor._monitor.poll(0.2):
            pass

        class Deaf:
            def poll(self, _seconds):
                raise OSError(105, "No buffer space available")
        monitor._monitor, real = Deaf(), monitor._monitor
        found = [f"{one.happened} {one.device.name}" for one in monitor.changes(0)]
        assert sorted(found) == ["added sdc", "removed sdb", "removed sdb1"]
        monitor._monitor = real
        bed.pull(other)
        assert told(monitor) == ["removed sdc"]
    """)


def test_a_device_that_is_gone_when_it_is_looked_at() -> None:
    run("""
        monitor = Monitor()
        bed.plug(stick, first)
        bed.take_away(first, stick)
        told(monitor, 0.5)
        bed.plug(disk("sdc", FAT))
        assert told(monitor)[-1] == "added sdc"
    """)


def test_labels_of_any_computer() -> None:
    run("""
        monitor = Monitor()
        gbk = "".join(f"\\\\x{byte:02x}" for byte in "教学资源".encode("gbk"))
        bed.plug(disk("sdb", {**FAT, "ID_FS_LABEL_ENC": gbk}))
        bed.plug(disk("sdc", {**FAT, "ID_FS_LABEL_ENC": "课件\\\\x20一"}))
        bed.plug(disk("sdd", {**FAT, "ID_FS_LABEL_ENC": "\\\\xff\\\\xfe\\\\x1b[2J"}))
        told(monitor)
        print([monitor._known[name].label for name in ("sdb", "sdc", "sdd")])
        assert monitor._known["sdb"].label == "教学资源"
        assert monitor._known["sdc"].label == "课件 一"
        assert "\\x1b" not in monitor._known["sdd"].label
    """)
