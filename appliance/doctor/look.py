"""The machine as it is: power, heat, disk and clock, read from the kernel's files.

The root folder is an argument, so that a made tree can stand for a machine. What is not there or
may not be read counts as not measured.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from appliance.doctor.facts import Disk, Power
from appliance.doctor.kernel import MAX_LINES, count_faults, has_low_voltage
from sync.files import free_space

MAX_TABLE = 256 * 1024
MAX_LOG = 4 * 2**20
"""Bytes of the kernel's log that are looked at."""
_RECORD = 8192


def power(root: Path, log: tuple[str, ...]) -> Power:
    """Voltage by the Pi's own watch (driver ``rpi_volt``; no ``vcgencmd``) and the log; heat."""
    alarms = [
        _number(folder / "in0_lcrit_alarm")
        for folder in _folders(root / "sys/class/hwmon")
        if _text(folder / "name") == "rpi_volt"
    ]
    known = [alarm for alarm in alarms if alarm is not None]
    is_low = any(known) or has_low_voltage(log) if known or log else None
    heats = [
        heat / 1000
        for folder in _folders(root / "sys/class/thermal")
        if (heat := _number(folder / "temp")) is not None and 0 < heat < 200_000
    ]
    return Power(is_low=is_low, celsius=max(heats, default=None))


def disk(root: Path, folder: Path, log: tuple[str, ...]) -> Disk:
    """The disk that ``folder`` (the box's) lies on."""
    numbers = _numbers(folder)
    partition = _behind(root, numbers)
    whole = partition.parent if (partition / "partition").exists() else partition
    return Disk(
        free=_free(folder),
        size=_sectors(partition),
        is_read_only=_is_read_only(root, numbers),
        errors=_number(root / "sys/fs/ext4" / partition.name / "errors_count"),
        faults=count_faults(log, whole.name if numbers else ""),
        worn=_worn(whole / "device" / "life_time"),
    )


def has_clock_chip(root: Path) -> bool:
    """Whether a chip keeps the time while the power is off."""
    return any(_folders(root / "sys/class/rtc"))


def kernel_log(root: Path) -> tuple[str, ...]:
    """The kernel's log since start, as far as it may be read (root); else nothing."""
    try:
        descriptor = os.open(root / "dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ()
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        return tuple(_records(file.fileno()))


def _records(descriptor: int) -> Iterator[str]:
    """One read gives one record; EPIPE: some were overwritten meanwhile; EAGAIN: that was all."""
    left = MAX_LOG
    for _ in range(MAX_LINES):
        try:
            data = os.read(descriptor, _RECORD)
        except BrokenPipeError:
            continue
        except OSError:
            return
        left -= len(data)
        if not data or left < 0:
            return
        yield from data.decode("utf-8", "replace").splitlines()


def _numbers(folder: Path) -> str:
    with suppress(OSError):
        device = folder.stat().st_dev
        return f"{os.major(device)}:{os.minor(device)}"
    return ""


def _behind(root: Path, numbers: str) -> Path:
    """The folder of a block device in sysfs; one that does not exist if it has none."""
    link = root / "sys/dev/block" / (numbers or "none")
    with suppress(OSError):
        return link.resolve()
    return link


def _is_read_only(root: Path, numbers: str) -> bool:
    """Whether a mount that was writable is no more: ext4 does so at errors. Not our read-only
    root: only the box's own file system is looked at."""
    with suppress(OSError):
        with (root / "proc/self/mountinfo").open("rb") as file:
            table = file.read(MAX_TABLE).decode("utf-8", "replace")
        for line in table.splitlines():
            fields, _, rest = line.partition(" - ")
            parts, behind = fields.split(" "), rest.split(" ")
            if len(parts) > 5 and parts[2] == numbers and len(behind) > 2:
                return "ro" in behind[2].split(",")
    return False


def _free(folder: Path) -> int | None:
    with suppress(OSError):
        return free_space(folder)
    return None


def _sectors(partition: Path) -> int | None:
    sectors = _number(partition / "size")
    return None if sectors is None else sectors * 512


def _worn(file: Path) -> int | None:
    """An eMMC tells in tenths how much of its life is gone (JEDEC, DEVICE_LIFE_TIME_EST)."""
    with suppress(ValueError):
        tenths = max((int(word, 16) for word in _text(file).split()[:2]), default=0)
        return min(100, 10 * tenths) if tenths > 0 else None
    return None


def _folders(folder: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(folder.iterdir())[:64]
    return []


def _text(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError), path.open("rb") as file:
        return file.read(4096).decode("ascii").strip()
    return ""


def _number(path: Path) -> int | None:
    with suppress(ValueError):
        return int(_text(path))
    return None
