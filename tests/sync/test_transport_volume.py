"""A folder as source: strangers' sticks, with links, pipes, folders, and bad blocks."""

import errno
import os
from pathlib import Path

import pytest

from sync.errors import MediumFailing, NoSource, NotThere
from sync.transport.volume import VolumeTransport


@pytest.fixture
def volume(tmp_path: Path) -> VolumeTransport:
    (tmp_path / "secret").write_bytes(b"not on the stick")
    (tmp_path / "stick" / "packs").mkdir(parents=True)
    (tmp_path / "stick" / "packs" / "real").write_bytes(b"content")
    return VolumeTransport(tmp_path / "stick")


def test_follows_no_link(volume: VolumeTransport, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    (stick / "file").symlink_to(tmp_path / "secret")
    (stick / "inside").symlink_to("packs/real")
    (stick / "folder").symlink_to(tmp_path)
    (stick / "loop").symlink_to("loop")
    for name in ("file", "inside", "folder/secret", "loop", "loop/x"):
        with pytest.raises(NotThere):
            volume.read(name, limit=100)
        with pytest.raises(NotThere):
            list(volume.stream(name, offset=0, length=1))


def test_reads_regular_files_only(volume: VolumeTransport, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "stick" / "pipe")
    for name in ("pipe", "packs"):
        with pytest.raises(NotThere, match="no regular file"):
            volume.read(name, limit=100)


def test_its_own_folder_may_be_a_link(volume: VolumeTransport, tmp_path: Path) -> None:
    (tmp_path / "mount").symlink_to(tmp_path / "stick")
    assert VolumeTransport(tmp_path / "mount").read("packs/real", limit=7) == b"content"


def test_a_vanished_stick(volume: VolumeTransport, tmp_path: Path) -> None:
    (tmp_path / "stick").rename(tmp_path / "away")
    with pytest.raises(NoSource, match="cannot be read") as caught:
        volume.read("packs/real", limit=100)
    assert not isinstance(caught.value, NotThere)
    assert "plugged in" in caught.value.hint


def test_a_stick_pulled_out_while_reading(volume: VolumeTransport, tmp_path: Path) -> None:
    path = tmp_path / "stick" / "packs" / "real"
    path.write_bytes(bytes(600_000))
    stream = volume.stream("packs/real", offset=0, length=600_000)
    next(iter(stream))
    os.truncate(path, 300_000)
    with pytest.raises(NoSource, match="ends 300000 bytes early"):
        list(stream)


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NoSource, match="cannot be read"):
        VolumeTransport(tmp_path / "file").read("packs/real", limit=100)


@pytest.mark.parametrize("number", [errno.EIO, errno.EUCLEAN])
def test_read_errors_are_the_mediums(number: int) -> None:
    # no test can make a real disk fail without being root: the mapping alone
    error = VolumeTransport(Path("/mnt"))._error("packs/real", OSError(number, "bad block"))
    assert isinstance(error, MediumFailing)
    assert error.exit_code == 8


@pytest.mark.parametrize("number", [errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.EACCES])
def test_gone_devices_are_no_source(number: int) -> None:
    error = VolumeTransport(Path("/mnt"))._error("packs/real", OSError(number, "gone"))
    assert type(error) is NoSource


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_nothing_stays_open(volume: VolumeTransport) -> None:
    before = open_files()
    volume.read("packs/real", limit=100)
    list(volume.stream("packs/real", offset=0, length=7))
    for name in ("none", "packs", "packs/none/x"):
        with pytest.raises(NotThere):
            volume.read(name, limit=1)
    assert open_files() == before
