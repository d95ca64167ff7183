"""A small unsigned repository: packs, tables and feeds of made-up resources, cut for real."""

import errno
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sync import feed as feeds
from sync.apply import Applied
from sync.carry import Carrier
from sync.chunker import cut
from sync.digest import sha256
from sync.directory import CollectionEntry, PackRef, feed_name, pack_name, table_name
from sync.feed import Feed, Resource
from sync.fetch import Start, fetch_wanted
from sync.library import Store
from sync.pack import PackWriter
from sync.plan import Plan, Wanted, make_plan
from sync.progress import Silent
from sync.recipe import Chunk, ChunkId, Chunks, Recipe, chunk_id
from sync.seed import kept_tables, survey
from sync.transport.base import Transport


def noise(seed: int, size: int) -> bytes:
    """Bytes no codec can shorten; the same on every machine."""
    return Random(seed).randbytes(size)


def text(seed: int, size: int) -> bytes:
    """Bytes every codec can shorten."""
    words = [b"lesson ", b"chapter ", "音乐".encode(), b"song\n", b"three "]
    rng = Random(seed)
    return b"".join(rng.choice(words) for _ in range(size // 3))[:size]


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
        packs = tuple(self.packs)
        return CollectionEntry(self.collection, "音乐", {}, feed.edition, 1, size, ref, packs)

    def write(self, name: str, data: bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def _write_pack(self, contents: Sequence[bytes]) -> None:
        out = BytesIO()
        writer = PackWriter(out, level=self.level)
        recipes = []
        for data in contents:
            chunks = Chunks.of([self._add(writer, piece) for piece in cut(BytesIO(data))])
            if len(chunks) > 1:
                recipes.append(Recipe(sha256(data), len(data), chunks))
        table, ref = writer.finish(recipes)
        self.write(pack_name(ref.pack), out.getvalue())
        self.write(table_name(ref.table), table)
        self.packs.append(ref)

    def _add(self, writer: PackWriter, piece: bytes) -> Chunk:
        chunk = Chunk(chunk_id(piece), len(piece))
        if chunk.id not in self.held:
            self.held.add(chunk.id)
            writer.add(piece)
        return chunk


def want(entry: CollectionEntry, transport: Transport, store: Store) -> Wanted:
    return fetch_wanted(entry, Start(), transport, store)


def plan_for(entries: Iterable[CollectionEntry], transport: Transport, store: Store) -> Plan:
    wanted = [want(entry, transport, store) for entry in entries]
    return make_plan(wanted, survey(store, kept_tables(store)))


def bring(entry: CollectionEntry, transport: Transport, store: Store) -> Applied:
    """Everything a box does with bytes: feed, tables, plan, apply."""
    return execute(plan_for([entry], transport, store), transport, store)


def execute(plan: Plan, transport: Transport, store: Store) -> Applied:
    """Apply, and plan again what could not be made."""
    return Carrier(transport, store, Silent(), {}).execute(plan)


def fail_to_read(monkeypatch: pytest.MonkeyPatch, broken: Path) -> None:
    """Let the kernel's answer to opening ``broken`` be a read error, as on a worn card."""
    real = Path.open

    def failing(path: Path, *arguments: Any, **options: Any) -> Any:
        if path == broken:
            raise OSError(errno.EIO, "Input/output error", str(path))
        return real(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", failing)


def holds(store: Store, contents: Iterable[bytes]) -> bool:
    """True if the library has all of ``contents``, byte for byte."""
    return all(
        store.library.has(sha256(data))
        and store.library.read(sha256(data), limit=len(data)) == data
        for data in contents
    )
