"""The directory: a publisher's signed list of collections, and what each one's files are. Pure.

Format 1: canonical JSON. TUF signs these bytes; they travel shortened (``sync.shortened``).
Everything the directory names, it names by digest and length, so a plan of any collection needs no
other trust.
"""

import re
from dataclasses import dataclass

from sync import canonical
from sync.digest import Digest, parse_digest
from sync.errors import FormatError

FORMAT = "kexia-directory-1"
MAX_SIZE = 16 * 2**20
"""Longest directory a box reads, in bytes: well above 10,000 collections."""
CODE = re.compile(r"[0-9]{2,18}|[a-z][a-z0-9-]{1,31}")
"""A publisher's code: an administrative division code (43, 430121) or a name (cn, demo)."""
ADDRESS = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?")
COLLECTION = re.compile(r"(?P<code>[a-z0-9-]{2,32})/(?P<name>[a-z0-9][a-z0-9.-]{0,63})")


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of the repository: the digest of its bytes, which is its name, and its length."""

    digest: Digest
    size: int


@dataclass(frozen=True, slots=True)
class FeedRef:
    """Where a feed is, and what it holds once decompressed."""

    stored: Stored
    plain: Stored


@dataclass(frozen=True, slots=True)
class PackRef:
    """A pack and its table."""

    pack: Stored
    table: Stored


@dataclass(frozen=True, slots=True)
class UpdateRef:
    """An update pack: the edition it starts from (0: from nothing), and how to prove it."""

    base: int
    pack: Stored
    head: Stored
    """The first bytes of the pack: what the groups behind them hold."""


@dataclass(frozen=True, slots=True)
class CollectionEntry:
    """One collection as the directory lists it: enough to choose it, plan it and find its files."""

    id: str
    title: str
    dimensions: dict[str, tuple[str, ...]]
    """Codes of stage, grade, subject, press, book … (several for combined classes)."""
    edition: int
    """1 for the first; grows by one with every change."""
    lessons: int
    size: int
    """Bytes of all its resources."""
    feed: FeedRef
    packs: tuple[PackRef, ...]
    updates: tuple[UpdateRef, ...] = ()
    """The usual ways to this edition: from the one before, or from nothing."""
    routes: Stored | None = None
    """The first list of the update packs kept, for boxes that are elsewhere."""


@dataclass(frozen=True, slots=True)
class Directory:
    """What a publisher offers. ``reinstated`` lifts withdrawals by their number."""

    code: str
    name: str
    collections: tuple[CollectionEntry, ...]
    reinstated: tuple[int, ...] = ()

    def entry(self, collection: str) -> CollectionEntry | None:
        """The entry of that id, if it is offered."""
        return next((entry for entry in self.collections if entry.id == collection), None)


def feed_name(feed: FeedRef) -> str:
    """Name of a feed in the repository."""
    return f"feeds/{feed.stored.digest[:2]}/{feed.stored.digest}"


def plain_feed_name(feed: FeedRef) -> str:
    """Where a box has it that passes it on to its neighbours in the form it keeps."""
    return f"feeds/{feed.plain.digest[:2]}/{feed.plain.digest}"


def table_name(table: Stored) -> str:
    """Name of a table in the repository."""
    return f"tables/{table.digest[:2]}/{table.digest}"


def pack_name(pack: Stored) -> str:
    """Name of a pack in the repository."""
    return f"packs/{pack.digest[:2]}/{pack.digest}.pack"


def update_name(pack: Stored) -> str:
    """Name of an update pack in the repository."""
    return f"updates/{pack.digest[:2]}/{pack.digest}.pack"


def routes_name(routes: Stored) -> str:
    """Name of the first list of update packs in the repository."""
    return f"routes/{routes.digest[:2]}/{routes.digest}"


def older_routes_name(routes: Stored) -> str:
    """Name of a list that the first list of update packs names."""
    return f"{routes_name(routes)}.older"


def encode(directory: Directory) -> bytes:
    """Bytes of ``directory``; the same directory gives the same bytes."""
    return canonical.dumps(_to_json(directory))


def decode(data: bytes) -> Directory:
    """Read proved bytes; raises FormatError, also for collections outside the publisher's code."""
    if len(data) > MAX_SIZE:
        raise FormatError(f"directory: {len(data)} bytes, at most {MAX_SIZE} are allowed")
    value = canonical.loads(data, what="directory")
    if value.get("format") != FORMAT:
        raise FormatError(
            f"directory: format {value.get('format')!r} is not {FORMAT}",
            hint="this box may be too old for this publisher; update its system",
        )
    try:
        return _from_json(value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(
            f"directory: a field is missing or of the wrong kind ({error})"
        ) from error


def is_address(url: str) -> bool:
    """True for a URL a box can fetch a repository from."""
    return len(url) <= 2000 and ADDRESS.fullmatch(url) is not None


def check_collection_id(collection: str, *, code: str) -> None:
    """Raise FormatError unless ``collection`` is an id that begins with ``code``."""
    match = COLLECTION.fullmatch(collection)
    if match is None:
        raise FormatError(f"{collection[:80]!r} is no collection id (code/name)")
    if match["code"] != code:
        raise FormatError(
            f"collection {collection} lies outside its publisher's code {code}",
            hint="a publisher may only offer collections whose id begins with its own code",
        )


def _to_json(directory: Directory) -> dict[str, object]:
    return {
        "format": FORMAT,
        "code": directory.code,
        "name": directory.name,
        "reinstated": sorted(directory.reinstated),
        "collections": [
            entry_value(entry)
            for entry in sorted(directory.collections, key=lambda entry: entry.id)
        ],
    }


def entry_value(entry: CollectionEntry) -> dict[str, object]:
    """``entry`` as canonical JSON takes it; ``parse_entry`` reads it back."""
    return {
        "id": entry.id,
        "title": entry.title,
        "dimensions": {key: list(codes) for key, codes in entry.dimensions.items()},
        "edition": entry.edition,
        "lessons": entry.lessons,
        "size": entry.size,
        "feed": feed_value(entry.feed),
        "packs": [pack_value(ref) for ref in entry.packs],
        "updates": [update_value(ref) for ref in entry.updates],
        "routes": stored_value(entry.routes) if entry.routes else [],
    }


def pack_value(ref: PackRef) -> dict[str, object]:
    """``ref`` as canonical JSON takes it."""
    return {"pack": stored_value(ref.pack), "table": stored_value(ref.table)}


def update_value(ref: UpdateRef) -> dict[str, object]:
    """``ref`` as canonical JSON takes it."""
    return {"base": ref.base, "pack": stored_value(ref.pack), "head": stored_value(ref.head)}


def feed_value(ref: FeedRef) -> dict[str, object]:
    """``ref`` as canonical JSON takes it."""
    return {"stored": stored_value(ref.stored), "plain": stored_value(ref.plain)}


def stored_value(stored: Stored) -> list[object]:
    """``stored`` as canonical JSON takes it."""
    return [stored.digest, stored.size]


def _from_json(value: dict[str, object]) -> Directory:
    code, name = canonical.as_text(value["code"]), canonical.as_text(value["name"])
    if not CODE.fullmatch(code):
        raise FormatError(f"directory: {code[:80]!r} is no publisher code")
    entries = tuple(
        parse_entry(item, code=code) for item in canonical.as_list(value["collections"])
    )
    if len({entry.id for entry in entries}) != len(entries):
        raise FormatError("directory: a collection is listed twice")
    reinstated = tuple(map(canonical.as_count, canonical.as_list(value["reinstated"])))
    return Directory(code, name, entries, reinstated)


def parse_entry(item: object, *, code: str) -> CollectionEntry:
    """Read one entry; raises FormatError, or Key-, Type- or ValueError for a wrong field."""
    fields = canonical.as_object(item)
    collection = canonical.as_text(fields["id"])
    check_collection_id(collection, code=code)
    routes = canonical.as_list(fields["routes"])
    return CollectionEntry(
        id=collection,
        title=canonical.as_text(fields["title"]),
        dimensions={
            key: tuple(canonical.as_text(tag) for tag in canonical.as_list(tags))
            for key, tags in canonical.as_object(fields["dimensions"]).items()
        },
        edition=canonical.as_count(fields["edition"]),
        lessons=canonical.as_count(fields["lessons"]),
        size=canonical.as_count(fields["size"]),
        feed=parse_feed_ref(fields["feed"]),
        packs=tuple(parse_pack_ref(ref) for ref in canonical.as_list(fields["packs"])),
        updates=tuple(parse_update_ref(ref) for ref in canonical.as_list(fields["updates"])),
        routes=parse_stored(routes) if routes else None,
    )


def parse_stored(value: object) -> Stored:
    """Read what ``stored_value`` made; raises FormatError, Type- or ValueError."""
    digest, size = canonical.as_list(value)
    return Stored(parse_digest(digest), canonical.as_count(size))


def parse_feed_ref(value: object) -> FeedRef:
    """Read what ``feed_value`` made; raises FormatError, Key-, Type- or ValueError."""
    fields = canonical.as_object(value)
    return FeedRef(parse_stored(fields["stored"]), parse_stored(fields["plain"]))


def parse_pack_ref(value: object) -> PackRef:
    """Read what ``pack_value`` made; raises FormatError, Key-, Type- or ValueError."""
    fields = canonical.as_object(value)
    return PackRef(parse_stored(fields["pack"]), parse_stored(fields["table"]))


def parse_update_ref(value: object) -> UpdateRef:
    """Read what ``update_value`` made; raises FormatError, Key-, Type- or ValueError."""
    fields = canonical.as_object(value)
    return UpdateRef(
        canonical.as_count(fields["base"]),
        parse_stored(fields["pack"]),
        parse_stored(fields["head"]),
    )
