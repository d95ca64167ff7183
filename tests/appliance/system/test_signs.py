"""What a box shows of its health: looked for at the real programmes."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.config import BoxConfig, Listen, save
from appliance.control import short_name
from appliance.system import signs as signs_module
from appliance.system.health import Signs
from appliance.system.signs import Looker
from tests.kit import served

KEXIA = str(Path(sys.executable).with_name("kexia"))
SOUND = Signs(data=True, pages=True, index=True, update=True)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running(box: Path, *programmes: str) -> Iterator[None]:
    processes = [subprocess.Popen([KEXIA, "box", name, str(box)]) for name in programmes]
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
            process.wait()


@pytest.fixture
def box(tmp_path: Path) -> served.ServedBox:
    made = served.box(tmp_path / "box")
    save(made.paths, BoxConfig(listen=Listen("127.0.0.1", free_port(), free_port())))
    return made


def looker(box: served.ServedBox) -> Looker:
    return Looker(box.paths, time.monotonic, time.sleep, lambda folder: folder.is_dir())


def test_a_box_with_lessons_is_sound(box: served.ServedBox) -> None:
    box.publish(served.classroom(box))
    ready: list[str] = []
    with running(box.paths.root, "serve", "update"):
        signs = looker(box).watch(60, lambda: ready.append("ready"))
    assert signs == SOUND
    assert ready == ["ready"]


def test_a_box_without_lessons_says_so_and_is_sound(box: served.ServedBox) -> None:
    with running(box.paths.root, "serve", "update"):
        assert looker(box).watch(60, lambda: None) == SOUND


def test_each_programme_that_does_not_run_is_missed(box: served.ServedBox) -> None:
    box.publish(served.classroom(box))
    with running(box.paths.root, "serve"):
        deadline = time.monotonic() + 60
        while not (signs := looker(box).look()).index:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert signs.missing == ("update",)
    assert looker(box).look().missing == ("pages", "index", "update")


def test_before_it_is_set_up_there_is_nothing_to_judge(tmp_path: Path) -> None:
    box = served.box(tmp_path / "box")
    box.paths.root.mkdir(exist_ok=True)
    assert looker(box).look() == SOUND


def test_without_its_data_nobody_waits(tmp_path: Path) -> None:
    box = served.box(tmp_path / "box")
    never = Looker(
        box.paths, time.monotonic, lambda _seconds: pytest.fail("waits"), lambda _folder: False
    )
    assert never.watch(3600, pytest.fail) == Signs(data=False)


def test_a_torn_configuration_is_not_sound(box: served.ServedBox) -> None:
    box.paths.config_file.write_text("name = ")
    assert looker(box).look() == Signs(data=False)
    box.paths.config_file.unlink()
    box.paths.config_file.mkdir()
    assert looker(box).look() == Signs(data=False)


def test_an_update_process_that_hangs_is_missed(
    box: served.ServedBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signs_module, "_SECONDS", 0.2)
    box.paths.run.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX) as listener, short_name(box.paths.run) as folder:
        listener.bind(f"{folder}/{box.paths.socket.name}")
        listener.listen()  # the kernel takes the call; nobody ever answers it
        assert looker(box).look().missing == ("pages", "index", "update")


def test_the_command_tells_a_script_and_ends_with_a_code(box: served.ServedBox) -> None:
    """No image: nothing is marked, the box is looked at all the same."""
    words = [KEXIA, "box", "health", str(box.paths.root), "--patience", "0", "--json"]
    done = subprocess.run(words, capture_output=True, check=False)
    assert done.returncode == 1
    value = json.loads(done.stdout)
    assert value["missing"] == ["pages", "index", "update"]
    assert value["verdict"] == ""
    gone = subprocess.run(
        [*words[:3], "/nonexistent", *words[4:]], capture_output=True, check=False
    )
    assert gone.returncode == 8
    assert json.loads(gone.stdout)["missing"] == ["data"]
