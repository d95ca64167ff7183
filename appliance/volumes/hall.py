"""The hall: everything that is plugged in, each medium attended to by a thread of its own."""

import logging
import os
import threading
from dataclasses import replace
from typing import Protocol

from appliance.sticks import Phase, Stick, Word
from appliance.volumes.attend import Attendance, Tools
from appliance.volumes.decide import Ignore, Open, decide
from appliance.volumes.device import Change, Device, Happened
from sync.errors import KexiaError

BUSY, IDLE = 0.25, 2.0
"""Seconds between two looks at the board while something happens, and else."""
MAX_VISITS = 16
"""Media that are attended to at once; others are looked at when one of them is taken out."""
LAST_WORDS = 10.0
"""Seconds a write may take when the box ends."""
_LOG = logging.getLogger("kexia.volumes")


class Events(Protocol):
    """Where changes come from: ``monitor.Monitor``."""

    def changes(self, seconds: float) -> list[Change]:
        """What happened; waits so long at most."""
        ...


class Hall:
    """Sees media come and go until it is told to stop."""

    def __init__(
        self, events: Events, tools: Tools, types: tuple[str, ...], own_disks: frozenset[str]
    ) -> None:
        self._events, self._tools = events, tools
        self._types, self._own_disks = types, own_disks
        self._visits: dict[str, Attendance] = {}
        self._waiting: dict[str, Device] = {}
        self._trouble = ""

    def run(self, stop: threading.Event) -> None:
        """Until ``stop`` is set; then every medium is let go."""
        try:
            while not stop.is_set():
                self._show()
                for change in self._events.changes(BUSY if self._visits else IDLE):
                    self._note(change)
                for visit in self._visits.values():
                    visit.say_if_late()
                self._admit()
        finally:
            for visit in self._visits.values():
                visit.end(LAST_WORDS)

    def _show(self) -> None:
        """A disk of the box's own that is full or failing must not end the visits; said once."""
        try:
            self._tools.board.show()
            self._trouble = ""
        except KexiaError as error:
            if error.fact != self._trouble:
                _LOG.error("what is plugged in cannot be told: %s", error.fact)
            self._trouble = error.fact

    def _note(self, change: Change) -> None:
        name = change.device.name
        known = self._visits.get(name)
        if change.happened is Happened.REMOVED:
            self._leave(change.device)
        elif known is None or known.device.identity != change.device.identity:
            self._leave(change.device)
            self._meet(change.device)

    def _leave(self, device: Device) -> None:
        self._waiting.pop(device.name, None)
        visit = self._visits.pop(device.name, None)
        if visit is not None:
            _LOG.info("%s is gone", device.name)
            visit.pulled()
        else:
            self._tools.board.drop(device)

    def _meet(self, device: Device) -> None:
        decision = decide(device, self._types, self._own_disks)
        if isinstance(decision, Ignore):
            _LOG.info("%s: %s", device.name, decision.why)
            return
        self._forget_the_empty_disk(device)
        if isinstance(decision, Open):
            self._open(device, decision)
        else:
            _LOG.info("%s: refused: %s", device.name, decision.detail)
            self._refuse(device, decision.word, decision.detail)

    def _forget_the_empty_disk(self, device: Device) -> None:
        """A partition that comes after its disk was looked at: the disk is not empty after all."""
        if not device.is_disk and device.disk not in self._visits:
            self._tools.board.drop(replace(device, name=device.disk))

    def _open(self, device: Device, how: Open) -> None:
        if os.geteuid() != 0:
            self._refuse(device, Word.NO_RIGHT, "this process is not root and cannot mount")
        elif len(self._visits) >= MAX_VISITS:
            self._waiting[device.name] = device
            stick = Stick(device.name, Phase.WAITING, Word.WAITING, device.label)
            self._tools.board.put(device, stick)
        else:
            _LOG.info("%s: %s, looked at", device.name, how.fs_type)
            self._visits[device.name] = visit = Attendance(device, how, self._tools)
            visit.start()

    def _admit(self) -> None:
        """Whoever waited, as soon as there is a place."""
        while self._waiting and len(self._visits) < MAX_VISITS:
            self._meet(self._waiting.pop(next(iter(self._waiting))))

    def _refuse(self, device: Device, word: Word, detail: str) -> None:
        stick = Stick(device.name, Phase.PROBLEM, word, device.label, detail=detail)
        self._tools.board.put(device, stick)
