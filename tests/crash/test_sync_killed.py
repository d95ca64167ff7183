"""kill -9 at any moment of a sync and its switch: the box is whole, a cut costs at most 1 MiB."""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from urllib.parse import quote

import pytest

from appliance import generation
from appliance.box.programmes import Invitation, init_box, real_machine
from appliance.box.works import Works
from appliance.config import BoxPaths
from appliance.demo.demo import free_port, wait_for
from appliance.demo.visit import Visitor
from appliance.update.subscribe import set_subscriptions
from sync.progress import Silent
from sync.run import start
from tests.kit.faults import Slow
from tests.kit.killing import Ended, Killer
from tests.kit.province import NOW, Province
from tests.kit.server import ALWAYS, FolderServer

MIB = 2**20
RATE = 12 * MIB
RNG = Random(4301)
OLD = {f"old{number}.pdf": RNG.randbytes(50_000) for number in range(6)}
LARGE = {f"new{number}.pdf": RNG.randbytes(600_000) for number in range(12)}
SMALL = {f"new{number}.pdf": RNG.randbytes(3_000) for number in range(12)}


def sync(root: Path) -> None:
    paths = BoxPaths(root)
    Works(paths, real_machine(paths))({"command": "sync"}, Silent())


@dataclass
class Scene:
    """A province with two editions, its web server, a box at the first, and the served pages."""

    server: FolderServer
    pristine: Path
    box: Path
    visitor: Visitor

    def restore(self) -> None:
        """The box at the first edition again, under the same name; ``serve`` notices."""
        old = self.box.with_name("old")
        shutil.rmtree(old, ignore_errors=True)
        if self.box.exists():
            self.box.rename(old)
        shutil.copytree(self.pristine, self.box, copy_function=os.link, symlinks=True)

    def served(self) -> str:
        """``old`` or ``new``; fails if the pages are of both or of neither."""
        book = self.visitor.first_textbook()
        page = self.visitor.get(book).body.decode()
        old = sum(f"/lesson/{quote('43/a')}/old{number}" in page for number in range(6))
        new = sum(f"/lesson/{quote('43/a')}/new{number}" in page for number in range(12))
        assert (old, new) in ((6, 0), (0, 12)), f"{old} old and {new} new lessons on one page"
        return "old" if old else "new"

    def whole(self) -> str:
        """The edition of the generation in force, whose every byte proves."""
        found = generation.current(BoxPaths(self.box))
        assert found is not None
        generation.prove(found)
        [kept] = found.record.collections
        return "old" if kept.entry.edition == 1 else "new"


def scene(tmp_path: Path, update: dict[str, bytes]) -> Iterator[Scene]:
    province = Province.create(tmp_path / "province")
    province.publish({"43/a": OLD})
    with FolderServer(province.repository) as server:
        pristine, box = BoxPaths(tmp_path / "pristine"), tmp_path / "box"
        root = province.repository / "metadata" / "1.root.json"
        init_box(pristine, Invitation(root, (server.url,), demo=True))
        set_subscriptions(pristine, ("43/a",), ())
        sync(pristine.root)
        province.release({"43/a": update})
        province.publish_all(NOW + timedelta(hours=1))
        port = free_port()
        shutil.copytree(pristine.root, box, copy_function=os.link, symlinks=True)
        serve = start(
            [
                Path(sys.executable).with_name("kexia"),
                *("box", "serve", box, "--host", "127.0.0.1"),
                *("--port", str(port), "--site-port", str(free_port())),
            ]
        )
        try:
            wait_for(port)
            yield Scene(server, pristine.root, box, Visitor(f"http://127.0.0.1:{port}"))
        finally:
            serve.kill()
            serve.wait()


@pytest.fixture
def large(tmp_path: Path) -> Iterator[Scene]:
    yield from scene(tmp_path, LARGE)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Scene]:
    yield from scene(tmp_path, SMALL)


@pytest.mark.parametrize(
    "count", [pytest.param(6, id="few"), pytest.param(50, id="many", marks=pytest.mark.slow)]
)
@pytest.mark.timeout(900)
def test_sync_is_killed_in_the_transfer(large: Scene, count: int) -> None:
    killer = Killer(Random(3))
    for content in ("packs/*", "updates/*"):
        large.server.fail(content, Slow(RATE), times=ALWAYS)
    large.server.reset()
    large.restore()
    seconds = killer.measure(sync, large.box)
    once = large.server.bytes
    assert once > sum(map(len, LARGE.values()))
    while killer.kills < count:
        large.restore()
        large.server.reset()
        kills = attempts = 0
        ended = Ended.KILLED
        while ended is Ended.KILLED:
            ended = killer.strike(seconds * 0.7, sync, large.box)
            attempts += 1
            kills += ended is Ended.KILLED
            assert large.whole() in ("old", "new")
            large.served()
        assert large.whole() == "new"
        metadata = 64 * 1024 * attempts
        assert large.server.bytes <= once + kills * MIB + metadata, (
            f"{kills} cuts cost {large.server.bytes - once} bytes"
        )


@pytest.mark.parametrize(
    "count", [pytest.param(6, id="few"), pytest.param(50, id="many", marks=pytest.mark.slow)]
)
@pytest.mark.timeout(900)
def test_sync_is_killed_around_the_switch(small: Scene, count: int) -> None:
    killer = Killer(Random(4))
    small.restore()
    seconds = killer.measure(sync, small.box)
    while killer.kills < count:
        small.restore()
        killer.strike(seconds, sync, small.box)
        state = small.whole()
        deadline = time.monotonic() + 10
        while small.served() != state and time.monotonic() < deadline:
            time.sleep(0.1)
        assert small.served() == state
        sync(small.box)
        assert small.whole() == "new"
