"""The files of a stick: what is written where, in which order, and what proves each of them.

Decided before anything is written. Small resources are put together in runs; a run that is on the
stick already keeps its number, so that a second preparation writes only what is new.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from appliance.technician.lacking import Load
from appliance.technician.origin import Origin
from sync.chunker import Buffer
from sync.digest import Digest, sha256, sharded
from sync.directory import feed_name
from sync.errors import InputRefused, ProofFailed
from sync.feed import Resource
from sync.publish.order import passes
from sync.raw import MAX_CONCATENATIONS
from sync.stick.concatenation import (
    CONCATENATION,
    MAX_ENTRIES,
    TABLE,
    WHOLE,
    Entry,
    encode_table,
)
from sync.stick.layout import CONCATENATIONS, RESOURCES, publisher_folder

LONGEST_RUN = 64 * 2**20
"""Bytes of a run: what is read once more when one resource of it changes."""
Read = Callable[[Entry], Buffer]
Run = tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One file of the stick: the pieces it consists of, each with its own proof."""

    name: str
    """Below the stick's root."""
    pieces: Run
    read: Read
    """The bytes of a piece, not yet proved."""

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return sum(piece.size for piece in self.pieces)

    def blocks(self) -> Iterator[Buffer]:
        """The pieces' bytes, each proved; raises ProofFailed, FormatError."""
        for piece in self.pieces:
            data = self.read(piece)
            if sha256(memoryview(data)) != piece.digest:
                raise ProofFailed(
                    f"{self.name}: the repository's packs do not give resource {piece.digest}",
                    hint="copy the repository again from its publisher or a mirror",
                )
            yield data


def whole_item(name: str, data: bytes) -> Item:
    """A file whose bytes are known."""
    return Item(name, (Entry(sha256(data), len(data)),), lambda _: data)


def items_of(
    origin: Origin, loads: Sequence[Load], numbered: Mapping[int, Run]
) -> tuple[Item, ...]:
    """The files of one publisher, in the lawful order: what leads to others comes after them.

    ``numbered``: the runs that are on the stick already, by the number of their file.
    """
    folder = publisher_folder(origin.root.publisher_id)
    sources = _sources(origin, loads)

    def read(piece: Entry) -> Buffer:
        return sources[piece.digest](piece)

    groups = _each_once(loads)
    content = [
        Item(f"{folder}/{RESOURCES}/{sharded(entry.digest)}", (entry,), read)
        for entry in chain(*groups)
        if entry.size >= WHOLE
    ]
    for number, run in numbers(few_runs(groups), numbered):
        name = f"{folder}/{CONCATENATIONS}/{number}"
        content.append(Item(name + CONCATENATION, run, read))
        content.append(whole_item(name + TABLE, encode_table(run)))
    published = _published(origin, loads)
    ordered = [name for _, names in passes(published) for name in names]
    return (*content, *(whole_item(f"{folder}/{name}", published[name]) for name in ordered))


def runs(entries: Iterable[Entry]) -> tuple[Run, ...]:
    """The short ones among ``entries`` in their order, as many together as one file shall hold."""
    found: list[Run] = []
    run: list[Entry] = []
    size = 0
    for entry in (entry for entry in entries if entry.size < WHOLE):
        if run and (size + entry.size > LONGEST_RUN or len(run) == MAX_ENTRIES):
            found.append(tuple(run))
            run, size = [], 0
        run.append(entry)
        size += entry.size
    return (*found, tuple(run)) if run else tuple(found)


def numbers(wanted: Sequence[Run], there: Mapping[int, Run]) -> tuple[tuple[int, Run], ...]:
    """A number for each run, from 0 without a gap: that of the file which holds it already, if so.

    Boxes cannot list a stick: they ask for 0, 1, 2 … until one is not there.
    """
    held = {run: number for number, run in there.items() if number < len(wanted)}
    kept = {held[run] for run in wanted if run in held}
    free = (number for number in range(len(wanted)) if number not in kept)
    return tuple((held[run] if run in held else next(free), run) for run in wanted)


def few_runs(groups: Sequence[Run]) -> tuple[Run, ...]:
    """Runs of one collection each, so that a new edition changes few; joined if they are too many.

    Raises InputRefused for more than boxes ask for.
    """
    found = tuple(run for group in groups for run in runs(group))
    if len(found) > MAX_CONCATENATIONS:
        found = runs(chain(*groups))
    if len(found) > MAX_CONCATENATIONS:
        raise InputRefused(
            f"{len(found)} concatenations are more than boxes read ({MAX_CONCATENATIONS})",
            hint="prepare several sticks with fewer collections each",
        )
    return found


def _each_once(loads: Iterable[Load]) -> tuple[Run, ...]:
    """What each collection brings that none before it brings."""
    seen: set[Digest] = set()
    groups: list[Run] = []
    for load in loads:
        new = [one for one in load.resources if one.digest not in seen]
        seen |= {one.digest for one in new}
        groups.append(tuple(Entry(one.digest, one.size) for one in new))
    return tuple(groups)


def _sources(origin: Origin, loads: Iterable[Load]) -> dict[Digest, Read]:
    """Which edition's packs each resource is read out of."""
    found: dict[Digest, Read] = {}
    for load in loads:
        read = _reader(origin, load)
        for resource in load.resources:
            found.setdefault(resource.digest, read)
    return found


def _reader(origin: Origin, load: Load) -> Read:
    contents = origin.contents(load.entry)

    def read(piece: Entry) -> Buffer:
        return contents.read(Resource(piece.digest, piece.size))

    return read


def _published(origin: Origin, loads: Iterable[Load]) -> dict[str, bytes]:
    """What is copied as it is: metadata, targets, the feeds of what is brought."""
    feeds = {
        feed_name(load.entry.feed): origin.shelf.read(
            feed_name(load.entry.feed), load.entry.feed.stored
        )
        for load in loads
    }
    return feeds | dict(origin.files)
