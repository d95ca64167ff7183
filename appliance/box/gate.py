"""The gate: where every transfer waits while the class needs the line or the disk."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sync.errors import Incomplete
from sync.progress import Progress, Silent
from sync.transport.base import Transport


class Gate:
    """Open or closed by a word; whoever comes while it is closed waits, and says so."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self._shut = False
        self._told = _Resumable(Silent())

    @property
    def is_open(self) -> bool:
        """False while paused."""
        return self._open.is_set()

    def close(self) -> None:
        """Pause."""
        self._open.clear()

    def open(self) -> None:
        """Go on."""
        self._open.set()

    def shut(self) -> None:
        """For good: whoever passes or waits is sent home with Incomplete."""
        self._shut = True
        self._open.set()

    @contextmanager
    def telling(self, progress: Progress) -> Iterator[Progress]:
        """For one work: what to tell its progress to; a wait at the gate is a step ``paused``."""
        self._told = _Resumable(progress)
        try:
            yield self._told
        finally:
            self._told = _Resumable(Silent())

    def passing(self) -> None:
        """Wait until it is open; raises Incomplete once it is shut."""
        if not self._open.is_set():
            self._told.paused()
            self._open.wait()
            self._told.resumed()
        if self._shut:
            raise Incomplete("the update process ends", hint="what has arrived is kept; sync again")

    def wrap(self, inner: Transport) -> Transport:
        """``inner``, passing through this gate before each file and each block."""
        return _Gated(inner, self)


class _Resumable:
    """A work's progress that can say ``paused`` and then what is left of the step it was in."""

    def __init__(self, inner: Progress) -> None:
        self._inner = inner
        self._name, self._total, self._unit, self._done = "", 0, "B", 0

    def step(self, name: str, *, total: int = 0, unit: str = "B") -> None:
        self._name, self._total, self._unit, self._done = name, total, unit, 0
        self._inner.step(name, total=total, unit=unit)

    def advance(self, count: int) -> None:
        self._done += count
        self._inner.advance(count)

    def paused(self) -> None:
        self._inner.step("paused", unit="")

    def resumed(self) -> None:
        if self._name:
            rest = max(0, self._total - self._done)
            self.step(self._name, total=rest, unit=self._unit)


class _Gated:
    def __init__(self, inner: Transport, gate: Gate) -> None:
        self._inner = inner
        self._gate = gate

    @property
    def label(self) -> str:
        return self._inner.label

    def read(self, name: str, *, limit: int) -> bytes:
        self._gate.passing()
        return self._inner.read(name, limit=limit)

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        self._gate.passing()
        for block in self._inner.stream(name, offset=offset, length=length):
            yield block
            self._gate.passing()
