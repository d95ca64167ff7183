"""A small unsigned repository: packs, tables and feeds of made-up resources, cut for real."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from sync import feed as feeds
from sync.chunker import cut
from sync.digest import sha256
from sync.directory import CollectionEntry, PackRef, feed_name, pack_name, table_name
from sync.feed import Feed, Resource
from sync.fetch import fetch_feed, fetch_tables
from sync.library import Store
from sync.pack import PackWriter
from sync.plan import Wanted
from sync.recipe import Chunk, ChunkId, Chunks, Recipe
from sync.transport.base import Transport


def resource(data: bytes) -> Resource:
    return Resource(sha256(data), len(data))


@dataclass
class Packed:
    """One collection of a repository below ``root``; each ``release`` adds a pack of new chunks."""

    root: Path
    collection: str = "43/music-1a"
    level: int = 3
    edition: int = 0
    packs: list[PackRef] = field(default_factory=list)
    held: set[ChunkId] = field(default_factory=set)

    def release(self, contents: Iterable[bytes]) -> CollectionEntry:
        files = tuple(dict.fromkeys(contents))
        self.edition += 1
        self._write_pack(files)
        resources = tuple(map(resource, files))
        return self.entry(Feed(self.collection, self.edition, resources, b"lessons\n"))

    def entry(self, feed: Feed) -> CollectionEntry:
        stored, ref = feeds.encode(feed)
        self.write(feed_name(ref), stored)
        size = sum(one.size for one in feed.resources)
        return CollectionEntry(
            self.collection, "音乐", {}, feed.edition, 1, size, ref, tuple(self.packs)
        )

    def _write_pack(self, files: Sequence[bytes]) -> None:
        out = BytesIO()
        writer = PackWriter(out, level=self.level)
        recipes = []
        for data in files:
            chunks = []
            for piece in cut(BytesIO(data)):
                chunk = self._add(writer, piece)
                chunks.append(chunk)
            if len(chunks) > 1:
                recipes.append(Recipe(sha256(data), len(data), Chunks.of(chunks)))
        table, ref = writer.finish(recipes)
        self.write(pack_name(ref.pack), out.getvalue())
        self.write(table_name(ref.table), table)
        self.packs.append(ref)

    def _add(self, writer: PackWriter, piece: bytes) -> Chunk:
        from sync.recipe import chunk_id

        name = chunk_id(piece)
        if name in self.held:
            return Chunk(name, len(piece))
        self.held.add(name)
        return writer.add(piece)

    def write(self, name: str, data: bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path


def want(entry: CollectionEntry, transport: Transport, store: Store) -> Wanted:
    feed = fetch_feed(entry, transport, store)
    return Wanted(entry, feed, fetch_tables(entry, transport, store))
