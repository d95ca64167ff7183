"""Slots for sticks where nothing can be mounted: folders stand for media, all else is real.

What is mounted is a copy beside; letting go takes it from whoever reads, as a lazy unmount does.
"""

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from appliance.sticks import Word
from appliance.volumes.decide import Open
from appliance.volumes.device import Change, Device, Happened
from appliance.volumes.mount import NotMounted

FAT = {"fs_type": "vfat", "uuid": "1234-ABCD"}


def stick_device(name: str = "sdb1", **more: object) -> Device:
    """A FAT partition of a USB stick."""
    values = {**FAT, "label": "教学U盘", **more}
    return Device(
        name,
        f"/dev/{name}",
        name[:3],
        "usb",
        size=2**30,
        partitions=1,
        **values,  # type: ignore[arg-type]
    )


@dataclass
class Slots:
    """An opener: media are folders, by the device's name."""

    folder: Path
    media: dict[str, Path] = field(default_factory=dict)
    dirty: set[str] = field(default_factory=set)
    protected: set[str] = field(default_factory=set)
    refusing: dict[str, NotMounted] = field(default_factory=dict)
    mounted: dict[Path, tuple[str, bool]] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    stays_dirty: bool = False
    """Letting go does not reach the medium any more."""
    busy: bool = False
    """Somebody keeps a file open whenever it is unmounted after reading."""
    hold: threading.Event | None = None
    """A mount waits for it, as for a stick that does not answer."""
    on_write: Callable[[Path], None] = lambda _: None

    def is_protected(self, device: Device) -> bool:
        return device.name in self.protected

    def is_clean(self, device: Device, _how: Open) -> bool:
        return device.name not in self.dirty

    def mount(self, device: Device, _how: Open) -> Path:
        if self.hold is not None:
            self.hold.wait(30)
        return self._mount(device, writable=False)

    def mount_for_writing(self, device: Device, _how: Open) -> Path:
        self.dirty.add(device.name)
        place = self._mount(device, writable=True)
        self.on_write(place)
        return place

    def unmount(self, place: Path) -> None:
        if self.busy and not self.mounted[place][1]:
            raise NotMounted(Word.CANNOT_MOUNT, "target is busy")
        name, writable = self.mounted.pop(place)
        self.log.append(f"unmount {name}")
        if writable:
            shutil.rmtree(self.media[name])
            shutil.copytree(place, self.media[name], symlinks=True)
            if not self.stays_dirty:
                self.dirty.discard(name)
        shutil.rmtree(place)

    def let_go(self, place: Path) -> None:
        if self.mounted.pop(place, None):
            self.log.append("let go")
            shutil.rmtree(place)

    def _mount(self, device: Device, *, writable: bool) -> Path:
        if device.name in self.refusing:
            raise self.refusing[device.name]
        place = self.folder / f"{device.name}-{len(self.log)}"
        shutil.copytree(self.media[device.name], place)
        self.mounted[place] = device.name, writable
        self.log.append(f"mount {device.name} {'rw' if writable else 'ro'}")
        return place


class Hands:
    """Events that a test makes: what the monitor would tell."""

    def __init__(self) -> None:
        self._waiting: list[Change] = []
        self._lock = threading.Condition()

    def changes(self, seconds: float) -> list[Change]:
        with self._lock:
            self._lock.wait_for(lambda: bool(self._waiting), min(seconds, 0.05))
            told, self._waiting = self._waiting, []
            return told

    def plug(self, *devices: Device) -> None:
        self._tell(*(Change(Happened.ADDED, device) for device in devices))

    def change(self, device: Device) -> None:
        self._tell(Change(Happened.CHANGED, device))

    def pull(self, *devices: Device) -> None:
        self._tell(*(Change(Happened.REMOVED, device) for device in devices))

    def _tell(self, *changes: Change) -> None:
        with self._lock:
            self._waiting += changes
            self._lock.notify()
