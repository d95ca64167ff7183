"""Closed carton to a playing lesson, with only the card read.

A county makes the card and the stick with its own commands; the box is a whole image. What a
person does is counted. KEXIA_SCREENS names a folder that keeps the pictures.
"""

import csv
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.lan.config import NetworkConfig
from image_build.partitions.esp_image import put_files
from sync.digest import sha256
from tests.kit import browser as browsers
from tests.kit.media import make
from tests.vm import images
from tests.vm.disk import Disk
from tests.vm.image_machine import PATIENT, SHELL, ImageMachine
from tests.vm.radios import ACCESS_POINT, TABLET, join, key, plays, said, until, until_it_has
from tests.vm.walking import DISPLAY, PATIENCE, Walk

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "catalog" / "sample"
COLLECTIONS = ("music-1a", "rural-music")
NAME = "青山教学点"
NO_LESSONS = "还没有课"
MOST_ACTIONS = 12
RADIOS_AT_START = "modules_load=mac80211_hwsim mac80211_hwsim.radios=2"
"""For EXTRA: the machine has Wi-Fi, and a second radio for the tablet or an access point."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200), pytest.mark.image]


class Office:
    """A county office: a province's repository, a list of sites, what is printed and written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def kexia(self, *words: str | Path) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "KEXIA_PASSPHRASE": "for tests only"}
        command = [sys.executable, "-m", "image_build.cli", *map(str, words)]
        done = subprocess.run(
            command, env=environment, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def publish(self) -> None:
        self.kexia("publish", "init", "hunan", "--code", "43", "--name", "湖南省")
        for name in COLLECTIONS:
            shutil.copytree(SAMPLE / name, self.folder / "sources" / name)
            added = f"sources/{name}"
            self.kexia("publish", "add", "hunan", added, "--collection", f"43/{name}")
        self.kexia("publish", "release", "hunan")
        for who in ("editor", "reviewer"):
            self.kexia("publish", "sign", "hunan", "--as", who)
        self.kexia("publish", "nightly", "hunan")

    def site(self, **more: str) -> NetworkConfig:
        """The list with one site; what it makes of the Wi-Fi."""
        first = self.folder / "hunan" / "repository" / "metadata" / "1.root.json"
        shutil.copy(first, self.folder / "43.root.json")
        row = {
            "名称": NAME,
            "县代码": "430121",
            "年级": "一年级",
            "学科": "音乐",
            "发布者根文件": "43.root.json",
            "发布网址": "https://www.example.cn/kexia",
            "资源": ";".join(f"43/{name}" for name in COLLECTIONS),
            "PIN": "478020",
            **more,
        }
        with (self.folder / "sites.csv").open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            writer.writeheader()
            writer.writerow(row)
        self.kexia("image", "new", "sites.csv", "--to", "county")
        [path] = (self.folder / "county" / "sites").iterdir()
        network = tomllib.loads((path / "site.toml").read_text())["network"]
        return NetworkConfig(ssid=network["ssid"], passphrase=network["passphrase"])

    def card(self, image: Path) -> Disk:
        """The card that goes into the carton: the image with this site's files."""
        [site] = (self.folder / "county" / "sites").iterdir()
        disk = Disk.of(image, self.folder / "card")
        names = [path for path in sorted(site.rglob("*")) if path.is_file()]
        files = {path.relative_to(site).as_posix(): path.read_bytes() for path in names}
        put_files(disk.path, files, offset=disk.partition("esp")[0])
        disk.set_grub(EXTRA=f"{PATIENT} {SHELL} {RADIOS_AT_START}")
        return disk

    def stick(self) -> Path:
        listed = ",".join(f"43/{name}" for name in COLLECTIONS)
        folder = self.folder / "stick"
        folder.mkdir()
        self.kexia(
            *("stick", "prepare", "--from", "hunan/repository"),
            *("--collections", listed, "--to", folder),
        )
        return make(self.folder / "stick.img", "fat32", files=folder, mib=64).path


@pytest.fixture
def office(tmp_path: Path) -> Office:
    if reason := images.why_not("amd64", uefi=False):
        pytest.skip(reason)
    made = Office(tmp_path)
    made.publish()
    return made


@pytest.fixture
def walked(tmp_path: Path) -> Iterator[Walk]:
    """Everything but the machine."""
    screens = Path(os.environ.get("KEXIA_SCREENS", tmp_path / "screens"))
    screens.mkdir(parents=True, exist_ok=True)
    chrome = browsers.start(tmp_path / "profile", size=(800, 600))
    try:
        yield Walk(None, chrome, screens)  # type: ignore[arg-type]  # comes with its carton
    finally:
        chrome.quit()


def test_on_the_box_s_own_wifi(office: Office, walked: Walk) -> None:
    wifi = office.site()
    disk = office.card(images.image("amd64"))
    with ImageMachine(disk, shell=True, more=DISPLAY) as machine:
        walked.machine = machine
        walked.do("put the card in")
        walked.do("connect a screen")
        walked.do("switch it on, and wait")
        until_lessons_play(walked, office, "own-wifi", wifi)
        walked.do("cut the power, and switch it on again")
    with ImageMachine(disk, shell=True, more=DISPLAY) as machine:
        machine.wait("KEXIA-HEALTH good", PATIENCE)
        lessons = (
            "python3 -c 'import urllib.request as u; print(u.urlopen(\"http://127.0.0.1\").status)'"
        )
        assert said(machine, lessons) == "200"
    assert len(walked.actions) <= MOST_ACTIONS + 2, walked.actions


def until_lessons_play(walk: Walk, office: Office, name: str, wifi: NetworkConfig) -> None:
    """From a box that starts to a lesson that plays, and the PIN tried."""
    machine = walk.machine
    machine.wait("KEXIA-HEALTH good", PATIENCE)
    until(machine, mode="access-point", problem="")
    said(machine, "sleep 15")
    walk.picture(f"{name}-1-screen")
    walk.do("scan the left code: join the Wi-Fi")
    said(machine, TABLET)
    dns = join(machine, wifi)
    walk.through_the_tablet("192.168.77.1")
    walk.do("scan the right code: open the pages")
    walk.opened("/", holding=NO_LESSONS)
    walk.shot(f"{name}-2-empty")
    brings_lessons(walk, office, name)
    walk.opened("/", holding="音乐")
    walk.shot(f"{name}-4-home")
    to_a_lesson(walk, name)
    film = max((office.folder / "sources").rglob("*.mp4"), key=lambda path: path.stat().st_size)
    plays(machine, dns, str(sha256(film.read_bytes())))
    assert len(walk.actions) <= MOST_ACTIONS, walk.actions
    walk.do("give the PIN at /admin")
    walk.opened("/admin", holding="登录")
    walk.give("pin", "478020")
    walk.opened("/admin", holding=NAME)
    walk.shot(f"{name}-7-admin")


def brings_lessons(walk: Walk, office: Office, name: str) -> None:
    """The county's stick, until the page says that it is done."""
    walk.do("plug the county's stick in")
    walk.machine.plug("stick", office.stick())
    walk.opened("/stick", holding="可以拔出。")
    walk.shot(f"{name}-3-stick")
    walk.picture(f"{name}-3-screen")
    walk.do("pull it out")
    walk.machine.unplug("stick")


def to_a_lesson(walk: Walk, name: str) -> None:
    walk.do("choose the textbook")
    walk.follow("a[href^='/textbook/']")
    walk.shot(f"{name}-5-textbook")
    walk.do("choose a lesson")
    walk.follow("a[href^='/lesson/']")
    walk.do("play it")
    walk.plays()
    walk.shot(f"{name}-6-lesson")


def test_behind_an_access_point(office: Office, walked: Walk) -> None:
    wifi = office.site(**{"联网方式": "无线", "Wi-Fi名称": "学校", "Wi-Fi密码": "school-school"})
    disk = office.card(images.image("amd64"))
    with ImageMachine(disk, shell=True, more=DISPLAY) as machine:
        walked.machine = machine
        walked.do("put the card in")
        walked.do("connect a screen")
        walked.do("switch it on, and wait")
        machine.wait("KEXIA-HEALTH good", PATIENCE)
        said(machine, TABLET + ACCESS_POINT.format(**key(wifi)))
        until(machine, mode="client", problem="")
        address = until_it_has(machine, "10.33.0.")
        said(machine, "sleep 15")
        walked.picture("access-point-1-screen")
        walked.through_the_tablet(address.partition("/")[0])
        walked.do("type the address that the screen shows into the tablet")
        walked.opened("/", holding=NO_LESSONS)
        brings_lessons(walked, office, "access-point")
        walked.opened("/", holding="音乐")
        to_a_lesson(walked, "access-point")
    assert len(walked.actions) <= MOST_ACTIONS, walked.actions


def test_after_a_first_start_that_was_cut(office: Office, walked: Walk) -> None:
    wifi = office.site()
    disk = office.card(images.image("amd64"))
    with ImageMachine(disk) as machine:
        machine.wait("first start: apply", PATIENCE)
    with ImageMachine(disk, shell=True, more=DISPLAY) as machine:
        walked.machine = machine
        walked.do("put the card in, connect a screen, switch it on; somebody pulls the plug")
        walked.do("switch it on again, and wait")
        until_lessons_play(walked, office, "cut", wifi)


def test_a_broken_site_file_is_told_on_the_screen(office: Office, walked: Walk) -> None:
    office.site()
    disk = office.card(images.image("amd64"))
    broken = disk.read_esp("site.toml").replace("青山教学点".encode(), b'"')
    disk.write_esp("site.toml", broken)
    with ImageMachine(disk, shell=True, more=DISPLAY) as machine:
        walked.machine = machine
        machine.wait("first start: refuse", PATIENCE)
        machine.wait("KEXIA-HEALTH good", PATIENCE)
        until(machine, mode="access-point", problem="")
        said(machine, "sleep 15")
        walked.picture("broken-1-screen")
        note = said(machine, "cat /var/lib/kexia/first-start.json")
        assert "site.toml" in note, note
