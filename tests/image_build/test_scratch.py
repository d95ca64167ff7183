"""Where a root is put together, and that nothing of it stays, however a build ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from image_build.builder import scratch as module
from image_build.builder.scratch import scratch
from image_build.builder.surroundings import Surroundings

KILLED = """
import os, signal, sys
from pathlib import Path
from image_build.builder.scratch import scratch
from image_build.builder.surroundings import Surroundings
place = Path(sys.argv[1])
with scratch(place, Surroundings({"TMPDIR": str(place)}, place)) as room:
    (room.folder / "half").write_bytes(b"a root")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for memory, with more than enough room."""
    folder = tmp_path / "memory"
    folder.mkdir()
    monkeypatch.setattr(module, "_MEMORY", folder)
    monkeypatch.setattr(module, "_PEAK", 1)
    monkeypatch.setattr(module, "_LEFT", 1)
    return folder


def place(beside: Path, environment: dict[str, str]) -> Path:
    """Where a build works; whatever it leaves there is a fault."""
    with scratch(beside, Surroundings(environment, beside)) as room:
        (room.folder / "root").mkdir()
        found = room.folder.parent
        assert room.environment(7)["TMPDIR"] == str(room.folder)
        assert room.folder.stat().st_mode & 0o777 == 0o755, "a user name space enters it"
    assert not list(found.iterdir())
    return found


def test_in_memory_where_there_is_plenty(memory: Path, tmp_path: Path) -> None:
    assert place(tmp_path, {}) == memory


@pytest.mark.usefixtures("memory")
def test_where_it_is_told_to(tmp_path: Path) -> None:
    named = tmp_path / "named"
    named.mkdir()
    assert place(tmp_path, {"TMPDIR": str(named)}) == named


@pytest.mark.parametrize("lacking", ["_PEAK", "_LEFT"])
def test_beside_the_image_where_memory_is_short(
    memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    monkeypatch.setattr(module, lacking, 1 << 60)
    beside = tmp_path / "work"
    beside.mkdir()
    assert place(beside, {}) == beside
    assert not list(memory.iterdir())


def test_beside_the_image_where_there_is_no_such_place(memory: Path, tmp_path: Path) -> None:
    memory.rmdir()
    beside = tmp_path / "work"
    beside.mkdir()
    assert place(beside, {}) == beside


def test_what_a_killed_build_left_goes_with_the_next(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path],
        env={**os.environ, "PYTHONPATH": str(root)}, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    assert [each.name for each in tmp_path.glob("*/half")] == ["half"]
    assert place(tmp_path, {"TMPDIR": str(tmp_path)}) == tmp_path


def test_another_builds_stays(tmp_path: Path) -> None:
    around = Surroundings({"TMPDIR": str(tmp_path)}, tmp_path)
    with scratch(tmp_path, around) as first:
        (first.folder / "file").touch()
        with scratch(tmp_path, around) as second:
            assert second.folder != first.folder
        assert (first.folder / "file").exists()
