"""The arithmetic and the table: ours beside the best peer of each step. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.delta.behind import BEHIND, DIRECT
from tests.bench.delta.rows import OURS, PEERS, Row

SMALL, SMALL_MORE = 100_000, 2_000
"""Steps under SMALL bytes may take SMALL_MORE more than the best peer."""

EXACT_BACK = (3, 10, 30)
BAR_EXACT, BAR_BETWEEN = 1.15, 1.5


@dataclass(frozen=True)
class Pair:
    """One step: our row, the best peer's, and the baselines where they were measured."""

    ours: Row
    best: Row
    zstd: Row | None = None
    rewrite: Row | None = None

    @property
    def ratio(self) -> float:
        """Our bytes ÷ the best peer's."""
        return self.ours.bytes / max(1, self.best.bytes)

    @property
    def holds(self) -> bool:
        """Whether the bar of the step holds."""
        more = SMALL_MORE if self.best.bytes < SMALL else 0
        return self.ours.bytes <= self.best.bytes + more

    @property
    def publisher(self) -> float | None:
        """Publisher's CPU ÷ that of zstd -19 over the new files."""
        return quotient(
            self.ours.publisher_cpu, None if self.zstd is None else self.zstd.publisher_cpu
        )

    @property
    def box(self) -> float | None:
        """Box's CPU without its start-up ÷ reading, hashing and writing the same files."""
        return quotient(
            self.ours.box_cpu_net, None if self.rewrite is None else self.rewrite.box_cpu
        )

    @property
    def box_raw(self) -> float | None:
        """The same with the start-up."""
        return quotient(self.ours.box_cpu, None if self.rewrite is None else self.rewrite.box_cpu)


def quotient(over: float | None, under: float | None) -> float | None:
    """``over`` ÷ ``under`` if both are known and there is something to divide by."""
    return over / under if over is not None and under else None


def pairs(rows: Iterable[Row]) -> list[Pair]:
    """Every step that both we and a peer were measured on, in the order of the rows."""
    held: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        held.setdefault(row.key, {})[row.tool] = row
    return [pair for tools in held.values() if (pair := _pair(tools)) is not None]


def _pair(tools: dict[str, Row]) -> Pair | None:
    peers = [tools[name] for name in PEERS if name in tools]
    if OURS not in tools or not peers:
        return None
    best = min(peers, key=lambda row: row.bytes)
    return Pair(tools[OURS], best, tools.get("zstd-19"), tools.get("rewrite"))


def against(rows: Sequence[Row], tool: str, base: str) -> list[tuple[Row, Row]]:
    """Rows of ``tool`` beside those of ``base`` for the same step."""
    bases = {row.key: row for row in rows if row.tool == base}
    return [(row, bases[row.key]) for row in rows if row.tool == tool and row.key in bases]


def back(row: Row) -> int:
    """How many editions ``v3→v7`` skips over: 4."""
    old, new = (int(name.removeprefix("v")) for name in row.step.split("→"))
    return new - old


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """The last line: means and worsts."""
    steps = pairs(rows)
    mine = [row for row in rows if row.tool in {OURS, BEHIND}]
    publisher = [value for pair in steps if (value := pair.publisher) is not None]
    late = against(rows, BEHIND, DIRECT)
    return {
        "geometric_mean": mean([pair.ratio for pair in steps]),
        "worst_step": _worst_step(steps),
        "steps": len(steps),
        "series": len({pair.ours.series for pair in steps}),
        "steps_over_bar": [_name(pair.ours) for pair in steps if not pair.holds],
        "most_requests_per_collection": max((pair.ours.requests for pair in steps), default=0),
        "publisher_cpu_worst": rounded(max(publisher, default=None)),
        "publisher_cpu_mean": mean(publisher),
        "publisher_cpu_all_steps": _publisher(steps),
        **_box(steps),
        "peak_rss_max": max((row.peak_rss or 0 for row in mine), default=0),
        "first_sync_worst": _worst(against(rows, OURS, "tar-zstd")),
        "behind_worst_exact": _worst([pair for pair in late if back(pair[0]) in EXACT_BACK]),
        "behind_worst_between": _worst([pair for pair in late if back(pair[0]) not in EXACT_BACK]),
    }


def _publisher(steps: Sequence[Pair]) -> float | None:
    """All steps together: on a small step three starts of Python decide."""
    known = [pair for pair in steps if pair.publisher is not None]
    base = sum(pair.zstd.publisher_cpu or 0 for pair in known if pair.zstd)
    return rounded(quotient(sum(pair.ours.publisher_cpu or 0 for pair in known), base))


def _box(steps: Sequence[Pair]) -> dict[str, Any]:
    """Worst step, and all steps together: on a small step the clock's grain decides."""
    known = [pair for pair in steps if pair.box is not None]
    base = sum(pair.rewrite.box_cpu or 0 for pair in known if pair.rewrite)
    net = sum(pair.ours.box_cpu_net or 0 for pair in known)
    return {
        "box_cpu_worst": rounded(max((pair.box or 0 for pair in known), default=None)),
        "box_cpu_worst_raw": rounded(max((pair.box_raw or 0 for pair in known), default=None)),
        "box_cpu_all_steps": rounded(quotient(net, base)),
    }


def mean(values: Sequence[float]) -> float | None:
    """Geometric mean, three places."""
    if not values:
        return None
    return rounded(math.exp(sum(math.log(max(value, 1e-9)) for value in values) / len(values)))


def rounded(value: float | None) -> float | None:
    """Three places."""
    return None if value is None else round(value, 3)


def _name(row: Row) -> str:
    return f"{row.series} {row.step}"


def _worst_step(steps: Sequence[Pair]) -> dict[str, Any] | None:
    if not steps:
        return None
    worst = max(steps, key=lambda pair: pair.ratio)
    return {
        "name": _name(worst.ours),
        "ratio": rounded(worst.ratio),
        "bytes_above_best": worst.ours.bytes - worst.best.bytes,
        "holds": worst.holds,
    }


def _worst(found: Sequence[tuple[Row, Row]]) -> dict[str, Any] | None:
    if not found:
        return None
    row, base = max(found, key=lambda pair: pair[0].bytes / max(1, pair[1].bytes))
    return {"name": _name(row), "ratio": rounded(row.bytes / max(1, base.bytes))}


def markdown(rows: Sequence[Row]) -> str:
    """Three tables: the steps, the first syncs, the boxes that come late."""
    return "\n\n".join(
        table
        for table in (
            _steps(pairs(rows)),
            _others(against(rows, OURS, "tar-zstd"), "first sync", "`zstd -19 --long=26`"),
            _others(against(rows, BEHIND, DIRECT), "editions behind", "direct update"),
        )
        if table
    )


def _steps(found: Sequence[Pair]) -> str:
    head = (
        "series, step|ours|best peer|which|ratio|bar|metadata|requests: content, metadata"
        "|publisher CPU ÷ zstd|box CPU ÷ rewrite: net, raw|peak RSS"
    )
    return _table(head, [_cells(pair) for pair in found])


def _cells(pair: Pair) -> list[str]:
    ours = pair.ours
    return [
        _name(ours),
        f"{ours.bytes:,}",
        f"{pair.best.bytes:,}",
        pair.best.tool,
        f"{pair.ratio:.2f}",
        "holds" if pair.holds else "**above**",
        f"{ours.metadata:,}",
        f"{ours.requests}, {ours.metadata_requests}",
        times(pair.publisher),
        f"{times(pair.box)}, {times(pair.box_raw)}",
        f"{(ours.peak_rss or 0) / 1e6:.0f} MB",
    ]


def times(value: float | None) -> str:
    """A ratio for people."""
    return "–" if value is None else f"{value:.1f}"


def _others(found: Sequence[tuple[Row, Row]], what: str, base: str) -> str:
    lines = [
        [
            _name(row),
            f"{row.bytes:,}",
            f"{other.bytes:,}",
            f"{row.bytes / max(1, other.bytes):.2f}",
            f"{row.requests}",
        ]
        for row, other in found
    ]
    return _table(f"{what}|ours|{base}|ratio|requests", lines)


def _table(head: str, lines: Sequence[Sequence[str]]) -> str:
    if not lines:
        return ""
    names = head.split("|")
    rows = [names, ["---"] * len(names), *lines]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)
