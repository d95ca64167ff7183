"""Ours: a demo publisher whose collection is the version's folder, and boxes that follow it."""

import compileall
import json
import os
import resource
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from sync.run import run
from tests.bench.delta.packages import digest
from tests.bench.delta.proxy import Count, CountingProxy
from tests.bench.delta.rows import OURS, Row
from tests.bench.delta.step import tree
from tests.bench.delta.web import LeanServer

COLLECTION = "43/series"
ROOT = Path(__file__).parents[3]
KEXIA = Path(sys.executable).with_name("kexia")
Told = dict[str, Any]


class WrongBox(Exception):
    """A box lacks a file of the version that it should be at."""


class CommandFailed(Exception):
    """A command of ours failed; the text is all it said."""


def kexia(*words: str | Path) -> Told:
    """Run one command; its JSON object. Raises CommandFailed."""
    done = run(
        [KEXIA, *words, "--json"],
        timeout=3000,
        accept=tuple(range(256)),
        environment=_environment(),
    )
    if done.code:
        said = (done.stdout + done.stderr).decode(errors="replace")
        raise CommandFailed(f"{words[:2]} ended with {done.code}:\n{said[-5000:]}")
    value: Told = json.loads(done.stdout.decode().strip().splitlines()[-1])
    return value


def _environment() -> dict[str, str]:
    """Ours, but modules are compiled once and kept, as they are where kexia is installed."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def cpu() -> float:
    """CPU seconds of all ended child processes so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Desk:
    """A publisher with one collection, served through a counting proxy."""

    def __init__(self, folder: Path, proxy: CountingProxy) -> None:
        self.folder = folder
        self.proxy = proxy

    @classmethod
    @contextmanager
    def open(cls, folder: Path) -> Iterator[Self]:
        """A new desk in ``folder`` until the block ends."""
        for package in ("sync", "catalog", "appliance"):
            compileall.compile_dir(ROOT / package, quiet=1)
        kexia("publish", "init", folder, "--code", "43", "--name", "省", "--demo")
        with LeanServer(folder / "repository") as server, CountingProxy(server.port) as proxy:
            yield cls(folder, proxy)

    def publish(self, version: Path) -> float:
        """Publish this version as the newest edition; CPU seconds of the publisher."""
        before = cpu()
        words = ["--collection", COLLECTION, "--title", "系列", "--site"]
        kexia("publish", "add", self.folder, version, *words)
        kexia("publish", "release", self.folder, "--sign-all")
        kexia("publish", "nightly", self.folder)
        return cpu() - before

    def new_box(self, folder: Path) -> Path:
        """A box that has subscribed and holds nothing."""
        root = self.folder / "repository" / "metadata" / "1.root.json"
        kexia("box", "init", folder, "--root", root, "--url", self.proxy.url, "--demo")
        kexia("box", "subscribe", folder, COLLECTION)
        return folder

    def sync(self, box: Path) -> tuple[Told, Count, float]:
        """One sync: what it told, what passed the proxy, its CPU seconds."""
        self.proxy.take()
        before = cpu()
        told = kexia("box", "sync", box)
        return told, self.proxy.take(), cpu() - before

    def row(self, series: str, step: str, box: Path, version: Path) -> Row:
        """Sync ``box`` to ``version``, and once more with nothing to do.

        The difference is the step's own work. Raises WrongBox.
        """
        told, count, used = self.sync(box)
        verify(box, version)
        idle = self.sync(box)[2]
        return Row(
            series,
            step,
            OURS,
            count.content,
            requests=count.requests - count.metadata_requests,
            metadata=count.metadata,
            metadata_requests=count.metadata_requests,
            box_cpu=round(used, 3),
            box_cpu_net=round(max(0.0, used - idle), 3),
            peak_rss=told.get("peak_rss"),
        )


def verify(box: Path, version: Path) -> None:
    """Raise WrongBox unless the box holds every file of ``version``, read anew and proved."""
    held = {path.name: path for path in (box / "library").rglob("*") if path.is_file()}
    for path, wanted in tree(version).items():
        if wanted not in held or digest(held[wanted]) != wanted:
            raise WrongBox(f"{path} of {version.name} is not on the box")


def copy_box(box: Path, target: Path) -> Path:
    """The box as it is now, links and times too."""
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    run(["cp", "-a", box, target], timeout=600)
    return target
