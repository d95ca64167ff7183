"""The real systemd-networkd in a network namespace, with a /run of its own and no bus.

A read-only /sys tells it that no udev will speak: then it takes every card at once.
"""

import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.kit import netns
from tests.kit.netns import Lab

PROGRAM = Path("/lib/systemd/systemd-networkd")
HOME = """
set -e
mount -t tmpfs tmpfs /run
mount -o remount,ro,bind /sys 2>/dev/null || mount -t sysfs -o ro sysfs /sys
cd /run
mkdir -p systemd/netif/leases systemd/netif/links systemd/netif/lldp systemd/network kexia-network
chown -R systemd-network: /run/systemd/netif
"""
"""What networkd must find, in a mount namespace of its own."""

_WHY = netns._lacking() or ("" if PROGRAM.exists() else "systemd-networkd is missing")
needs_networkd = pytest.mark.skipif(bool(_WHY), reason=_WHY)


class Networkd:
    """One networkd in ``place`` while the block lasts."""

    def __init__(self, lab: Lab, place: str, folder: Path) -> None:
        self._lab, self._place = lab, place
        self._files = folder / "network"
        self._log = folder / "networkd.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._files.mkdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)

    def write(self, name: str, text: str) -> None:
        """Give it a file."""
        (self._files / name).write_text(text)

    def start_and_read(self, until: str) -> str:
        """Start it; what it said when it says ``until``."""
        unshare = shutil.which("unshare") or "unshare"
        script = (
            f"{HOME}cp {self._files}/*.network /run/systemd/network/\n"
            f"SYSTEMD_LOG_TARGET=console exec {PROGRAM}\n"
        )
        with self._log.open("wb") as log:
            self._process = self._lab.start(
                self._place, [unshare, "--mount", "sh", "-c", script], stdout=log, stderr=log
            )
        for _ in range(300):
            said = self._log.read_text(errors="replace")
            if until in said:
                return said
            assert self._process.poll() is None, said
            time.sleep(0.1)
        raise AssertionError(f"networkd never said {until!r}: {self._log.read_text()}")
