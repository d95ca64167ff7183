"""What a plan is: resources to make, the pieces they are made of, ranges to ask for. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sync.deflate import Parameters
from sync.digest import Digest
from sync.directory import CollectionEntry
from sync.errors import FormatError
from sync.feed import Feed, Resource
from sync.pack import Codec, Group, Table
from sync.updates.head import Head
from sync.updates.parts import Span


@dataclass(frozen=True, slots=True)
class Step:
    """One update pack on the way to a wanted edition."""

    name: str
    """The pack's name in the repository."""
    entry: CollectionEntry
    """The edition it leads to; names the packs its groups may lie in."""
    head: Head


@dataclass(frozen=True, slots=True)
class Share:
    """Resources of an edition that matter alike."""

    rank: tuple[int, ...]
    """Lower ranks come first, whatever collection they are of."""
    resources: tuple[Resource, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """An edition a box wants whole, and the lists it may be planned from.

    ``steps``: update packs from what the box holds to this edition, in order; ``tables``: all of
    the entry's, or none as long as they were not needed.
    """

    entry: CollectionEntry
    feed: Feed
    tables: tuple[Table, ...] = ()
    steps: tuple[Step, ...] = ()
    order: tuple[Share, ...] | None = None
    """The resources to make, by their ranks; None: all, as the feed lists them."""

    @property
    def shares(self) -> tuple[Share, ...]:
        """The resources to make, by their ranks."""
        return (Share((), self.feed.resources),) if self.order is None else self.order

    @property
    def resources(self) -> tuple[Resource, ...]:
        """The resources to make."""
        if self.order is None:
            return self.feed.resources
        return tuple(resource for share in self.order for resource in share.resources)

    @property
    def deflates(self) -> frozenset[Parameters]:
        """How deflate streams have to be made again on the way of its steps."""
        groups = (group for step in self.steps for group in step.head.groups)
        return frozenset[Parameters]().union(*(group.deflates for group in groups))

    @property
    def has_tables(self) -> bool:
        """True if chunk packs can be planned with."""
        return len(self.tables) == len(self.entry.packs)


@dataclass(frozen=True, slots=True)
class Have:
    """What a box already holds and can do."""

    resources: Mapping[Digest, int] = field(default_factory=dict)
    """Library files with their sizes."""
    tables: tuple[Table, ...] = ()
    """By which it knows their chunks."""
    staged: Mapping[Digest, int] = field(default_factory=dict)
    """Bytes received of each staged group; all of it, or the beginning."""
    deflates: bool = True
    """It makes the wanted deflate streams again bit for bit (``sync.deflate.reproduces``)."""
    stride: int = 2**30
    """Longest range in bytes: short ones let what matters come first, but cost more requests."""


@dataclass(frozen=True, slots=True)
class FromGroup:
    """``length`` bytes of a group's plain content; ``group`` is its place in ``Plan.groups``."""

    group: int
    start: int
    length: int

    @property
    def size(self) -> int:
        """Bytes of the resource it makes."""
        return self.length


@dataclass(frozen=True, slots=True)
class Remade:
    """A deflate stream of ``size`` bytes, made again from what ``pieces`` make."""

    pieces: "tuple[Piece, ...]"
    size: int
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class FromSeed:
    """``length`` bytes of a file the library has, or will have by then."""

    resource: Digest
    start: int
    length: int

    @property
    def size(self) -> int:
        """Bytes of the resource it makes."""
        return self.length


@dataclass(frozen=True, slots=True)
class FromSteps:
    """32-bit numbers, of which ``length`` bytes of a group are the steps."""

    group: int
    start: int
    length: int

    @property
    def size(self) -> int:
        """Bytes of the resource it makes."""
        return self.length


Piece = FromGroup | FromSeed | Remade | FromSteps


@dataclass(frozen=True, slots=True)
class Assembly:
    """A resource to make, and the pieces it is made of, in order."""

    resource: Resource
    pieces: tuple[Piece, ...]
    update: str = ""
    """Name of the update pack that says so; empty: a table does."""

    @property
    def copied(self) -> int:
        """Bytes of it that come from files the box has."""
        return sum(piece.length for piece in self.pieces if isinstance(piece, FromSeed))

    @property
    def groups(self) -> frozenset[int]:
        """Numbers of the groups it takes bytes from."""
        return frozenset(_groups(self.pieces))


def _groups(pieces: Iterable[Piece]) -> Iterator[int]:
    for piece in pieces:
        match piece:
            case Remade(inner):
                yield from _groups(inner)
            case FromGroup(group) | FromSteps(group):
                yield group
            case FromSeed():
                pass


@dataclass(frozen=True, slots=True)
class PlannedGroup:
    """A group some assembly needs; ``staged`` bytes of it are in staging already."""

    name: str
    """Of the pack it lies in."""
    group: Group
    staged: int
    prefix: tuple[Span, ...] = ()
    """What it is decoded with."""
    spared: int = 0
    """Bytes that need not be fetched as files the box has now are among its prefix."""

    @property
    def is_staged(self) -> bool:
        """True if nothing of it has to be fetched."""
        return self.staged == self.group.stored

    @property
    def is_raw(self) -> bool:
        """True if no decoder is needed."""
        return self.group.codec is Codec.RAW

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

    name: str
    offset: int
    length: int
    groups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What ``apply`` will do."""

    wanted: tuple[Wanted, ...]
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
        """Bytes of new resources that are not fetched: copied, or spared by files the box has."""
        copied = sum(assembly.copied for assembly in self.assemblies)
        return copied + sum(group.spared for group in self.groups)


class Unplanned(FormatError):
    """No update pack makes some resource of these collections, and their tables are not here."""

    def __init__(self, collections: tuple[str, ...]) -> None:
        super().__init__(f"{', '.join(collections)}: cannot be planned without tables")
        self.collections = collections
