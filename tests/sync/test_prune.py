from pathlib import Path

import pytest

from sync import files
from sync.digest import sha256
from sync.library import ContentFolder, Store
from sync.prune import Keep, Pruned, Staging, prune

NOTHING = Keep(frozenset(), frozenset(), frozenset())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "box")


def fill(folder: ContentFolder, *contents: bytes) -> None:
    for data in contents:
        folder.put(sha256(data), data)


def test_only_what_is_kept_stays(store: Store) -> None:
    fill(store.library, b"kept", b"gone", b"gone too")
    fill(store.feeds, b"feed", b"old feed")
    fill(store.tables, b"table", b"old table")
    keep = Keep(
        frozenset({sha256(b"kept"), sha256(b"never had")}),
        frozenset({sha256(b"feed")}),
        frozenset({sha256(b"table")}),
    )
    assert prune(store, keep) == Pruned(resources=2, feeds=1, tables=1, bytes=4 + 8 + 8 + 9)
    assert set(store.library.digests()) == {sha256(b"kept")}
    assert set(store.feeds.digests()) == {sha256(b"feed")}
    assert set(store.tables.digests()) == {sha256(b"table")}
    assert prune(store, keep) == Pruned(0, 0, 0, 0)


def test_an_empty_box_has_nothing_to_prune(store: Store) -> None:
    assert prune(store, NOTHING) == Pruned(0, 0, 0, 0)


def test_partial_files_and_quarantine_go(store: Store) -> None:
    fill(store.library, b"rotten", b"kept")
    store.set_aside(sha256(b"rotten"))
    kept = store.library.path(sha256(b"kept"))
    partial = kept.with_name(kept.name + files.PARTIAL)
    partial.write_bytes(b"half")
    prune(store, Keep(frozenset({sha256(b"kept")}), frozenset(), frozenset()))
    assert not partial.exists()
    assert kept.exists()
    assert list(store.quarantine.iterdir()) == []


def test_staging_goes_only_when_nothing_is_unfinished(store: Store) -> None:
    with store.groups.append(sha256(b"group"), at=0) as file:
        file.write(b"gro")
    prune(store, NOTHING)
    assert store.groups.sizes() == {sha256(b"group"): 3}
    prune(store, Keep(frozenset(), frozenset(), frozenset(), staging=Staging.CLEAR))
    assert store.groups.sizes() == {}
