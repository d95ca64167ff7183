"""A whole image, once, from power on to a lesson on a tablet; the matrix is in test_image_*.py.

One card, one start by BIOS: first page, confirmed slot, a stranger's system, a stick, Wi-Fi.
"""

import json
import shutil
import time
from pathlib import Path

import pytest

from appliance.lan import keep
from appliance.lan.config import NetworkConfig
from image_build.updates.authority import found
from sync.digest import sha256
from tests.kit.boxes import BoxUnderTest
from tests.kit.media import make
from tests.vm import images
from tests.vm.disk import Disk
from tests.vm.image_machine import PATIENT, SHELL, ImageMachine
from tests.vm.radios import insert_radios, join, plays, said
from tests.vm.sticks import COLLECTION, Lessons
from tests.vm.systems import Offer, data_with, offered

PATIENCE = 1800.0
"""Seconds; the processor is translated, and other tests run beside."""
WIFI = NetworkConfig(ssid="青山教学点", passphrase='wo"rds #1 enough')
FIRST, STRANGE = "43/first", "43/strange"
TOOLS = ("mksquashfs", "rauc", "sgdisk")

pytestmark = [pytest.mark.thorough, pytest.mark.guest, pytest.mark.timeout(4000)]


@pytest.fixture
def lessons(tmp_path: Path) -> Lessons:
    """What the province publishes: one collection the box has, and one that comes by stick."""
    published = Lessons.publish(tmp_path / "province", films=1, mib=2)
    published.province.publish({FIRST: {"l1.html": b"<title>first</title>"}})
    return published


def test_a_card_becomes_a_box_that_a_tablet_plays_lessons_from(
    lessons: Lessons, tmp_path: Path
) -> None:
    if reason := images.why_not("amd64", uefi=False):
        pytest.skip(reason)
    if lacking := [tool for tool in TOOLS if shutil.which(tool) is None]:
        pytest.skip(f"not installed: {', '.join(lacking)} (.ci/setup .venv brings them)")
    image = images.image("amd64")
    disk = card(image, lessons, tmp_path)
    with ImageMachine(disk, shell=True) as machine:
        print(f"first page {first_page(machine):.0f} s after power on")  # noqa: T201
        found = machine.wait(r"KEXIA-HEALTH (\w+) slot=(\w)", PATIENCE)
        assert (found[1], found[2]) == ("good", "A")
        refuses_a_stranger(machine)
        film = imports(machine, lessons, tmp_path)
        insert_radios(machine)
        plays(machine, join(machine, WIFI), film)
        assert said(machine, "systemctl --failed --plain --no-legend --no-pager") == ""
    assert (disk.grub()["A_OK"], disk.grub()["A_TRY"]) == ("1", "0")


def card(image: Path, lessons: Lessons, folder: Path) -> Disk:
    """The image with a box on its data partition: one lesson, one system, all else is to come."""
    small = folder / "small"
    small.mkdir()
    small.joinpath("vmlinuz").write_bytes(b"no kernel at all")
    root = folder / "small.squashfs"
    images.run("mksquashfs", small, root, "-quiet", "-no-progress", "-comp", "gzip")
    stranger = found(folder / "stranger", "别省", None)
    facts = (image.parent / "image.json").read_bytes()
    offer = Offer(STRANGE, "2099.01.01.1", root, stranger)
    offered(lessons.province, [offer], folder, facts)

    def more(box: BoxUnderTest) -> None:
        box.subscribe(STRANGE, FIRST, COLLECTION)
        keep.save(box.paths, WIFI)

    disk = Disk.of(image, folder / "card")
    mib = disk.partition("data")[1] >> 20  # as small as a card has it before its first start
    made = data_with(lessons.province, [STRANGE, FIRST], folder, more, mib=mib)
    disk.overwrite("data", made.read_bytes())
    disk.set_grub(EXTRA=f"{PATIENT} {SHELL}")
    return disk


def first_page(machine: ImageMachine) -> float:
    """Asks as a tablet does until the box's own page is there; seconds since power on."""
    began = time.monotonic()
    while True:
        assert time.monotonic() < began + PATIENCE, machine.tail()
        try:
            status, body = machine.get("/", seconds=5)
        except OSError:
            time.sleep(0.5)
            continue
        assert (status, "青山教学点" in body.decode()) == (200, True)
        return time.monotonic() - began


def refuses_a_stranger(machine: ImageMachine) -> None:
    """A newer system in the library, named by the province, signed by somebody else."""
    command = "kexia box system install /var/lib/kexia 2>&1"
    code, words = machine.shell(command, seconds=PATIENCE)
    assert code == 5, words
    assert machine.disk.grub().get("B_OK") == "0"
    assert machine.disk.read("rootB")[:4] != b"hsqs"


def imports(machine: ImageMachine, lessons: Lessons, folder: Path) -> str:
    """A stick is plugged in; the largest of its files, when the pages have it."""
    stick = make(folder / "stick.img", "fat32", files=lessons.lay(folder / "stick"), mib=64)
    machine.plug("stick", stick.path)
    film = max(lessons.content.values(), key=len)
    plugged = time.monotonic()
    while machine.get(f"/r/{sha256(film)}")[0] != 200:
        assert time.monotonic() < plugged + PATIENCE, machine.tail()
        time.sleep(1)
    assert machine.get(f"/r/{sha256(film)}")[1] == film[: 2**20], "as much as get() reads"
    assert json.loads(machine.get("/api/v1/status")[1])["lessons"] == len(lessons.content) + 1
    machine.unplug("stick")
    return str(sha256(film))
