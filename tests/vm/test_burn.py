"""Burning on plugged USB sticks under a real kernel: good, lying, failing, pulled out.

The sticks' content is ours (``tests.kit.badmedia`` over NBD): it is known what reached them.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from image_build.partitions import gpt
from tests.kit.badmedia import MIB, Bad, Served
from tests.kit.images import MadeImage, make_image, tool
from tests.vm import rootfs
from tests.vm.guest import Guest, fresh
from tests.vm.machine import Machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
IMAGE = "/srv/image.img"
KEXIA = ("python3", "-c", "from image_build.cli import main; main()", "image", "burn")


@dataclass
class Desk:
    """A technician's computer, its readers, and an image on it."""

    guest: Guest
    image: MadeImage
    plugged: list[str] = field(default_factory=list)

    def plug(self, served: Served, name: str) -> str:
        """The serial of a stick with that content, when the kernel has seen it."""
        serial = f"KX-{name}"
        self.guest.machine.plug_served(name, served.path, serial=serial)
        self.plugged.append(name)
        self.guest.until(lambda: serial in self.serials(), f"{serial} in the list")
        return serial

    def unplug(self, name: str) -> None:
        self.plugged.remove(name)
        self.guest.machine.unplug(name)

    def serials(self) -> dict[str, dict[str, Any]]:
        """What ``burn --list`` offers, by serial."""
        told = self.burn("--list")
        return {one["serial"]: one for one in told.get("media", [])}

    def burn(self, *words: str) -> dict[str, Any]:
        """What it says in JSON, whatever its exit code."""
        said = self.guest.run(*KEXIA, *words, "--json", code=None)
        value = json.loads(said.strip().splitlines()[-1])
        assert isinstance(value, dict)
        return value


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    if reason := rootfs.why_not():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("vm")
    image = make_image(folder)
    carrier = folder / "carrier"
    carrier.mkdir()
    tool("cp", "--sparse=always", str(image.path), str(carrier / "image.img"))
    tool("mke2fs", "-q", "-t", "ext4", "-d", str(carrier), str(folder / "carrier.ext4"), "64m")
    with Machine(rootfs.disks(folder), folder / "machine") as machine:
        guest = fresh(machine)
        guest.write("/srv/run.log", b"")
        machine.plug("carrier", folder / "carrier.ext4", read_only=True)
        guest.until(lambda: "sda" in guest.run("ls", "/dev"), "the carrier")
        guest.run("mkdir", "-p", "/tmp/carrier")
        guest.run("mount", "-o", "ro", "/dev/sda", "/tmp/carrier")
        guest.run("cp", "--sparse=always", "/tmp/carrier/image.img", IMAGE)
        yield Desk(guest, image)


@pytest.fixture
def desk(booted: Desk) -> Iterator[Desk]:
    yield booted
    for name in tuple(booted.plugged):
        booted.unplug(name)


def holds_image(medium: Bad, image: MadeImage) -> bool:
    wanted = image.path.read_bytes()
    body = slice(gpt.HEAD, len(wanted) - gpt.TAIL)
    return medium.content()[body] == wanted[body]


def test_a_stick_is_burnt_and_ejected(desk: Desk) -> None:
    """And only it is offered: not the system's disk, not the mounted stick the image came on."""
    medium = Bad(64 * MIB)
    medium.fill(b"somebody's photos ")
    with Served(medium) as served:
        serial = desk.plug(served, "a")
        offered = desk.serials()
        assert list(offered) == [serial]
        assert offered[serial]["bus"] == "usb"
        assert offered[serial]["size"] == 64 * MIB
        told = desk.burn(IMAGE, "--yes", serial)
        assert told["exit_code"] == 0, told
        assert told["cards"][0]["ejected"] is True
        drives = desk.guest.machine.ask("query-block")
        assert any(one.get("tray_open") for one in drives), drives
        desk.unplug("a")
    assert holds_image(medium, desk.image)
    assert b"photos" not in medium.content()[: desk.image.path.stat().st_size]


def test_the_disk_it_runs_from_is_refused_by_name_too(desk: Desk) -> None:
    refused = desk.burn(IMAGE, "/dev/vda", "--yes", "vda")
    assert refused["exit_code"] == 2
    mounted = desk.burn(IMAGE, "--yes", "QEMU_QEMU_HARDDISK-0:0")
    assert mounted["exit_code"] == 2


def test_a_stick_that_lies(desk: Desk) -> None:
    medium = Bad(64 * MIB, real=40 * MIB)
    with Served(medium) as served:
        told = desk.burn(IMAGE, "--yes", desk.plug(served, "a"))
        desk.unplug("a")
    assert told["exit_code"] == 8
    assert "counterfeit" in told["error"]


def test_a_stick_that_fails_on_write(desk: Desk) -> None:
    medium = Bad(64 * MIB, fails_writes_at=10 * MIB)
    with Served(medium) as served:
        told = desk.burn(IMAGE, "--yes", desk.plug(served, "a"))
        desk.unplug("a")
    assert told["exit_code"] == 8
    assert "is failing: writing at" in told["error"]


def test_a_stick_that_is_pulled_out(desk: Desk) -> None:
    medium = Bad(64 * MIB)
    medium.fill(b"x")
    with Served(medium) as served:
        serial = desk.plug(served, "a")
        log = "/srv/burn.log"
        desk.guest.start(*KEXIA, IMAGE, "--yes", serial, "--json", log=log)
        desk.guest.until(lambda: medium.written > 12 * MIB, "some of it written")
        desk.unplug("a")
        desk.guest.until(lambda: b"exit_code" in desk.guest.read(log), "its last words")
    told = json.loads(desk.guest.read(log).decode().strip().splitlines()[-1])
    assert told["exit_code"] == 8
    assert "was pulled out" in told["error"]
    assert not any(medium.content()[:512])


def test_two_at_once(desk: Desk) -> None:
    good, bad = Bad(64 * MIB), Bad(64 * MIB, flips_at=9 * MIB + 5)
    with Served(good) as one, Served(bad) as two:
        words = ["--yes", desk.plug(one, "a"), "--yes", desk.plug(two, "b")]
        told = desk.burn(IMAGE, *words)
        desk.unplug("a")
        desk.unplug("b")
    assert told["exit_code"] == 8
    assert [card["exit_code"] for card in told["cards"]] == [0, 8]
    assert "other bytes than were written" in told["cards"][1]["error"]
    assert holds_image(good, desk.image)
