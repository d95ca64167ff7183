"""Where a box's CPU goes: ``python -m tests.bench.delta.spent office`` prints a table of phases.

Each step's sync runs some times in processes of its own, the doors between the phases replaced by
ones that look at the process's CPU clock; the least of each phase counts, as neighbours only add.
"""

import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sync.run import run
from tests.bench.delta.ours import ROOT, Desk, copy_box
from tests.bench.delta.series import Series, read_series

RUNS = 3
START, REST, TOTAL = "start", "rest", "all"
FUNCTIONS = {
    "trust": ["appliance.update.sync:_Round._hear", "appliance.update.sync:mend"],
    "plan": [
        "sync.carry:fetch_wanted",
        "sync.carry:Carrier._plan",
        "appliance.update.sync:compose",
    ],
    "prefix": ["sync.context:Contexts._joined", "sync.context:Prefix"],
    "zstd": ["sync.context:decode_group"],
    "hash, write": [
        "sync.apply:prove",
        "sync.context:prove",
        "sync.library:_Writing.write",
        "sync.library:_Writing.finish",
    ],
    "files": ["sync.files:create_partial", "sync.files:name_durably"],
    "other of apply": ["sync.carry:apply"],
    "catalogue": ["appliance.update.build:ingest", "appliance.update.build:_edition"],
    "index": ["appliance.update.build:bring_index"],
    "generation": [
        "appliance.update.build:begin",
        "appliance.update.build:commit",
        "appliance.update.build:_write_trust",
        "appliance.update.sync:tidy",
    ],
}
GENERATORS = {"deflate": ["sync.apply:deflate"], "copies": ["sync.context:Contexts.read"]}
PHASES = (START, *FUNCTIONS, *GENERATORS, REST, TOTAL)
Spent = dict[str, float]


class Clock:
    """Seconds of CPU by phase; an inner phase's are not its outer one's."""

    def __init__(self, now: Callable[[], float] = time.process_time) -> None:
        self.spent: Spent = defaultdict(float)
        self._now = now
        self._phases = [REST]
        self._last = now()
        self.spent[START] = self._last

    def enter(self, phase: str) -> None:
        """From now on it is this phase's."""
        self._count()
        self._phases.append(phase)

    def leave(self) -> None:
        """Back to the outer phase."""
        self._count()
        self._phases.pop()

    def _count(self) -> None:
        now = self._now()
        self.spent[self._phases[-1]] += now - self._last
        self._last = now


def watched(clock: Clock, phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` within ``phase``."""

    def within(*words: Any, **named: Any) -> Any:
        clock.enter(phase)
        try:
            return function(*words, **named)
        finally:
            clock.leave()

    return within


def stepwise(clock: Clock, phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The generator ``function``, each step of it within ``phase``."""

    def within(*words: Any, **named: Any) -> Iterator[Any]:
        blocks = iter(function(*words, **named))
        step = watched(clock, phase, lambda: next(blocks, None))
        while (block := step()) is not None:
            yield block

    return within


def replace_doors(clock: Clock) -> None:
    """Put the clock at every door; a door that is gone is an AttributeError."""
    for how, doors in ((watched, FUNCTIONS), (stepwise, GENERATORS)):
        for phase, names in doors.items():
            for name in names:
                module, _, path = name.partition(":")
                *outer, last = path.split(".")
                home: Any = sys.modules[module]
                for part in outer:
                    home = getattr(home, part)
                setattr(home, last, how(clock, phase, getattr(home, last)))


def sync_watched(box: str) -> None:
    """In a process of its own: one sync; says what was spent."""
    import appliance.box.works  # noqa: F401 - what a start loads
    from appliance.cli import main

    clock = Clock()
    replace_doors(clock)
    sys.argv = ["kexia", "box", "sync", box, "--json"]
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
    clock.enter(TOTAL)
    sys.stdout.write(json.dumps({**clock.spent, TOTAL: time.process_time()}) + "\n")


def measure(series: Series, work: Path) -> Iterator[tuple[str, Spent]]:
    """Each step's least CPU by phase, of ``RUNS`` syncs of copies of the same box."""
    with Desk.open(work / "desk") as desk:
        box = desk.new_box(work / "box")
        for number, version in enumerate(series.versions, start=1):
            desk.publish(version)
            if number > 1:
                every = [_once(copy_box(box, work / "copy")) for _ in range(RUNS)]
                least = {phase: min(one.get(phase, 0.0) for one in every) for phase in PHASES}
                yield f"{series.name} v{number - 1}→v{number}", least
            desk.sync(box)


def _once(box: Path) -> Spent:
    environment = {
        key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"
    }
    words: list[str | Path] = [sys.executable, "-m", "tests.bench.delta.spent", "--sync", box]
    told = run(words, timeout=600, environment=environment).stdout
    spent: Spent = json.loads(told.decode().splitlines()[-1])
    return spent


def main() -> None:
    """The table, step by step, in milliseconds."""
    if sys.argv[1:2] == ["--sync"]:
        sync_watched(sys.argv[2])
        return
    sys.stdout.write(f"| CPU ms | {' | '.join(PHASES)} |\n|{' --- |' * (len(PHASES) + 1)}\n")
    for name in sys.argv[1:]:
        with TemporaryDirectory() as work:
            for step, spent in measure(
                read_series(ROOT / ".bench/delta/series" / name), Path(work)
            ):
                row = " | ".join(f"{1000 * spent[phase]:.0f}" for phase in PHASES)
                sys.stdout.write(f"| {step} | {row} |\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
