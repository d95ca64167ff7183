"""The plan: what comes from where, decided before anything is fetched or written. Pure.

For every resource a box lacks, the plan says which pieces come from files the library already
has (seeds) and which from groups of packs, which ranges of the packs that means, and how much
room the work takes at its worst moment. Resources come in the order of the lessons, so that the
first lessons are whole early.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sync.digest import Digest
from sync.directory import CollectionEntry, Stored
from sync.errors import FormatError
from sync.feed import Feed, Resource
from sync.pack import Group, Table
from sync.recipe import MAX_CHUNK, Chunk, ChunkId, Chunks, whole

MAX_GAP = 32 * 1024
"""Unwanted bytes fetched rather than asking twice: at 10 Mbit/s they take as long as a request."""
DISK_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Wanted:
    """An edition a box wants whole, with all tables of its collection."""

    entry: CollectionEntry
    feed: Feed
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class Have:
    """What a box already holds: resources by size, tables it knows them by, groups in staging."""

    resources: Mapping[Digest, int] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    staged: Mapping[Digest, int] = field(default_factory=dict)
    """Bytes received of each staged group; all of it, or the beginning."""


@dataclass(frozen=True, slots=True)
class FromGroup:
    """``length`` bytes of a group's plain content; ``group`` is its place in ``Plan.groups``."""

    group: int
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class FromSeed:
    """``length`` bytes of a file the library has."""

    resource: Digest
    start: int
    length: int


Piece = FromGroup | FromSeed


@dataclass(frozen=True, slots=True)
class Assembly:
    """A resource to make, and the pieces it is made of, in order."""

    resource: Resource
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class PlannedGroup:
    """A group some assembly needs; ``staged`` bytes of it are in staging already."""

    pack: Stored
    group: Group
    staged: int

    @property
    def is_staged(self) -> bool:
        """True if nothing of it has to be fetched."""
        return self.staged == self.group.stored

    @property
    def start(self) -> int:
        """Offset in the pack of the first byte to fetch."""
        return self.group.offset + self.staged

    @property
    def end(self) -> int:
        """Offset in the pack after its last byte."""
        return self.group.offset + self.group.stored


@dataclass(frozen=True, slots=True)
class Range:
    """One request: a run of bytes of a pack, and the groups (of ``Plan.groups``) in it."""

    pack: Stored
    offset: int
    length: int
    groups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What ``apply`` will do. ``wanted`` and ``have`` are kept so that it can plan again."""

    wanted: tuple[Wanted, ...]
    have: Have
    groups: tuple[PlannedGroup, ...]
    assemblies: tuple[Assembly, ...]
    ranges: tuple[Range, ...]
    room_needed: int
    """Bytes of disk in use at the worst moment beyond what is in use now."""

    @property
    def resources(self) -> tuple[Resource, ...]:
        """The resources to make."""
        return tuple(assembly.resource for assembly in self.assemblies)

    @property
    def files(self) -> int:
        """How many resources are to be made."""
        return len(self.assemblies)

    @property
    def requests(self) -> int:
        """How many ranges are asked for."""
        return len(self.ranges)

    @property
    def bytes_to_fetch(self) -> int:
        """Bytes of all ranges, gaps included."""
        return sum(part.length for part in self.ranges)

    @property
    def bytes_reused(self) -> int:
        """Bytes of the new resources that come from files the library has."""
        pieces = (piece for assembly in self.assemblies for piece in assembly.pieces)
        return sum(piece.length for piece in pieces if isinstance(piece, FromSeed))


def make_plan(wanted: Sequence[Wanted], have: Have) -> Plan:
    """The plan that makes every resource of ``wanted`` that ``have`` lacks, each once.

    Raises FormatError if a collection's tables do not hold what its feed lists.
    """
    lacking = _lacking(wanted, have)
    seeds = _find_seeds((chunk for part in lacking for _, each in part for chunk in each), have)
    draft = _Draft(have, seeds)
    for one, part in zip(wanted, lacking, strict=True):
        draft.add(one, part)
    groups, assemblies = tuple(draft.groups), tuple(draft.assemblies)
    ranges = _ranges(groups)
    room = _room(groups, assemblies, ranges)
    return Plan(tuple(wanted), have, groups, assemblies, ranges, room)


_Part = list[tuple[Resource, Chunks]]


def _lacking(wanted: Sequence[Wanted], have: Have) -> list[_Part]:
    """Per collection the resources to make, with their chunks; a shared one at its first."""
    seen: set[Digest] = set()
    parts: list[_Part] = []
    for one in wanted:
        recipes = {recipe.resource: recipe for table in one.tables for recipe in table.recipes}
        part: _Part = []
        for resource in one.feed.resources:
            if have.resources.get(resource.digest) == resource.size or resource.digest in seen:
                continue
            seen.add(resource.digest)
            recipe = recipes.get(resource.digest)
            chunks = recipe.chunks if recipe else _only_chunk(resource)
            if chunks is None or (recipe and recipe.size != resource.size):
                raise _unfit(one, f"no recipe makes resource {resource.digest[:16]}…")
            part.append((resource, chunks))
        parts.append(part)
    return parts


def _only_chunk(resource: Resource) -> Chunks | None:
    """The chunks of a resource without recipe: none, one, or unknown."""
    if resource.size > MAX_CHUNK:
        return None
    return Chunks.of([Chunk(whole(resource.digest), resource.size)] if resource.size else [])


def _unfit(one: Wanted, what: str) -> FormatError:
    return FormatError(
        f"collection {one.entry.id}, edition {one.entry.edition}: {what}",
        hint="the publisher's packs are incomplete; it must release the collection again",
    )


def _find_seeds(chunks: Iterable[Chunk], have: Have) -> dict[ChunkId, FromSeed]:
    """Where the library holds needed chunks; only needed ones, so that memory stays small."""
    if not have.resources:
        return {}
    needed = {chunk.id for chunk in chunks}
    found: dict[ChunkId, FromSeed] = {}
    for digest, size in have.resources.items():
        if size <= MAX_CHUNK and (only := whole(digest)) in needed:
            found.setdefault(only, FromSeed(digest, 0, size))
    for recipe in (recipe for table in have.tables for recipe in table.recipes):
        if have.resources.get(recipe.resource) != recipe.size:
            continue
        start = 0
        for chunk in recipe.chunks:
            if chunk.id in needed:
                found.setdefault(chunk.id, FromSeed(recipe.resource, start, chunk.length))
            start += chunk.length
    return found


class _Draft:
    """Groups and assemblies, as they come together."""

    def __init__(self, have: Have, seeds: Mapping[ChunkId, FromSeed]) -> None:
        self._have = have
        self._seeds = seeds
        self._index: dict[Digest, int] = {}
        self.groups: list[PlannedGroup] = []
        self.assemblies: list[Assembly] = []

    def add(self, one: Wanted, part: _Part) -> None:
        """Plan the resources of one collection."""
        needed = {chunk.id for _, chunks in part for chunk in chunks} - self._seeds.keys()
        places = _find_places(one.tables, needed)
        for resource, chunks in part:
            pieces: list[Piece] = []
            for chunk in chunks:
                piece = self._seeds.get(chunk.id) or self._from_group(chunk, places)
                if piece is None or piece.length != chunk.length:
                    what = f"no table holds chunk {chunk.id.hex()} of resource {resource.digest}"
                    raise _unfit(one, what)
                _append(pieces, piece)
            self.assemblies.append(Assembly(resource, tuple(pieces)))

    def _from_group(self, chunk: Chunk, places: "_Places") -> FromGroup | None:
        if chunk.id not in places:
            return None
        pack, group, start, length = places[chunk.id]
        number = self._index.setdefault(group.digest, len(self.groups))
        if number == len(self.groups):
            staged = self._have.staged.get(group.digest, 0)
            self.groups.append(PlannedGroup(pack, group, staged if staged <= group.stored else 0))
        return FromGroup(number, start, length)


_Places = dict[ChunkId, tuple[Stored, Group, int, int]]


def _find_places(tables: Iterable[Table], needed: set[ChunkId]) -> _Places:
    """Pack, group, start and length of each needed chunk that the tables hold."""
    places: _Places = {}
    for table in tables:
        for chunk, group, start in table.places():
            if chunk.id in needed:
                places.setdefault(chunk.id, (table.pack, group, start, chunk.length))
    return places


def _append(pieces: list[Piece], piece: Piece) -> None:
    """Add a piece, joined to the last one where it goes on in the same source."""
    match pieces[-1:], piece:
        case [FromGroup(group, start, length)], FromGroup(next_group, next_start, more) if (
            group == next_group and start + length == next_start
        ):
            pieces[-1] = FromGroup(group, start, length + more)
        case [FromSeed(resource, start, length)], FromSeed(next_resource, next_start, more) if (
            resource == next_resource and start + length == next_start
        ):
            pieces[-1] = FromSeed(resource, start, length + more)
        case _:
            pieces.append(piece)


def _ranges(groups: Sequence[PlannedGroup]) -> tuple[Range, ...]:
    """One range for groups that lie close together in a pack; ordered by their first use."""
    missing = [number for number, group in enumerate(groups) if not group.is_staged]
    missing.sort(key=lambda number: (groups[number].pack.digest, groups[number].start))
    runs: list[list[int]] = []
    for number in missing:
        if runs and _adjoins(groups[runs[-1][-1]], groups[number]):
            runs[-1].append(number)
        else:
            runs.append([number])
    return tuple(_range(groups, run) for run in sorted(runs, key=min))


def _adjoins(one: PlannedGroup, following: PlannedGroup) -> bool:
    return one.pack == following.pack and following.start - one.end <= MAX_GAP


def _range(groups: Sequence[PlannedGroup], run: Sequence[int]) -> Range:
    first, last = groups[run[0]], groups[run[-1]]
    return Range(first.pack, first.start, last.end - first.start, tuple(run))


class Schedule:
    """Which assembly can begin once a group has come, and which groups nobody needs any more.

    The plan's room is reckoned with it and ``apply`` follows it, so the two agree.
    """

    def __init__(self, groups: Sequence[PlannedGroup], assemblies: Sequence[Assembly]) -> None:
        self._needs = [_groups_of(assembly) for assembly in assemblies]
        self._users: list[list[int]] = [[] for _ in groups]
        for number, needs in enumerate(self._needs):
            for group in needs:
                self._users[group].append(number)
        self._uses = [len(users) for users in self._users]
        here = [group.is_staged for group in groups]
        self._missing = [sum(not here[group] for group in needs) for needs in self._needs]

    def ready(self) -> list[int]:
        """Assemblies that wait for no group, at the start."""
        return [number for number, missing in enumerate(self._missing) if not missing]

    def arrived(self, group: int) -> list[int]:
        """Assemblies that can begin now that ``group`` is staged."""
        for number in self._users[group]:
            self._missing[number] -= 1
        return [number for number in self._users[group] if not self._missing[number]]

    def finished(self, assembly: int) -> list[int]:
        """Groups that are of no more use after ``assembly``."""
        for group in self._needs[assembly]:
            self._uses[group] -= 1
        return [group for group in self._needs[assembly] if not self._uses[group]]


def _groups_of(assembly: Assembly) -> tuple[int, ...]:
    pieces = assembly.pieces
    return tuple(dict.fromkeys(piece.group for piece in pieces if isinstance(piece, FromGroup)))


def _room(
    groups: Sequence[PlannedGroup], assemblies: Sequence[Assembly], ranges: Sequence[Range]
) -> int:
    """Bytes on disk at the worst moment of the schedule, beyond those of now."""
    schedule = Schedule(groups, assemblies)
    used = worst = 0
    for group, ready in [(None, schedule.ready()), *_arrivals(schedule, ranges)]:
        used += 0 if group is None else _on_disk(groups[group].group.stored)
        worst = max(worst, used)
        for number in ready:
            used += _on_disk(assemblies[number].resource.size)
            worst = max(worst, used)
            done = schedule.finished(number)
            used -= sum(_on_disk(groups[index].group.stored) for index in done)
    return worst


def _arrivals(
    schedule: Schedule, ranges: Sequence[Range]
) -> Iterable[tuple[int | None, list[int]]]:
    return ((group, schedule.arrived(group)) for part in ranges for group in part.groups)


def _on_disk(size: int) -> int:
    return -(-size // DISK_BLOCK) * DISK_BLOCK
