"""The box's commands as a technician types them, and its processes, alive, paused and killed."""

import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from contextlib import contextmanager
from pathlib import Path

import pytest

from appliance.box.programmes import is_clock_set, real_machine
from appliance.box.supervise import CannotStart, Watched, supervise
from appliance.box.works import Works
from appliance.cli.main import main
from appliance.config import BoxConfig, BoxPaths
from appliance.control import NotRunning, ask
from appliance.demo.demo import free_port
from appliance.update.history import SYNCS
from sync.errors import Incomplete, KexiaError, UsageError
from sync.lease import hold
from sync.progress import Silent
from tests.kit.faults import Silence
from tests.kit.province import Province
from tests.kit.server import ALWAYS, FolderServer

UNITS = Path(__file__).parents[2] / "appliance" / "units"
KEXIA = str(Path(sys.executable).with_name("kexia"))


@pytest.fixture(scope="module")
def province(tmp_path_factory: pytest.TempPathFactory) -> Province:
    province = Province.create(tmp_path_factory.mktemp("province"))
    province.publish(
        {"43/a": {"l1.pdf": b"%PDF", "l2.mp4": bytes(200_000)}, "43/b": {"b.pdf": b"b"}}
    )
    return province


@pytest.fixture
def server(province: Province) -> Iterator[FolderServer]:
    with FolderServer(province.repository) as server:
        yield server


Kexia = Callable[..., tuple[int, dict[str, object], str]]


@pytest.fixture
def kexia(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Kexia:
    """Runs the command line in this process: exit code, JSON object, what people read."""

    def run(*words: object) -> tuple[int, dict[str, object], str]:
        monkeypatch.setattr(sys, "argv", ["kexia", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        out, err = capsys.readouterr()
        value = json.loads(out.splitlines()[-1]) if "--json" in words else {}
        return code, value, out + err

    return run


@pytest.fixture
def box(tmp_path: Path, province: Province, server: FolderServer, kexia: Kexia) -> Path:
    root = tmp_path / "root.json"
    root.write_bytes(province.root)
    words = ("box", "init", tmp_path / "box", "--root", root, "--url", server.url)
    code, made, _ = kexia(*words, "--name", "青山教学点", "--demo", "--json")
    assert (code, made["code"], made["name"]) == (0, "43", "青山教学点")
    return tmp_path / "box"


def test_init_makes_a_whole_box(box: Path) -> None:
    assert {path.name for path in box.iterdir()} >= {"kexia.toml", "roots", "state.db", "run"}
    connection = sqlite3.connect(box / "state.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_init_refuses_demo_keys_and_an_exchanged_root(
    box: Path, tmp_path: Path, province: Province, kexia: Kexia
) -> None:
    root = tmp_path / "root.json"
    code, _, text = kexia("box", "init", tmp_path / "other", "--root", root)
    assert code == 5
    assert "demo keys" in text
    assert not (tmp_path / "other").exists()
    stranger = Province.create(tmp_path / "stranger")
    root.write_bytes(stranger.root)
    code, _, text = kexia("box", "init", box, "--root", root, "--demo")
    assert code == 5
    assert "with another root" in text
    code, _, text = kexia("box", "init", box, "--root", tmp_path / "none", "--demo")
    assert code == 2
    code, _, text = kexia("box", "init", box, "--root", root, "--url", "ftp://x", "--demo")
    assert code in (2, 5)
    (tmp_path / "nonsense").write_bytes(b"{}")
    code, _, text = kexia("box", "init", box, "--root", tmp_path / "nonsense", "--demo")
    assert code == 5


FIGURES = {
    "editions", "bytes_fetched", "metadata_bytes", "requests", "bytes_reused", "resources_new",
    "seconds", "cpu_seconds", "peak_rss",
}  # fmt: skip


def test_choosing(box: Path, kexia: Kexia) -> None:
    code, offered, _ = kexia("box", "subscribe", box, "--json")
    assert code == 0
    collections = offered["collections"]
    assert isinstance(collections, list)
    assert [(item["id"], item["size"]) for item in collections] == [("43/a", 200_004), ("43/b", 1)]
    assert "43/a" in kexia("box", "subscribe", box)[2]
    code, done, _ = kexia("box", "subscribe", box, "43/a", "43/b", "--json")
    assert (code, done["subscriptions"]) == (0, ["43/a", "43/b"])
    assert "✓ 43/a" in kexia("box", "subscribe", box)[2]
    assert "subscribed: 43/a\n" in kexia("box", "subscribe", box, "43/b", "--remove")[2]


def test_planning_and_syncing(box: Path, kexia: Kexia) -> None:
    kexia("box", "subscribe", box, "43/a", "43/b")
    code, plan, _ = kexia("box", "sync", box, "--plan", "--json")
    assert (code, plan["files"]) == (0, 3)
    assert "43/a edition 1: 2 files" in kexia("box", "sync", box, "--plan")[2]
    code, done, _ = kexia("box", "sync", box, "--json")
    assert code == 0
    assert done.keys() >= FIGURES
    assert done["editions"] == {"43/a": 1, "43/b": 1}
    assert done["peak_rss"]
    assert "nothing new" in kexia("box", "sync", box)[2]


def test_looking_and_searching(box: Path, kexia: Kexia) -> None:
    kexia("box", "subscribe", box, "43/a", "43/b")
    assert "43/a: not here yet" in kexia("box", "status", box)[2]
    assert "43/a: edition 1" in kexia("box", "sync", box)[2]
    code, status, _ = kexia("box", "status", box, "--json")
    assert (code, status["generation"], status["lessons"]) == (0, 1, 3)
    text = kexia("box", "status", box)[2]
    assert "43/a edition 1" in text
    assert "update process: not running" in text
    assert "kept to roll back to: nothing" in text
    kexia("box", "subscribe", box, "43/b", "--remove")
    kexia("box", "sync", box)
    assert "kept to roll back to: generation 1" in kexia("box", "status", box)[2]
    kexia("box", "subscribe", box, "43/b")
    kexia("box", "sync", box)
    code, found, _ = kexia("box", "search", box, "课", "--json")
    assert (code, found["total"]) == (0, 3)
    assert "43/b/b" in kexia("box", "search", box, "课")[2]


def test_going_back(box: Path, kexia: Kexia) -> None:
    kexia("box", "subscribe", box, "43/a")
    kexia("box", "sync", box)
    kexia("box", "subscribe", box, "43/b")
    kexia("box", "sync", box)
    code, _, text = kexia("box", "rollback", box)
    assert code == 0
    assert "43/b has left this box" in text
    assert "held: 43/b edition 1" in text
    assert "was rolled back here" in kexia("box", "sync", box)[2]
    assert "generation 4 is served" in kexia("box", "rollback", box, "--release")[2]
    assert "43/b: edition 1" in kexia("box", "sync", box)[2]
    kexia("box", "subscribe", box, "43/b", "--remove")
    assert "43/b leaves this box" in kexia("box", "sync", box, "--plan")[2]
    assert "43/b has left this box" in kexia("box", "sync", box)[2]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("status", "nowhere"), 2, "is no box"),
        (("sync", "nowhere"), 2, "is no box"),
        (("search", "BOX", "课"), 2, "no lessons yet"),
        (("subscribe", "BOX", "44/x"), 2, "no publisher of this box"),
        (("subscribe", "BOX", "x"), 2, "no collection id"),
        (("subscribe", "BOX", "43/x", "--remove"), 2, "not subscribed"),
        (("rollback", "BOX"), 2, "no lessons yet"),
        (("pause", "BOX"), 4, "no update process runs"),
        (("sync", "BOX", "--from", "ftp://x"), 2, "not known"),
    ],
)
def test_mistakes_are_answered_in_one_line(
    box: Path, kexia: Kexia, words: tuple[str, ...], code: int, says: str
) -> None:
    told = kexia("box", *(str(box) if word == "BOX" else word for word in words))
    assert told[0] == code
    assert says in told[2]
    assert "Traceback" not in told[2]


def test_problems_are_told_with_what_to_do(box: Path, server: FolderServer, kexia: Kexia) -> None:
    from tests.kit.faults import Portal

    kexia("box", "subscribe", box, "43/a")
    server.fail("*", Portal(), times=ALWAYS)
    code, _, text = kexia("box", "sync", box)
    assert code == 4
    assert "nothing new" in text
    assert "problem: publisher 43" in text
    assert "portal" in text


def test_who_holds_the_lease_is_said(box: Path, kexia: Kexia) -> None:
    with hold(BoxPaths(box).lease, holder="somebody"):
        code, _, text = kexia("box", "sync", box)
    assert code == 7
    assert "somebody" in text


def test_the_clock_counts_only_if_somebody_set_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("appliance.box.programmes.NTP_FLAG", tmp_path / "synchronized")
    assert not is_clock_set(BoxConfig())
    assert is_clock_set(BoxConfig(clock_is_set=True))
    (tmp_path / "synchronized").touch()
    assert is_clock_set(BoxConfig())


@contextmanager
def running(*words: object) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([KEXIA, *map(str, words)])
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def listens(box: Path) -> bool:
    try:
        return bool(ask(BoxPaths(box), {"command": "status"}, Silent()))
    except (NotRunning, Incomplete):  # Incomplete: killed while it was answering
        return False


def test_the_update_process_answers_pauses_and_goes_on(
    box: Path, server: FolderServer, kexia: Kexia
) -> None:
    paths = BoxPaths(box)
    with running("box", "update", box) as process:
        until(lambda: listens(box))
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == 19
        kexia("box", "subscribe", box, "43/a")
        code, state, _ = kexia("box", "pause", box, "--json")
        assert (code, state["paused"]) == (0, True)
        server.reset()
        assert "update process: paused" in kexia("box", "status", box)[2]
        for words in (("sync", box), ("sync", box, "--plan"), ("subscribe", box)):
            code, _, text = kexia("box", *words)
            assert code == 9
            assert text == (
                f"kexia: the update process is paused\n  → go on with: kexia box resume {box}\n"
            )
        assert server.requests == []
        assert "resumed" in kexia("box", "resume", box)[2]
        code, done, _ = kexia("box", "sync", box, "--json")
        assert (code, done["editions"]) == (0, {"43/a": 1})
    assert process.returncode == 0
    assert not paths.socket.exists()


def test_the_update_process_does_what_the_command_line_asks(box: Path, kexia: Kexia) -> None:
    with running("box", "update", box):
        until(lambda: listens(box))
        assert kexia("box", "subscribe", box)[0] == 0
        kexia("box", "subscribe", box, "43/a")
        assert kexia("box", "sync", box, "--plan")[0] == 0
        code, done, _ = kexia("box", "sync", box, "--json")
        assert (code, done["editions"]) == (0, {"43/a": 1})
        assert "update process: waiting" in kexia("box", "status", box)[2]
        code, _, text = kexia("box", "rollback", box)
        assert code == 2
        assert "no other generation" in text


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ({"command": "dance"}, "unknown command"),
        ({"command": "sync", "from": [1]}, "list of texts"),
        ({"command": "sync", "from": "x"}, "a list is expected"),
        ({"command": "rollback", "to": "x"}, "number of a generation"),
    ],
)
def test_requests_nobody_understands(box: Path, message: dict[str, object], says: str) -> None:
    paths = BoxPaths(box)
    with pytest.raises(UsageError, match=says):
        Works(paths, real_machine(paths))(message, Silent())


def test_a_sync_is_told_as_it_was_though_no_note_of_it_can_be_kept(
    box: Path, kexia: Kexia, caplog: pytest.LogCaptureFixture
) -> None:
    kexia("box", "subscribe", box, "43/a")
    paths = BoxPaths(box)
    for place in (box / SYNCS, paths.last_sync):
        (place / "in the way").mkdir(parents=True)
    works = Works(paths, real_machine(paths))
    assert works({"command": "sync"}, Silent())["editions"] == {"43/a": 1}
    paths.scratch.write_bytes(b"")
    with pytest.raises(KexiaError, match=str(paths.scratch)):
        works({"command": "sync"}, Silent())
    assert caplog.text.count("no note of this sync is kept") == 4


def test_a_second_update_process_is_refused(box: Path) -> None:
    with running("box", "update", box):
        until(lambda: listens(box))
        done = subprocess.run([KEXIA, "box", "update", str(box)], capture_output=True, check=False)
    assert done.returncode == 7
    assert b"kexia box update" in done.stderr


def test_ended_in_the_middle_of_a_sync_the_next_goes_on(
    box: Path, server: FolderServer, kexia: Kexia
) -> None:
    kexia("box", "subscribe", box, "43/a", "43/b")  # each comes with a request of its own
    for content in ("packs/*", "updates/*"):
        server.fail(content, Silence(1.0), times=ALWAYS)
    with running("box", "update", box) as process:
        until(lambda: listens(box))
        asking = threading.Thread(target=lambda: kexia("box", "sync", box))
        asking.start()
        until(lambda: any(name.startswith(("packs", "updates")) for name in server.requests))
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        asking.join(20)
    server.heal()
    code, done, _ = kexia("box", "sync", box, "--json")
    assert (code, done["editions"]) == (0, {"43/a": 1, "43/b": 1})


def test_run_restarts_the_one_that_dies_and_ends_both(tmp_path: Path) -> None:
    stop = threading.Event()
    pids = tmp_path / "pids"
    script = f"import os, time; open({str(pids)!r}, 'a').write(f'{{os.getpid()}} '); time.sleep(60)"
    steady = Watched(
        "steady", [sys.executable, "-c", "import time; time.sleep(60)"], time.monotonic
    )
    dying = Watched("dying", [sys.executable, "-c", script], time.monotonic)
    thread = threading.Thread(target=supervise, args=([steady, dying], stop, time.monotonic))
    thread.start()
    try:
        until(lambda: pids.exists() and len(pids.read_text().split()) == 1)
        first = steady.pid
        os.kill(int(pids.read_text().split()[0]), signal.SIGKILL)
        until(lambda: len(pids.read_text().split()) == 2)
        assert steady.pid == first
    finally:
        stop.set()
        thread.join(20)
    for pid in (first, int(pids.read_text().split()[1])):
        assert pid is not None
        assert not Path(f"/proc/{pid}").exists()


def test_one_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.box.supervise.LAST_WORDS", 0.5)
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
    stubborn = Watched("stubborn", [sys.executable, "-c", script], time.monotonic)
    stop = threading.Event()
    thread = threading.Thread(target=supervise, args=([stubborn], stop, time.monotonic))
    thread.start()
    until(lambda: stubborn.pid is not None)
    time.sleep(0.5)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("code", [2, 7])
def test_one_that_never_gets_up_ends_both(code: int) -> None:
    steady = Watched(
        "steady", [sys.executable, "-c", "import time; time.sleep(60)"], time.monotonic
    )
    hopeless = Watched(
        "hopeless", [sys.executable, "-c", f"raise SystemExit({code})"], time.monotonic
    )
    with pytest.raises(CannotStart, match=f"hopeless cannot start .exit code {code}") as caught:
        supervise([steady, hopeless], threading.Event(), time.monotonic)
    assert caught.value.exit_code == code
    assert not Path(f"/proc/{steady.pid}").exists()


def test_one_that_was_up_once_is_started_again_whatever_its_code(tmp_path: Path) -> None:
    """While it was down somebody took the lease, say: that ends, and the pages must not."""
    starts, stop = tmp_path / "starts", threading.Event()
    script = (
        f"f = open({str(starts)!r}, 'a+'); f.write('x'); raise SystemExit(7 if f.tell() > 1 else 1)"
    )
    watched = Watched("import", [sys.executable, "-c", script], time.monotonic)
    thread = threading.Thread(target=supervise, args=([watched], stop, time.monotonic))
    thread.start()
    until(lambda: starts.exists() and len(starts.read_text()) == 3)
    assert thread.is_alive()
    stop.set()
    thread.join(20)


def test_run_on_a_box_where_somebody_updates_ends_at_once(box: Path) -> None:
    with running("box", "update", box):
        until(lambda: listens(box))
        words = [KEXIA, "box", "run", str(box), "--host", "127.0.0.1", "--port", str(free_port())]
        done = subprocess.run(words, capture_output=True, check=False, timeout=60)
        assert listens(box)
    assert done.returncode == 7
    assert "kexia: update cannot start (exit code 7), so nothing runs" in done.stderr.decode()


def test_an_interrupted_sync_says_what_to_do(box: Path, server: FolderServer, kexia: Kexia) -> None:
    kexia("box", "subscribe", box, "43/a")
    server.reset()
    server.fail("*", Silence(2.0), times=ALWAYS)
    words = [KEXIA, "box", "sync", str(box)]
    with subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # in a background job of a shell, as this may be, the signal would be ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        until(lambda: bool(server.requests))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == b""
    told = "kexia: interrupted; what was done is kept, run the same command again\n"
    assert err.decode() == told
    server.heal()
    assert kexia("box", "sync", box)[0] == 0


@pytest.mark.parametrize("name", ["kexia-update.service", "kexia-serve.service"])
def test_units_start_what_there_is(name: str) -> None:
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    unit.read_string((UNITS / name).read_text())
    words = unit["Service"]["ExecStart"].split()
    assert words[:2] == ["/usr/bin/kexia", "box"]
    done = subprocess.run([KEXIA, "box", words[2], "--help"], capture_output=True, check=False)
    assert done.returncode == 0
    assert unit["Service"]["User"] == "kexia"
    assert unit["Install"]["WantedBy"] == "multi-user.target"


LESSON = "/api/v1/lessons/43/a/l1"


def page(port: int, path: str = "/") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def children_of(process: int) -> dict[str, int]:
    """``update`` and ``serve`` → process, of a running ``kexia box run``."""
    found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    words = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") for pid in found}
    return {
        line[line.index(b"box") + 1].decode(): pid for pid, line in words.items() if b"box" in line
    }


def test_run_serves_while_updates_come_and_the_update_process_dies(box: Path, kexia: Kexia) -> None:
    port = free_port()
    with running("box", "run", box, "--host", "127.0.0.1", "--port", port) as process:
        until(lambda: page(port) != 0 and listens(box))
        kexia("box", "subscribe", box, "43/a")
        assert kexia("box", "sync", box)[0] == 0
        until(lambda: page(port, LESSON) == 200)
        both = children_of(process.pid)
        os.kill(both["update"], signal.SIGKILL)
        until(lambda: not listens(box))
        assert page(port, LESSON) == 200
        until(lambda: listens(box))
        now = children_of(process.pid)
        assert now["serve"] == both["serve"]
        assert now["update"] != both["update"]
        assert kexia("box", "sync", box)[0] == 0
    assert process.returncode == 0
    for pid in now.values():
        assert not Path(f"/proc/{pid}").exists()


def test_a_box_that_serves_carries_no_update_machinery() -> None:
    script = "import sys, appliance.cli.main, appliance.serve.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.decode().split()}
    assert not loaded & {"tuf", "securesystemslib", "cryptography", "urllib3", "sqlite_utils"}
