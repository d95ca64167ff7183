"""Mounting: the device set read-only, the file system where nothing on it can do anything.

The one place that needs root. Everything that touches the device has a time limit, because a dying
stick answers late or never; what does not come back is left behind.
"""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from appliance.sticks import Word
from appliance.volumes.decide import Open
from appliance.volumes.device import Device
from appliance.volumes.disks import mounted
from appliance.volumes.soundness import HEAD, is_clean, second_entry
from sync import run
from sync.errors import KexiaError, MediumFailing

MOUNT_SECONDS = 60.0
"""A slow stick with a large file system needs some ten."""
UNMOUNT_SECONDS = 30.0
_BLKROSET, _BLKROGET = 0x125D, 0x125E
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
_NOT_IN_KERNEL = "unknown filesystem type"


class NotMounted(KexiaError):
    """A medium that could not be opened; ``word`` says to people why."""

    exit_code = MediumFailing.exit_code

    def __init__(self, word: Word, fact: str) -> None:
        super().__init__(fact)
        self.word = word


class Mounts:
    """Where this process mounts: a folder of its own each time, so that no two media share one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)

    @property
    def may(self) -> bool:
        """True if this process has the right."""
        return os.geteuid() == 0

    def mount(self, device: Device, how: Open) -> Path:
        """Open it for reading; raises NotMounted."""
        self._set_read_only(device, on=True)
        return self._mount(device, how)

    def mount_for_writing(self, device: Device, how: Open) -> Path:
        """Open it for the way back, after ``unmount``; raises NotMounted."""
        self._set_read_only(device, on=False)
        return self._mount(device, how.for_writing)

    def is_protected(self, device: Device) -> bool:
        """True if the medium itself says that it must not be written (a switch, a worn-out card).

        What a process before us set is taken back first; asked before ``mount``, not while it is
        mounted.
        """
        self._set_read_only(device, on=False)
        with _opened(device) as descriptor:
            answer = fcntl.ioctl(descriptor, _BLKROGET, struct.pack("i", 0))
        return bool(struct.unpack("i", answer)[0])

    def is_clean(self, device: Device, how: Open) -> bool:
        """True if the file system was ejected by whoever wrote it last."""
        with _opened(device) as descriptor:
            head = os.pread(descriptor, HEAD, 0)
            place = second_entry(how.fs_type, head)
            entries = b"" if place is None else os.pread(descriptor, 8, place)
        return is_clean(how.fs_type, head, entries)

    def unmount(self, place: Path) -> None:
        """Let a medium go, everything written; raises NotMounted if that does not end in time."""
        self._unmount(place, "-i")

    def let_go(self, place: Path) -> None:
        """Of a medium that is gone: never waits for it, never fails."""
        with suppress(NotMounted):
            self._unmount(place, "-i", "-l")

    def clean_up(self) -> int:
        """Let go of what a killed process left; how many."""
        stale = [one.place for one in mounted() if one.place.parent == self._folder]
        for place in stale:
            self.let_go(place)
        return len(stale)

    def _set_read_only(self, device: Device, *, on: bool) -> None:
        with _opened(device) as descriptor:
            fcntl.ioctl(descriptor, _BLKROSET, struct.pack("i", on))

    def _mount(self, device: Device, how: Open) -> Path:
        place = self._folder / f"{device.name}-{next(self._numbers)}"
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise NotMounted(Word.FAULT, f"{place}: {error.strerror}") from error
        if place.is_symlink() or self._folder.is_symlink():
            raise NotMounted(Word.FAULT, f"{place}: a link stands where the medium goes")
        options = ",".join(how.options)
        # -i: no helper program of a file system is started; -c: the paths are ours as they are
        self._do("mount", "-i", "-c", "-t", how.fs_type, "-o", options, device.node, str(place))
        return place

    def _unmount(self, place: Path, *options: str) -> None:
        if any(one.place == place for one in mounted()):
            self._do("umount", *options, str(place))
        with suppress(OSError):
            place.rmdir()

    def _do(self, *arguments: str) -> None:
        limit = MOUNT_SECONDS if arguments[0] == "mount" else UNMOUNT_SECONDS
        try:
            done = run.attempt(arguments, timeout=limit, environment=_ENVIRONMENT)
        except run.TookTooLong as error:
            raise NotMounted(Word.SLOW, error.fact) from error
        if done.code:
            said = " ".join(done.stderr.decode(errors="replace").split())[:300]
            known = _NOT_IN_KERNEL in said
            raise NotMounted(Word.NOT_IN_KERNEL if known else Word.CANNOT_MOUNT, said)


@contextmanager
def _opened(device: Device) -> Iterator[int]:
    """The device's descriptor for as long as the block runs; raises NotMounted."""
    try:
        descriptor = os.open(device.node, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
    except OSError as error:
        raise NotMounted(Word.CANNOT_MOUNT, f"{device.node}: {error.strerror}") from error
