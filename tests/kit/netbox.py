"""A box's network on a network of its own: the real keeper, dnsmasq, nft and systemd-networkd.

    with Lab("box", "tablet") as lab:
        lab.cable("box", "wlan0", "tablet", "net0")
        with NetBox(lab, "box", tmp_path, wifi=("wlan0",)) as box:
            box.wants(NetworkConfig(ssid="school", passphrase="words enough"))
            box.until(lambda state: state.address is not None)

What is not real: there is no radio, so a cable named in ``wifi`` is taken for a Wi-Fi card and
hostapd is not started; and no systemd, so a small script starts what the units say, unsandboxed.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from appliance.lan import inforce, keep
from appliance.lan.card import Card
from appliance.lan.config import NetworkConfig
from appliance.lan.inforce import InForce
from appliance.lan.machine import Machine
from appliance.paths import BoxPaths
from tests.kit.netns import Lab
from tests.kit.networkd import HOME, PROGRAM

ROOT = Path(__file__).parents[2]
SYSTEMCTL = """#!/bin/sh
# Stands in for systemctl: runs what the units say.
echo "$@" >> {log}
unit=$2
pid={run}/$unit.pid
stop() {{
  [ ! -e $pid ] || {{ kill $(cat $pid); sleep 0.2; }}
  rm -f $pid
}}
start() {{
  SYSTEMD_LOG_TARGET=console setsid "$@" >>{run}/$unit.log 2>&1 &
  echo $! > $pid
}}
case "$1 $unit" in
  "restart systemd-networkd.service") stop; start {networkd} ;;
  "restart kexia-hostapd.service") : ;;
  restart*) stop; start $(sed -n 's/^ExecStart=//p' /run/systemd/system/$unit) ;;
  stop*) stop ;;
esac
exit 0
"""
NO_BUS = "#!/bin/sh\nexit 1\n"


class PretendWifi(Machine):
    """The real cards, some of them taken for Wi-Fi."""

    wifi: tuple[str, ...] = ()

    def cards(self) -> tuple[Card, ...]:
        """See ``Machine``."""
        return tuple(
            replace(card, is_wireless=True) if card.name in self.wifi else card
            for card in super().cards()
        )


class NetBox:
    """One box's network in ``place`` while the block lasts."""

    def __init__(self, lab: Lab, place: str, folder: Path, *, wifi: tuple[str, ...] = ()) -> None:
        self.paths = BoxPaths(folder / "box")
        self._lab, self._place, self._wifi = lab, place, wifi
        self._home = folder / "home"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.paths.root.mkdir()
        self._home.mkdir()
        programs = self._home / "bin"
        programs.mkdir()
        script = SYSTEMCTL.format(log=self.log, run=self._home, networkd=PROGRAM)
        for name, text in (("systemctl", script), ("networkctl", NO_BUS)):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        return self

    @property
    def log(self) -> Path:
        """What systemctl was asked."""
        return self._home / "systemctl.log"

    def wants(self, config: NetworkConfig) -> None:
        """Write network.toml; start the keeper if it does not run."""
        keep.save(self.paths, config)
        if self._process is None:
            self._start()

    def until(self, is_so: Callable[[InForce], bool], *, seconds: float = 60) -> InForce:
        """The state in force when it is so."""
        for _ in range(int(seconds * 5)):
            state = inforce.load(self.paths)
            if state is not None and is_so(state):
                return state
            time.sleep(0.2)
        raise AssertionError(f"never so: {inforce.load(self.paths)}\n{self.said()}")

    def said(self) -> str:
        """What the keeper and its programmes said."""
        logs = sorted(self._home.glob("*.log"))
        return "\n".join(f"== {log.name}\n{log.read_text(errors='replace')}" for log in logs)

    def _start(self) -> None:
        path = f"{self._home / 'bin'}:/usr/sbin:/sbin:/usr/bin:/bin"
        unshare = shutil.which("unshare") or "unshare"
        module = f"{sys.executable} -m tests.kit.netbox {self.paths.root} {' '.join(self._wifi)}"
        script = f"{HOME}export PATH={path}\ncd {ROOT}\nexec {module}\n"
        with (self._home / "keeper.log").open("wb") as log:
            self._process = self._lab.start(
                self._place,
                [unshare, "--mount", "sh", "-c", script],
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
        for file in self._home.glob("*.pid"):
            _end(int(file.read_text()))


def _end(pid: int) -> None:
    """End a programme that the stand-in started; ids of ours that are gone are left alone."""
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return


def main(folder: str, *wifi: str) -> None:
    """`kexia box network BOX apply --keep`, with cables taken for Wi-Fi."""
    from appliance.lan import keeper, programme

    keeper.SECONDS_BETWEEN = 0.5  # nobody waits five seconds here
    paths = BoxPaths(Path(folder))
    machine = PretendWifi(paths)
    machine.wifi = wifi

    def tell(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    programme.keep_for_ever(programme.make_keeper(paths, machine), tell)


if __name__ == "__main__":
    main(*sys.argv[1:])
