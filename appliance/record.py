"""A generation's record (generation.json): what it was made from, and the seal of its files. Pure.

Format 1: one canonical JSON object; ``seal`` is the SHA-256 of the same object without it, so a
truncated or altered record is noticed. Golden file: tests/golden/generation/generation.json.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

from sync import canonical
from sync.digest import Digest, parse_digest, sha256
from sync.directory import COLLECTION, CollectionEntry, entry_value, parse_entry
from sync.errors import FormatError

FORMAT = "kexia-generation-1"
_PUBLISHER_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class FileSeal:
    """A file of the generation, its path relative to the folder."""

    path: str
    digest: Digest
    size: int


@dataclass(frozen=True, slots=True)
class PublisherState:
    """How far a publisher was trusted when the generation was made."""

    id: str
    code: str
    name: str
    versions: Mapping[str, int]
    """Version of each TUF role."""
    signed_at: str
    """When its timestamp was signed (``2026-11-23T06:00:00Z``)."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """Lessons of a newer edition that are whole here while the rest of it still comes in."""

    entry: CollectionEntry
    lessons: tuple[str, ...]
    """Their ids, sorted."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A collection the generation holds, as the directory listed the edition."""

    publisher: str
    """The publisher's id."""
    entry: CollectionEntry
    lessons: tuple[str, ...] | None = None
    """Ids of the lessons that are here, sorted; None: all of them."""
    ahead: Ahead | None = None

    @property
    def is_whole(self) -> bool:
        """True if all of the edition is here, and nothing of a newer one."""
        return self.lessons is None and self.ahead is None

    @property
    def state(self) -> tuple[object, ...]:
        """What tells one state of its lessons from another."""
        ahead = (self.ahead.entry.feed, self.ahead.lessons) if self.ahead else None
        return self.entry.feed, self.lessons, ahead


@dataclass(frozen=True, slots=True)
class Record:
    """What a generation was made from."""

    number: int
    publishers: tuple[PublisherState, ...]
    collections: tuple[Kept, ...]
    withdrawn: frozenset[tuple[str, str]]
    """(collection, lesson) pairs hidden in it."""
    holds: Mapping[str, int]
    """Collection → edition that was rolled back: it stays out until released or a newer comes."""
    files: tuple[FileSeal, ...] = ()

    def kept(self, collection: str) -> Kept | None:
        """The collection of that id, if the generation holds it."""
        return next((item for item in self.collections if item.entry.id == collection), None)

    def editions(self) -> frozenset[Digest]:
        """The feeds it was made from: what tells one state of the lessons from another."""
        feeds = {item.entry.feed.stored.digest for item in self.collections}
        parts = {
            sha256(canonical.dumps(_kept_value(item)))
            for item in self.collections
            if not item.is_whole
        }
        return frozenset(feeds | parts)


def encode(record: Record) -> bytes:
    """Bytes of generation.json."""
    value = _value(record)
    return canonical.dumps({**value, "seal": sha256(canonical.dumps(value))})


@lru_cache(maxsize=4)
def decode(data: bytes) -> Record:
    """Read generation.json; raises FormatError if anything about it is not as it was written.

    The same bytes are read once: a sync looks at the records of its two generations many times.
    """
    value = canonical.loads(data, what="the record")
    seal = value.pop("seal", None)
    if seal != sha256(canonical.dumps(value)):
        raise FormatError("the record was altered: its seal does not hold")
    if value.get("format") != FORMAT:
        raise FormatError(f"format {value.get('format')!r} is not {FORMAT}")
    try:
        return _record(value)
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"a field is missing or of the wrong kind ({error})") from error


def _value(record: Record) -> dict[str, object]:
    return {
        "format": FORMAT,
        "number": record.number,
        "publishers": {
            item.id: {
                "code": item.code,
                "name": item.name,
                "versions": dict(item.versions),
                "signed_at": item.signed_at,
            }
            for item in record.publishers
        },
        "collections": [
            _kept_value(item) for item in sorted(record.collections, key=lambda item: item.entry.id)
        ],
        "withdrawn": [list(pair) for pair in sorted(record.withdrawn)],
        "holds": dict(record.holds),
        "files": {item.path: [item.digest, item.size] for item in record.files},
    }


def _kept_value(item: Kept) -> dict[str, object]:
    value: dict[str, object] = {"publisher": item.publisher, "entry": entry_value(item.entry)}
    if item.lessons is not None:
        value["lessons"] = list(item.lessons)
    if item.ahead is not None:
        lessons = list(item.ahead.lessons)
        value["ahead"] = {"entry": entry_value(item.ahead.entry), "lessons": lessons}
    return value


def _record(value: dict[str, object]) -> Record:
    publishers = canonical.as_object(value["publishers"])
    files = canonical.as_object(value["files"])
    return Record(
        number=canonical.as_count(value["number"]),
        publishers=tuple(_publisher(name, item) for name, item in sorted(publishers.items())),
        collections=tuple(_kept(item) for item in canonical.as_list(value["collections"])),
        withdrawn=frozenset(_pair(item) for item in canonical.as_list(value["withdrawn"])),
        holds=_counts(value["holds"]),
        files=tuple(_file(path, item) for path, item in sorted(files.items())),
    )


def _publisher(publisher_id: str, item: object) -> PublisherState:
    fields = canonical.as_object(item)
    if not _PUBLISHER_ID.fullmatch(publisher_id):
        raise ValueError(f"{publisher_id[:40]!r} is no publisher's id")
    return PublisherState(
        id=publisher_id,
        code=canonical.as_text(fields["code"]),
        name=canonical.as_text(fields["name"]),
        versions=_counts(fields["versions"]),
        signed_at=canonical.as_text(fields["signed_at"]),
    )


def _kept(item: object) -> Kept:
    fields = canonical.as_object(item)
    ahead = canonical.as_object(fields["ahead"]) if "ahead" in fields else None
    return Kept(
        publisher=canonical.as_text(fields["publisher"]),
        entry=_entry(fields["entry"]),
        lessons=_texts(fields["lessons"]) if "lessons" in fields else None,
        ahead=Ahead(_entry(ahead["entry"]), _texts(ahead["lessons"])) if ahead else None,
    )


def _entry(value: object) -> CollectionEntry:
    entry = canonical.as_object(value)
    match = COLLECTION.fullmatch(canonical.as_text(entry["id"]))
    if match is None:
        raise ValueError("a collection's id is none")
    return parse_entry(entry, code=match["code"])


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(canonical.as_text, canonical.as_list(value)))


def _pair(item: object) -> tuple[str, str]:
    collection, lesson = canonical.as_list(item)
    return canonical.as_text(collection), canonical.as_text(lesson)


def _counts(value: object) -> dict[str, int]:
    return {key: canonical.as_count(item) for key, item in canonical.as_object(value).items()}


def _file(path: str, item: object) -> FileSeal:
    digest, size = canonical.as_list(item)
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise ValueError(f"{path[:80]!r} lies outside the generation")
    return FileSeal(path, parse_digest(digest), canonical.as_count(size))
