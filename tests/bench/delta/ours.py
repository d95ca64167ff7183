"""Ours: a demo publisher whose collection is the version's folder, and a box that follows it."""

import json
import resource
import sys
from pathlib import Path
from typing import Any

from sync.run import run
from tests.bench.delta.proxy import CountingProxy
from tests.bench.delta.series import Series
from tests.kit.server import FolderServer

COLLECTION = "43/series"
KEXIA = Path(sys.executable).with_name("kexia")


def kexia(*words: str | Path) -> dict[str, Any]:
    """Run one command; its JSON object."""
    done = run([KEXIA, *words, "--json"], timeout=3000)
    value: dict[str, Any] = json.loads(done.stdout.decode().strip().splitlines()[-1])
    return value


def cpu() -> float:
    """CPU seconds of all ended child processes so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(series: Series, work: Path) -> list[dict[str, Any]]:
    """One row per step; the first row is the first sync of a new box."""
    desk, box = work / "desk", work / "box"
    kexia("publish", "init", desk, "--code", "43", "--name", "省", "--demo")
    rows = []
    with FolderServer(desk / "repository") as server, CountingProxy(server.port) as proxy:
        for number, version in enumerate(series.versions, start=1):
            published = publish(desk, version)
            if number == 1:
                root = desk / "repository" / "metadata" / "1.root.json"
                kexia("box", "init", box, "--root", root, "--url", proxy.url, "--demo")
                kexia("box", "subscribe", box, COLLECTION)
                proxy.take()
            before = cpu()
            told = kexia("box", "sync", box)
            used, count = cpu() - before, proxy.take()
            rows.append(
                {
                    "series": series.name,
                    "step": "first" if number == 1 else f"v{number - 1}→v{number}",
                    "tool": "kexia",
                    "bytes": count.content,
                    "metadata": count.metadata,
                    "requests": count.requests - count.metadata_requests,
                    "metadata_requests": count.metadata_requests,
                    "publisher_cpu": round(published, 2),
                    "box_cpu": round(used, 2),
                    "peak_rss": told.get("peak_rss"),
                }
            )
    return rows


def publish(desk: Path, version: Path) -> float:
    """Publish this version as the newest edition; CPU seconds of the publisher."""
    before = cpu()
    kexia("publish", "add", desk, version, "--collection", COLLECTION, "--title", "系列", "--site")
    kexia("publish", "release", desk, "--sign-all")
    kexia("publish", "nightly", desk)
    return cpu() - before
