"""What a sync tells: figures, what came in, what went wrong; one object for people and scripts."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sync.errors import (
    Incomplete,
    KexiaError,
    LeaseHeld,
    MediumFailing,
    NoRoom,
    NoSource,
    TrustRefused,
)

_WORST_FIRST: tuple[type[KexiaError], ...] = (
    MediumFailing,
    TrustRefused,
    NoRoom,
    LeaseHeld,
    Incomplete,
    NoSource,
)


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong with one publisher or source; the others go on."""

    publisher: str
    """Its code; empty for a source of no publisher."""
    error: KexiaError

    def value(self) -> dict[str, object]:
        """For JSON."""
        return {
            "publisher": self.publisher,
            "error": self.error.fact,
            "hint": self.error.hint,
            "exit_code": self.error.exit_code,
        }


@dataclass(frozen=True, slots=True)
class PlannedCollection:
    """What ``sync --plan`` says of one collection; sizes in bytes."""

    id: str
    title: str
    edition: int
    files: int
    bytes_to_fetch: int
    bytes_reused: int


@dataclass(frozen=True, slots=True)
class PlanReport:
    """What a sync would do; sizes in bytes.

    ``bytes_ready``: of files that a stick has whole; ``room_needed``: the worst moment of any
    publisher.
    """

    collections: tuple[PlannedCollection, ...] = ()
    files: int = 0
    bytes_to_fetch: int = 0
    bytes_reused: int = 0
    bytes_ready: int = 0
    room_needed: int = 0
    requests: int = 0
    removed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def exit_code(self) -> int:
        """0, or that of the worst problem."""
        return worst(self.problems)

    def value(self) -> dict[str, object]:
        """For JSON."""
        return {
            "collections": [
                {
                    "id": one.id,
                    "title": one.title,
                    "edition": one.edition,
                    "files": one.files,
                    "bytes_to_fetch": one.bytes_to_fetch,
                    "bytes_reused": one.bytes_reused,
                }
                for one in self.collections
            ],
            "files": self.files,
            "bytes_to_fetch": self.bytes_to_fetch,
            "bytes_reused": self.bytes_reused,
            "bytes_ready": self.bytes_ready,
            "room_needed": self.room_needed,
            "requests": self.requests,
            "removed": list(self.removed),
            "notes": list(self.notes),
            "problems": [problem.value() for problem in self.problems],
            "exit_code": self.exit_code,
        }


def together(reports: Sequence[PlanReport]) -> PlanReport:
    """Several publishers' plans as one."""
    return PlanReport(
        collections=tuple(one for report in reports for one in report.collections),
        files=sum(report.files for report in reports),
        bytes_to_fetch=sum(report.bytes_to_fetch for report in reports),
        bytes_reused=sum(report.bytes_reused for report in reports),
        bytes_ready=sum(report.bytes_ready for report in reports),
        room_needed=max((report.room_needed for report in reports), default=0),
        requests=sum(report.requests for report in reports),
        removed=tuple(one for report in reports for one in report.removed),
        notes=tuple(note for report in reports for note in report.notes),
        problems=tuple(problem for report in reports for problem in report.problems),
    )


@dataclass(frozen=True, slots=True)
class Usage:
    """What a sync cost this machine: seconds, CPU seconds, peak resident memory in bytes."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_rss: int = 0


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did; sizes in bytes as they came over the wire or from the medium."""

    generation: int
    """What is served now; 0 for nothing yet."""
    is_new: bool
    editions: dict[str, int] = field(default_factory=dict)
    """Collections that came in, with their edition."""
    removed: tuple[str, ...] = ()
    withdrawn: int = 0
    """Lessons hidden by their publishers, of the collections on this box."""
    bytes_fetched: int = 0
    metadata_bytes: int = 0
    peer_bytes: int = 0
    """Of both, what boxes next door gave."""
    requests: int = 0
    bytes_reused: int = 0
    resources_new: int = 0
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    usage: Usage = Usage()

    @property
    def exit_code(self) -> int:
        """0, or that of the worst problem."""
        return worst(self.problems)

    def value(self) -> dict[str, object]:
        """For JSON."""
        return {
            "generation": self.generation,
            "new_generation": self.is_new,
            "editions": self.editions,
            "removed": list(self.removed),
            "withdrawn": self.withdrawn,
            "bytes_fetched": self.bytes_fetched,
            "metadata_bytes": self.metadata_bytes,
            "peer_bytes": self.peer_bytes,
            "requests": self.requests,
            "bytes_reused": self.bytes_reused,
            "resources_new": self.resources_new,
            "seconds": round(self.usage.seconds, 3),
            "cpu_seconds": round(self.usage.cpu_seconds, 3),
            "peak_rss": self.usage.peak_rss,
            "notes": list(self.notes),
            "problems": [problem.value() for problem in self.problems],
            "exit_code": self.exit_code,
        }


def worst(problems: Sequence[Problem]) -> int:
    """Exit code for several problems: a fault of ours first, a silent source last."""
    codes = {problem.error.exit_code for problem in problems}
    if not codes:
        return 0
    known = [kind.exit_code for kind in _WORST_FIRST if kind.exit_code in codes]
    unknown = codes - {kind.exit_code for kind in _WORST_FIRST}
    return min(unknown) if unknown else known[0]
