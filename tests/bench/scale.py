"""What a night costs as the library grows: the same change in a library ten times as large.

    python -m tests.bench.scale [--files N] [--size BYTES] [--changed N]

Makes a site of N files (of SIZE bytes each, the most of them a hole, so that a hundred gigabytes
take no room) and one of a tenth, publishes both, syncs a box from each, changes the same number of
files in both, and prints for that night: the publisher's CPU seconds to compile and to stage, its
peak memory, the box's CPU seconds, peak memory, bytes and requests, and the ratios large ÷ small.
"""

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from appliance.config import BoxPaths
from appliance.publisher import editions
from appliance.publisher.labels import label
from sync.progress import Silent
from sync.publish import stage
from sync.publish.workspace import Registration, SourceKind
from tests.kit.boxes import BoxUnderTest
from tests.kit.province import Province
from tests.kit.server import FolderServer

COLLECTION = "43/large"
Figures = dict[str, float]
HEAD = 4096
"""Bytes of a file that are no hole."""


def main() -> None:
    """Run both sizes, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--changed", type=int, default=100)
    asked = parser.parse_args()
    small = measured(asked.files // 10, asked.size, asked.changed)
    large = measured(asked.files, asked.size, asked.changed)
    sys.stdout.write("| a night | a tenth | whole | whole ÷ tenth |\n|---|---|---|---|\n")
    for name, value in large.items():
        ratio = value / small[name] if small[name] else 0.0
        sys.stdout.write(f"| {name} | {small[name]:,.2f} | {value:,.2f} | {ratio:.2f} |\n")
    sys.stdout.write(json.dumps({"small": small, "large": large}) + "\n")


def measured(files: int, size: int, changed: int) -> Figures:
    """One library, published, synced, changed, published and synced again."""
    with TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        root = Path(folder)
        source = root / "source"
        lay_out(source, files, size)
        first = apart(publish, root, source, 1)
        say(f"{files:,} files, first release: {first}")
        with FolderServer(Province.open(root).repository) as server:
            say(f"first sync: {apart(sync, root, server.url, 1)}")
            change(source, changed, size)
            figures = apart(publish, root, source, 2)
            return figures | apart(sync, root, server.url, 2)


def lay_out(source: Path, files: int, size: int) -> None:
    """``files`` files with different beginnings, the rest of each a hole."""
    rng = Random(1)
    for number in range(files):
        path = source / f"{number % 500:03}" / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, rng.randbytes(min(HEAD, size)), size)
    (source / "index.html").write_text("<p>large", encoding="utf-8")


def change(source: Path, count: int, size: int) -> None:
    """Other beginnings for ``count`` files."""
    rng = Random(2)
    for number in range(count):
        path = source / f"{number % 500:03}" / f"{number}.bin"
        write(path, rng.randbytes(min(HEAD, size)), size)


def write(path: Path, head: bytes, size: int) -> None:
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size)


def publish(root: Path, source: Path, night: int) -> Figures:
    """Compile, cut, sign, publish; CPU seconds and peak memory of this process."""
    province = Province.open(root) if night > 1 else Province.create(root)
    province.now += timedelta(days=night)
    made = Registration(COLLECTION, source, "large", SourceKind.SITE)
    desk = editions.Desk(root / "made", province.workspace.cache, province.now)
    began = time.process_time()
    request, _ = editions.request(made, desk, Silent())
    compiled = time.process_time()
    stage.stage_editions(province.workspace, [request], province.now, Silent(), labeller=label)
    staged = time.process_time()
    province.publish_all(province.now)
    return {
        "publisher CPU s, compile": compiled - began,
        "publisher CPU s, cut and stage": staged - compiled,
        "publisher peak MB": peak(),
    }


def sync(root: Path, url: str, night: int) -> Figures:
    """A box's sync; CPU seconds and peak memory of this process."""
    if night == 1:
        box = BoxUnderTest.create(root / "box", Province.open(root).root, urls={0: url})
        box.subscribe(COLLECTION)
    box = BoxUnderTest(BoxPaths(root / "box"))
    began = time.process_time()
    report = box.sync()
    assert report.exit_code == 0, report.problems
    return {
        "box CPU s": time.process_time() - began,
        "box peak MB": peak(),
        "content bytes": report.bytes_fetched,
        "metadata bytes": report.metadata_bytes,
        "requests": report.requests,
    }


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def apart(work: Callable[..., Figures], *arguments: object) -> Figures:
    """In a process of its own, so that its memory is its own."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(theirs, work, arguments))
    process.start()
    figures: Figures = ours.recv()
    process.join()
    return figures


def _run(pipe: Connection, work: Callable[..., Figures], arguments: tuple[object, ...]) -> None:
    pipe.send(work(*arguments))


def say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
