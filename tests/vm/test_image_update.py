"""System updates on a box that runs from an image: refused, tried, confirmed, rolled back.

The box has all bundles in its library; which one its province means is told by ``kexia.toml``. What
is published, signed, copied, judged, written and started is what a school's box would do.
"""

import shutil
from pathlib import Path

import pytest

from image_build.updates.authority import found
from tests.kit.province import Province
from tests.vm import images, systems
from tests.vm.disk import Disk
from tests.vm.image_machine import PATIENT, SHELL, ImageMachine
from tests.vm.systems import (
    FAILING,
    PATIENCE,
    Offer,
    Workshop,
    data_with,
    grow_data,
    offered,
)
from tests.vm.updating import Box

BASE, GOOD, BAD, OLDER = "2026.11.26.1", "2026.12.01.1", "2026.12.02.1", "2026.11.25.9"
UNITS = "etc/systemd/system"
DEAF: dict[str, bytes | str] = {
    f"{UNITS}/kexia-serve.service": "/dev/null",
    f"{UNITS}/kexia-health.service.d/test.conf": FAILING.encode(),
}
"""Comes up, and serves nothing."""
HUNG: dict[str, bytes | str] = {
    f"{UNITS}/hang.service": (
        b"[Unit]\nDefaultDependencies=no\nAfter=systemd-udev-settle.service\n"
        b"Wants=systemd-udev-settle.service\n[Service]\nType=oneshot\n"
        b"ExecStart=/bin/sh -c 'echo KEXIA-HANGS >/dev/console; kill -SEGV 1; sleep infinity'\n"
    ),
    f"{UNITS}/sysinit.target.wants/hang.service": "../hang.service",
}
"""The first process stands still: only a watchdog helps."""

pytestmark = [pytest.mark.timeout(7200), pytest.mark.slow, pytest.mark.image]


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Disk:
    """A card whose box has six systems in its library and runs a seventh."""
    if reason := images.why_not("amd64") or systems.why_not():
        pytest.skip(reason)
    return prepared(tmp_path_factory.mktemp("update"))


def prepared(folder: Path) -> Disk:
    card = Disk.of(images.image("amd64"), folder, mib=4096)
    signer, stranger = found(folder / "ours", "湖南省", None), found(folder / "other", "别省", None)
    slot = folder / "slot"
    slot.write_bytes(card.read("rootA"))
    workshop = Workshop.of(slot, signer, folder)
    card.overwrite("rootA", workshop.root(BASE, {}, folder / "base").read_bytes())
    kernel = folder / "dead"
    kernel.write_bytes(images.without_init(slot, folder))
    offers = [
        Offer("43/wrong-key", GOOD, kernel, stranger),
        Offer("43/older", OLDER, kernel, signer),
        Offer("43/good", GOOD, workshop.root(GOOD, {}, folder / "good"), signer),
        Offer("43/deaf", BAD, workshop.root(BAD, DEAF, folder / "deaf"), signer),
        Offer("43/dead", BAD, kernel, signer),
        Offer("43/hung", BAD, workshop.root(BAD, HUNG, folder / "hung"), signer),
    ]
    facts = (workshop.tree / "etc" / "kexia" / "image.json").read_bytes()
    shutil.rmtree(workshop.tree)
    province = Province.create(folder)
    offered(province, offers, folder, facts)
    made = data_with(province, [offer.collection for offer in offers], folder)
    grow_data(card)
    card.overwrite("data", made.read_bytes())
    # A watchdog that waits longer than a box's: this machine may have no time for the guest.
    card.set_grub(EXTRA=f"{PATIENT} {SHELL} systemd.watchdog_sec=120")
    return card


def test_updates_are_refused_confirmed_and_rolled_back(disk: Disk) -> None:
    watched = ("-global", "ICH9-LPC.noreboot=false")
    with ImageMachine(disk, shell=True, more=watched) as machine:
        box = Box(machine)
        assert box.health() == ("good", "A", BASE)
        refuses(box)

        code, said = box.install("43/good")
        assert code == 0, said
        since = box.restart()
        assert box.health(since) == ("good", "B", GOOD)
        assert f"{GOOD}: confirmed" in box.told()
        assert box.tried("B", since) == 1

        for collection, tries in (("43/deaf", 1), ("43/dead", 3), ("43/hung", 3)):
            rolls_back(box, collection, tries)


def refuses(box: Box) -> None:
    """A bundle of a stranger, and one below what runs, whatever the clock says."""
    for clock in ("", "2000-01-01", "2099-01-01"):
        if clock:
            box.machine.shell(
                f"systemctl stop systemd-timesyncd; date -s {clock}", seconds=PATIENCE
            )
        code, said = box.install("43/older")
        assert (code, "older than" in said) == (2, True), said
        code, said = box.install("43/wrong-key", "--again")
        assert (code, "signature" in said) == (5, True), said
        code, said = box.install("43/wrong-key")
        assert (code, "before" in said) == (5, True), said
    box.machine.shell("hwclock --hctosys --utc", seconds=PATIENCE)
    assert box.machine.disk.grub().get("B_OK") == "0"
    assert box.machine.disk.read("rootB")[:4] != b"hsqs"


def rolls_back(box: Box, collection: str, tries: int) -> None:
    """Installed, tried so often, given up; the good one runs again, and will not be left for it."""
    code, said = box.install(collection)
    assert code == 0, said
    since = box.restart()
    if tries == 1:
        assert box.health(since)[0] == "bad"
    box.machine.wait("KEXIA-HEALTH good slot=B", 2 * PATIENCE, since=since)
    assert box.tried("A", since) == tries
    code, said = box.install(collection)
    assert (code, "did not hold" in said) == (2, True), said
