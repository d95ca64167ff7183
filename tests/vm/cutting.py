"""Power cuts at drawn moments: what a machine wrote in one run, and where in it the power goes.

A scene is run once and its writes are logged; each moment is a place in that log, and the card as
it was then is made anew for it. So moments fall on writes, whatever the machine's speed.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random

from tests.vm.disk import Disk
from tests.vm.writes import WriteLog


@dataclass(frozen=True)
class Moment:
    """When the power goes."""

    at: int
    """So many writes have been begun."""
    lost: int | None
    """The seed for which of those not flushed are lost; None: none is."""


@dataclass
class Scene:
    """One run of a machine: its card as it was before, what it wrote, and when what was seen."""

    card: Disk
    log: Path
    seen: list[tuple[str, int]] = field(default_factory=list)
    """What was seen from outside, and how long the log was then."""

    def saw(self, what: str) -> None:
        """Now."""
        self.seen.append((what, self.log.stat().st_size))

    def writes(self) -> WriteLog:
        """What it wrote."""
        return WriteLog.read(self.log)

    def when(self, what: str, log: WriteLog) -> int:
        """How many writes there were when it was first seen."""
        return log.reached(next(size for word, size in self.seen if word == what))

    def had_seen(self, moment: Moment, log: WriteLog) -> set[str]:
        """What had been seen when the power went."""
        return {what for what, size in self.seen if log.reached(size) <= moment.at}

    def told(self, moment: Moment, log: WriteLog) -> str:
        """A line for people."""
        last = log.writes[moment.at - 1]
        parts = self.card.partitions().items()
        inside = (
            f"{name}+{last.start - at}" for name, (at, size) in parts if last.touches(at, size)
        )
        place = next(inside, f"{last.start}")
        how = "what was not flushed lost" if moment.lost is not None else "nothing lost"
        since = [what for what, size in self.seen if log.reached(size) <= moment.at][-1:]
        return (
            f"write {moment.at} of {len(log.writes)}, {last.size} bytes at {place}, "
            f"{how}, since {''.join(since) or 'power on'}"
        )

    def between(self, log: WriteLog, begin: str, end: str, *, part: str = "") -> list[int]:
        """Moments just after each write (of one partition) between two things that were seen."""
        place = self.card.partition(part) if part else (0, self.card.path.stat().st_size)
        numbers = range(self.when(begin, log), self.when(end, log))
        return [number + 1 for number in numbers if log.writes[number].touches(*place)]

    def cut(self, moment: Moment, log: WriteLog, folder: Path) -> Disk:
        """The card as the cut left it, in a new file."""
        folder.mkdir(parents=True, exist_ok=True)
        card = self.card.copy(folder)
        lost = None if moment.lost is None else Random(moment.lost)
        log.rebuild(card.path, moment.at, lost=lost)
        return card


def draw(rng: Random, places: Sequence[int], count: int) -> list[Moment]:
    """``count`` moments, one from each of as many equal parts of ``places``.

    In every other one what was not flushed is lost.
    """
    bounds = [len(places) * part // count for part in range(count + 1)]
    assert len(places) >= count, f"only {len(places)} writes to cut at"
    return [
        Moment(rng.choice(places[low:high]), rng.getrandbits(32) if number % 2 else None)
        for number, (low, high) in enumerate(pairwise(bounds))
    ]


def numbers(count: int, whole: int) -> list[int]:
    """Which of a scene's ``count`` moments are run, of ``whole`` in all: with KEXIA_CUTS=n in the
    environment about n of them all, spread evenly; else each one.
    """
    wanted = int(os.environ.get("KEXIA_CUTS", whole))
    some = max(1, min(count, round(count * wanted / whole)))
    return sorted({count * (2 * part + 1) // (2 * some) for part in range(some)})
