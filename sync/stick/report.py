"""The report: how a box is, and nothing about persons; sealed before it leaves the box. Pure.

Format 1: canonical JSON in one zstd frame. Only numbers, ids, versions and times: no error texts
(they may hold names or addresses), nothing of ``state.db``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from sync import canonical, compression
from sync.errors import FormatError
from sync.stick.have import ID, format_time, parse_time

FORMAT = "kexia-report-1"
MAX_PLAIN = 64 * 2**10
MAX_STORED = 12 * 2**10
"""Longest report; sealed to all recipients a box may have it stays below ``MAX_SEALED``."""
MAX_SEALED = 16 * 2**10
MAX_SYNCS = 20


@dataclass(frozen=True, slots=True)
class SyncResult:
    """One sync of the past."""

    at: datetime | None
    """None: the box had no clock to be believed."""
    exit_code: int
    generation: int
    bytes_fetched: int
    problems: tuple[tuple[str, int], ...] = ()
    """Publisher's code (empty: what was carried here) and exit code."""


@dataclass(frozen=True, slots=True)
class Report:
    """The state of one box."""

    box: str
    name: str
    made_at: datetime | None
    epoch: int
    sequence: int
    versions: Mapping[str, str]
    """What runs there: ``kexia``, ``python``, ``kernel``."""
    generation: int
    editions: Mapping[str, int]
    """Collection → edition served."""
    free: int
    """Bytes left on its disk."""
    warnings: int
    """How many its status shows."""
    syncs: tuple[SyncResult, ...] = ()
    """The last ones, newest first."""
    failures: Mapping[str, int] = field(default_factory=dict)
    """Publisher's code → syncs in which it failed, since the box was made."""
    shortened: bool = False
    """True if something was left out for length."""


def encode(report: Report) -> bytes:
    """Stored bytes; what is too long loses its oldest syncs, then its editions."""
    for shorter in (report, _without(report, syncs=3), _without(report, syncs=3, editions=0)):
        plain = canonical.dumps(value(shorter))
        stored = compression.compress(plain)
        if len(plain) <= MAX_PLAIN and len(stored) <= MAX_STORED:
            return stored
    raise FormatError(f"report: longer than the {MAX_STORED} bytes allowed")


def _without(report: Report, *, syncs: int, editions: int = 10**6) -> Report:
    return replace(
        report,
        syncs=report.syncs[:syncs],
        editions=dict(list(report.editions.items())[:editions]),
        shortened=True,
    )


def value(report: Report) -> dict[str, object]:
    """For JSON."""
    return {
        "format": FORMAT,
        "box": report.box,
        "name": report.name,
        "made_at": _time(report.made_at),
        "epoch": report.epoch,
        "sequence": report.sequence,
        "versions": dict(report.versions),
        "generation": report.generation,
        "editions": dict(report.editions),
        "free": report.free,
        "warnings": report.warnings,
        "syncs": [
            {
                "at": _time(one.at),
                "exit_code": one.exit_code,
                "generation": one.generation,
                "bytes_fetched": one.bytes_fetched,
                "problems": [list(problem) for problem in one.problems],
            }
            for one in report.syncs
        ],
        "failures": dict(report.failures),
        "shortened": report.shortened,
    }


def decode(stored: bytes) -> Report:
    """Read stored bytes whose signature was checked; raises FormatError."""
    if len(stored) > MAX_STORED:
        raise FormatError(f"report: {len(stored)} bytes, at most {MAX_STORED} are allowed")
    size = compression.content_size(stored, limit=MAX_PLAIN, what="report")
    fields = canonical.loads(
        compression.decompress(stored, size=size, what="report"), what="report"
    )
    if fields.get("format") != FORMAT:
        raise FormatError(
            f"report: format {str(fields.get('format'))[:40]!r} is not {FORMAT}",
            hint="it may come from a newer box; update this software",
        )
    try:
        return _report(fields)
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"report: a field is missing or wrong ({error})") from error


def _report(fields: dict[str, object]) -> Report:
    box = canonical.as_text(fields["box"])
    if not ID.fullmatch(box) or not isinstance(fields["shortened"], bool):
        raise ValueError("no box's id, or no answer to `shortened`")
    syncs = canonical.as_list(fields["syncs"])
    if len(syncs) > MAX_SYNCS:
        raise ValueError(f"{len(syncs)} syncs")
    return Report(
        box=box,
        name=_printable(fields["name"]),
        made_at=_read_time(fields["made_at"]),
        epoch=canonical.as_count(fields["epoch"]),
        sequence=canonical.as_count(fields["sequence"]),
        versions={
            _printable(name): _printable(item)
            for name, item in canonical.as_object(fields["versions"]).items()
        },
        generation=canonical.as_count(fields["generation"]),
        editions=_counts(fields["editions"]),
        free=canonical.as_count(fields["free"]),
        warnings=canonical.as_count(fields["warnings"]),
        syncs=tuple(map(parse_sync, syncs)),
        failures=_counts(fields["failures"]),
        shortened=fields["shortened"],
    )


def parse_sync(item: object) -> SyncResult:
    """One sync from JSON; raises KeyError, TypeError, ValueError."""
    fields = canonical.as_object(item)
    return SyncResult(
        at=_read_time(fields["at"]),
        exit_code=canonical.as_count(fields["exit_code"]),
        generation=canonical.as_count(fields["generation"]),
        bytes_fetched=canonical.as_count(fields["bytes_fetched"]),
        problems=tuple(map(_problem, canonical.as_list(fields["problems"]))),
    )


def _problem(item: object) -> tuple[str, int]:
    code, exit_code = canonical.as_list(item)
    return _printable(code), canonical.as_count(exit_code)


def _counts(item: object) -> dict[str, int]:
    found = canonical.as_object(item)
    return {_printable(name): canonical.as_count(count) for name, count in found.items()}


def _printable(item: object) -> str:
    text = canonical.as_text(item)
    if len(text) > 200 or not text.isprintable():
        raise ValueError("a text is too long or cannot be printed")
    return text


def _time(moment: datetime | None) -> str:
    return "" if moment is None else format_time(moment)


def _read_time(item: object) -> datetime | None:
    text = canonical.as_text(item)
    return parse_time(text) if text else None
