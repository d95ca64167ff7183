"""What to do with a device that turned up: open it how, refuse it why, or leave it alone. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from appliance.sticks import Word
from appliance.volumes.device import Device

MAX_PARTITIONS = 8
"""More than anybody's stick has; a table of thousands would keep the box busy for an hour."""
_SAFE = ("ro", "nosuid", "nodev", "noexec", "noatime")
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "vfat": ("utf8", "umask=0022"),
    "exfat": ("iocharset=utf8", "umask=0022"),
    "ext4": ("noload",),
    "ntfs3": ("iocharset=utf8", "umask=0022"),
}
"""Beside ``_SAFE``; ``noload``: a journal that a stranger wrote is not replayed."""
_OTHER_MEDIA = ("sr", "fd")
_KERNEL_NAMES = {"ntfs": "ntfs3", "ext2": "ext4", "ext3": "ext4"}
_REFUSED = {
    "BitLocker": Word.BITLOCKER,
    "crypto_LUKS": Word.ENCRYPTED,
    "apfs": Word.UNKNOWN_TYPE,
    "ntfs3": Word.NTFS,
    "ext4": Word.EXT4,
}


@dataclass(frozen=True, slots=True)
class Open:
    """Mount it so."""

    fs_type: str
    """The kernel's name of the file system."""
    options: tuple[str, ...]

    @property
    def for_writing(self) -> "Open":
        """The same for the way back: written to, and nothing else allowed. A journal is played."""
        kept = (one for one in self.options if one not in ("ro", "noload"))
        return Open(self.fs_type, ("rw", *kept))


@dataclass(frozen=True, slots=True)
class Refuse:
    """Do not touch it, and say why."""

    word: Word
    detail: str


@dataclass(frozen=True, slots=True)
class Ignore:
    """None of the box's business; nothing is said."""

    why: str


Decision = Open | Refuse | Ignore


def decide(device: Device, types: tuple[str, ...], own_disks: frozenset[str]) -> Decision:
    """What to do with ``device``; ``own_disks`` are those the machine itself lives on."""
    if device.disk in own_disks:
        return Ignore("the box itself is on this disk")
    if not (device.is_removable or device.bus in ("usb", "mmc")):
        return Ignore("neither USB nor a card")
    if device.name.startswith(_OTHER_MEDIA):
        return Ignore("a disc or a floppy")
    if not device.size:
        return Ignore("a reader without a card")
    if device.partitions > MAX_PARTITIONS:
        return _too_many(device)
    if device.is_disk and device.partitions:
        return Ignore("its partitions are looked at")
    return _by_type(device, types)


def _too_many(device: Device) -> Decision:
    """Said once, of the disk."""
    if not device.is_disk:
        return Ignore("one of too many partitions")
    detail = f"{device.partitions} partitions; at most {MAX_PARTITIONS}"
    return Refuse(Word.TOO_MANY_PARTITIONS, detail)


def _by_type(device: Device, types: tuple[str, ...]) -> Decision:
    if not device.fs_type:
        return _without_file_system(device)
    kernel_name = _KERNEL_NAMES.get(device.fs_type, device.fs_type)
    if kernel_name in types and kernel_name in _OPTIONS:
        return Open(kernel_name, (*_SAFE, *_OPTIONS[kernel_name]))
    word = _REFUSED.get(kernel_name, Word.UNKNOWN_TYPE)
    return Refuse(word, f"file system {device.fs_type[:40]}; allowed are {', '.join(types)}")


def _without_file_system(device: Device) -> Decision:
    if device.is_disk and not device.table:
        return Refuse(Word.NO_TABLE, "no partition table and no file system that is known")
    if device.is_disk:
        return Refuse(Word.NO_FILE_SYSTEM, f"a partition table ({device.table}) without partitions")
    return Refuse(Word.NO_FILE_SYSTEM, "a partition without a file system that is known")
