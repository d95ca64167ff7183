"""A box fills a stick for a neighbour: what it passes on (``holdings``), in the stick's layout.

Nothing is signed or decided here: metadata and feeds go as their publishers gave them out, files
as the library has them, each proved before it is written.
"""

import mmap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import chain
from pathlib import Path

from appliance.config import BoxPaths
from appliance.generation import Generation, current
from appliance.holdings import Held, Holdings, files_of
from appliance.record import Kept, PublisherState
from appliance.technician.folder import StickFolder
from appliance.technician.items import Item, Read, Run, few_runs, numbers, whole_item
from appliance.technician.prepare import Filling, Prepared
from appliance.technician.spare import Earlier, check_spared
from appliance.update.published import as_published
from sync.chunker import Buffer
from sync.digest import sharded
from sync.directory import CollectionEntry, feed_name, plain_feed_name
from sync.errors import Incomplete, InputRefused, ProofFailed
from sync.library import Store
from sync.progress import Progress
from sync.publish.order import passes
from sync.stick.concatenation import CONCATENATION, TABLE, WHOLE, Entry, encode_table
from sync.stick.layout import CONCATENATIONS, RESOURCES, publisher_folder
from sync.stick.note import Carried, Note, Publisher


@dataclass(frozen=True, slots=True)
class _Part:
    """What of one publisher goes in."""

    state: PublisherState
    carried: tuple[Carried, ...]
    entries: tuple[Run, ...]
    """Files of the lessons, each once, collection by collection."""
    published: Mapping[str, bytes]
    """Metadata, targets and feeds by their names in the repository."""


def fill_stick(
    paths: BoxPaths,
    to: Path,
    now: datetime,
    progress: Progress,
    earlier: Earlier = Earlier.SPARE,
) -> Prepared:
    """Bring the folder (a stick) or ``.kexia`` file ``to`` up to what the box serves.

    Raises InputRefused for a box without lessons, or a stick that ``check_spared`` spares;
    ProofFailed if the box's own files are damaged, Incomplete if it took in something newer
    meanwhile, and what ``prepare`` raises.
    """
    generation = current(paths)
    if generation is None or not generation.record.collections:
        raise InputRefused(f"{paths.root}: no lessons yet", hint=f"kexia box sync {paths.root}")
    try:
        holdings = Holdings(paths, generation)
        states = generation.record.publishers
        parts = tuple(_part(state, generation, holdings, Store(paths.root)) for state in states)
        parts = tuple(part for part in parts if part.carried)
        publishers = tuple(
            Publisher(one.state.id, one.state.code, one.state.name, one.carried) for one in parts
        )
        note = Note(now, (), publishers, complete=True, back=False)
        if earlier is Earlier.SPARE:
            check_spared(to, note)
        done = Filling(to, note, partial(_items, parts, Store(paths.root))).fill(progress)
    except ProofFailed as error:
        raise ProofFailed(
            f"{paths.root}: {error.fact}",
            hint=f"a file of the box is damaged: kexia box sync {paths.root}, then this again",
        ) from error
    except FileNotFoundError as error:
        raise Incomplete(
            f"{paths.root}: took in something newer meanwhile ({error.filename} is gone)",
            hint="run the same command again; what is on the stick is used",
        ) from error
    return replace(done, vouched=True)


def _part(state: PublisherState, generation: Generation, holdings: Holdings, store: Store) -> _Part:
    kept = [one for one in generation.record.collections if one.publisher == state.id]
    files = {one.entry.id: tuple(_files(one, generation, store)) for one in kept}
    carried = tuple(
        Carried(
            one.entry.id,
            one.entry.title,
            one.entry.edition,
            len(files[one.entry.id]),
            sum(entry.size for entry in files[one.entry.id]),
        )
        for one in kept
    )
    published = {name: _read(held) for name, held in holdings.metadata(state.id).items()}
    for one in kept:
        published |= _feeds(one, store)
    return _Part(state, carried, _each_once(files.values()), published)


def _each_once(files: Iterable[Run]) -> tuple[Run, ...]:
    """What each collection has that none before it has."""
    seen: set[Entry] = set()
    found: list[Run] = []
    for each in files:
        found.append(tuple(entry for entry in each if entry not in seen))
        seen.update(each)
    return tuple(found)


def _files(kept: Kept, generation: Generation, store: Store) -> Iterator[Entry]:
    """In the order of their digests: the same lessons make the same stick."""
    digests = sorted(set(files_of(kept, generation.record, store)))
    sizes = store.library.sizes_of(digests)
    return (Entry(digest, sizes[digest]) for digest in digests if digest in sizes)


def _feeds(kept: Kept, store: Store) -> dict[str, bytes]:
    entries = [kept.entry, *([kept.ahead.entry] if kept.ahead else [])]
    return dict(_feed(entry, store) for entry in entries)


def _feed(entry: CollectionEntry, store: Store) -> tuple[str, bytes]:
    stored = as_published(entry, store)
    if stored is not None:
        return feed_name(entry.feed), stored
    plain = entry.feed.plain
    return plain_feed_name(entry.feed), store.feeds.read(plain.digest, limit=plain.size)


def _read(held: Held) -> bytes:
    return held.path.read_bytes()


def _items(parts: Iterable[_Part], store: Store, stick: StickFolder | None) -> tuple[Item, ...]:
    read = partial(_mapped, store)
    return tuple(
        item
        for part in parts
        for item in _items_of(part, stick.runs(part.state.id) if stick else {}, read)
    )


def _items_of(part: _Part, numbered: Mapping[int, Run], read: Read) -> Iterator[Item]:
    """In the lawful order: what leads to others comes after them."""
    folder = publisher_folder(part.state.id)
    for entry in chain(*part.entries):
        if entry.size >= WHOLE:
            yield Item(f"{folder}/{RESOURCES}/{sharded(entry.digest)}", (entry,), read)
    for number, run in numbers(few_runs(part.entries), numbered):
        name = f"{folder}/{CONCATENATIONS}/{number}"
        yield Item(name + CONCATENATION, run, read)
        yield whole_item(name + TABLE, encode_table(run))
    for _, names in passes(part.published):
        for name in names:
            yield whole_item(f"{folder}/{name}", part.published[name])


def _mapped(store: Store, entry: Entry) -> Buffer:
    """A file of the library; the kernel reads a long one as it is written out."""
    if not entry.size:
        return b""
    with store.library.path(entry.digest).open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
