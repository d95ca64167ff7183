"""One row per series, step and tool: printed as soon as it is known, kept in results.jsonl."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

OURS = "kexia"
PEERS = ("rsync", "casync16", "casync64", "zsync", "patch-from", "xdelta3")
REUSABLE = (*PEERS, "whole", "zstd-19", "tar-zstd")
"""Tools whose rows do not change with our code."""


@dataclass(frozen=True)
class Row:
    """What one tool took for one step; bytes at the socket where the tool has a wire.

    ``metadata`` and ``metadata_requests`` are not part of ``bytes`` and ``requests``. CPU in
    seconds: ``publisher_cpu`` to make what is fetched, ``box_cpu`` to apply it, ``box_cpu_net``
    without what a sync with nothing to do takes; ``peak_rss`` in bytes.
    """

    series: str
    step: str
    tool: str
    bytes: int
    requests: int = 0
    metadata: int = 0
    metadata_requests: int = 0
    publisher_cpu: float | None = None
    box_cpu: float | None = None
    box_cpu_net: float | None = None
    peak_rss: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Series and step."""
        return self.series, self.step


class Journal:
    """Prints rows, appends them to a file, and finds those of an earlier run there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def note(self, row: Row) -> Row:
        """Print and keep ``row``."""
        line = json.dumps(short(row), ensure_ascii=False) + "\n"
        sys.stdout.write(line)
        sys.stdout.flush()
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line)
        return row

    def earlier(self) -> dict[tuple[str, str, str], Row]:
        """The newest row of every series, step and reusable tool."""
        if not self._path.exists():
            return {}
        rows = (Row(**json.loads(line)) for line in self._path.read_text("utf-8").splitlines())
        return {(*row.key, row.tool): row for row in rows if row.tool in REUSABLE}


def short(row: Row) -> dict[str, Any]:
    """A row without what was not measured."""
    return {name: value for name, value in asdict(row).items() if value is not None}
