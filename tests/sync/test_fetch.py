from dataclasses import replace
from pathlib import Path

import pytest

from sync import feed as feeds
from sync.digest import sha256
from sync.directory import CollectionEntry, Stored, feed_name, pack_name, table_name
from sync.errors import FormatError, NoSource, NotThere, ProofFailed
from sync.fetch import fetch_feed, fetch_tables
from sync.library import Store
from sync.pack import MAX_TABLE
from sync.transport.meter import Meter
from sync.transport.volume import VolumeTransport
from tests.kit.packed import Packed, fail_to_read, noise


@pytest.fixture
def packed(tmp_path: Path) -> Packed:
    return Packed(tmp_path / "repository")


@pytest.fixture
def entry(packed: Packed) -> CollectionEntry:
    return packed.release([noise(1, 500_000), b"x"])


@pytest.fixture
def source(packed: Packed) -> Meter:
    return Meter(VolumeTransport(packed.root))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "box")


def test_a_feed_is_fetched_once(entry: CollectionEntry, source: Meter, store: Store) -> None:
    feed = fetch_feed(entry, source, store)
    assert (feed.collection, feed.edition, len(feed.resources)) == ("43/music-1a", 1, 2)
    assert store.feeds.has(entry.feed.plain.digest)
    assert source.requests == 1
    assert fetch_feed(entry, source, store) == feed
    assert source.requests == 1


def test_tables_are_fetched_once(
    packed: Packed, entry: CollectionEntry, source: Meter, store: Store
) -> None:
    first = fetch_tables(entry, source, store)
    assert [table.pack for table in first] == [ref.pack for ref in entry.packs]
    second = packed.release([noise(1, 500_000), b"y"])
    assert fetch_tables(second, source, store)[:1] == first
    assert source.requests == 2
    assert set(store.tables.digests()) == {ref.table.digest for ref in second.packs}


def test_a_damaged_copy_of_the_box_is_replaced(
    entry: CollectionEntry, source: Meter, store: Store
) -> None:
    fetch_feed(entry, source, store)
    path = store.feeds.path(entry.feed.plain.digest)
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[9] ^= 1
    path.write_bytes(data)
    fetch_feed(entry, source, store)
    assert store.feeds.proves(entry.feed.plain.digest)
    path.chmod(0o644)
    path.write_bytes(b"")
    fetch_feed(entry, source, store)
    assert store.feeds.proves(entry.feed.plain.digest)
    assert source.requests == 3


def test_a_copy_the_disk_cannot_read_is_replaced(
    entry: CollectionEntry, source: Meter, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch_feed(entry, source, store)
    fail_to_read(monkeypatch, store.feeds.path(entry.feed.plain.digest))
    fetch_feed(entry, source, store)
    assert source.requests == 2


@pytest.mark.parametrize("kind", ["feed", "table"])
def test_altered_bytes_are_refused_and_not_kept(
    kind: str, packed: Packed, entry: CollectionEntry, source: Meter, store: Store
) -> None:
    name = feed_name(entry.feed) if kind == "feed" else table_name(entry.packs[0].table)
    data = bytearray((packed.root / name).read_bytes())
    data[-1] ^= 1
    packed.write(name, bytes(data))
    with pytest.raises(ProofFailed, match=f"{packed.root}: {name}"):
        (fetch_feed if kind == "feed" else fetch_tables)(entry, source, store)
    assert not list(store.feeds.digests())
    assert not list(store.tables.digests())


def test_what_follows_the_signed_bytes_is_never_asked_for(
    packed: Packed, entry: CollectionEntry, source: Meter, store: Store
) -> None:
    name = feed_name(entry.feed)
    packed.write(name, (packed.root / name).read_bytes() + bytes(10))
    fetch_feed(entry, source, store)
    assert source.bytes == entry.feed.stored.size
    assert store.feeds.proves(entry.feed.plain.digest)


def test_a_shorter_file_is_refused(
    packed: Packed, entry: CollectionEntry, source: Meter, store: Store
) -> None:
    name = feed_name(entry.feed)
    packed.write(name, (packed.root / name).read_bytes()[:-10])
    with pytest.raises(NoSource, match=name):
        fetch_feed(entry, source, store)
    assert not list(store.feeds.digests())


def test_missing_files_are_named(
    packed: Packed, entry: CollectionEntry, source: Meter, store: Store
) -> None:
    (packed.root / feed_name(entry.feed)).unlink()
    with pytest.raises(NotThere, match=entry.feed.stored.digest):
        fetch_feed(entry, source, store)


def test_sizes_beyond_the_limits_are_refused_unasked(
    entry: CollectionEntry, source: Meter, store: Store
) -> None:
    big = replace(entry.feed, stored=replace(entry.feed.stored, size=feeds.MAX_STORED + 1))
    with pytest.raises(FormatError, match="feed of 43/music-1a"):
        fetch_feed(replace(entry, feed=big), source, store)
    table = replace(entry.packs[0], table=replace(entry.packs[0].table, size=MAX_TABLE + 1))
    with pytest.raises(FormatError, match="table"):
        fetch_tables(replace(entry, packs=(table,)), source, store)
    assert source.requests == 0


@pytest.mark.parametrize("changes", [{"id": "43/art-1a"}, {"edition": 2}])
def test_a_feed_of_something_else_is_refused(
    changes: dict[str, object], entry: CollectionEntry, source: Meter, store: Store
) -> None:
    with pytest.raises(FormatError, match="describes 43/music-1a, edition 1"):
        fetch_feed(replace(entry, **changes), source, store)  # type: ignore[arg-type]  # they fit


def test_a_table_of_another_pack_is_refused(
    entry: CollectionEntry, source: Meter, store: Store
) -> None:
    other = Stored(sha256(b"other"), 99)
    swapped = replace(entry.packs[0], pack=other)
    assert pack_name(other) != pack_name(entry.packs[0].pack)
    with pytest.raises(FormatError, match="belongs to another pack"):
        fetch_tables(replace(entry, packs=(swapped,)), source, store)
