"""The files of the box's root, as the programmes that read them on the box read them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OVERLAY = ROOT / "image_build" / "overlay"
ALL = OVERLAY / "all"
UNITS = ROOT / "appliance" / "units"
PRESET = ALL / "usr/lib/systemd/system-preset/10-kexia.preset"
ON_DATA = "/data/"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def program(name: str) -> str:
    found = shutil.which(name, path=PATH)
    assert found, f"{name} is not installed (.ci/setup brings it)"
    return found


def run(*words: str | Path) -> str:
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_grub_understands_its_configuration() -> None:
    run(program("grub-script-check"), ROOT / "image_build" / "grub.cfg")


def test_the_firewall_loads_and_lets_nothing_through() -> None:
    rules = ALL / "etc/nftables.conf"
    run(program("nft"), "-c", "-f", rules)
    assert rules.read_text().count("policy drop") == 2


def test_sshd_takes_keys_and_nothing_else(tmp_path: Path) -> None:
    key = tmp_path / "key"
    run(program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", key)
    text = (ALL / "etc/ssh/sshd_config").read_text()
    config = tmp_path / "sshd_config"
    config.write_text(re.sub(r"^HostKey .*$", f"HostKey {key}", text, flags=re.MULTILINE))
    said = set(run(program("sshd"), "-T", "-f", config).splitlines())
    assert {
        "passwordauthentication no",
        "kbdinteractiveauthentication no",
        "permitemptypasswords no",
        "permitrootlogin without-password",
        "authenticationmethods publickey",
        "allowtcpforwarding no",
    } <= said
    assert all(ON_DATA in line for line in text.splitlines() if "HostKey" in line)


def test_what_starts_is_listed_and_all_else_is_off() -> None:
    lines = [line for line in PRESET.read_text().splitlines() if not line.startswith("#")]
    assert lines[-1] == "disable *"
    enabled = {line.removeprefix("enable ") for line in lines[:-1]}
    box = {
        path.with_suffix(".timer").name if path.with_suffix(".timer").exists() else path.name
        for path in UNITS.glob("kexia-*.service")
        if "nightly" not in path.name
    }
    assert {name for name in enabled if name.startswith("kexia-")} == box


@pytest.mark.parametrize("folder", [path for path in OVERLAY.iterdir() if path.is_dir()], ids=str)
def test_nothing_of_the_builder_lies_in_it(folder: Path) -> None:
    for path in folder.rglob("*"):
        assert not path.name.startswith("ssh_host_"), path
        if path.is_file() and not path.is_symlink():
            text = path.read_text(encoding="utf-8")
            assert "PRIVATE KEY" not in text
            assert str(ROOT) not in text


def test_no_mount_stops_the_start() -> None:
    for line in (ALL / "etc/fstab").read_text().splitlines():
        if line and not line.startswith("#"):
            _source, target, kind, options, *_ = line.split()
            assert kind == "tmpfs" or "nofail" in options.split(","), target


def test_a_partition_is_known_by_the_disk_the_box_runs_from(tmp_path: Path) -> None:
    """The udev rule's helper, asked about / itself and about no device."""
    helper = ALL / "usr/libexec/kexia-own-disk"
    assert subprocess.run(["sh", helper, "0:0"], check=False).returncode != 0
    mounted = subprocess.run(["mountpoint", "-d", "/"], capture_output=True, text=True, check=False)
    number = mounted.stdout.strip()
    if mounted.returncode == 0 and Path(f"/sys/dev/block/{number}").exists():
        assert subprocess.run(["sh", helper, number], check=False).returncode == 0


@pytest.mark.parametrize("name", ["common", "amd64", "pi", "bookworm", "trixie"])
def test_a_package_stands_once(name: str) -> None:
    text = (ROOT / "image_build" / "packages" / f"{name}.list").read_text()
    names = [line.split("#")[0].strip() for line in text.splitlines()]
    names = [each for each in names if each]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", each) for each in names)
