"""The whole way on one machine: publish the sample library, sync a box, serve it, update it.

Runs the same commands a province, a technician and a box run, and prints each before it runs it.
With ``once`` it visits the pages itself, checks what a visitor would see, and reports figures.
"""

import json
import os
import shlex
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from appliance.demo.visit import Visitor
from sync.errors import KexiaError, UsageError
from sync.run import Process, run, start

SAMPLE = Path(__file__).parents[2] / "catalog" / "sample"
CODE, NAME = "43", "湖南省（演示）"
PHRASE = "节奏"
"""A Chinese phrase that the sample library's music lessons speak of."""
TIMEOUT = 300.0
EXIT_CODES = tuple(range(10))


@dataclass(frozen=True, slots=True)
class DemoReport:
    """The figures of one demo; sizes in bytes, times in seconds, PSS in MB."""

    setup_seconds: float
    lessons: int
    bytes_fetched: int
    bytes_changed: int
    requests: int
    page_bytes: int
    page_requests: int
    search_hits: int
    serve_pss_mb: float


class DemoFailed(KexiaError):
    """Something a visitor would expect of the demo did not hold."""


def demo(work: Path, *, port: int, began: float, say: Callable[[str], None]) -> DemoReport:
    """Run the demo in the empty folder ``work``; ``began`` is when set-up began (epoch seconds).

    Leaves nothing running; raises DemoFailed or VisitFailed when a check fails.
    """
    with serving_demo(work, port=port, say=say) as box:
        setup = time.time() - began  # noqa: TID251 - a programme owns the clock
        say(f"\n课匣 is served at {box.url}\n")
        visitor = Visitor(box.url)
        weight = visitor.weigh(visitor.first_textbook())
        hits = visitor.search(PHRASE)
        visitor.play_and_read(hits)
        update = box.update()
        return DemoReport(
            setup_seconds=round(setup, 1),
            lessons=visitor.lessons(),
            bytes_fetched=update.bytes_fetched,
            bytes_changed=update.bytes_changed,
            requests=update.requests,
            page_bytes=weight.size,
            page_requests=weight.requests,
            search_hits=len(hits),
            serve_pss_mb=round(box.serve_pss() / 1e6, 1),
        )


@dataclass(frozen=True, slots=True)
class Update:
    """What one night cost: bytes on the way (metadata too), bytes of the files that are new."""

    bytes_fetched: int
    metadata_bytes: int
    bytes_changed: int
    requests: int


class DemoBox:
    """A province with the sample library and a box that follows it, in one folder."""

    def __init__(self, work: Path, *, port: int, say: Callable[[str], None]) -> None:
        self._work = work
        self._say = say
        self._workspace, self._box = work / "province", work / "box"
        self._sources = work / "sources"
        self._port, self._source_port = port, free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.source_url = f"http://127.0.0.1:{self._source_port}"
        self.processes: list[Process] = []

    def publish(self) -> None:
        """What the province does: keys, sources, release, both signatures, the night's run."""
        shutil.copytree(SAMPLE, self._sources, ignore=shutil.ignore_patterns("update", "studio"))
        self._kexia("publish", "init", self._workspace, "--code", CODE, "--name", NAME, "--demo")
        for folder in sorted(path for path in self._sources.iterdir() if path.is_dir()):
            collection = f"{CODE}/{folder.name}"
            self._kexia("publish", "add", self._workspace, folder, "--collection", collection)
        self._release()

    def update(self) -> Update:
        """The province publishes its next edition, the box syncs it, the pages show it."""
        before = self._library_sizes()
        shutil.copytree(SAMPLE / "update", self._sources, dirs_exist_ok=True)
        self._release()
        sync = self.sync()
        after = self._library_sizes()
        update = Update(
            bytes_fetched=sync["bytes_fetched"] + sync["metadata_bytes"],
            metadata_bytes=sync["metadata_bytes"],
            bytes_changed=sum(size for name, size in after.items() if name not in before),
            requests=sync["requests"],
        )
        if update.bytes_changed == 0:
            raise DemoFailed("the update changed nothing")
        self._wait_until_served()
        self._say(
            f"\nupdate: {update.bytes_fetched} bytes fetched in {update.requests} requests "
            f"for {update.bytes_changed} bytes of changed files; the pages show the new edition"
        )
        return update

    def sync(self) -> dict[str, int]:
        """What the box does at night."""
        done = self._kexia("box", "sync", self._box)
        return {key: int(str(done[key])) for key in ("bytes_fetched", "metadata_bytes", "requests")}

    def init(self) -> None:
        """What the technician does: a root, a URL, the collections of this school."""
        root = self._workspace / "repository" / "metadata" / "1.root.json"
        self._kexia(
            "box", "init", self._box, "--root", root, "--url", self.source_url, "--demo",
            "--name", "青山教学点",
        )  # fmt: skip
        names = sorted(path.name for path in self._sources.iterdir() if path.is_dir())
        self._kexia("box", "subscribe", self._box, *(f"{CODE}/{name}" for name in names))

    def start_province(self) -> None:
        """A web server over the repository, as any CDN would be."""
        self._start(
            "publish", "serve", self._workspace, "--host", "127.0.0.1", "--port", self._source_port
        )
        wait_for(self._source_port)

    def start_box(self) -> None:
        """The box's two processes."""
        self._start(
            *("box", "run", self._box, "--host", "127.0.0.1"),
            *("--port", self._port, "--site-port", free_port()),
        )
        wait_for(self._port)

    def wait(self) -> None:
        """Until the box's processes end (a signal ends them)."""
        self.processes[-1].wait()

    def stop(self) -> None:
        """End every process started here."""
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait(timeout=30)

    def _library_sizes(self) -> dict[str, int]:
        """Sizes of the box's resources by digest."""
        library = self._box / "library"
        return {path.name: path.stat().st_size for path in library.glob("??/*")}

    def _wait_until_served(self) -> None:
        """Until the pages come from the generation that `current` names."""
        number = int((self._box / "current").readlink().name)
        visitor = Visitor(self.url)
        deadline = time.monotonic() + 30
        while visitor.generation() != number:
            if time.monotonic() > deadline:
                raise DemoFailed(f"the pages did not switch to generation {number} in 30 s")
            time.sleep(0.2)

    def serve_pss(self) -> int:
        """Proportional set size of the process that serves pages, in bytes."""
        return pss(listener(self._port))

    def _release(self) -> None:
        self._kexia("publish", "release", self._workspace, "--sign-all")
        self._kexia("publish", "nightly", self._workspace)

    def _command(self, *words: object) -> list[str]:
        return [str(Path(sys.executable).with_name("kexia")), *map(str, words)]

    def _kexia(self, *words: object) -> dict[str, object]:
        self._say("$ kexia " + shlex.join(self._shown(word) for word in words))
        done = run([*self._command(*words), "--json"], timeout=TIMEOUT, accept=EXIT_CODES)
        value: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
        if done.code:
            faults = json.dumps(value.get("faults", []), ensure_ascii=False)
            raise DemoFailed(f"{value.get('error')} {faults}", hint=str(value.get("hint", "")))
        return value

    def _start(self, *words: object) -> None:
        self._say("$ kexia " + shlex.join(self._shown(word) for word in words) + " &")
        self.processes.append(start(self._command(*words)))

    def _shown(self, word: object) -> str:
        return str(word).replace(f"{self._work}{os.sep}", "")


@contextmanager
def serving_demo(work: Path, *, port: int, say: Callable[[str], None]) -> Iterator[DemoBox]:
    """Everything up to the served first edition; ends its processes on the way out."""
    check_free(port)
    box = DemoBox(work, port=port or free_port(), say=say)
    with ExitStack() as stack:
        stack.callback(box.stop)
        box.publish()
        box.start_province()
        box.init()
        box.sync()
        box.start_box()
        yield box


def free_port() -> int:
    """A TCP port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def check_free(port: int) -> None:
    """Raise UsageError if somebody has the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UsageError(
                f"port {port} is taken by another programme", hint="choose one: make demo PORT=8090"
            ) from error


def wait_for(port: int, *, seconds: float = 60) -> None:
    """Wait until somebody listens on ``port``."""
    deadline = time.monotonic() + seconds
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if time.monotonic() > deadline:
            raise DemoFailed(f"nothing listens on port {port} after {seconds:.0f} s")
        time.sleep(0.05)


def listener(port: int) -> int:
    """The process that listens on ``port``, found through /proc."""
    inodes = {
        fields[9]
        for table in ("tcp", "tcp6")
        for fields in map(str.split, Path("/proc/net", table).read_text().splitlines()[1:])
        if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port
    }
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(link.readlink()) in wanted for link in (process / "fd").iterdir()):
                return int(process.name)
        except OSError:
            continue  # ended meanwhile, or not ours to look at
    raise DemoFailed(f"no process of ours listens on port {port}")


def pss(process: int) -> int:
    """Proportional set size in bytes: private memory plus a fair share of what is shared."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise DemoFailed(f"the kernel gives no PSS for process {process}")


def as_json(report: DemoReport) -> str:
    """The report as one line."""
    return json.dumps(asdict(report), ensure_ascii=False)
