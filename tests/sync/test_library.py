import os
import stat
from pathlib import Path

import pytest

from sync import files
from sync.digest import Digest, sha256
from sync.errors import FormatError, KexiaError, ProofFailed
from sync.library import MTIME, ContentFolder, Store
from tests.kit.packed import noise

DATA = noise(1, 300_000)
NAME = sha256(DATA)


@pytest.fixture
def folder(tmp_path: Path) -> ContentFolder:
    return ContentFolder(tmp_path / "library")


def everything(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def test_what_was_put_is_read(folder: ContentFolder) -> None:
    folder.put(NAME, DATA)
    assert folder.read(NAME, limit=len(DATA)) == DATA
    assert folder.path(NAME) == folder.root / NAME[:2] / NAME
    assert folder.has(NAME)
    assert folder.has(NAME, size=len(DATA))
    assert not folder.has(NAME, size=len(DATA) - 1)
    assert list(folder.digests()) == [NAME]
    assert folder.sizes() == {NAME: len(DATA)}
    assert everything(folder.root) == [folder.path(NAME)]


def test_an_empty_folder_has_nothing(folder: ContentFolder) -> None:
    assert not folder.has(NAME)
    assert list(folder.digests()) == []
    with pytest.raises(ProofFailed, match="missing"):
        folder.read(NAME, limit=10)


def test_files_are_read_only_and_of_one_age(folder: ContentFolder) -> None:
    folder.put(NAME, DATA)
    found = folder.path(NAME).stat()
    assert stat.S_IMODE(found.st_mode) == 0o444
    assert found.st_mtime == MTIME


def test_false_bytes_never_get_the_name(folder: ContentFolder) -> None:
    with pytest.raises(ProofFailed, match="another digest"):
        folder.put(NAME, DATA[:-1])
    assert everything(folder.root) == []


def test_a_broken_off_file_never_gets_the_name(folder: ContentFolder) -> None:
    def break_off() -> None:
        with folder.receive(NAME) as write:
            write(DATA)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert everything(folder.root) == []


def test_what_a_killed_run_left_is_written_over(folder: ContentFolder) -> None:
    path = folder.path(NAME)
    partial = path.with_name(path.name + files.PARTIAL)
    partial.parent.mkdir(parents=True)
    partial.write_bytes(DATA + b"and more")
    partial.chmod(0o444)
    assert list(folder.digests()) == []
    folder.put(NAME, DATA)
    assert everything(folder.root) == [path]


def test_reading_is_bounded(folder: ContentFolder) -> None:
    folder.put(NAME, DATA)
    with pytest.raises(FormatError, match="longer than the 299999"):
        folder.read(NAME, limit=len(DATA) - 1)


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def test_damage_is_noticed(folder: ContentFolder) -> None:
    folder.put(NAME, DATA)
    assert folder.proves(NAME)
    damage(folder.path(NAME))
    assert not folder.proves(NAME)
    with pytest.raises(ProofFailed):
        folder.read(NAME, limit=len(DATA))
    folder.put(NAME, DATA)
    assert folder.proves(NAME)


def test_what_cannot_be_read_proves_nothing(folder: ContentFolder) -> None:
    folder.path(NAME).mkdir(parents=True)
    assert not folder.proves(NAME)
    with pytest.raises(KexiaError, match="directory"):
        folder.read(NAME, limit=9)


def test_removing_twice_is_no_fault(folder: ContentFolder) -> None:
    folder.put(NAME, DATA)
    folder.remove(NAME)
    folder.remove(NAME)
    assert not folder.has(NAME)


def test_foreign_names_are_no_content(folder: ContentFolder) -> None:
    folder.put(NAME, DATA)
    (folder.path(NAME).parent / "notes.txt").write_text("x")
    (folder.root / "lost+found").mkdir()
    (folder.root / "lost+found" / NAME).write_text("x")
    assert folder.sizes() == {NAME: len(DATA)}


def test_a_store_has_its_folders_where_the_box_expects_them(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.library.root == tmp_path / "library"
    assert store.feeds.root == tmp_path / "feeds"
    assert store.tables.root == tmp_path / "tables"
    assert store.staging == tmp_path / "staging"
    assert store.groups.root.is_relative_to(store.staging)


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.library.put(NAME, DATA)
    store.set_aside(NAME)
    assert not store.library.has(NAME)
    assert (tmp_path / "quarantine" / NAME).read_bytes() == DATA
    store.set_aside(NAME)  # once more after a kill: nothing left to do


def test_staged_bytes_go_on_where_they_ended(tmp_path: Path) -> None:
    groups = Store(tmp_path).groups
    assert groups.sizes() == {}
    with groups.append(NAME, at=0) as file:
        file.write(DATA[:1000])
    assert groups.sizes() == {NAME: 1000}
    with groups.append(NAME, at=900) as file:
        assert groups.sizes() == {NAME: 900}
        file.write(DATA[900:])
        assert groups.sizes() == {NAME: len(DATA)}, "a kill now would lose what was received"
    groups.keep(NAME)
    assert groups.read(NAME, size=len(DATA)) == DATA
    with pytest.raises(ProofFailed, match="300000 bytes, not 300001"):
        groups.read(NAME, size=300_001)
    groups.drop(NAME)
    groups.drop(NAME)
    with pytest.raises(ProofFailed, match="No such file"):
        groups.read(NAME, size=len(DATA))


def test_foreign_names_are_no_groups(tmp_path: Path) -> None:
    groups = Store(tmp_path).groups
    with groups.append(Digest("a" * 64), at=0) as file:
        file.write(b"x")
    (groups.root / "notes.txt").write_text("x")
    assert list(groups.sizes()) == ["a" * 64]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may hand a folder to another user")
def test_a_leftover_read_only_file_does_not_stop_an_ordinary_user(folder: ContentFolder) -> None:
    """Root may open read-only files, the box's user may not."""
    path = folder.path(NAME)
    path.parent.mkdir(parents=True)
    partial = path.with_name(path.name + files.PARTIAL)
    partial.write_bytes(b"x")
    partial.chmod(0o444)
    before = partial.stat().st_ino
    with folder.receive(NAME) as write:
        assert partial.stat().st_ino != before or partial.stat().st_mode & 0o200
        write(DATA)
