import errno
import os
import stat
from pathlib import Path

import pytest

from sync import files
from sync.errors import KexiaError, MediumFailing, NoRoom


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is synced and renamed, in that order (the real calls still happen)."""
    seen: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def spy_sync(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        seen.append(f"sync {kind} {name}")
        fsync(descriptor)

    def spy_replace(source: Path, target: Path) -> Path:
        seen.append(f"rename {source.name} {target.name}")
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", spy_sync)
    monkeypatch.setattr(Path, "replace", spy_replace)
    return seen


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_durable_write_syncs_renames_syncs(tmp_path: Path, order: list[str]) -> None:
    files.write_durably(tmp_path / "a", b"abc", mode=0o600)
    assert (tmp_path / "a").read_bytes() == b"abc"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert order == [
        "sync file a.partial",
        "rename a.partial a",
        f"sync folder {tmp_path.name}",
    ]


def test_new_folders_are_made_durably(tmp_path: Path, order: list[str]) -> None:
    files.write_durably(tmp_path / "x" / "y" / "a", [b"a", b"bc"])
    assert (tmp_path / "x" / "y" / "a").read_bytes() == b"abc"
    assert order[:2] == [f"sync folder {tmp_path.name}", "sync folder x"]


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    files.write_durably(tmp_path / "a", b"old")

    def fail() -> None:
        with files.durable_file(tmp_path / "a") as file:
            file.write(b"new")
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        fail()
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_what_a_killed_write_left_does_not_shine_through(tmp_path: Path) -> None:
    (tmp_path / f"a{files.PARTIAL}").write_bytes(b"something longer")
    files.write_durably(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert names(tmp_path) == ["a"]


def test_the_switch_is_one_step(tmp_path: Path, order: list[str]) -> None:
    link = tmp_path / "current"
    files.switch(link, "generations/1")
    (tmp_path / f"current{files.PARTIAL}").symlink_to("left by a kill")
    files.switch(link, "generations/2")
    assert link.readlink() == Path("generations/2")
    step = ["rename current.partial current", f"sync folder {tmp_path.name}"]
    assert order == step * 2
    assert names(tmp_path) == ["current"]


def test_a_tree_is_synced_whole(tmp_path: Path, order: list[str]) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    (tmp_path / "link").symlink_to("nowhere")
    files.sync_tree(tmp_path)
    assert set(order) == {
        "sync file a",
        "sync file b",
        "sync folder sub",
        f"sync folder {tmp_path.name}",
    }


def test_a_growing_file_is_synced(tmp_path: Path, order: list[str]) -> None:
    with (tmp_path / "journal").open("wb") as file:
        file.write(b"line\n")
        files.sync_file(file)
        assert (tmp_path / "journal").read_bytes() == b"line\n"
    assert order == ["sync file journal"]


def test_free_space_is_that_of_the_disk(tmp_path: Path) -> None:
    status = os.statvfs(tmp_path)
    assert files.free_space(tmp_path) == pytest.approx(status.f_bavail * status.f_frsize, rel=0.1)


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (errno.ENOSPC, NoRoom, 6),
        (errno.EDQUOT, NoRoom, 6),
        (errno.EIO, MediumFailing, 8),
        (errno.EROFS, MediumFailing, 8),
        (errno.EUCLEAN, MediumFailing, 8),
        (errno.EACCES, KexiaError, 1),
    ],
)
def test_the_kernels_errors_say_what_to_do(
    tmp_path: Path, number: int, kind: type[KexiaError], code: int
) -> None:
    def fail() -> None:
        with files.disk_errors(tmp_path / "a"):
            raise OSError(number, os.strerror(number))

    with pytest.raises(KexiaError, match=str(tmp_path / "a")) as caught:
        fail()
    assert type(caught.value) is kind
    assert caught.value.exit_code == code
    assert bool(caught.value.hint) == (code != 1)


def test_a_write_below_a_file_is_our_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(KexiaError, match=r"Not a directory|File exists"):
        files.write_durably(tmp_path / "a" / "b", b"x")


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    files.write_durably(tmp_path / "a", b"old")

    def fail() -> None:
        with files.durable_file(tmp_path / "a"):
            raise OSError(errno.ENOSPC, "full")

    with pytest.raises(NoRoom):
        fail()
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_only_a_regular_file_is_opened_and_nobody_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"lessons")
    assert files.read_bounded(tmp_path / "file", 3) == b"les"
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(OSError, match="not a regular file"):
            files.read_bounded(tmp_path / name, 3)
    with pytest.raises(FileNotFoundError):
        files.read_bounded(tmp_path / "none", 3)
