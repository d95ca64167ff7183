"""What the costs are measured against: zstd -19 for a publisher, a plain rewrite for a box."""

import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from sync.run import run
from tests.bench.delta.ours import cpu
from tests.bench.delta.rows import Row
from tests.bench.delta.step import Step

REWRITE = """
import hashlib, os, pathlib, sys, time
target, began = pathlib.Path(sys.argv[1]), time.process_time()
for number, name in enumerate(sys.stdin.read().split("\\n")):
    data = open(name, "rb").read()
    hashlib.sha256(data).digest()
    with open(target / str(number), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
folder = os.open(target, os.O_RDONLY)
os.fsync(folder)
print(time.process_time() - began)
"""


def zstd(step: Step) -> Row:
    """``zstd -19`` of every file whose bytes are new, one process, one thread: bytes and CPU."""
    before, size = cpu(), 0
    if step.files:
        words: list[str | Path] = ["zstd", "-19", "-q", "--single-thread", "-c", *step.files]
        size = len(run(words, timeout=3000).stdout)
    used = round(cpu() - before, 3)
    return Row(step.series, step.name, "zstd-19", size, publisher_cpu=used)


def rewrite(step: Step, work: Path) -> Row:
    """Read, hash and write the same files in Python, its start-up not counted.

    The files are on the disk when it ends, as a box's are when they get their names.
    """
    names = "\n".join(map(str, step.files)).encode()
    size, used = sum(path.stat().st_size for path in step.files), 0.0
    with TemporaryDirectory(dir=work) as folder:
        if names:
            words = [sys.executable, "-c", REWRITE, folder]
            used = float(run(words, timeout=600, stdin=names).stdout)
    return Row(step.series, step.name, "rewrite", size, box_cpu=round(used, 4))


def tar_zstd(series: str, step: str, version: Path, work: Path) -> Row:
    """``zstd -19 --long=26`` of a tar of the whole version: what a first sync is held against."""
    tape, out = work / "whole.tar", work / "whole.tar.zst"
    with tarfile.open(tape, "w", format=tarfile.GNU_FORMAT) as file:
        for path in sorted(version.rglob("*")):
            if path.is_file():
                file.add(path, arcname=path.relative_to(version).as_posix())
    before = cpu()
    run(["zstd", "-19", "--long=26", "--single-thread", "-q", "-f", tape, "-o", out], timeout=3000)
    row = Row(series, step, "tar-zstd", out.stat().st_size, publisher_cpu=round(cpu() - before, 3))
    tape.unlink()
    out.unlink()
    return row
