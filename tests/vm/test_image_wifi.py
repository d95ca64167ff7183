"""A whole image makes its Wi-Fi, and joins one: real radios of the kernel's own (mac80211_hwsim).

The second radio lies in a network namespace of the guest: it is the tablet, or the access point.
"""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.config import BoxConfig, Listen, save
from appliance.lan import keep
from appliance.lan.config import Mode, NetworkConfig
from tests.kit import served
from tests.vm import images
from tests.vm.disk import Disk
from tests.vm.image_machine import PATIENT, SHELL, ImageMachine
from tests.vm.radios import (
    ACCESS_POINT,
    PATIENCE,
    RADIOS,
    insert_radios,
    join,
    key,
    plays,
    said,
    state,
    until,
    until_it_has,
)

GOOD = r"KEXIA-HEALTH good slot=(\w)"
WIFI = NetworkConfig(ssid="青山教学点", passphrase='wo"rds #1 enough')

pytestmark = [pytest.mark.timeout(3600), pytest.mark.slow, pytest.mark.image]


@pytest.fixture(scope="module")
def image() -> Path:
    if reason := images.why_not("amd64"):
        pytest.skip(reason)
    return images.image("amd64")


def card(image: Path, folder: Path, config: NetworkConfig) -> tuple[Disk, str]:
    """A card whose box wants ``config``, and the address of one of its lessons' files."""
    tree = folder / "data"
    box = served.box(tree / "kexia")
    box.publish(served.classroom(box))
    save(box.paths, BoxConfig(name="青山教学点", listen=Listen("0.0.0.0", 80, 8081)))
    keep.save(box.paths, config)
    lesson = max((tree / "kexia" / "library").rglob("?" * 64), key=lambda it: it.stat().st_size)
    disk = Disk.of(image, folder)
    made = folder / "data.ext4"
    size = f"{disk.partition('data')[1] >> 20}m"
    subprocess.run(
        ["chown", "-R", f"{images.KEXIA_USER}:{images.KEXIA_USER}", tree / "kexia"], check=True
    )
    command = ["mke2fs", "-q", "-t", "ext4", "-L", "data", "-d", str(tree), str(made), size]
    subprocess.run(command, check=True, env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"})
    disk.overwrite("data", made.read_bytes())
    disk.set_grub(EXTRA=f"{PATIENT} {SHELL}")
    return disk, lesson.name


def test_a_tablet_joins_the_box_s_wifi_and_gets_a_lesson(image: Path, tmp_path: Path) -> None:
    disk, lesson = card(image, tmp_path, WIFI)
    with ImageMachine(disk, shell=True) as machine:
        machine.wait(GOOD, PATIENCE)
        assert state(machine)["problem"] == "no-wifi-card"
        insert_radios(machine)
        dns = join(machine, WIFI)
        plays(machine, dns, lesson)
        assert said(machine, "cat /proc/sys/net/ipv4/ip_forward") == "0"
        assert said(machine, "systemctl --failed --plain --no-legend --no-pager") == ""


def test_the_box_joins_a_wifi_and_leaves_a_wrong_one_again(image: Path, tmp_path: Path) -> None:
    joining = replace(WIFI, mode=Mode.CLIENT)
    disk, _ = card(image, tmp_path, joining)
    with ImageMachine(disk, shell=True) as machine:
        machine.wait(GOOD, PATIENCE)
        said(machine, RADIOS + ACCESS_POINT.format(**key(WIFI)))
        until(machine, mode="client", card="wlan0", problem="")
        until_it_has(machine, "10.33.0.")
        wrong = keep.write(replace(joining, passphrase="not the right one")).decode()
        said(machine, f"cat > /var/lib/kexia/network.toml <<'X'\n{wrong}X")
        until(machine, problem="rolled-back")
        refused = said(machine, "cat /var/lib/kexia/network.refused.toml")
        assert "not the right one" in refused
        until_it_has(machine, "10.33.0.")
