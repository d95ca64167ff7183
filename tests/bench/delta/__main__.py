"""``make bench-delta``: every step of every series, for us and for the peers, in one run."""

import argparse
import json
import math
import shutil
import sys
from pathlib import Path
from typing import Any

from tests.bench.delta import ours, patches
from tests.bench.delta.series import Series, build, names, read_series
from tests.bench.delta.step import make_step

ROOT = Path(__file__).parents[3]
STORE = ROOT / ".bench" / "delta"
PEERS = {"whole": patches.whole, "patch-from": patches.patch_from, "xdelta3": patches.xdelta3}


def main() -> None:
    """Run, print."""
    words = argparse.ArgumentParser(prog="bench-delta")
    words.add_argument("--series", nargs="*", type=Path, default=[], help="folders with v1, v2, …")
    words.add_argument("--only", nargs="*", default=list(names()), help="names of series")
    words.add_argument("--tools", nargs="*", default=list(PEERS), help="peers")
    words.add_argument("--ours-only", action="store_true")
    given = words.parse_args()
    found = [read_series(path) for path in given.series] or build(STORE, given.only, say)
    rows: list[dict[str, Any]] = []
    for series in found:
        rows += series_rows(series, [] if given.ours_only else given.tools)
    sys.stdout.write(json.dumps(summary(rows)) + "\n")


def say(text: str) -> None:
    """Progress, for people."""
    sys.stderr.write(text + "\n")


def series_rows(series: Series, tools: list[str]) -> list[dict[str, Any]]:
    """Ours and the peers on one series; each row is printed as a JSON line."""
    work = STORE / "work" / series.name
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    rows = ours.measure(series, work)
    for old, new in zip(series.versions, series.versions[1:], strict=False):
        step = make_step(series.name, old, new)
        for tool in tools:
            before = ours.cpu()
            size = PEERS[tool](step, work)
            used = round(ours.cpu() - before, 2)
            rows.append(
                {"series": series.name, "step": step.name, "tool": tool, "bytes": size, "cpu": used}
            )
    for row in rows:
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
    shutil.rmtree(work)
    return rows


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Geometric mean and worst of ours ÷ best peer, and most requests."""
    mine = {
        (r["series"], r["step"]): r for r in rows if r["tool"] == "kexia" and r["step"] != "first"
    }
    ratios = {}
    for key, row in mine.items():
        peers = [
            r["bytes"] for r in rows if (r["series"], r["step"]) == key and r["tool"] != "kexia"
        ]
        if peers:
            ratios[" ".join(key)] = row["bytes"] / max(1, min(peers))
    mean = math.exp(sum(map(math.log, ratios.values())) / len(ratios)) if ratios else None
    worst = max(ratios, key=ratios.__getitem__) if ratios else None
    return {
        "geometric_mean": mean,
        "worst": worst,
        "worst_ratio": ratios[worst] if worst else None,
        "steps": len(mine),
        "requests": max((r["requests"] for r in mine.values()), default=0),
    }


if __name__ == "__main__":
    main()
