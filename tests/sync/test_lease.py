import multiprocessing
import os
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from sync.errors import LeaseHeld
from sync.lease import hold

CONTEXT = multiprocessing.get_context("spawn")


def take_and_wait(path: Path, told: Connection) -> None:
    with hold(path, holder="kexia publish nightly"):
        told.send(os.getpid())
        told.recv()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "update.lease"


def test_it_can_be_held_again_and_again(path: Path) -> None:
    for _ in range(2):
        with hold(path, holder="update") as lease:
            assert (lease.path, lease.holder, lease.pid) == (path, "update", os.getpid())


def test_who_holds_it_is_named(path: Path) -> None:
    with (
        hold(path, holder="kexia box sync"),
        pytest.raises(LeaseHeld, match=rf"kexia box sync \(process {os.getpid()}\)") as caught,
        hold(path, holder="other"),
    ):
        pass
    assert caught.value.exit_code == 7
    assert caught.value.hint
    with hold(path, holder="other"):
        assert path.read_text() == f"other\n{os.getpid()}\n"


def test_a_holder_that_did_not_say_who_it_is(path: Path) -> None:
    with hold(path, holder="x"):
        path.write_text("")
        with pytest.raises(LeaseHeld, match="another process is at work"), hold(path, holder="y"):
            pass


def test_a_dead_holder_holds_nothing(path: Path) -> None:
    ours, theirs = CONTEXT.Pipe()
    process = CONTEXT.Process(target=take_and_wait, args=(path, theirs))
    process.start()
    assert ours.poll(60)
    pid = ours.recv()
    with (
        pytest.raises(LeaseHeld, match=rf"kexia publish nightly \(process {pid}\)"),
        hold(path, holder="x"),
    ):
        pass
    process.kill()
    process.join()
    with hold(path, holder="x") as lease:
        assert lease.pid == os.getpid()


def test_it_is_free_after_a_failure(path: Path) -> None:
    def fail() -> None:
        with hold(path, holder="x"):
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        fail()
    with hold(path, holder="y"):
        pass


def test_programs_we_start_do_not_inherit_it(path: Path) -> None:
    with hold(path, holder="x"):
        program = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with hold(path, holder="y"):
            pass
    finally:
        program.communicate(b"\n")
