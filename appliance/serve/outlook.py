"""From the update process's status to what the administrator's page shows. Pure.

The status is JSON from our own update process, perhaps of another version while an update of the
software runs: what it lacks is left out, and nothing that it says can break the page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from appliance.night import CHINA

OLD_DAYS = 30
"""Days after which a publisher's newest signature is worth a look."""
Status = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class PublisherRow:
    """A publisher, and how old the newest is that the box has of it."""

    code: str
    name: str
    signed: str
    """Date, ``2026-11-23``."""
    days: int | None
    """None: this box's clock cannot be right."""

    @property
    def is_old(self) -> bool:
        """Worth a look."""
        return self.days is not None and self.days > OLD_DAYS


@dataclass(frozen=True, slots=True)
class CollectionRow:
    """A subscribed collection; ``edition`` 0: not here yet."""

    id: str
    title: str
    edition: int
    lessons: int
    size: int
    is_held: bool
    coming: int


@dataclass(frozen=True, slots=True)
class LastSync:
    """How the last sync ended."""

    at: str
    """``2026-11-23 14:00``, by the clock on the wall; empty: it did not say."""
    exit_code: int
    editions: tuple[str, ...]
    problems: tuple[tuple[str, str], ...]
    """Fact and what to do, in English, for a technician."""
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """The box at one moment."""

    name: str
    id: str
    generation: int
    age_days: int | None
    """Of the generation; None: unknown."""
    lessons: int
    publishers: tuple[PublisherRow, ...]
    collections: tuple[CollectionRow, ...]
    free: int
    system: str
    """Version of the box's own system; empty: it is none of our images."""
    system_failed: str
    """Version of the last update of it, if that did not hold."""
    doing: str
    """What the update process does; empty: nothing."""
    is_running: bool
    is_paused: bool
    phone: str
    """The card of the phone the line goes over; empty: no metered line."""
    metered_mib: int
    last: LastSync | None
    warnings: tuple[str, ...]


def read(status: Status, *, made: datetime | None, now: datetime) -> Outlook:
    """What the page shows; ``made``: when the served generation was made, as the disk says."""
    update = _object(status.get("update"))
    line = _object(status.get("line"))
    return Outlook(
        name=_text(status, "name"),
        id=_text(status, "box"),
        generation=_count(status, "generation"),
        age_days=_days(made, now),
        lessons=_count(status, "lessons"),
        publishers=tuple(_publisher(item, now) for item in _objects(status, "publishers")),
        collections=(
            *(_collection(item) for item in _objects(status, "collections")),
            *(_missing(item) for item in _texts(status, "missing")),
        ),
        free=_count(status, "free"),
        system=_text(_object(status.get("system")), "version"),
        system_failed=_text(_object(status.get("system")), "failed"),
        doing=_text(update, "doing"),
        is_running=bool(update.get("running")),
        is_paused=bool(update.get("paused")),
        phone=_text(line, "interface") if line.get("metered") else "",
        metered_mib=_count(line, "metered_mib"),
        last=_last(status.get("last_sync")),
        warnings=tuple(_texts(status, "warnings")),
    )


def _publisher(item: Status, now: datetime) -> PublisherRow:
    signed_at = _text(item, "signed_at")
    days = _days(_time(signed_at), now)
    return PublisherRow(_text(item, "code"), _text(item, "name"), signed_at[:10], days)


def _collection(item: Status) -> CollectionRow:
    return CollectionRow(
        id=_text(item, "id"),
        title=_text(item, "title"),
        edition=_count(item, "edition"),
        lessons=_count(item, "lessons"),
        size=_count(item, "size"),
        is_held=bool(item.get("held")),
        coming=_count(item, "coming"),
    )


def _missing(collection: str) -> CollectionRow:
    return CollectionRow(collection, "", 0, 0, 0, is_held=False, coming=0)


def _last(value: object) -> LastSync | None:
    if not isinstance(value, dict):
        return None
    editions = value.get("editions")
    items = editions.items() if isinstance(editions, dict) else ()
    return LastSync(
        at=_wall(_time(_text(value, "at"))),
        exit_code=_count(value, "exit_code"),
        editions=tuple(f"{key} · {number}" for key, number in items),
        problems=tuple(
            (_text(item, "error"), _text(item, "hint")) for item in _objects(value, "problems")
        ),
        notes=tuple(_texts(value, "notes")),
    )


def _time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _wall(when: datetime | None) -> str:
    return f"{when.astimezone(CHINA):%Y-%m-%d %H:%M}" if when else ""


def _days(since: datetime | None, now: datetime) -> int | None:
    """Whole days; None if the clock stands before what it is compared with."""
    return (now - since).days if since is not None and since <= now else None


def _object(value: object) -> Status:
    return value if isinstance(value, dict) else {}


def _objects(value: Status, name: str) -> list[Status]:
    items = value.get(name)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _texts(value: Status, name: str) -> list[str]:
    items = value.get(name)
    return [str(item) for item in items] if isinstance(items, list) else []


def _text(value: Status, name: str) -> str:
    item = value.get(name)
    return item if isinstance(item, str) else ""


def _count(value: Status, name: str) -> int:
    item = value.get(name)
    return item if isinstance(item, int) else 0
