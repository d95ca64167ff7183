"""A shift: content comes in for so many seconds, then what is whole is shown before more comes.

A long import would otherwise show its first lesson only after its last one. The seconds count
from the first byte, so that every shift brings some.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sync.errors import ShiftOver
from sync.transport.base import Transport


@dataclass
class Shift:
    """``seconds`` from the first byte on, by ``ticks``, which gives seconds that never go back."""

    seconds: float
    ticks: Callable[[], float]
    _ends: float | None = None

    @property
    def is_over(self) -> bool:
        """True once its time is up; it does not begin before something came."""
        return self._ends is not None and self.ticks() >= self._ends

    def came(self) -> None:
        """Something came: the time runs."""
        if self._ends is None:
            self._ends = self.ticks() + self.seconds


class Shifted:
    """Begins streams of ``inner`` as long as ``shift`` lasts; raises ShiftOver then.

    A stream that has begun comes to its end, as what is under way is paid for. Whole files are not
    counted: they are lists and short, and nothing goes on without them.
    """

    def __init__(self, inner: Transport, shift: Shift) -> None:
        self._inner = inner
        self._shift = shift

    @property
    def label(self) -> str:
        """The inner source's."""
        return self._inner.label

    def read(self, name: str, *, limit: int) -> bytes:
        """The whole file."""
        return self._inner.read(name, limit=limit)

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        """``length`` bytes from ``offset``."""
        if self._shift.is_over:
            raise ShiftOver(
                f"{self.label}: what came so far is shown first",
                hint="what came is kept; the sync goes on with it",
            )
        for block in self._inner.stream(name, offset=offset, length=length):
            self._shift.came()
            yield block
