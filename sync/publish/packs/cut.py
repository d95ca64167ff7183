"""Cuts an edition: new resources into chunks, chunks into a pack, and the feed that lists it all.

First decide (which resources the packs of the last edition cannot make), then do. What lies in
those packs is never cut or compressed again; a pack that nothing needs any more is not listed.
The same request gives the same bytes.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sync import chunker, feed
from sync.digest import Digest
from sync.directory import CollectionEntry, FeedRef, PackRef, feed_name, pack_name, table_name
from sync.feed import Feed, Resource
from sync.files import make_folder, rename_durably, write_durably
from sync.pack import PackWriter, Table
from sync.progress import Progress
from sync.publish.packs.contents import changed
from sync.publish.packs.items import Nature, nature_of
from sync.recipe import Chunk, ChunkId, Chunks, Recipe, chunk_id, whole

LEVEL = 12
"""zstd level of chunk packs: quick, as updates and first syncs come in update packs."""


ALONE = 128 * 1024
"""Files from so many bytes on have groups of their own."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the publisher has the bytes of a resource."""

    resource: Resource
    path: Path


@dataclass(frozen=True, slots=True)
class Previous:
    """The edition before: its entry, its feed, and the tables of its packs in the entry's order."""

    entry: CollectionEntry
    feed: Feed
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class CutRequest:
    """What the next edition of a collection shall be; ``sources`` in the order of the lessons."""

    collection: str
    title: str
    dimensions: Mapping[str, tuple[str, ...]]
    lessons: int
    """How many lessons ``block`` describes."""
    block: bytes
    sources: tuple[Source, ...]
    previous: Previous | None = None

    def feed(self, edition: int) -> Feed:
        """The feed of that edition."""
        resources = tuple(source.resource for source in self.sources)
        return Feed(self.collection, edition, resources, self.block)

    @property
    def unchanged(self) -> bool:
        """True if the edition before already says all of this."""
        if self.previous is None:
            return False
        entry = self.previous.entry
        same_entry = (entry.title, entry.dimensions) == (self.title, dict(self.dimensions))
        return same_entry and self.feed(entry.edition).same_content(self.previous.feed)


def cut(request: CutRequest, out: Path, progress: Progress) -> CollectionEntry:
    """Write packs, tables and feed of the next edition below ``out``, shaped like a repository.

    Raises InputRefused if a source is not the file it was when the feed was compiled; ``out`` is
    then half written. The caller throws it away, or syncs the whole of it and gives it its name.
    """
    held = _Held(() if request.previous is None else request.previous.tables)
    new = [source for source in request.sources if not held.can_make(source.resource)]
    new.sort(key=_packs_later)
    progress.step(f"cut {request.collection}", total=sum(source.resource.size for source in new))
    with ExitStack() as stack:
        packs = _Packs(out, held, stack)
        for source in new:
            packs.add(source, progress)
        made = packs.finish()
    edition = 1 if request.previous is None else request.previous.entry.edition + 1
    stored, ref = feed.encode(request.feed(edition))
    write_durably(out / feed_name(ref), stored)
    return _entry(request, edition, ref, (*_still_needed(request, packs), *made))


def _entry(
    request: CutRequest, edition: int, ref: FeedRef, packs: tuple[PackRef, ...]
) -> CollectionEntry:
    return CollectionEntry(
        id=request.collection,
        title=request.title,
        dimensions=dict(request.dimensions),
        edition=edition,
        lessons=request.lessons,
        size=sum(source.resource.size for source in request.sources),
        feed=ref,
        packs=packs,
    )


def _packs_later(source: Source) -> bool:
    """False for media: they come first, so that whoever takes those alone asks for one range."""
    try:
        with source.path.open("rb") as file:
            return nature_of(file.read(16)) is not Nature.MEDIA
    except OSError:
        return True  # told when it is cut


class _Held:
    """What the packs of the edition before can make."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self.chunks = {place[0].id for table in tables for place in table.places()}
        self.recipes = {recipe.resource: recipe for table in tables for recipe in table.recipes}

    def can_make(self, resource: Resource) -> bool:
        return self.chunks.issuperset(needs(resource, self.recipes))


def needs(resource: Resource, recipes: Mapping[Digest, Recipe]) -> set[ChunkId]:
    """Ids of the chunks that make ``resource``; without a recipe it is one chunk, or empty."""
    recipe = recipes.get(resource.digest)
    if recipe is not None:
        return {chunk.id for chunk in recipe.chunks}
    return {whole(resource.digest)} if resource.size else set()


def _still_needed(request: CutRequest, packs: "_Packs") -> Iterator[PackRef]:
    """The earlier packs that hold a chunk or a recipe of the new edition."""
    if request.previous is None:
        return
    resources = [source.resource for source in request.sources]
    wanted = {resource.digest for resource in resources}
    chunks = set[ChunkId]().union(*(needs(resource, packs.recipes) for resource in resources))
    for ref, table in zip(request.previous.entry.packs, request.previous.tables, strict=True):
        holds_recipe = any(recipe.resource in wanted for recipe in table.recipes)
        if holds_recipe or any(place[0].id in chunks for place in table.places()):
            yield ref


class _Packs:
    """The packs being written: usually one; another begins when one is full (1 GiB)."""

    def __init__(self, out: Path, held: _Held, stack: ExitStack) -> None:
        self.recipes = dict(held.recipes)
        self._out = out
        self._known = set(held.chunks)
        self._stack = stack
        self._path = out / "packs" / "next"
        self._file: BinaryIO | None = None
        self._writer: PackWriter | None = None
        self._own_recipes: list[Recipe] = []
        self._refs: list[PackRef] = []

    def add(self, source: Source, progress: Progress) -> None:
        """Cut one source; raises InputRefused if it is not what the feed says."""
        chunks: list[Chunk] = []
        proof = hashlib.sha256()
        self._begin(source)
        for data in _chunks(source):
            proof.update(data)
            chunks.append(self._add_chunk(data))
            progress.advance(len(data))
        self._begin(source)
        resource = source.resource
        if Resource(Digest(proof.hexdigest()), sum(chunk.length for chunk in chunks)) != resource:
            raise changed(source.path, "the file changed while the edition was made")
        if len(chunks) > 1:
            self._add_recipe(Recipe(resource.digest, resource.size, Chunks.of(chunks)))

    def _begin(self, source: Source) -> None:
        """Files that are not small share no group with others: each can be had alone."""
        if self._writer is not None and source.resource.size >= ALONE:
            self._writer.end_group()

    def finish(self) -> tuple[PackRef, ...]:
        """Close the last pack; the references of all that were written."""
        self._close()
        return tuple(self._refs)

    def _add_chunk(self, data: bytes) -> Chunk:
        chunk = Chunk(chunk_id(data), len(data))
        if chunk.id in self._known:
            return chunk
        self._known.add(chunk.id)
        if self._writer is not None and self._writer.full:
            self._close()
        return self._open().add(data)

    def _add_recipe(self, recipe: Recipe) -> None:
        self._open()
        self.recipes[recipe.resource] = recipe
        self._own_recipes.append(recipe)

    def _open(self) -> PackWriter:
        if self._writer is None:
            make_folder(self._path.parent)
            self._file = self._stack.enter_context(self._path.open("wb"))
            self._writer = PackWriter(self._file, level=LEVEL)
        return self._writer

    def _close(self) -> None:
        if self._writer is None or self._file is None:
            return
        table, ref = self._writer.finish(self._own_recipes)
        self._file.close()
        write_durably(self._out / table_name(ref.table), table)
        make_folder((self._out / pack_name(ref.pack)).parent)
        rename_durably(self._path, self._out / pack_name(ref.pack))
        self._refs.append(ref)
        self._writer, self._file, self._own_recipes = None, None, []


def _chunks(source: Source) -> Iterable[bytes]:
    try:
        with source.path.open("rb") as file:
            yield from chunker.cut(file)
    except OSError as error:
        raise changed(source.path, error.strerror or "cannot be read") from error
