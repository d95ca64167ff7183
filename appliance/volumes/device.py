"""A block device as udev describes it, and what happened to it. Pure."""

import re
from dataclasses import dataclass
from enum import StrEnum

MAX_LABEL = 40
"""Characters of a label that anybody is shown."""
_ESCAPED = re.compile(rb"\\x([0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True)
class Device:
    """A disk or one of its partitions; texts as udev gives them, empty if it has none."""

    name: str
    """The kernel's name (``sdb1``)."""
    node: str
    """``/dev/sdb1``."""
    disk: str
    """Name of the disk it is on; its own if it is a disk."""
    bus: str = ""
    """``usb``, ``mmc`` (a card, not one soldered in), or what udev says else."""
    is_removable: bool = False
    size: int = 0
    """Bytes; 0: a reader without a card."""
    table: str = ""
    """Kind of the partition table (``dos``, ``gpt``)."""
    partitions: int = 0
    """How many its disk has."""
    fs_type: str = ""
    """``vfat``, ``exfat``, ``BitLocker`` …, as libblkid names them."""
    label: str = ""
    """For people; see ``readable``."""
    uuid: str = ""
    sequence: str = ""
    """The kernel's number of the medium: another one, another medium in the same reader."""

    @property
    def is_disk(self) -> bool:
        """True for a whole disk."""
        return self.name == self.disk

    @property
    def identity(self) -> tuple[object, ...]:
        """What tells this medium from the next one in the same place."""
        return self.name, self.sequence, self.size, self.fs_type, self.uuid

    @property
    def keepsake(self) -> str:
        """What tells this medium when it comes back, in whatever place; empty: nothing does."""
        return f"{self.fs_type}:{self.uuid}:{self.size}" if self.uuid else ""


class Happened(StrEnum):
    """What became of a device."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened; after ``REMOVED`` only the device's name still means anything."""

    happened: Happened
    device: Device


def readable(encoded: str) -> str:
    """A label for people from udev's ``ID_FS_LABEL_ENC``, whatever computer wrote it.

    ``\\xHH`` stands for a byte. A FAT label is in the code page of the computer that gave it: if it
    is no UTF-8 it is taken for GB 18030 (what Chinese Windows writes), else for Latin-1. Characters
    that would turn, hide or break the line it stands in are left out.
    """
    raw = _ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), encoded.encode(errors="replace"))
    text = _decoded(raw.split(b"\0", 1)[0])
    return "".join(one for one in text if one.isprintable()).strip()[:MAX_LABEL]


def _decoded(raw: bytes) -> str:
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")
