"""What is plugged in, and which of it may be written: from lsblk and sysfs to a list for people.

Looking is apart from deciding. The rule: only USB, SD cards and removable media, and never a disk
of which anything is mounted, swapped to, part of LVM, RAID, ZFS or the like, or under our own root.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.volumes.disks import own_disks
from sync.errors import KexiaError
from sync.run import run

SYS = Path("/sys/class/block")
COLUMNS = (
    "NAME,KNAME,PATH,TYPE,SIZE,RM,RO,TRAN,VENDOR,MODEL,SERIAL,FSTYPE,LABEL,PARTLABEL,MOUNTPOINTS"
)
PART_OF_MORE = {
    "LVM2_member": "LVM",
    "linux_raid_member": "RAID",
    "ddf_raid_member": "RAID",
    "isw_raid_member": "RAID",
    "zfs_member": "ZFS",
    "bcache": "bcache",
    "ceph_bluestore": "Ceph",
    "drbd": "DRBD",
}
LARGE = 300 * 10**9
"""Bytes above which a USB disk is hardly a card: it is shown with a warning."""
_LONGEST = 2**22
_DEEP = 8
_UNSAFE = re.compile(r"[^\w.+@:-]+")


@dataclass(frozen=True, slots=True)
class Part:
    """A partition, or what was built upon one."""

    name: str
    kind: str
    """``part``, ``lvm``, ``crypt``, ``raid1`` …, as lsblk calls it."""
    size: int
    fs_type: str = ""
    label: str = ""
    mounts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Disk:
    """A whole disk, as it was when somebody looked."""

    node: Path
    size: int
    """Bytes; 0: a reader without a card."""
    kind: str = "disk"
    """``disk``, ``loop`` or ``rom``."""
    bus: str = ""
    """``usb``, ``sd`` (a card), ``mmc`` (soldered in), ``sata``, ``nvme`` …; empty: unknown."""
    model: str = ""
    serial: str = ""
    is_removable: bool = False
    is_read_only: bool = False
    fs_type: str = ""
    """Of a disk without partitions."""
    label: str = ""
    mounts: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    sequence: str = ""
    """The kernel's number of the medium: another one, another medium in the same place."""

    @property
    def name(self) -> str:
        """The kernel's name (``sdb``)."""
        return self.node.name

    @property
    def word(self) -> str:
        """What a script says to mean this medium and no other: its serial, else name and size."""
        return _UNSAFE.sub("_", self.serial) or f"{self.name}-{self.size}"

    @property
    def is_large(self) -> bool:
        """True for what is hardly a card, but somebody's backup disk."""
        return self.size > LARGE

    @property
    def holds(self) -> tuple[str, ...]:
        """What is on it, a few words for each partition (``vfat KEXIA``)."""
        whole = Part(self.name, "disk", self.size, self.fs_type, self.label)
        shown = [one for one in (whole, *self.parts) if one.fs_type or one.label]
        return tuple(" ".join(filter(None, (one.fs_type, one.label))) for one in shown)


def why_not(disk: Disk, own: frozenset[str]) -> str:
    """Why ``disk`` is never written; empty if it may be. ``own``: disks this machine lives on."""
    if disk.name in own:
        return "this computer runs from it"
    if reason := _in_use(disk):
        return reason
    if disk.is_read_only:
        return "write-protected"
    if disk.kind == "loop":
        return ""  # a file; it is never listed, only written when it is named
    if disk.kind != "disk" or disk.bus == "mmc":
        return "no card and no stick"
    if disk.bus not in ("usb", "sd") and not disk.is_removable:
        return "built in: only cards, sticks and USB disks are written"
    return "" if disk.size else "no card in it"


def _in_use(disk: Disk) -> str:
    whole = Part(disk.name, "part", disk.size, disk.fs_type, mounts=disk.mounts)
    for part in (whole, *disk.parts):
        if part.mounts:
            return f"{part.name} is in use at {part.mounts[0]}"
        if part.fs_type in PART_OF_MORE:
            return f"{part.name} is part of {PART_OF_MORE[part.fs_type]}"
        if part.kind != "part":
            return f"{part.name} is built upon it"
    return ""


def offered(disks: Iterable[Disk], own: frozenset[str]) -> tuple[Disk, ...]:
    """Those that may be written without being named: no loop devices."""
    return tuple(one for one in disks if one.kind != "loop" and not why_not(one, own))


def look(sys: Path = SYS) -> tuple[Disk, ...]:
    """Every disk of this machine; raises UsageError without lsblk."""
    told = run(["lsblk", "--json", "--bytes", "--output", COLUMNS], timeout=60, stdin=b"")
    return tuple(with_sysfs(disk, sys) for disk in parse(told.stdout))


def living_on() -> frozenset[str]:
    """Names of the disks this machine runs from."""
    return own_disks(Path("/nonexistent"))


def parse(answer: bytes) -> tuple[Disk, ...]:
    """lsblk's JSON; raises KexiaError for anything else."""
    try:
        listed = json.loads(answer[:_LONGEST])["blockdevices"]
        return tuple(_disk(one) for one in listed if one["type"] in ("disk", "loop"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise KexiaError("lsblk says something unknown", hint="update util-linux") from error


def with_sysfs(disk: Disk, sys: Path = SYS) -> Disk:
    """What only sysfs tells: the medium's number, a card's kind and serial, a stick's serial."""
    folder = sys / disk.name
    read = _reader(folder)
    bus, serial = disk.bus, disk.serial
    if disk.name.startswith("mmcblk"):
        bus = "sd" if read("device/type") == "SD" else "mmc"
        serial = serial or read("device/serial")
    if bus == "usb" and not serial:
        serial = _usb_serial(folder)
    model = disk.model or read("device/name")
    return replace(disk, bus=bus, serial=serial, model=model, sequence=read("diskseq"))


def _reader(folder: Path) -> Callable[[str], str]:
    def read(name: str) -> str:
        try:
            return _clean((folder / name).read_text(errors="replace")[:200])
        except OSError:
            return ""

    return read


def _usb_serial(folder: Path) -> str:
    """The serial of the USB device that ``folder`` in sysfs belongs to."""
    above = folder.resolve()
    for _ in range(2 * _DEEP):
        if (above / "idVendor").exists():
            return _reader(above)("serial")
        above = above.parent
    return ""


def _disk(told: Mapping[str, object]) -> Disk:
    vendor, model = _text(told, "vendor"), _text(told, "model")
    return Disk(
        node=Path(_text(told, "path")),
        size=_count(told, "size"),
        kind=_text(told, "type"),
        bus=_text(told, "tran"),
        model=f"{vendor} {model}".strip(),
        serial=_text(told, "serial"),
        is_removable=told.get("rm") is True,
        is_read_only=told.get("ro") is True,
        fs_type=_text(told, "fstype"),
        label=_text(told, "label"),
        mounts=_mounts(told),
        parts=_parts(told, _DEEP),
    )


def _parts(told: Mapping[str, object], depth: int) -> tuple[Part, ...]:
    """All that is built upon a disk, in a row."""
    children = told.get("children") or []
    if not isinstance(children, list) or not depth:
        return ()
    found: list[Part] = []
    for one in children:
        label = _text(one, "label") or _text(one, "partlabel")
        part = Part(
            _text(one, "name"),
            _text(one, "type"),
            _count(one, "size"),
            _text(one, "fstype"),
            label,
            _mounts(one),
        )
        found += [part, *_parts(one, depth - 1)]
    return tuple(found)


def _mounts(told: Mapping[str, object]) -> tuple[str, ...]:
    places = told.get("mountpoints") or []
    return tuple(_clean(str(one)) for one in places if one) if isinstance(places, list) else ()


def _text(told: Mapping[str, object], name: str) -> str:
    return _clean(str(told.get(name) or ""))


def _count(told: Mapping[str, object], name: str) -> int:
    value = told.get(name)
    return value if isinstance(value, int) and value >= 0 else 0


def _clean(text: str) -> str:
    """For people, on one line: what is on a stick was written by strangers."""
    return "".join(one for one in text if one.isprintable()).strip()[:120]
