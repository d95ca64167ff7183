"""The import from a stick beside ``cp -r`` and ``sha256sum`` of the same files, in one run.

The stick is a folder in memory (``/dev/shm``), so that neither side waits for a medium; the box and
the copy are on the same disk. What is asked: is it the medium that bounds an import, or we?
"""

import json
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from sync.run import run
from tests.kit.boxes import BoxUnderTest
from tests.kit.laid import lay_stick
from tests.kit.province import Province

SMALL, SMALL_SIZE = 400, 100_000
LARGE, LARGE_SIZE = 30, 8_000_000
ROUNDS = 3
KEXIA = Path(sys.executable).with_name("kexia")


@dataclass(frozen=True)
class Cost:
    """What one side took: seconds on the clock, and of CPU."""

    seconds: float
    cpu: float


def main() -> None:
    """Run, print."""
    with tempfile.TemporaryDirectory(prefix="kexia-stick-", dir="/dev/shm") as memory:
        disk = Path(tempfile.mkdtemp(prefix="kexia-stick-"))
        try:
            rows = measure(Path(memory), disk)
        finally:
            shutil.rmtree(disk)
    ours, theirs = (min(costs, key=lambda cost: cost.seconds) for costs in rows)
    size = SMALL * SMALL_SIZE + LARGE * LARGE_SIZE
    sys.stdout.write(
        "| from a stick in memory | MB/s | seconds | CPU seconds |\n|---|---|---|---|\n"
    )
    for name, cost in (("kexia box sync", ours), ("cp -r, then sha256sum", theirs)):
        rate = size / cost.seconds / 1e6
        sys.stdout.write(f"| {name} | {rate:.0f} | {cost.seconds:.2f} | {cost.cpu:.2f} |\n")
    summary = {
        "stick_bytes": size,
        "rate_ratio": round(theirs.seconds / ours.seconds, 2),
        "cpu_ratio": round(ours.cpu / theirs.cpu, 2),
    }
    sys.stdout.write(json.dumps(summary) + "\n")


def measure(memory: Path, disk: Path) -> tuple[list[Cost], list[Cost]]:
    """Both sides in turn, ROUNDS times each."""
    rng = Random(7)
    files = {f"s{n}.bin": rng.randbytes(SMALL_SIZE) for n in range(SMALL)}
    files |= {f"v{n}.mp4": rng.randbytes(LARGE_SIZE) for n in range(LARGE)}
    province = Province.create(disk / "province")
    province.publish({"43/a": files})
    lay_stick(memory, province.repository, files.values())
    box = BoxUnderTest.create(disk / "box", province.root).subscribe("43/a")
    ours, theirs = [], []
    for number in range(ROUNDS):
        fresh = box.copy(disk / f"box-{number}")
        ours.append(cost(partial(synced, fresh.paths.root, memory)))
        copy = disk / f"copy-{number}"
        theirs.append(cost(partial(copied, memory, copy)))
        shutil.rmtree(fresh.paths.root)
        shutil.rmtree(copy)
    return ours, theirs


def cost(work: Callable[[], None]) -> Cost:
    """What ``work`` and the programs it runs take; the disk is idle before and asked after."""
    os.sync()
    before, began = children(), time.monotonic()
    work()
    return Cost(time.monotonic() - began, children() - before)


def children() -> float:
    """CPU seconds of the programs that ended so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def synced(box: Path, stick: Path) -> None:
    """``kexia box sync`` of everything, durable when it ends."""
    run([KEXIA, "box", "sync", box, "--from", stick], timeout=600)


def copied(stick: Path, copy: Path) -> None:
    """The peer: copied, on the disk, and each file's digest taken."""
    run(["cp", "-r", stick, copy], timeout=600)
    run(["sync", "-f", copy], timeout=600)
    run(["sh", "-c", 'find "$0" -type f -print0 | xargs -0 sha256sum', copy], timeout=600)


if __name__ == "__main__":
    main()
