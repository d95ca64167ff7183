"""The door to pyudev: block devices as they are, and what happens to them from then on.

However many events a device makes, it is told once, as it is now: a storm costs a dictionary of at
most ``MAX_DEVICES``. What the kernel could not queue is found by looking at everything again.
"""

import logging
from collections.abc import Iterator
from itertools import islice

import pyudev

from appliance.volumes.device import Change, Device, Happened, readable
from sync.errors import KexiaError

MAX_DEVICES = 256
"""Disks and partitions that are followed at once; what comes after is not seen."""
MAX_EVENTS = 4096
"""Events read before the caller gets its turn."""
_SECTOR = 512
_LOG = logging.getLogger("kexia.volumes")
_UNREADABLE = (KeyError, OSError, ValueError, UnicodeError, pyudev.DeviceNotFoundError)


class Monitor:
    """Follows all block devices from the moment it is made; raises KexiaError without libudev."""

    def __init__(self) -> None:
        try:
            self._context = pyudev.Context()
        except ImportError as error:
            raise KexiaError("libudev is missing", hint="apt install libudev1") from error
        self._monitor = pyudev.Monitor.from_netlink(self._context)
        self._monitor.filter_by("block")
        self._monitor.start()
        self._known: dict[str, Device] = {}
        self._found = self._look()
        """Changes that nobody has asked for yet; at the beginning all that is there."""

    def changes(self, seconds: float) -> list[Change]:
        """What happened since the last call; waits ``seconds`` at most for the first event."""
        found, self._found = self._found, []
        pending: dict[str, tuple[bool, Device | None]] = {}
        for number in range(MAX_EVENTS):
            wait = seconds if not number and not found else 0
            try:
                raw = self._monitor.poll(wait)
            except OSError as error:
                _LOG.warning("events were lost (%s): looking at all devices again", error)
                return [*found, *self._look()]
            if raw is None:
                break
            self._note(raw, pending)
        return [*found, *self._told(pending)]

    def _note(self, raw: pyudev.Device, pending: dict[str, tuple[bool, Device | None]]) -> None:
        name = raw.sys_name
        was_removed = pending.get(name, (False, None))[0]
        if raw.action == "remove":
            pending[name] = True, None
        elif (device := _device(raw)) is not None:
            pending[name] = was_removed, device

    def _told(self, pending: dict[str, tuple[bool, Device | None]]) -> Iterator[Change]:
        """At most two changes for each device: the old one is gone, this one is there."""
        for name, (was_removed, device) in pending.items():
            if was_removed and name in self._known:
                yield Change(Happened.REMOVED, self._known.pop(name))
            if device is not None:
                yield from self._seen(device)

    def _seen(self, device: Device) -> Iterator[Change]:
        known = self._known.get(device.name)
        if known is None and len(self._known) >= MAX_DEVICES:
            return
        if known != device:
            self._known[device.name] = device
            yield Change(Happened.CHANGED if known else Happened.ADDED, device)

    def _look(self) -> list[Change]:
        """Everything that is there now, against what is known; disks before their partitions."""
        listed = islice(self._context.list_devices(subsystem="block"), 4 * MAX_DEVICES)
        devices = [device for raw in listed if (device := _device(raw)) is not None]
        gone = [name for name in self._known if name not in {one.name for one in devices}]
        changes = [Change(Happened.REMOVED, self._known.pop(name)) for name in gone]
        for device in sorted(devices, key=lambda one: (one.disk, not one.is_disk, one.name)):
            changes.extend(self._seen(device))
        return changes


def _device(raw: pyudev.Device) -> Device | None:
    """As values; None for one that vanished while it was looked at."""
    try:
        return _read(raw)
    except _UNREADABLE as error:
        _LOG.info("%s: not looked at (%s)", raw.sys_name, error)
        return None


def _read(raw: pyudev.Device) -> Device | None:
    node, said = raw.device_node, raw.properties
    if node is None or raw.device_type not in ("disk", "partition"):
        return None
    disk = raw if raw.device_type == "disk" else raw.find_parent("block", "disk")
    if disk is None:
        return None
    return Device(
        name=raw.sys_name,
        node=node,
        disk=disk.sys_name,
        bus=_bus(disk),
        is_removable=_attribute(disk, "removable") == "1",
        size=int(_attribute(raw, "size") or 0) * _SECTOR,
        table=said.get("ID_PART_TABLE_TYPE", ""),
        partitions=_partitions(disk),
        fs_type=said.get("ID_FS_TYPE", ""),
        label=readable(said.get("ID_FS_LABEL_ENC", "") or said.get("ID_FS_LABEL", "")),
        uuid=said.get("ID_FS_UUID", ""),
        sequence=said.get("DISKSEQ", ""),
    )


def _bus(disk: pyudev.Device) -> str:
    if disk.find_parent("usb", "usb_device") is not None:
        return "usb"
    card = disk.find_parent("mmc")
    if card is not None:
        return "mmc" if _attribute(card, "type") == "SD" else "emmc"
    return str(disk.properties.get("ID_BUS", ""))


def _partitions(disk: pyudev.Device) -> int:
    """How many there are; counted only as far as it matters."""
    children = islice(disk.children, MAX_DEVICES)
    return sum(child.device_type == "partition" for child in children)


def _attribute(raw: pyudev.Device, name: str) -> str:
    value = raw.attributes.get(name, b"")
    return value.decode("ascii", errors="replace").strip() if isinstance(value, bytes) else ""
