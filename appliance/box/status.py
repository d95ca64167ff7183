"""What a technician sees at one glance: what is served, how old, what is wrong. Reads only."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from appliance.config import BoxConfig, BoxPaths
from appliance.generation import (
    Generation,
    GenerationDamaged,
    check_index,
    prove_trust,
    survey,
)
from appliance.system.known import Known, read_known
from appliance.update.last import read_last
from appliance.update.metered import Phone, find_phone
from sync.files import free_space


@dataclass(frozen=True, slots=True)
class CollectionStatus:
    """A collection on the box."""

    id: str
    title: str
    edition: int
    lessons: int
    size: int
    """Bytes of all its resources."""
    held: bool
    """Rolled back here: a newer edition is awaited, or its release."""
    all_lessons: int = 0
    """Of the edition; more than ``lessons`` if only some were asked for or have come yet."""
    coming: int = 0
    """Edition that is coming in, of which some lessons are here; 0: none."""


@dataclass(frozen=True, slots=True)
class PublisherStatus:
    """A publisher the box has heard."""

    code: str
    name: str
    signed_at: str
    """When what the box holds of it was signed (UTC)."""


@dataclass(frozen=True, slots=True)
class Line:
    """The way to the network."""

    phone: Phone | None = None
    """The phone it goes over; None: it is no metered line."""
    metered_mib: int = 0
    """MiB a night that may come over a phone."""


@dataclass(frozen=True, slots=True)
class Status:
    """The box at one moment."""

    name: str
    generation: int
    """0: nothing yet."""
    collections: tuple[CollectionStatus, ...]
    publishers: tuple[PublisherStatus, ...]
    missing: tuple[str, ...]
    """Subscribed, but not on the box."""
    withdrawn: int
    other_generations: tuple[int, ...]
    """Whole ones to roll back to."""
    free: int
    """Bytes."""
    warnings: tuple[str, ...]
    line: Line = Line()
    system: Known = field(default_factory=Known)
    """The box's own system."""
    last_sync: Mapping[str, object] | None = None
    """What the last sync told: when (``at``), and its report or error; None: none is known."""

    @property
    def lessons(self) -> int:
        """Lessons on the box, hidden ones included."""
        return sum(collection.lessons for collection in self.collections)

    def value(self) -> dict[str, object]:
        """For JSON."""
        return {
            "name": self.name,
            "generation": self.generation,
            "lessons": self.lessons,
            "collections": [
                {
                    "id": item.id,
                    "title": item.title,
                    "edition": item.edition,
                    "lessons": item.lessons,
                    "all_lessons": item.all_lessons,
                    "coming": item.coming,
                    "size": item.size,
                    "held": item.held,
                }
                for item in self.collections
            ],
            "publishers": [
                {"code": item.code, "name": item.name, "signed_at": item.signed_at}
                for item in self.publishers
            ],
            "missing": list(self.missing),
            "withdrawn": self.withdrawn,
            "other_generations": list(self.other_generations),
            "free": self.free,
            "warnings": list(self.warnings),
            "line": {
                "metered": self.line.phone is not None,
                "interface": self.line.phone.interface if self.line.phone else "",
                "driver": self.line.phone.driver if self.line.phone else "",
                "metered_mib": self.line.metered_mib,
            },
            "system": self.system.value(),
            "last_sync": self.last_sync,
        }


def read_status(
    paths: BoxPaths, config: BoxConfig, generation: Generation | None, root: Path = Path("/")
) -> Status:
    """The status of a box that serves ``generation``; ``root``: of the machine it stands on."""
    known = _known(paths, config, generation)
    line = Line(find_phone(root), config.network.metered_mib)
    last = read_last(paths.last_sync)
    return replace(known, line=line, last_sync=last, system=read_known())


def _known(paths: BoxPaths, config: BoxConfig, generation: Generation | None) -> Status:
    found = survey(paths)
    warnings = [error.fact for error in found.damaged]
    others = tuple(item.number for item in found.whole if item != generation)
    if generation is None:
        return Status(
            config.name, 0, (), (), config.subscriptions, 0, others, _free(paths), tuple(warnings)
        )
    record = generation.record
    ids = {kept.entry.id for kept in record.collections}
    return Status(
        name=config.name,
        generation=generation.number,
        collections=_collections(generation, record.holds),
        publishers=tuple(
            PublisherStatus(state.code, state.name, state.signed_at) for state in record.publishers
        ),
        missing=tuple(item for item in config.subscriptions if item not in ids),
        withdrawn=len(record.withdrawn),
        other_generations=others,
        free=_free(paths),
        warnings=(*warnings, *_lost(generation)),
    )


def _collections(generation: Generation, holds: Mapping[str, int]) -> tuple[CollectionStatus, ...]:
    return tuple(
        CollectionStatus(
            id=kept.entry.id,
            title=kept.entry.title,
            edition=kept.entry.edition,
            lessons=kept.entry.lessons if kept.lessons is None else len(kept.lessons),
            size=kept.entry.size,
            held=kept.entry.id in holds,
            all_lessons=kept.entry.lessons,
            coming=kept.ahead.entry.edition if kept.ahead else 0,
        )
        for kept in generation.record.collections
    )


def _lost(generation: Generation) -> list[str]:
    """What is damaged of a generation that is served all the same."""
    lost: list[str] = []
    try:
        check_index(generation)
    except GenerationDamaged as error:
        lost.append(f"{error.fact}; titles are found all the same, the next sync rebuilds it")
    for state in generation.record.publishers:
        try:
            prove_trust(generation, state.id)
        except GenerationDamaged as error:
            lost.append(f"{error.fact}; the next sync mends it, rollback protection holds")
    return lost


def _free(paths: BoxPaths) -> int:
    return free_space(paths.root)
