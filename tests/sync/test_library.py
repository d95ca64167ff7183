import errno
import os
import stat
from pathlib import Path

import pytest

from sync import files, library
from sync.digest import Digest, sha256
from sync.errors import FormatError, KexiaError, MediumFailing, ProofFailed
from sync.library import MTIME, READ_ONLY, ContentFolder, Store
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


MANY = {sha256(data): data for data in (noise(seed, 3_000 + seed) for seed in range(20))}


def fill(folder: ContentFolder, told: list[Digest]) -> None:
    """Receive MANY in one batch."""
    with folder.batch(named=told.extend) as batch:
        for digest, data in MANY.items():
            with batch.receive(digest) as write:
                write(data[:1000])
                write(memoryview(data)[1000:])


def test_a_batch_names_all_at_its_end(folder: ContentFolder) -> None:
    told: list[Digest] = []
    with folder.batch(named=told.extend) as batch:
        for data in (DATA, b""):
            with batch.receive(sha256(data)) as write:
                write(data)
        assert batch.holds(NAME)
        assert not folder.has(NAME)
        assert Path(batch.place(NAME)).read_bytes() == DATA
        batch.flush()
        assert told == [NAME, sha256(b"")]
        assert not batch.holds(NAME)
        assert batch.place(NAME) == str(folder.path(NAME))
    assert told == [NAME, sha256(b"")]
    assert all(folder.proves(digest) for digest in told)
    found = folder.path(NAME).stat()
    assert (stat.S_IMODE(found.st_mode), found.st_mtime) == (0o444, MTIME)
    assert len(everything(folder.root)) == 2


@pytest.mark.parametrize(("bound", "value"), [("BATCH_FILES", 5), ("BATCH_BYTES", 15_000)])
def test_a_batch_is_bounded(
    folder: ContentFolder, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(library, bound, value)
    turns: list[int] = []
    with folder.batch(named=lambda digests: turns.append(len(digests))) as batch:
        for digest, data in MANY.items():
            with batch.receive(digest) as write:
                write(data)
    assert turns == [5, 5, 5, 5]
    assert set(folder.sizes()) == set(MANY)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ProofFailed])
def test_a_batch_that_is_broken_off_keeps_what_is_whole(
    folder: ContentFolder, stop: type[BaseException]
) -> None:
    told: list[Digest] = []

    def break_off() -> None:
        with folder.batch(named=told.extend) as batch:
            with batch.receive(NAME) as write:
                write(DATA)
            with batch.receive(Digest("a" * 64)) as write:
                write(DATA)
                if stop is KeyboardInterrupt:
                    raise KeyboardInterrupt

    with pytest.raises(stop):
        break_off()
    assert told == [NAME]
    assert everything(folder.root) == [folder.path(NAME)]


def test_a_batch_takes_the_same_file_twice_and_after_a_kill(folder: ContentFolder) -> None:
    partial = files.partial_of(folder.path(NAME))
    partial.parent.mkdir(parents=True)
    partial.write_bytes(DATA + b"and more")
    partial.chmod(0o444)
    with folder.batch(named=lambda _: None) as batch:
        for _ in range(2):
            with batch.receive(NAME) as write:
                write(DATA)
    assert folder.proves(NAME)
    assert everything(folder.root) == [folder.path(NAME)]


def test_a_batch_leaves_no_descriptor_open(folder: ContentFolder) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    fill(folder, [])
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.thorough
def test_a_batch_stopped_before_any_step_never_names_what_is_not_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync fails at every step in turn; what has a name then was synced before, and is whole."""
    fsync = os.fsync
    for step in range(400):
        folder, told = ContentFolder(tmp_path / str(step)), list[Digest]()
        synced: set[int] = set()
        left = step

        def failing(descriptor: int) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(errno.EIO, "Input/output error")
            fsync(descriptor)
            synced.add(os.fstat(descriptor).st_ino)  # noqa: B023

        monkeypatch.setattr(os, "fsync", failing)
        try:
            fill(folder, told)
        except MediumFailing:
            assert told == []
        else:
            assert set(told) == set(MANY)
            return
        finally:
            monkeypatch.setattr(os, "fsync", fsync)
        for digest in folder.sizes():
            assert folder.path(digest).stat().st_ino in synced
            assert folder.proves(digest)
        assert not list(folder.root.rglob(f"*{files.PARTIAL}"))
    pytest.fail("the batch never came to its end")


def test_a_file_cut_off_between_its_proof_and_its_name_comes_again(tmp_path: Path) -> None:
    """A power cut left it read-only; whoever is not root could not have gone on with it."""
    store, data = Store(tmp_path), b"a lesson's film"
    digest = sha256(data)
    path = store.raw.root / digest
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    path.chmod(READ_ONLY)
    with store.raw.receive(digest, at=len(data)) as write:
        assert path.stat().st_mode & 0o200
        write(b"")
    assert store.library.path(digest).read_bytes() == data
    assert store.library.path(digest).stat().st_mode & 0o777 == READ_ONLY
