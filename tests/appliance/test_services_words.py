"""The programmes of our units start without typer, and are the ones typer would start."""

import gc
import os
import re
import socket
import subprocess
import sys
from contextlib import suppress
from importlib import resources
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup

from appliance.cli import services
from appliance.cli.loading import loading
from appliance.cli.main import app
from appliance.config import BoxConfig, BoxPaths, save
from appliance.notify import say_ready

KEPT = ("serve", "update", "volumes", "screen", "button", "network", "health", "first-start")
"""Units of every start."""


def words_of(unit: str) -> list[str]:
    text = resources.files("appliance").joinpath("units", f"kexia-{unit}.service").read_text()
    found = re.search(r"^ExecStart=/usr/bin/kexia (.+)$", text, re.MULTILINE)
    assert found is not None
    return found[1].split()


@pytest.mark.parametrize("unit", KEPT)
def test_a_unit_s_words_are_read_without_typer(unit: str) -> None:
    script = (
        "import sys; from appliance.cli import services\n"
        "assert services.read_words(sys.argv[1:]) is not None\n"
        "print(sorted({'typer', 'pydantic', 'rich', 'aiohttp'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", script, *words_of(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


@pytest.mark.parametrize("unit", KEPT)
def test_typer_knows_the_same_words(unit: str) -> None:
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    box = root.commands["box"]
    assert isinstance(box, TyperGroup)
    _, name, *rest = words_of(unit)
    given = box.commands[name].make_context(name, list(rest)).params
    assert given["box"] == Path("/var/lib/kexia")


STARTED = {
    "serve": "appliance.box.serving.run_serve",
    "update": "appliance.box.programmes.run_update",
    "volumes": "appliance.box.beside.run_volumes",
    "screen": "appliance.box.beside.run_screen",
    "button": "appliance.box.beside.run_button",
    "health": "appliance.cli.judging.perform",
    "first-start": "appliance.cli.starting.perform",
}


@pytest.mark.parametrize("unit", STARTED)
def test_both_ways_start_the_same(
    unit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same function, with the same arguments."""
    box = BoxPaths(tmp_path / "box")
    box.root.mkdir()
    save(box, BoxConfig(name="x"))
    words = [str(box.root) if word == "/var/lib/kexia" else word for word in words_of(unit)]
    called: list[object] = []

    def note(*given: object, **named: object) -> int:
        called.append((given, {**named, "on_ready": services.ready}))
        return 0

    monkeypatch.setattr(STARTED[unit], note)
    begin = services.read_words(words)
    assert begin is not None
    with suppress(SystemExit):
        begin()
    with suppress(SystemExit):
        app(words)
    short, whole = called
    assert short == whole


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["box", "serve"],
        ["box", "serve", "--help"],
        ["box", "serve", "a", "--port", "1"],
        ["box", "network", "a", "apply"],
        ["box", "volumes", "a", "--mounts", "-x"],
        ["box", "sync", "a"],
    ],
)
def test_all_other_words_are_left_to_typer(words: list[str]) -> None:
    assert services.read_words(words) is None


@pytest.mark.parametrize("module", ["appliance.box.beside", "appliance.lan.programme"])
def test_what_runs_beside_the_pages_loads_no_update_machinery(module: str) -> None:
    script = (
        f"import sys, {module}\n"
        "print([name for name in sys.modules if name.startswith(('appliance.update', 'aiohttp'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("abstract", [False, True])
def test_readiness_is_told_where_systemd_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, abstract: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    # By way of the working folder: a socket's path must be short, a temporary folder's need not.
    name = f"@kexia-test-{os.getpid()}" if abstract else "/proc/self/cwd/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name.replace("@", "\0", 1) if abstract else name)
        listener.settimeout(10)
        say_ready(name)
        assert listener.recv(100) == b"READY=1"


def test_nobody_listening_harms_nothing(tmp_path: Path) -> None:
    for address in ("", "nothing", str(tmp_path / "gone")):
        say_ready(address)


def test_the_pages_tell_both_people_and_systemd(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"@kexia-pages-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name.replace("@", "\0", 1))
        listener.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        services.ready("http://127.0.0.1:1")
        assert listener.recv(100) == b"READY=1"
    assert capsys.readouterr().out == "http://127.0.0.1:1\n"


def test_garbage_is_looked_for_again_once_a_programme_is_loaded() -> None:
    """Also where loading fails; what was loaded is not looked at."""
    try:
        with loading():
            assert not gc.isenabled()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
        with pytest.raises(ImportError), loading():
            raise ImportError
        assert gc.isenabled()
    finally:
        gc.unfreeze()
