"""What a box does when its power is cut: an update of its system, an import, its first start.

cards = Cards.made(folder)               # the image's root in small, a box with lessons, a stick
scene = update(cards, folder)            # one run of it, all writes logged
"""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from appliance.firststart.site import write_site
from image_build.partitions.esp_image import put_files
from image_build.updates.authority import found
from sync.digest import sha256
from tests.kit.boxes import BoxUnderTest
from tests.kit.laid import lay_stick
from tests.kit.media import make
from tests.kit.province import Province
from tests.kit.sitecards import SITE
from tests.kit.tufrepo import TufRepo
from tests.vm import images
from tests.vm.cutting import Scene
from tests.vm.disk import Disk
from tests.vm.image_machine import PATIENT, ImageMachine
from tests.vm.sticks import Lessons
from tests.vm.systems import (
    PATIENCE,
    PATIENT_ROOT,
    Offer,
    Workshop,
    data_with,
    grow_data,
    offered,
)
from tests.vm.updating import Box

BASE, GOOD = "2026.11.26.1", "2026.12.01.1"
SYSTEM, OLD, NEW = "43/system", "43/old", "43/new"
READY, INSTALLING, INSTALLED, CONFIRMED = "ready", "installing", "installed", "confirmed"
PLUGGED, SERVED = "plugged", "served"
BEGUN, STARTED, UP = "begun", "started", "up"
STARTS = r"first start: (\w+)"

Content = dict[str, bytes]


@dataclass(frozen=True)
class Cards:
    """Cards before anything happened, and what the box on them has and will have."""

    box: Disk
    """Runs ``BASE``, has ``GOOD`` in its library and the old lessons."""
    blank: Disk
    """As from the office: a site file, and no box yet."""
    stick: Path
    """The new lessons."""
    old: Content
    new: Content

    @classmethod
    def made(cls, folder: Path) -> "Cards":
        """All of it; needs ``systems.NEEDED``."""
        signer = found(folder / "signer", "湖南省", None)
        blank = Disk.of(images.image("amd64"), folder / "blank")
        slot = folder / "slot"
        slot.write_bytes(blank.read("rootA"))
        workshop = Workshop.of(slot, signer, folder)
        base = workshop.root(BASE, PATIENT_ROOT, folder / "base").read_bytes()
        blank.overwrite("rootA", base)
        blank.set_grub(EXTRA=PATIENT)
        box = blank.copy(_new(folder / "box"))
        _put_site(blank, folder)
        province = Province.create(folder / "province")
        old = Lessons.of(province, OLD, films=2, mib=1).content
        facts = (workshop.tree / "etc" / "kexia" / "image.json").read_bytes()
        good = Offer(SYSTEM, GOOD, workshop.root(GOOD, PATIENT_ROOT, folder / "good"), signer)
        offered(province, [good], folder, facts)
        made = data_with(province, [SYSTEM, OLD], folder, _wants_more)
        grow_data(box)
        box.overwrite("data", made.read_bytes())
        made.unlink()
        new = Lessons.of(province, NEW, films=8, mib=1, seed=8).content
        lay_stick(folder / "stick", province.repository, new.values())
        stick = make(folder / "stick.img", "fat32", files=folder / "stick", mib=64).path
        return cls(box, blank, stick, old, new)


def update(cards: Cards, folder: Path) -> Scene:
    """Installed, tried, confirmed: all writes of it."""
    scene = Scene(cards.box, folder / "update.log")
    with _played(scene, folder) as machine:
        box = Box(machine)
        assert box.health() == ("good", "A", BASE)
        scene.saw(INSTALLING)
        code, said = box.install(SYSTEM)
        assert code == 0, said
        scene.saw(INSTALLED)
        since = box.restart()
        assert box.health(since) == ("good", "B", GOOD)
        settled(machine)
        scene.saw(CONFIRMED)
    return scene


def lesson_import(cards: Cards, folder: Path) -> Scene:
    """A stick with new lessons, from plugging it in until they are served."""
    scene = Scene(cards.box, folder / "import.log")
    with _played(scene, folder) as machine:
        assert Box(machine).health() == ("good", "A", BASE)
        settled(machine)
        scene.saw(PLUGGED)
        machine.plug("stick", cards.stick)
        until_served(machine, len(cards.old) + len(cards.new))
        scene.saw(SERVED)
        machine.shell("sleep 10; sync", seconds=PATIENCE)
        scene.saw(UP)
    return scene


def first_start(cards: Cards, folder: Path) -> Scene:
    """A card from the office, from GRUB until its slot is confirmed."""
    scene = Scene(cards.blank, folder / "first.log")
    with _played(scene, folder) as machine:
        machine.wait("KEXIA-BOOT", PATIENCE)
        scene.saw(BEGUN)
        assert machine.wait(STARTS, PATIENCE)[1] == "apply"
        scene.saw(STARTED)
        assert Box(machine).health() == ("good", "A", BASE)
        settled(machine)
        scene.saw(UP)
    return scene


def until_served(machine: ImageMachine, lessons: int) -> None:
    """Wait until the pages say that they have so many lessons."""
    deadline = time.monotonic() + PATIENCE
    while json.loads(machine.get("/api/v1/status", seconds=300)[1])["lessons"] < lessons:
        assert time.monotonic() < deadline, f"not {lessons} lessons\n{machine.tail()}"
        time.sleep(0.5)


def serves(machine: ImageMachine, content: Content) -> None:
    """Every file is served, byte for byte."""
    for name, data in content.items():
        status, body = machine.get(f"/r/{sha256(data)}", seconds=300)
        assert (status, sha256(body)) == (200, sha256(data)), f"{name}: {status}, {len(body)} bytes"


@contextmanager
def _played(scene: Scene, folder: Path) -> Iterator[ImageMachine]:
    """A machine with a copy of the scene's card, of which only the log is kept."""
    card = scene.card.copy(_new(folder / scene.log.stem))
    with ImageMachine(card, shell=True, writes=scene.log) as machine:
        yield machine
        machine.ask("stop")
    shutil.rmtree(card.path.parent)


def settled(machine: ImageMachine) -> None:
    """Health has done its last write."""
    waiting = "until systemctl is-active -q kexia-health; do sleep 1; done; sync"
    machine.shell(waiting, seconds=PATIENCE)


def _put_site(card: Disk, folder: Path) -> None:
    files = {
        "site.toml": write_site(SITE),
        "roots/43.root.json": TufRepo(folder / "43").first_root,
    }
    put_files(card.path, files, offset=card.partition("esp")[0])


def _wants_more(box: BoxUnderTest) -> None:
    box.subscribe(NEW)


def _new(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
