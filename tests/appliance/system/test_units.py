"""The units as systemd judges them: how much each may do, and whether it understands them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[3] / "appliance" / "units"
EXPOSURE = {
    "kexia-serve": 2.0,
    "kexia-update": 2.0,
    "kexia-health": 2.0,
    "kexia-no-data": 2.0,
    "kexia-screen": 2.5,
    "kexia-button": 1.5,
    # Root, as rauc listens to nobody else.
    "kexia-system": 2.0,
    # Root with the rights to make files for others.
    "kexia-first-start": 3.0,
    # Root that mounts: in the machine's own mount namespace, or nobody else saw what it mounts.
    "kexia-volumes": 4.0,
    # Root that loads firewall rules and writes units.
    "kexia-network": 4.0,
}
"""Most that ``systemd-analyze security`` may count, from 0 (nothing) to 10 (everything)."""
BOX = sorted(path.stem for path in UNITS.glob("kexia-*.service") if "nightly" not in path.stem)


def analyze(*arguments: str) -> str:
    assert shutil.which("systemd-analyze"), "apt install systemd"
    done = subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, check=False, text=True
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("unit", EXPOSURE)
def test_a_unit_may_do_no_more_than_it_needs(unit: str) -> None:
    said = analyze("security", "--offline=true", "--no-pager", str(UNITS / f"{unit}.service"))
    found = re.search(rf"exposure level for {unit}.service: ([0-9.]+)", said)
    assert found, said
    assert float(found[1]) <= EXPOSURE[unit]


@pytest.mark.parametrize("unit", ["kexia-health", "kexia-system"])
def test_rauc_may_start_its_threads(unit: str) -> None:
    """GLib calls sched_setattr for its threads; a filter without it kills rauc by SIGSYS."""
    text = (UNITS / f"{unit}.service").read_text()
    filters = re.findall(r"^SystemCallFilter=(.*)$", text, re.MULTILINE)
    assert filters[-1] == "sched_setattr"
    assert any(each.startswith("~") and "@resources" in each for each in filters)


def test_the_screen_owns_its_terminal_and_reads_the_state() -> None:
    text = (UNITS / "kexia-screen.service").read_text()
    for line in ("StandardInput=tty-force", "TTYPath=/dev/tty1", "ReadWritePaths=-/var/lib/kexia"):
        assert f"\n{line}\n" in text, line
    assert "\nRequiresMountsFor" not in text, "without its data a box must say so on the screen"


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    """With programs that are there: what it says of missing ones is not meant."""
    for path in UNITS.glob("kexia-*.*"):
        if path.suffix in (".service", ".timer"):
            text = re.sub(r"^(ExecStart=)\S+", r"\1/bin/true", path.read_text(), flags=re.MULTILINE)
            (tmp_path / path.name).write_text(text)
    said = analyze("verify", "--man=no", *map(str, sorted(tmp_path.glob("kexia-*.service"))))
    ours = [line for line in said.splitlines() if "kexia-" in line]
    assert not ours, "\n".join(ours)


@pytest.mark.parametrize("unit", BOX)
def test_no_unit_of_a_box_starts_before_its_data_was_tried(unit: str) -> None:
    text = (UNITS / f"{unit}.service").read_text()
    assert re.search(r"^(RequiresMountsFor=|After=.*)/?var.lib.kexia", text, re.MULTILINE) or (
        "kexia-no-data.service" in text
    )
    timer = UNITS / f"{unit}.timer"
    if timer.exists():
        assert "WantedBy=timers.target" in timer.read_text()
    else:
        assert "WantedBy=multi-user.target" in text


@pytest.mark.parametrize(
    "condition",
    ["!/var/lib/kexia/kexia.toml", "!/var/lib/kexia/network.toml", "/var/lib/kexia/reset.json"],
)
def test_the_first_start_runs_for_a_box_without_a_site_file(condition: str) -> None:
    lines = (UNITS / "kexia-first-start.service").read_text().splitlines()
    assert f"ConditionPathExists=|{condition}" in lines


@pytest.mark.parametrize("unit", BOX)
def test_a_program_that_asks_too_much_is_told_no_and_not_killed(unit: str) -> None:
    """rauc's library tries what it can do without; killed, no slot was ever confirmed."""
    assert "\nSystemCallErrorNumber=EPERM\n" in (UNITS / f"{unit}.service").read_text()


def test_the_folder_of_the_socket_is_given_to_the_update_process() -> None:
    """kexia-network or kexia-volumes, which are root's, may have made it: then no slot held."""
    line = "ExecStartPre=+/usr/bin/install -d -m 0755 -o kexia -g kexia /var/lib/kexia/run\n"
    assert line in (UNITS / "kexia-update.service").read_text()
