"""A stick plugged into a box that runs from a whole image: its lessons are on the pages."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.config import Listen, load, save
from sync.digest import sha256
from tests.kit.boxes import BoxUnderTest
from tests.kit.media import make
from tests.vm import images
from tests.vm.disk import Disk
from tests.vm.image_machine import PATIENT, SHELL, ImageMachine
from tests.vm.sticks import COLLECTION, Lessons

PATIENCE = 1800.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600), pytest.mark.image]


def test_a_stick_brings_the_first_lessons(tmp_path: Path) -> None:
    if reason := images.why_not("amd64"):
        pytest.skip(reason)
    lessons = Lessons.publish(tmp_path / "province", films=1, mib=2)
    box = BoxUnderTest.create(tmp_path / "data" / "kexia", lessons.province.root)
    box.subscribe(COLLECTION)
    listen = Listen("0.0.0.0", 80, 8081)
    save(box.paths, replace(load(box.paths), name="青山教学点", listen=listen))
    disk = Disk.of(images.image("amd64"), tmp_path / "card")
    mib = disk.partition("data")[1] >> 20
    disk.overwrite("data", images.as_partition(tmp_path / "data", tmp_path, mib))
    disk.set_grub(EXTRA=f"{PATIENT} {SHELL}")
    stick = make(tmp_path / "stick.img", "fat32", files=lessons.lay(tmp_path / "stick"), mib=64)
    with ImageMachine(disk, shell=True) as machine:
        assert machine.wait(r"KEXIA-HEALTH (\w+)", PATIENCE)[1] == "good"
        assert machine.get("/")[0] == 503
        machine.plug("stick", stick.path)
        plugged = time.monotonic()
        while machine.get("/")[0] != 200:
            assert time.monotonic() < plugged + PATIENCE, told(machine)
            time.sleep(1)
        print(f"lessons {time.monotonic() - plugged:.0f} s after plugging in")  # noqa: T201
        film = max(lessons.content.values(), key=len)
        assert machine.get(f"/r/{sha256(film)}")[1][:1000] == film[:1000]
        status = json.loads(machine.get("/api/v1/status")[1])
        assert status["lessons"] == len(lessons.content)
        machine.unplug("stick")


def told(machine: ImageMachine) -> str:
    """What the two programmes said, for a failure."""
    command = "journalctl -b -u kexia-volumes -u kexia-update -n 40 --no-pager -o cat"
    return machine.shell(command, seconds=PATIENCE)[1]
