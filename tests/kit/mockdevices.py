"""Devices that udev tells of and that are not there: libumockdev's testbed, by ctypes.

Works only in a process that was started with ``PRELOAD`` in ``LD_PRELOAD``; ``in_a_testbed`` starts
one for a script and returns what it printed.
"""

import ctypes
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIBRARY, PRELOAD = "libumockdev.so.0", "libumockdev-preload.so.0"
USB = "/devices/pci0000:00/usb1/1-1"
CARDS = "/devices/platform/emmc2/mmc_host/mmc0/mmc0:aaaa"


def is_installed() -> bool:
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return True


def in_a_testbed(script: str, *arguments: str, seconds: float = 90) -> str:
    """What ``script`` printed, run by this interpreter inside a testbed; fails if it fails."""
    environment = {**os.environ, "LD_PRELOAD": PRELOAD, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Mock:
    """A block device of the testbed: its place in sysfs and what udev says of it."""

    path: str
    said: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def described(self, kind: str) -> str:
        """In umockdev's own language."""
        said = {"SUBSYSTEM": "block", "DEVTYPE": kind, "DEVNAME": f"/dev/{self.name}", **self.said}
        lines = [f"P: {self.path}", f"N: {self.name}"]
        lines += [f"E: {key}={value}" for key, value in said.items()]
        lines += [f"A: {key}={value}" for key, value in self.attributes.items()]
        return "\n".join(lines) + "\n\n"


def disk(
    name: str, said: Mapping[str, str] | None = None, *, above: str = USB, **more: str
) -> Mock:
    attributes = {"size": "65536", "removable": "1", **more}
    return Mock(f"{above}/block/{name}", said or {}, attributes)


def part(of: Mock, number: int, said: Mapping[str, str] | None = None, **more: str) -> Mock:
    separator = "p" if of.name[-1].isdigit() else ""
    path = f"{of.path}/{of.name}{separator}{number}"
    return Mock(path, said or {}, {"size": "4096", "partition": str(number), **more})


class Testbed:
    """The machine that the process believes it runs on; without devices at the beginning."""

    __test__ = False

    def __init__(self) -> None:
        self._library = library = ctypes.CDLL(LIBRARY)
        library.umockdev_testbed_new.restype = ctypes.c_void_p
        for name in ("uevent", "add_from_string"):
            function = getattr(library, f"umockdev_testbed_{name}")
            function.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
        library.umockdev_testbed_remove_device.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        library.umockdev_testbed_get_sys_dir.restype = ctypes.c_char_p
        library.umockdev_testbed_get_sys_dir.argtypes = [ctypes.c_void_p]
        self._testbed = library.umockdev_testbed_new()
        self._sys = Path(os.fsdecode(library.umockdev_testbed_get_sys_dir(self._testbed)))
        self._add("usb", f"P: {USB}\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_device\n")
        self._add("card", f"P: {CARDS}\nE: SUBSYSTEM=mmc\nA: type=SD\n")

    def plug(self, *devices: Mock) -> None:
        """They are there, and whoever listens is told; at most ten at a time, as sockets go."""
        for device in devices:
            kind = "partition" if "partition" in device.attributes else "disk"
            self._add(device.path, device.described(kind))

    def change(self, device: Mock) -> None:
        """Another medium in the same place, as udev tells it."""
        self.take_away(device)
        self.plug(device)
        self.tell(device, "change")

    def pull(self, *devices: Mock) -> None:
        """They are gone, partitions first."""
        for device in devices:
            self.tell(device, "remove")
        self.take_away(*devices)

    def take_away(self, *devices: Mock) -> None:
        for device in devices:
            path = f"/sys{device.path}".encode()
            self._library.umockdev_testbed_remove_device(self._testbed, path)
            (self._sys / "block" / device.name).unlink(missing_ok=True)  # which umockdev forgets

    def tell(self, device: Mock, action: str) -> None:
        path = f"/sys{device.path}".encode()
        self._library.umockdev_testbed_uevent(self._testbed, path, action.encode())

    def _add(self, name: str, description: str) -> None:
        done = self._library.umockdev_testbed_add_from_string(
            self._testbed, description.encode(), None
        )
        assert done, f"umockdev does not take {name}"
