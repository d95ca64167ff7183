"""The files of the box's root, as the programmes that read them on the box read them."""

import fnmatch
import os
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


@pytest.mark.parametrize("name", ["scripts/kexia", "hooks/without-udev"])
def test_the_shell_understands_what_the_ramdisk_runs(name: str) -> None:
    run(program("sh"), "-n", OVERLAY / "amd64/etc/initramfs-tools" / name)


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
    box = [path for path in UNITS.glob("kexia-*.service") if "nightly" not in path.name]
    timers = {path.stem: path.with_suffix(".timer") for path in box}
    starts = {(timers[each.stem] if timers[each.stem].exists() else each).name for each in box}
    assert {name for name in enabled if name.startswith("kexia-")} == starts


def test_drivers_kept_from_udev_are_loaded_later_or_never() -> None:
    """By name: ``blacklist`` is for who asks by what a device calls itself."""
    text = (ALL / "etc/modprobe.d/kexia.conf").read_text()
    kept = set(re.findall(r"^blacklist (\S+)$", text, re.MULTILINE))
    never = {"psmouse", "serio_raw", "pcspkr", "ip_tables", "cfg80211"}
    unit = (ALL / "usr/lib/systemd/system/late-drivers.service").read_text()
    found = re.search(r"^ExecStart=-/sbin/modprobe -a -q (.+)$", unit, re.MULTILINE)
    assert found is not None
    assert set(found[1].split()) == (kept - never) | {"sd_mod", "mmc_block"}
    assert "\nAfter=kexia-serve.service\nBefore=kexia-volumes.service\n" in unit
    assert "enable late-drivers.service" in PRESET.read_text().splitlines()


@pytest.mark.parametrize("board", ["pi", "amd64"])
def test_what_the_screen_and_old_ethernet_need_is_not_pruned(board: str) -> None:
    """Names from the modules' own ``depends=`` (Debian 12); for dpkg the last match counts."""
    needed = {
        "pi": "drivers/gpu/drm/vc4/vc4 drivers/media/cec/core/cec drivers/media/rc/rc-core"
        " sound/soc/snd-soc-core sound/core/snd-pcm-dmaengine sound/core/snd-pcm"
        " sound/core/snd-timer sound/core/snd sound/soundcore",
        "amd64": "drivers/gpu/drm/display/drm_display_helper drivers/media/cec/core/cec"
        " drivers/media/rc/rc-core drivers/ssb/ssb drivers/pcmcia/pcmcia"
        " drivers/pcmcia/pcmcia_core",
    }
    for name in needed[board].split():
        for root in ("/lib", "/usr/lib"):
            assert is_unpacked(f"{root}/modules/6.1.0/kernel/{name}.ko"), name
            assert is_unpacked(f"{root}/modules/6.12/kernel/{name}.ko.xz"), name
    assert not is_unpacked("/lib/modules/6.1.0/kernel/sound/pci/hda/snd-hda-intel.ko")


def is_unpacked(path: str) -> bool:
    kept = True
    for line in (ROOT / "image_build/packages/prune.list").read_text().splitlines():
        option, _, pattern = line.partition("=")
        if option.startswith("path-") and fnmatch.fnmatchcase(path, pattern):
            kept = option == "path-include"
    return kept


DEBIANS = """<busconfig>
  <policy context="default"><allow send_destination="de.pengutronix.rauc"/></policy>
  <policy user="root"><allow own="de.pengutronix.rauc"/></policy>
</busconfig>"""
"""What the package rauc-service brings: anyone controls rauc."""
BUS = """<busconfig><type>system</type><auth>EXTERNAL</auth><listen>{address}</listen>
<policy context="default">
  <allow user="*"/><deny own="*"/><deny send_type="method_call"/>
  <allow send_requested_reply="true" send_type="method_return"/>
  <allow send_requested_reply="true" send_type="error"/>
  <allow receive_type="method_call"/><allow receive_type="method_return"/>
  <allow receive_type="error"/><allow receive_type="signal"/>
  <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
</policy>
<servicedir>services</servicedir><includedir>usr</includedir>{ours}</busconfig>"""
"""As Debian's system.conf: /etc is read after /usr."""
SERVICE = "[D-BUS Service]\nName=de.pengutronix.rauc\nExec=/bin/false\n"
NOBODY = 65534


@pytest.mark.parametrize("is_ours_there", [True, False])
def test_only_root_controls_rauc(tmp_path: Path, is_ours_there: bool) -> None:
    """Asked over a bus of its own; without our file the very question gets through."""
    (tmp_path / "usr").mkdir()
    (tmp_path / "usr/rauc.conf").write_text(DEBIANS)
    (tmp_path / "services").mkdir()
    (tmp_path / "services/rauc.service").write_text(SERVICE)
    address = f"unix:abstract=kexia-test-{os.getpid()}-{tmp_path.name}"
    ours = f"<includedir>{ALL / 'etc/dbus-1/system.d'}</includedir>" if is_ours_there else ""
    (tmp_path / "bus.conf").write_text(BUS.format(address=address, ours=ours))
    words = [program("dbus-daemon"), f"--config-file={tmp_path / 'bus.conf'}"]
    words += ["--nofork", "--nopidfile", "--print-address"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as bus:
        try:
            assert bus.stdout is not None
            assert bus.stdout.readline(), "the bus did not start"
            nobody = is_let_through(address, NOBODY if os.geteuid() == 0 else os.geteuid())
            assert nobody is not is_ours_there
            if os.geteuid() == 0:
                assert is_let_through(address, 0)
        finally:
            bus.terminate()


def is_let_through(address: str, user: int) -> bool:
    """Whether the bus starts rauc when this user calls it; what it starts ends at once."""
    words = [program("dbus-send"), f"--bus={address}", "--print-reply"]
    words += ["--dest=de.pengutronix.rauc", "/", "de.pengutronix.rauc.Installer.Mark"]
    other = user if user != os.geteuid() else None
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, user=other, group=other
    )
    answers = {"Error.AccessDenied": False, "Spawn.ChildExited": True}
    found = [answer for name, answer in answers.items() if name in done.stderr]
    assert found, done.stderr
    return found[0]


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
