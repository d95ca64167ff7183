"""The board: what is said of every stick, in one file for the pages and in the lamps."""

import os
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from appliance import sticks
from appliance.sticks import Phase, Stick, Sticks, Word
from appliance.volumes.device import Device
from appliance.volumes.leds import Leds, pattern
from sync.files import make_folder, write_whole

_ASIDE = frozenset(
    {Word.NOT_OURS, Word.NO_FILE_SYSTEM, Word.NTFS, Word.EXT4, Word.UNKNOWN_TYPE, Word.BITLOCKER}
)
"""Said of one part of a stick only if no other part of it has lessons."""


@dataclass(frozen=True, slots=True)
class _Entry:
    disk: str
    keepsake: str
    stick: Stick
    is_there: bool = True


class Board:
    """Any thread writes on it; ``show`` brings it to the file and the lamps, when it changed."""

    def __init__(self, path: Path, leds: Leds) -> None:
        self._path, self._leds = path, leds
        self._entries: dict[str, _Entry] = {}
        self._lock = threading.Lock()
        self._shown: bytes | None = None

    def put(self, device: Device, stick: Stick) -> None:
        """Say something of a device that is there; what was said of it before is forgotten."""
        with self._lock:
            self._forget_missing(device)
            self._entries[device.name] = _Entry(device.disk, device.keepsake, stick)

    def missing(self, device: Device, word: Word) -> None:
        """It was pulled out too early: that stays until it comes back, or another is done."""
        with self._lock:
            entry = self._entries.get(device.name)
            if entry is not None:
                stick = replace(entry.stick, phase=Phase.PROBLEM, word=word, seconds_left=None)
                self._entries[device.name] = replace(entry, stick=stick, is_there=False)

    def drop(self, device: Device) -> None:
        """It was taken out, and nothing is left to say."""
        with self._lock:
            self._entries.pop(device.name, None)

    def said(self, device: Device) -> Stick | None:
        """What is said of it now."""
        with self._lock:
            entry = self._entries.get(device.name)
            return entry.stick if entry else None

    def show(self) -> None:
        """Write the file if something changed. Raises KexiaError if the box's disk fails; the lamps
        show it all the same.
        """
        with self._lock:
            shown = tuple(self._worth_saying())
        data = sticks.encode(Sticks(os.getpid(), shown))
        if data == self._shown:
            return
        self._leds.show(pattern(stick.phase for stick in shown))
        make_folder(self._path.parent)
        write_whole(self._path, data)
        self._shown = data

    def _worth_saying(self) -> list[Stick]:
        ours = {one.disk for one in self._entries.values() if one.stick.word not in _ASIDE}
        return [
            one.stick
            for one in self._entries.values()
            if one.stick.word not in _ASIDE or one.disk not in ours
        ]

    def _forget_missing(self, device: Device) -> None:
        """Of sticks that were pulled: this one is back, or others are plugged in instead."""
        gone = [
            name
            for name, one in self._entries.items()
            if not one.is_there and device.keepsake in ("", one.keepsake)
        ]
        too_many = [name for name, one in self._entries.items() if not one.is_there][:-4]
        for name in {*gone, *too_many}:
            del self._entries[name]
