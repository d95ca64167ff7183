"""Several cards at once: each in its own thread, none the worse for another one's end."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from image_build.burner.burn import Burnt, Manner, burn
from image_build.burner.media import Disk
from image_build.partitions.content import Content
from sync.errors import KexiaError
from sync.files import disk_error
from sync.progress import Progress

MOST = 16
"""Cards at once: more than any hub of readers has."""


@dataclass(frozen=True, slots=True)
class Order:
    """One card and what comes onto it."""

    disk: Disk
    content: Content


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one card ended: burnt or with an error."""

    disk: Disk
    end: Burnt | KexiaError

    def value(self) -> dict[str, object]:
        """For JSON."""
        if isinstance(self.end, Burnt):
            return {**self.end.value(), "exit_code": 0}
        told = {"error": self.end.fact, "hint": self.end.hint, "exit_code": self.end.exit_code}
        return {"device": str(self.disk.node), "serial": self.disk.word, **told}


def burn_all(orders: Sequence[Order], manner: Manner, progress: Progress) -> tuple[Outcome, ...]:
    """Burn every card; the outcomes in the order of ``orders``."""
    if len(orders) == 1:
        return (_one(orders[0], manner, progress),)
    joined = Joined(progress, f"burn {len(orders)} cards", total=_work(orders))
    with ThreadPoolExecutor(max_workers=min(len(orders), MOST)) as pool:
        return tuple(pool.map(lambda order: _one(order, manner, joined), orders))


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """0, or that of the first card that failed."""
    ends = (one.end for one in outcomes)
    return next((end.exit_code for end in ends if isinstance(end, KexiaError)), 0)


class Joined:
    """One line of progress for the work of many threads."""

    def __init__(self, progress: Progress, name: str, *, total: int) -> None:
        self._progress, self._lock = progress, threading.Lock()
        progress.step(name, total=total)

    def step(self, name: str, *, total: int = 0, unit: str = "B") -> None:
        """The steps of single cards are not shown."""

    def advance(self, count: int) -> None:
        """``count`` more bytes on some card."""
        with self._lock:
            self._progress.advance(count)


def _work(orders: Sequence[Order]) -> int:
    """Bytes to write and to read back on all cards, to within a block for each."""
    return sum(2 * order.content.least for order in orders)


def _one(order: Order, manner: Manner, progress: Progress) -> Outcome:
    try:
        return Outcome(order.disk, burn(order.disk, order.content, manner, progress))
    except KexiaError as error:
        return Outcome(order.disk, error)
    except OSError as error:  # of this card or this computer's disk: the other cards' ends count
        return Outcome(order.disk, disk_error(order.disk.node, error))
