"""The update process from within: its rhythm, its gate, its turns."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from appliance.box.daemon import UpdateProcess
from appliance.box.gate import Gate
from appliance.control import Event, Refused, ask
from sync.errors import Incomplete, LeaseHeld
from sync.lease import hold
from sync.progress import Silent
from sync.transport.volume import VolumeTransport
from tests.kit.boxes import BoxUnderTest
from tests.kit.faults import Portal, Silence
from tests.kit.province import Province
from tests.kit.server import FolderServer


@pytest.fixture(scope="module")
def province(tmp_path_factory: pytest.TempPathFactory) -> Province:
    province = Province.create(tmp_path_factory.mktemp("province"))
    province.publish({"43/a": {"l1.pdf": b"%PDF"}})
    return province


@pytest.fixture
def server(province: Province) -> Iterator[FolderServer]:
    with FolderServer(province.repository) as server:
        yield server


@pytest.fixture
def box(tmp_path: Path, province: Province, server: FolderServer) -> BoxUnderTest:
    made = BoxUnderTest.create(tmp_path / "box", province.root, urls={0: server.url})
    return made.subscribe("43/a")


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Running:
    """An update process in a thread of this one."""

    def __init__(self, box: BoxUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("appliance.box.daemon.LOOK", 0.02)
        self.box, self.clock, self.stop = box, Clock(), threading.Event()
        self.process = UpdateProcess(box.paths, box.machine, stop=self.stop, clock=self.clock)
        self.thread = threading.Thread(target=self.process.run)
        self.thread.start()
        until(box.paths.socket.exists)

    def ask(self, command: str) -> Event:
        return ask(self.box.paths, {"command": command}, Silent())

    def end(self) -> None:
        self.stop.set()
        self.thread.join(20)
        assert not self.thread.is_alive()


@pytest.fixture
def running(box: BoxUnderTest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    made = Running(box, monkeypatch)
    yield made
    made.end()


class Told(Silent):
    """Remembers the steps a client was told."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def step(self, name: str, **_: object) -> None:
        self.steps.append(name)


def paused_in_a_sync(running: Running, server: FolderServer, sync: Callable[[], object]) -> Thread:
    """``sync`` in a thread, begun and then paused before its second file."""
    server.fail("*", Silence(0.5), times=1)
    thread = Thread(target=sync)
    thread.start()
    until(lambda: bool(server.requests))
    assert running.ask("pause") == {**IDLE, "doing": "sync", "paused": True}
    return thread


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_it_first_serves_then_asks_and_again_a_day_later(
    running: Running, server: FolderServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="kexia.update")
    time.sleep(0.2)
    assert server.requests == []
    running.clock.now += 12 * 60 + 1
    until(lambda: running.box.editions() == {"43/a": 1})
    until(lambda: "generation 1, exit code 0" in caplog.text)
    server.reset()
    running.clock.now += 23 * 3600
    time.sleep(0.2)
    assert server.requests == []
    running.clock.now += 2 * 3600
    until(lambda: len(server.requests) == 2)


def test_a_failure_is_tried_again_soon(running: Running, server: FolderServer) -> None:
    server.fail("*", Portal(), times=3)
    running.clock.now += 12 * 60 + 1
    until(lambda: len(server.requests) >= 3)
    until(lambda: running.ask("status")["update"] == IDLE)
    assert running.box.editions() == {}
    running.clock.now += 15 * 60 + 1
    until(lambda: running.box.editions() == {"43/a": 1})


IDLE = {"running": True, "doing": "", "paused": False}


def test_only_on_demand(running: Running, server: FolderServer) -> None:
    text = running.box.paths.config_file.read_text()
    off = text.replace("sync_every_hours = 24", "sync_every_hours = 0")
    running.box.paths.config_file.write_text(off)
    time.sleep(0.1)
    running.clock.now += 100 * 3600
    time.sleep(0.2)
    assert server.requests == []
    assert running.ask("sync")["editions"] == {"43/a": 1}


def test_a_slip_in_the_configuration_is_logged_and_survived(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    file = running.box.paths.config_file
    whole = file.read_text()
    file.write_text("nonsense")
    running.clock.now += 12 * 60 + 1
    until(lambda: "sync: " in caplog.text and "no TOML" in caplog.text)
    file.write_text(whole)
    running.clock.now += 25 * 3600
    until(lambda: running.box.editions() == {"43/a": 1})


def test_whoever_comes_second_waits_and_is_told(running: Running, server: FolderServer) -> None:
    server.fail("*", Silence(0.5), times=1)
    first = Thread(target=running.ask, args=("sync",))
    first.start()
    until(lambda: bool(server.requests))
    told = Told()
    ask(running.box.paths, {"command": "plan"}, told)
    first.join(20)
    assert told.steps[0] == "waiting for sync"
    assert running.box.editions() == {"43/a": 1}


@pytest.mark.parametrize("command", ["sync", "plan", "offered"])
def test_whoever_asks_while_paused_is_told_at_once(
    running: Running, server: FolderServer, command: str
) -> None:
    running.ask("pause")
    with pytest.raises(Refused, match="the update process is paused") as caught:
        running.ask(command)
    assert caught.value.exit_code == Incomplete.exit_code
    assert caught.value.hint == f"go on with: kexia box resume {running.box.paths.root}"
    assert server.requests == []
    assert running.ask("resume") == IDLE
    assert running.ask(command)


def test_work_that_is_paused_says_so_and_goes_on(running: Running, server: FolderServer) -> None:
    told = Told()
    work = paused_in_a_sync(
        running, server, lambda: ask(running.box.paths, {"command": "sync"}, told)
    )
    until(lambda: told.steps[-1:] == ["paused"])
    asked = len(server.requests)
    with pytest.raises(Refused, match="is paused"):
        running.ask("plan")
    assert len(server.requests) == asked
    running.ask("resume")
    work.join(20)
    assert told.steps.count("paused") == 1
    assert told.steps[-1] != "paused"
    assert running.box.editions() == {"43/a": 1}


def test_a_sync_that_falls_due_while_paused_waits_for_the_end(
    running: Running, server: FolderServer
) -> None:
    running.ask("pause")
    running.clock.now += 12 * 60 + 1
    time.sleep(0.2)
    assert running.ask("status")["update"] == {**IDLE, "paused": True}
    assert server.requests == []
    running.ask("resume")
    until(lambda: running.box.editions() == {"43/a": 1})


def test_ending_sends_those_who_wait_home(running: Running, server: FolderServer) -> None:
    told: list[str] = []

    def sync() -> None:
        try:
            running.ask("sync")
        except Refused as error:
            told.append(error.fact)

    asking = paused_in_a_sync(running, server, sync)
    running.end()
    asking.join(20)
    assert told == ["the update process ends"]
    with hold(running.box.paths.lease, holder="the next"):
        pass


def test_the_lease_is_held_as_long_as_it_runs(running: Running) -> None:
    with (
        pytest.raises(LeaseHeld, match="kexia box update"),
        hold(running.box.paths.lease, holder="another"),
    ):
        pass


def test_it_mends_the_box_when_it_starts(
    box: BoxUnderTest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    box.sync()
    box.generation.catalog.write_bytes(b"")
    running = Running(box, monkeypatch)
    running.end()
    assert box.lessons() == {"43/a/l1"}
    assert "rebuilt as 2" in caplog.text


def test_the_gate(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1000)
    gate = Gate()
    transport = gate.wrap(VolumeTransport(tmp_path))
    assert transport.label == str(tmp_path)
    assert transport.read("file", limit=1000) == b"x" * 1000
    assert b"".join(transport.stream("file", offset=10, length=20)) == b"x" * 20
    gate.close()
    assert not gate.is_open
    got: list[bytes] = []
    reading = threading.Thread(target=lambda: got.append(transport.read("file", limit=1000)))
    reading.start()
    reading.join(0.2)
    assert got == []
    gate.open()
    reading.join(5)
    assert len(got) == 1
    gate.shut()
    with pytest.raises(Incomplete):
        transport.read("file", limit=1000)
    with pytest.raises(Incomplete):
        list(transport.stream("file", offset=0, length=10))


def test_after_a_pause_the_step_goes_on_with_what_is_left() -> None:
    class Shown:
        def __init__(self) -> None:
            self.said: list[tuple[str, int, str]] = []

        def step(self, name: str, *, total: int = 0, unit: str = "B") -> None:
            self.said.append((name, total, unit))

        def advance(self, count: int) -> None:
            self.said.append(("", count, ""))

    gate, shown = Gate(), Shown()
    with gate.telling(shown) as progress:
        progress.step("fetch", total=10, unit="files")
        progress.advance(4)
        gate.close()
        waiting = Thread(target=gate.passing)
        waiting.start()
        until(lambda: shown.said[-1] == ("paused", 0, ""))
        gate.open()
        waiting.join(20)
        progress.advance(6)
    assert shown.said == [
        ("fetch", 10, "files"), ("", 4, ""), ("paused", 0, ""), ("fetch", 6, "files"), ("", 6, "")
    ]  # fmt: skip


def test_papers_for_a_stick_are_prepared_while_it_runs(running: Running) -> None:
    first, second = running.ask("back"), running.ask("back")
    assert first["box"] == second["box"] == running.ask("status")["box"]
    assert [first["sequence"], second["sequence"]] == [1, 2]
    assert first["epoch"] == second["epoch"]
