"""``make bench-delta``: every step of every series, for us and for the peers, in one run."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.delta import baselines, patches, wire
from tests.bench.delta.behind import behind, evolve
from tests.bench.delta.ours import Desk, copy_box, cpu
from tests.bench.delta.rows import OURS, Journal, Row
from tests.bench.delta.series import Series, build, names, read_series
from tests.bench.delta.step import Step, make_step
from tests.bench.delta.table import markdown, summary

ROOT = Path(__file__).parents[3]
STORE = ROOT / ".bench" / "delta"
MADE_FROM = "lab"
"""The series whose files make the one of 31 editions."""

LATE = ["curriculum", "office"]
"""Series that boxes come late to in a plain run; given folders all do."""

Tool = Callable[[Step, Path], tuple[int, int]]
TOOLS: dict[str, Tool] = {
    "rsync": wire.rsync,
    "casync16": wire.casync16,
    "casync64": wire.casync64,
    "zsync": wire.zsync,
    "patch-from": patches.patch_from,
    "xdelta3": patches.xdelta3,
    "whole": patches.whole,
}
ALL = (OURS, *TOOLS, "baselines")


@dataclass
class Run:
    """What was asked for, and the rows so far."""

    store: Path
    journal: Journal
    tools: frozenset[str]
    behind: frozenset[str]
    earlier: dict[tuple[str, str, str], Row]
    rows: list[Row] = field(default_factory=list)

    @contextmanager
    def work(self) -> Iterator[Path]:
        """A folder that is gone afterwards."""
        (self.store / "work").mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self.store / "work", ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    def note(self, row: Row) -> Row:
        """Print and keep."""
        self.rows.append(self.journal.note(row))
        return row

    def reuse(self, series: str, step: str, tool: str) -> bool:
        """Take over the row of an earlier run, if wanted and there."""
        row = self.earlier.get((series, step, tool))
        if row is not None:
            self.note(row)
        return row is not None


def main() -> None:
    """Run, print."""
    given = arguments()
    journal = Journal(STORE / "results.jsonl")
    earlier = journal.earlier() if given.reuse_peers else {}
    found = [read_series(path) for path in given.series] or build(STORE, given.only, say)
    late = LATE if given.behind is None else given.behind
    late = [row.name for row in found] if given.series else late
    run = Run(STORE, journal, frozenset(given.tools), frozenset(late), earlier)
    for series in found:
        measure(run, series)
    if OURS in run.tools and given.editions_31:
        made(run)
    sys.stdout.write(markdown(run.rows) + "\n" + json.dumps(summary(run.rows)) + "\n")


def arguments() -> argparse.Namespace:
    """The command line."""
    words = argparse.ArgumentParser(prog="bench-delta")
    words.add_argument("--series", nargs="*", type=Path, default=[], help="folders with v1, v2, …")
    words.add_argument("--only", nargs="*", default=list(names()), help="names of series")
    words.add_argument("--tools", nargs="*", choices=ALL, default=list(ALL))
    words.add_argument("--reuse-peers", action="store_true", help="rows of the peers' last run")
    words.add_argument("--behind", nargs="*", metavar="SERIES", help="boxes that come late, too")
    words.add_argument("--editions-31", action=argparse.BooleanOptionalAction, default=True)
    return words.parse_args()


def say(text: str) -> None:
    """Progress, for people."""
    sys.stderr.write(text + "\n")


def measure(run: Run, series: Series) -> None:
    """Ours, then the baselines and the peers on one series."""
    if OURS in run.tools:
        with run.work() as work:
            ours(run, series, work)
    with run.work() as work:
        for old, new in zip(series.versions, series.versions[1:], strict=False):
            peers(run, make_step(series.name, old, new), work)
        if "baselines" in run.tools:
            first_syncs(run, series, work)


def ours(run: Run, series: Series, work: Path) -> None:
    """A box that follows every edition, a new one at the last, and boxes that come late."""
    kept: list[Path] = []
    with Desk.open(work / "desk") as desk:
        box = desk.new_box(work / "box")
        for number, version in enumerate(series.versions, start=1):
            published = round(desk.publish(version), 2)
            step = "first v1" if number == 1 else f"v{number - 1}→v{number}"
            run.note(replace(desk.row(series.name, step, box, version), publisher_cpu=published))
            if series.name in run.behind:
                kept.append(copy_box(box, work / "kept" / version.name))
        last = series.versions[-1]
        new = desk.new_box(work / "new")
        run.note(desk.row(series.name, f"first {last.name}", new, last))
        if kept:
            behind(desk, series, kept, run.note, work)


def made(run: Run) -> None:
    """The series of 31 editions: only boxes that come late."""
    kept = []
    with run.work() as work, Desk.open(work / "desk") as desk:
        [source] = build(run.store, [MADE_FROM], say)
        series = evolve(source, work / "series")
        box = desk.new_box(work / "box")
        for version in series.versions:
            desk.publish(version)
            desk.sync(box)
            kept.append(copy_box(box, work / "kept" / version.name))
        behind(desk, series, kept, run.note, work)


def first_syncs(run: Run, series: Series, work: Path) -> None:
    """What the first syncs are held against."""
    for version in (series.versions[0], series.versions[-1]):
        step = f"first {version.name}"
        if not run.reuse(series.name, step, "tar-zstd"):
            run.note(baselines.tar_zstd(series.name, step, version, work))


def peers(run: Run, step: Step, work: Path) -> None:
    """Baselines and every wanted peer for one step."""
    if "baselines" in run.tools:
        run.note(baselines.rewrite(step, work))
        if not run.reuse(step.series, step.name, "zstd-19"):
            run.note(baselines.zstd(step))
    for name, tool in TOOLS.items():
        if name in run.tools and not run.reuse(step.series, step.name, name):
            before = cpu()
            size, requests = tool(step, work)
            used = round(cpu() - before, 2)
            run.note(Row(step.series, step.name, name, size, requests, box_cpu=used))


if __name__ == "__main__":
    main()
