"""The update socket: real sockets, several clients, bounded lines, peers that misbehave."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from appliance import control
from appliance.config import BoxPaths
from appliance.control import MAX_CLIENTS, Event, NotRunning, Refused, Server, ask, request
from appliance.volumes.hall import MAX_VISITS
from sync.errors import Incomplete, UsageError
from sync.progress import Progress, Silent


class Heard:
    """Remembers what a client was told."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int, str]] = []
        self.moved = 0

    def step(self, name: str, *, total: int = 0, unit: str = "B") -> None:
        self.steps.append((name, total, unit))

    def advance(self, count: int) -> None:
        self.moved += count


def echo(message: Mapping[str, object], progress: Progress) -> Event:
    if message.get("command") == "fail":
        raise UsageError("no such thing", hint="try another")
    progress.step("work", total=3, unit="files")
    for _ in range(3):
        progress.advance(1)
    return {"said": message.get("say")}


@pytest.fixture
def paths(tmp_path: Path) -> BoxPaths:
    deep = tmp_path / ("a-name-that-makes-the-path-longer-than-a-socket-address" * 2)
    return BoxPaths(deep / "box")


@pytest.fixture
def server(paths: BoxPaths) -> Iterator[Server]:
    made = Server(paths, echo)
    with made.listening():
        yield made


@contextmanager
def raw(paths: BoxPaths) -> Iterator[socket.socket]:
    with control._connect(paths, 5.0) as connection:
        connection.settimeout(5)
        yield connection


@pytest.mark.usefixtures("server")
class TestListening:
    def test_a_request_is_answered_with_progress_and_result(self, paths: BoxPaths) -> None:
        heard = Heard()
        assert ask(paths, {"command": "x", "say": "课"}, heard) == {"said": "课"}
        assert heard.steps == [("work", 3, "files")]
        assert heard.moved == 3

    def test_events_stream_as_they_come(self, paths: BoxPaths) -> None:
        events = list(request(paths, {"say": 1}))
        assert [event["event"] for event in events] == ["progress", "progress", "done"]

    def test_an_error_comes_back_with_its_hint_and_code(self, paths: BoxPaths) -> None:
        with pytest.raises(Refused) as caught:
            ask(paths, {"command": "fail"}, Silent())
        error = caught.value
        assert (error.fact, error.hint, error.exit_code) == ("no such thing", "try another", 2)

    @pytest.mark.parametrize(
        "line",
        [b"nonsense\n", b"[1]\n", b"{" * 2000 + b"\n", b"no end", b"x" * control.MAX_REQUEST],
    )
    def test_nonsense_is_refused_and_the_server_lives(self, paths: BoxPaths, line: bytes) -> None:
        with raw(paths) as connection:
            connection.sendall(line)
            connection.shutdown(socket.SHUT_WR)
            with connection.makefile("rb") as stream:
                answer = json.loads(stream.readline())
        assert (answer["event"], answer["exit_code"]) == ("failed", 2)
        assert ask(paths, {"say": 1}, Silent()) == {"said": 1}

    def test_a_client_that_leaves_does_not_stop_the_work(self, paths: BoxPaths) -> None:
        with raw(paths) as connection:
            connection.sendall(b'{"say": 1}\n')
        assert ask(paths, {"say": 2}, Silent()) == {"said": 2}

    def test_only_the_boxs_own_user_may_speak(self, paths: BoxPaths) -> None:
        assert paths.socket.stat().st_mode & 0o007 == 0

    def test_more_clients_than_there_are_places(self, paths: BoxPaths) -> None:
        with ExitStack() as stack:
            for _ in range(MAX_CLIENTS):
                stack.enter_context(raw(paths))
            assert until(lambda: not is_answered(paths)), "every client found a place"
        assert until(lambda: is_answered(paths)), "no place became free"


def test_a_person_gets_in_while_as_many_sticks_wait_as_there_may_be(paths: BoxPaths) -> None:
    go_on = threading.Event()

    def sync_or_status(message: Mapping[str, object], _progress: Progress) -> Event:
        if message.get("command") == "sync":
            go_on.wait(30)
        return {"said": message.get("say")}

    with Server(paths, sync_or_status).listening(), ExitStack() as stack:
        for _ in range(MAX_VISITS):
            stick = stack.enter_context(raw(paths))
            stick.sendall(b'{"command": "sync"}\n')
        assert ask(paths, {"command": "status", "say": 1}, Silent()) == {"said": 1}
        go_on.set()


def is_answered(paths: BoxPaths) -> bool:
    try:
        return ask(paths, {"say": 1}, Silent()) == {"said": 1}
    except Incomplete:
        return False


def until(holds: Callable[[], bool]) -> bool:
    return any(holds() or threading.Event().wait(0.05) for _ in range(100))


def test_nobody_listens(paths: BoxPaths) -> None:
    with pytest.raises(NotRunning) as caught:
        ask(paths, {}, Silent())
    assert "kexia box run" in caught.value.hint


def test_the_socket_is_gone_after_the_server(paths: BoxPaths) -> None:
    with Server(paths, echo).listening():
        assert paths.socket.exists()
    assert not paths.socket.exists()
    with pytest.raises(NotRunning):
        ask(paths, {}, Silent())


def test_a_socket_left_by_a_killed_process_is_replaced(paths: BoxPaths) -> None:
    paths.run.mkdir(parents=True)
    paths.socket.write_bytes(b"")
    with Server(paths, echo).listening():
        assert ask(paths, {"say": 1}, Silent()) == {"said": 1}


@pytest.mark.parametrize("reads", [0, 100])
def test_an_update_process_that_dies_before_it_answers(paths: BoxPaths, reads: int) -> None:
    paths.run.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        with control.short_name(paths.run) as folder:
            listener.bind(f"{folder}/{paths.socket.name}")
        listener.listen()

        def die() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(reads)

        dying = threading.Thread(target=die)
        dying.start()
        with pytest.raises(Incomplete, match="before it had answered"):
            ask(paths, {}, Silent())
        dying.join()


def test_progress_is_told_a_few_times_a_second(paths: BoxPaths) -> None:
    def busy(_message: Mapping[str, object], progress: Progress) -> Event:
        progress.step("fetch")
        for _ in range(10_000):
            progress.advance(100)
        return {}

    with Server(paths, busy).listening():
        events = list(request(paths, {}))
    assert len(events) < 100
    moved = (event.get("advance") for event in events)
    assert sum(count for count in moved if isinstance(count, int)) == 1_000_000
