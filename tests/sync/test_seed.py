from pathlib import Path

import pytest

from sync.digest import sha256
from sync.library import Store
from sync.seed import kept_tables, survey
from sync.transport.volume import VolumeTransport
from tests.kit.packed import Packed, bring, fail_to_read, noise


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "box")


def test_an_empty_box_holds_nothing(store: Store) -> None:
    have = survey(store, kept_tables(store))
    assert (have.resources, have.tables, have.staged) == ({}, (), {})


def test_what_a_box_holds(tmp_path: Path, store: Store) -> None:
    packed = Packed(tmp_path / "repository")
    contents = [noise(1, 600_000), b"small"]
    bring(packed.release(contents), VolumeTransport(packed.root), store)
    with store.groups.append(sha256(b"group"), at=0) as file:
        file.write(b"gro")
    have = survey(store, kept_tables(store))
    assert have.resources == {sha256(data): len(data) for data in contents}
    assert have.staged == {sha256(b"group"): 3}
    assert [recipe.resource for table in have.tables for recipe in table.recipes] == [
        sha256(contents[0])
    ]


def test_a_damaged_table_is_removed_and_the_others_serve(tmp_path: Path, store: Store) -> None:
    packed = Packed(tmp_path / "repository")
    source = VolumeTransport(packed.root)
    bring(packed.release([noise(1, 600_000)]), source, store)
    bring(packed.release([noise(2, 600_000)]), source, store)
    assert len(kept_tables(store)) == 2
    digest = packed.packs[0].table.digest
    store.tables.path(digest).chmod(0o644)
    store.tables.path(digest).write_bytes(b"rotten")
    assert [table.pack for table in kept_tables(store)] == [packed.packs[1].pack]
    assert not store.tables.has(digest)


def test_a_table_the_disk_cannot_read_is_removed(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = Packed(tmp_path / "repository")
    bring(packed.release([noise(1, 600_000)]), VolumeTransport(packed.root), store)
    digest = packed.packs[0].table.digest
    fail_to_read(monkeypatch, store.tables.path(digest))
    assert kept_tables(store) == ()
    assert not store.tables.has(digest)


def test_a_table_of_a_newer_system_is_passed_over_and_kept(store: Store) -> None:
    newer = b"KXTABL\n\x02" + bytes(100)
    store.tables.put(sha256(newer), newer)
    assert kept_tables(store) == ()
    assert store.tables.has(sha256(newer))
