"""What the kernel says in its log of low voltage and of a disk's errors. Pure."""

import re
from collections.abc import Iterable

MAX_LINES = 20_000
_LOW = re.compile(r"hwmon.*(?:Under-?voltage|Undervoltage) detected", re.IGNORECASE)
_DISK = "|".join(
    (
        r"I/O error, dev {disk}\b",
        r"Buffer I/O error on dev {disk}(?:p?\d+)?\b",
        r"EXT4-fs error \(device {disk}(?:p?\d+)?\)",
        r"{disk}: .*(?:error|timed out|timeout) ",
        r"{disk}: error ",
    )
)


def has_low_voltage(lines: Iterable[str]) -> bool:
    """Whether power was too low since start."""
    return any(_LOW.search(line) for line in lines)


def count_faults(lines: Iterable[str], disk: str) -> int:
    """Lines about errors of ``disk`` (``mmcblk0``, ``sda``) or a partition of it."""
    if not disk:
        return 0
    pattern = re.compile(_DISK.format(disk=re.escape(disk)))
    return sum(1 for line in lines if pattern.search(line))
