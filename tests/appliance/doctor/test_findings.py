"""From facts to findings: each trouble by its own name, the worst first, each with what to do."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import pytest

from appliance.doctor.facts import Clock, Disk, Facts, Network, Power, Programmes, Uplink
from appliance.doctor.findings import MAX_AHEAD, Severity, exit_code, findings
from appliance.doctor.isolation import Isolation, Signs, judge
from appliance.doctor.kernel import count_faults, has_low_voltage
from appliance.doctor.running import bad_slots, failed_units
from appliance.doctor.sayings import SAYINGS, Code
from appliance.firststart.note import Note
from sync.trust import clock as trust_clock

FLOOR = datetime(2026, 11, 23, tzinfo=UTC)
CLOCK = Clock(FLOOR + timedelta(days=3), FLOOR, is_set=True, has_chip=False)
NETWORK = Network(is_told=True, mode="wired", card="eth0", address="10.0.0.2/24", has_link=True)
WELL = Facts(
    clock=CLOCK,
    network=NETWORK,
    power=Power(is_low=False, celsius=51.0),
    disk=Disk(free=8 * 2**30, size=2**36, errors=0, worn=10),
    uplink=Uplink.WELL,
    programmes=Programmes(pages_answer=True, update_answers=True),
)
CASES: list[tuple[Facts, Code, int]] = [
    (replace(WELL, network=Network(is_wanted=True)), Code.NETWORK_UNKNOWN, 9),
    (replace(WELL, power=Power(is_low=True)), Code.UNDER_VOLTAGE, 9),
    (replace(WELL, power=Power(celsius=84.0)), Code.HOT, 9),
    (replace(WELL, disk=Disk(errors=3)), Code.CARD_DYING, 8),
    (replace(WELL, disk=Disk(faults=1)), Code.CARD_DYING, 8),
    (replace(WELL, disk=Disk(is_read_only=True)), Code.CARD_READ_ONLY, 8),
    (replace(WELL, disk=Disk(worn=90)), Code.CARD_WORN, 8),
    (replace(WELL, disk=Disk(free=100 * 2**20)), Code.DISK_FULL, 6),
    (replace(WELL, disk=Disk(free=700 * 2**20)), Code.DISK_NEARLY_FULL, 6),
    (
        replace(WELL, clock=replace(CLOCK, wall=datetime(2000, 1, 1, tzinfo=UTC))),
        Code.CLOCK_BEHIND,
        9,
    ),
    (
        replace(WELL, clock=Clock(datetime(2099, 1, 1, tzinfo=UTC), FLOOR, False, True)),
        Code.CLOCK_AHEAD,
        9,
    ),
    (replace(WELL, clock=replace(CLOCK, is_set=False)), Code.CLOCK_NOT_SET, 0),
    (replace(WELL, uplink=Uplink.NO_LINE), Code.UPLINK_NO_LINE, 4),
    (replace(WELL, uplink=Uplink.NO_ADDRESS), Code.UPLINK_NO_ADDRESS, 4),
    (replace(WELL, uplink=Uplink.NO_NAMES), Code.UPLINK_NO_NAMES, 4),
    (replace(WELL, uplink=Uplink.SILENT), Code.UPLINK_SILENT, 4),
    (replace(WELL, uplink=Uplink.PORTAL), Code.UPLINK_PORTAL, 4),
    (replace(WELL, first_start=Note(refused="c" * 64, problem="p")), Code.SITE_REFUSED, 9),
    (replace(WELL, first_start=Note(wiped=False, problem="p")), Code.SITE_SECRETS, 9),
    (replace(WELL, first_start=Note(problem="p")), Code.RESET_FAILED, 9),
    (replace(WELL, programmes=Programmes(pages_answer=False)), Code.PAGES_SILENT, 9),
    (replace(WELL, programmes=Programmes(update_answers=False)), Code.UPDATE_SILENT, 9),
    (replace(WELL, programmes=Programmes(failed=("a.service",))), Code.SERVICE_FAILED, 9),
    (replace(WELL, programmes=Programmes(bad_slots=("B",))), Code.SLOT_BAD, 0),
    (replace(WELL, network=replace(NETWORK, has_link=False)), Code.NO_LINK, 9),
    (replace(WELL, network=replace(NETWORK, has_link=False, mode="client")), Code.WIFI_DOWN, 9),
    (
        replace(WELL, network=replace(NETWORK, has_link=False, mode="access-point")),
        Code.WIFI_DOWN,
        9,
    ),
    (replace(WELL, network=replace(NETWORK, address="")), Code.NO_ADDRESS, 9),
    (replace(WELL, network=replace(NETWORK, strangers=("192.168.1.0/24",))), Code.WRONG_NETWORK, 9),
    (replace(WELL, network=replace(NETWORK, isolation=Isolation.SURE)), Code.ISOLATED, 9),
    (
        replace(WELL, network=replace(NETWORK, isolation=Isolation.PERHAPS)),
        Code.PERHAPS_ISOLATED,
        0,
    ),
    (replace(WELL, network=replace(NETWORK, is_gateway_there=False)), Code.NO_GATEWAY, 9),
    (replace(WELL, network=replace(NETWORK, problem="conflict")), Code.CONFLICT, 9),
    (replace(WELL, network=replace(NETWORK, problem="rolled-back")), Code.ROLLED_BACK, 9),
    (replace(WELL, network=replace(NETWORK, problem="refused")), Code.NETWORK_REFUSED, 9),
    (replace(WELL, network=replace(NETWORK, problem="no-wifi-card")), Code.NO_WIFI_CARD, 9),
    (replace(WELL, network=replace(NETWORK, problem="uplink-not-there")), Code.UPLINK_CARD, 9),
]


@pytest.mark.parametrize(("facts", "code", "leaves_with"), CASES, ids=lambda it: str(it)[:24])
def test_each_trouble_is_found_alone(facts: Facts, code: Code, leaves_with: int) -> None:
    found = findings(facts)
    assert [one.code for one in found] == [code]
    assert exit_code(found) == leaves_with


def test_every_code_can_be_found_and_has_something_to_do() -> None:
    assert {code for _, code, _ in CASES} == set(Code)
    assert set(SAYINGS) == set(Code)


def test_a_box_that_is_well_has_nothing() -> None:
    assert findings(WELL) == ()
    assert exit_code(()) == 0
    # What could not be measured is not called bad.
    assert findings(Facts(clock=CLOCK)) == ()
    assert findings(replace(WELL, uplink=Uplink.NOT_WANTED)) == ()


def test_the_worst_comes_first_and_gives_the_exit_code() -> None:
    facts = replace(
        WELL, uplink=Uplink.SILENT, disk=Disk(errors=1), clock=replace(CLOCK, is_set=False)
    )
    found = findings(facts)
    assert [one.severity for one in found] == [Severity.BAD, Severity.WARNING, Severity.NOTE]
    assert exit_code(found) == 8


def test_a_set_clock_that_runs_ahead_of_silent_publishers_is_right() -> None:
    late = replace(CLOCK, wall=FLOOR + timedelta(days=900))
    assert findings(replace(WELL, clock=late)) == ()


def test_the_bounds_of_a_believable_clock_are_those_of_trust() -> None:
    assert MAX_AHEAD == trust_clock.MAX_AHEAD


def at(*last: int) -> Iterator[IPv4Address]:
    return (IPv4Address(f"10.0.0.{number}") for number in last)


ROUTER, TABLET, OTHER, LATER = at(1, 50, 51, 52)
MAC = {ROUTER: b"router", TABLET: b"tablet", OTHER: b"other!"}


@pytest.mark.parametrize(
    ("signs", "verdict"),
    [
        (Signs(ROUTER, MAC, frozenset()), Isolation.NONE),
        (Signs(None, {TABLET: b"tablet"}, frozenset()), Isolation.NONE),
        (Signs(ROUTER, {ROUTER: b"router"}, frozenset(), visitors=1), Isolation.NONE),
        (Signs(ROUTER, {ROUTER: b"router"}, frozenset({TABLET})), Isolation.SURE),
        (Signs(ROUTER, {ROUTER: b"router"}, frozenset({ROUTER})), Isolation.PERHAPS),
        (Signs(ROUTER, {ROUTER: b"r", TABLET: b"r", OTHER: b"r"}, frozenset()), Isolation.SURE),
        (Signs(ROUTER, {ROUTER: b"router"}, frozenset()), Isolation.PERHAPS),
        (Signs(ROUTER, {ROUTER: b"router", TABLET: b"t"}, frozenset({LATER})), Isolation.NONE),
        (Signs(ROUTER, {}, frozenset()), Isolation.UNKNOWN),
        (Signs(None, {}, frozenset()), Isolation.UNKNOWN),
    ],
)
def test_who_is_kept_apart(signs: Signs, verdict: Isolation) -> None:
    assert judge(signs) is verdict


LOG = (
    "4,812,55,-;hwmon hwmon1: Undervoltage detected!",
    "3,900,60,-;mmcblk0: error -110 sending status command, retrying",
    "3,901,61,-;blk_update_request: I/O error, dev mmcblk0, sector 5128 op 0x0:(READ)",
    "2,902,62,-;EXT4-fs error (device mmcblk0p5): ext4_lookup:1690: inode #2",
    "3,903,63,-;Buffer I/O error on dev mmcblk0p5, logical block 0, async page read",
    "3,904,64,-;I/O error, dev sdb, sector 0 op 0x0:(READ)",
    "6,905,65,-;EXT4-fs (mmcblk0p5): mounted filesystem",
    "6,906,66,-;mmc0: new high speed SDXC card",
)


def test_the_kernel_s_words_for_a_dying_card_and_weak_power() -> None:
    assert count_faults(LOG, "mmcblk0") == 4
    assert count_faults(LOG, "sdb") == 1  # a stick's errors are the stick's
    assert count_faults(LOG, "sda") == count_faults(LOG, "mmcblk") == count_faults(LOG, "") == 0
    assert has_low_voltage(LOG)
    assert not has_low_voltage(LOG[1:])


def test_what_systemd_and_rauc_say() -> None:
    listed = (
        "kexia-serve.service loaded failed failed Kexia: serve\n"
        "data.mount loaded failed failed /data\n\nsession-1.scope loaded failed failed x\n"
    )
    assert failed_units(listed) == ("kexia-serve.service", "data.mount")
    status = """{"compatible": "kexia-amd64", "slots": [
      {"rootfs.0": {"bootname": "A", "boot_status": "good", "state": "booted"}},
      {"rootfs.1": {"bootname": "B", "boot_status": "bad", "state": "inactive"}}]}"""
    assert bad_slots(status) == ("B",)
    for text in ("", "[]", "{", '{"slots": [1, {"a": 2}]}', "[" * 9999):
        assert bad_slots(text) == ()
