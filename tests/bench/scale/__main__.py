"""What a night costs as the library grows: the same change in a library ten times as large.

    python -m tests.bench.scale [--shape province|site] [--files N] [--size BYTES] [--changed N]

Makes a library of N files and one of a tenth (what is in the files: ``library.py``), publishes
both, syncs a box from each, changes the same number of files in both, publishes and syncs again.
Prints for the first edition, for a night without news and for the night with the change: CPU
seconds and peak memory of the publisher's and the box's commands, each in a process of its own,
bytes and requests, and the ratios large ÷ small.

100,000 files of 1 MB need a folder (``--work``) on a file system that compresses
(docs/benchmarks.md says how to make one). With ``--keep`` everything stays there, and the next call
measures one more night of the same libraries.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.scale.library import Extent, Shape
from tests.bench.scale.night import Figures, Measured


def main() -> None:
    """Run both sizes, print."""
    asked = _arguments()
    extent = Extent(
        Shape(asked.shape),
        asked.files,
        asked.size,
        asked.per_collection,
        asked.changed,
        asked.spread,
    )
    with _folder(asked.work, keep=asked.keep) as work:
        small = _measure(work, extent.tenth())
        large = _measure(work, extent)
    sys.stdout.write("| what | a tenth | whole | whole ÷ tenth |\n|---|---|---|---|\n")
    for name, value in large.items():
        ratio = value / small[name] if small[name] else 0.0
        sys.stdout.write(f"| {name} | {small[name]:,.2f} | {value:,.2f} | {ratio:.2f} |\n")
    sys.stdout.write(json.dumps({"small": small, "large": large}) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=list(Shape), default=Shape.PROVINCE)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--per-collection", type=int, default=400)
    parser.add_argument("--changed", type=int, default=100)
    parser.add_argument("--spread", type=int, default=20)
    parser.add_argument("--work", type=Path, help="Where to work; else the system's place.")
    parser.add_argument("--keep", action="store_true", help="Leave everything there.")
    return parser.parse_args()


@contextmanager
def _folder(work: Path | None, *, keep: bool) -> Iterator[Path]:
    if keep and work is not None:
        yield work
    else:
        with TemporaryDirectory(dir=work) as folder:
            yield Path(folder)


def _measure(work: Path, extent: Extent) -> Figures:
    library = Measured(work / f"{extent.shape}-{extent.files}-{extent.size}", extent)
    first = library.begin()
    return first | library.night()


if __name__ == "__main__":
    main()
