"""What the last sync told, kept for whoever looks later: after the report, before the status."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from sync.errors import KexiaError
from sync.files import write_durably

MAX = 64 * 1024
"""Bytes of the file; what is longer loses its notes and problems' tail."""
_MOST = 20
"""Notes and problems that are kept."""
_FIGURES = ("generation", "new_generation", "bytes_fetched", "resources_new", "seconds")


def keep_report(path: Path, now: datetime, report: Mapping[str, object]) -> None:
    """Keep what a sync reported (``SyncReport.value()``)."""
    editions = report.get("editions")
    _write(
        path,
        now,
        {
            **{name: report.get(name) for name in _FIGURES},
            "editions": dict(list(editions.items())[:500]) if isinstance(editions, dict) else {},
            "notes": _some(report.get("notes")),
            "problems": _some(report.get("problems")),
            "exit_code": report.get("exit_code"),
        },
    )


def keep_error(path: Path, now: datetime, error: KexiaError) -> None:
    """Keep what stopped a sync."""
    problem = {"publisher": "", "error": error.fact, "hint": error.hint}
    _write(path, now, {"problems": [problem], "exit_code": error.exit_code})


def read_last(path: Path) -> dict[str, object] | None:
    """What was kept; None if nothing was or it is damaged, as it only informs."""
    try:
        with path.open("rb") as file:
            value = json.loads(file.read(MAX))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _write(path: Path, now: datetime, value: Mapping[str, object]) -> None:
    at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    data = json.dumps({"at": at, **value}, ensure_ascii=False).encode()
    if len(data) < MAX:
        write_durably(path, data)


def _some(items: object) -> list[object]:
    return items[:_MOST] if isinstance(items, list) else []
