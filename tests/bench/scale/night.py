"""A publisher and a box: the first edition of everything, then nights in which little changes.

All that was made stays in the folder, so that more nights can be measured without making it again.
"""

import json
import resource
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from appliance.publisher import programmes, signing
from appliance.publisher.desk import Keys
from sync.progress import Silent
from sync.publish.packs import cut, routes
from sync.publish.workspace import Registration, SourceKind
from sync.run import start
from tests.bench.scale.apart import KEXIA, apart, kexia
from tests.bench.scale.library import CODE, Extent, Shape, change, folder_of, lay_out

Figures = dict[str, float]
QUICK = 3
"""zstd level of the first edition: no night depends on it, and 100 GB at 19 take hours."""
TICK = 3
"""Seconds after which a file counts as at rest."""


class Measured:
    """One library in one folder."""

    def __init__(self, root: Path, extent: Extent) -> None:
        self._source, self._desk, self._box = root / "source", root / "desk", root / "box"
        self._begun = root / "begun.json"
        self._extent = extent

    def begin(self) -> Figures:
        """Lay out, publish and sync the first edition, unless that is done; its figures."""
        if self._begun.is_file():
            found: Figures = json.loads(self._begun.read_text(encoding="utf-8"))
            return found
        extent = self._extent
        say(f"{extent.files:,} files of {extent.size:,} B, {len(extent.collections)} collections")
        apart(lay_out, self._source, extent)
        say("laid out")
        kexia("publish", "init", self._desk, "--code", CODE, "--name", "省", "--demo")
        cpu, peak = apart(first_edition, self._desk, self._source, extent)
        figures = {"first: publisher CPU s": cpu, "first: publisher peak MB": peak}
        kexia("publish", "nightly", self._desk)
        say(str(figures))
        with served(self._desk) as url:
            self._invite(url)
            figures |= self._sync("first")
        self._begun.write_text(json.dumps(figures), encoding="utf-8")
        say(str(figures))
        return figures

    def night(self) -> Figures:
        """One night without news, then one with a change."""
        with served(self._desk) as url:
            self._follow(url)
            figures = self._sync("nothing new")
            time.sleep(TICK)
            apart(change, self._source, self._extent, time.time_ns())
            time.sleep(TICK)
            figures |= self._publish() | self._sync("night")
        say(str(figures))
        return figures

    def _publish(self) -> Figures:
        released = kexia("publish", "release", self._desk, "--sign-all")
        nightly = kexia("publish", "nightly", self._desk)
        return {
            "night: publisher CPU s, release": released.cpu,
            "night: publisher CPU s, nightly": nightly.cpu,
            "night: publisher peak MB": max(released.peak, nightly.peak),
        }

    def _invite(self, url: str) -> None:
        """A box that has subscribed to everything and holds nothing."""
        self._follow(url)
        kexia("box", "subscribe", self._box, *self._extent.collections)

    def _follow(self, url: str) -> None:
        root = self._desk / "repository" / "metadata" / "1.root.json"
        kexia("box", "init", self._box, "--root", root, "--url", url, "--demo")

    def _sync(self, name: str) -> Figures:
        done = kexia("box", "sync", self._box)
        return {
            f"{name}: box CPU s": done.cpu,
            f"{name}: box peak MB": done.peak,
            f"{name}: content bytes": done.told["bytes_fetched"],
            f"{name}: metadata bytes": done.told["metadata_bytes"],
            f"{name}: requests": done.told["requests"],
            f"{name}: new files": done.told["resources_new"],
        }


def first_edition(desk: Path, source: Path, extent: Extent) -> tuple[float, float]:
    """Register every folder, release and sign; CPU seconds and peak MB."""
    kind = SourceKind.SITE if extent.shape is Shape.SITE else SourceKind.SHEET
    for collection in extent.collections:
        folder = folder_of(source, collection)
        programmes.add(desk, Registration(collection, folder, f"册 {collection}", kind))
    vars(cut)["LEVEL"] = vars(routes)["LEVEL"] = QUICK
    programmes.release(desk, (), datetime.now(UTC), Silent())
    signing.sign_all(desk, Keys())
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


@contextmanager
def served(desk: Path) -> Iterator[str]:
    """The repository on a web server of its own process; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
    process = start([KEXIA, "publish", "serve", desk, "--host", "127.0.0.1", "--port", str(port)])
    try:
        _wait(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait(port: int) -> None:
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("the repository's server does not listen")


def say(line: str) -> None:
    """A line for whoever waits."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
