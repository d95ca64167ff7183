"""After a sync: what the last ones came to, kept for the report a box sends back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sync import canonical
from sync.errors import FormatError
from sync.files import write_durably
from sync.stick.have import format_time
from sync.stick.report import MAX_SYNCS, SyncResult, parse_sync
from sync.trust.clock import TrustClock

SYNCS = "syncs.json"
"""Name in the box's folder."""
FORMAT = "kexia-syncs-1"
_LONGEST = 256 * 2**10
_MOST = 64
"""Publishers whose failures are counted, and problems of one sync that are kept."""


@dataclass(frozen=True, slots=True)
class History:
    """The last syncs, newest first, and how often each publisher failed."""

    syncs: tuple[SyncResult, ...] = ()
    failures: Mapping[str, int] = field(default_factory=dict)

    def after(self, one: SyncResult) -> "History":
        """With one more sync."""
        failures = dict(self.failures)
        for code in {code for code, _ in one.problems}:
            if code in failures or len(failures) < _MOST:
                failures[code] = failures.get(code, 0) + 1
        return History((one, *self.syncs)[:MAX_SYNCS], failures)


def believable(clock: TrustClock) -> datetime | None:
    """The wall clock in whole seconds, if somebody set it and it is not before the floor."""
    if not clock.wall_is_set or clock.wall < clock.floor:
        return None
    return clock.wall.replace(microsecond=0)


def read_history(path: Path) -> History:
    """What was kept; nothing if it is lost or damaged, for it only informs."""
    try:
        with path.open("rb") as file:
            fields = canonical.loads(file.read(_LONGEST), what=path.name)
        if fields["format"] != FORMAT:
            return History()
        failures = canonical.as_object(fields["failures"])
        return History(
            tuple(map(parse_sync, canonical.as_list(fields["syncs"])[:MAX_SYNCS])),
            {code: canonical.as_count(count) for code, count in failures.items()},
        )
    except (OSError, FormatError, KeyError, TypeError, ValueError):
        return History()


def note_sync(path: Path, one: SyncResult) -> None:
    """Keep one more."""
    found = read_history(path).after(one)
    value = {
        "format": FORMAT,
        "failures": dict(found.failures),
        "syncs": [
            {
                "at": "" if each.at is None else format_time(each.at),
                "exit_code": each.exit_code,
                "generation": each.generation,
                "bytes_fetched": each.bytes_fetched,
                "problems": [list(problem) for problem in each.problems],
            }
            for each in found.syncs
        ],
    }
    write_durably(path, canonical.dumps(value))


def result_of(report: Mapping[str, object], at: datetime | None) -> SyncResult:
    """What is kept of a sync's report (``SyncReport.value()``); error texts are not."""
    problems = report.get("problems")
    return SyncResult(
        at=at,
        exit_code=_count(report.get("exit_code")),
        generation=_count(report.get("generation")),
        bytes_fetched=_count(report.get("bytes_fetched")),
        problems=tuple(
            (str(each.get("publisher", "")), _count(each.get("exit_code")))
            for each in (problems[:_MOST] if isinstance(problems, list) else ())
        ),
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
