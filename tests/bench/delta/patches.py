"""Peers without a wire of their own: patches per changed file, new files whole, payload only.

They are favoured: names, requests and headers cost them nothing here. Every patch is applied and
the result compared.
"""

import filecmp
from pathlib import Path

from sync.run import run
from tests.bench.delta.step import Step

LONG = ("-19", "--long=27", "-q", "-f")


class PeerFailed(Exception):
    """A peer's result is not the new version."""


def whole(step: Step, work: Path) -> int:
    """Bytes of every file whose bytes are new."""
    return sum(path.stat().st_size for path in step.files)


def compressed(path: Path, work: Path) -> int:
    """Bytes of ``zstd -19 --long=27`` of one file, or of the file if that is smaller."""
    out = work / "whole.zst"
    run(["zstd", *LONG, path, "-o", out], timeout=600)
    return min(out.stat().st_size, path.stat().st_size)


def patch_from(step: Step, work: Path) -> int:
    """``zstd -19 --long=27 --patch-from`` per changed file."""
    return _patches(step, work, _zstd)


def xdelta3(step: Step, work: Path) -> int:
    """``xdelta3 -9`` per changed file."""
    return _patches(step, work, _xdelta3)


def _zstd(old: Path, new: Path, patch: Path, back: Path) -> None:
    run(["zstd", *LONG, f"--patch-from={old}", new, "-o", patch], timeout=600)
    run(
        ["zstd", "-d", "--long=27", "-q", "-f", f"--patch-from={old}", patch, "-o", back],
        timeout=600,
    )


def _xdelta3(old: Path, new: Path, patch: Path, back: Path) -> None:
    wide = ["-f", "-B", str(1 << 30)]
    run(["xdelta3", "-e", "-9", "-S", "djw", *wide, "-s", old, new, patch], timeout=600)
    run(["xdelta3", "-d", *wide, "-s", old, patch, back], timeout=600)


def _patches(step: Step, work: Path, make) -> int:  # type: ignore[no-untyped-def]
    patch, back, size = work / "patch", work / "back", 0
    for path in step.changed:
        old, new = step.old / path, step.new / path
        make(old, new, patch, back)
        if not filecmp.cmp(back, new, shallow=False):
            raise PeerFailed(f"{step.series} {step.name}: {path} came out wrong")
        size += min(patch.stat().st_size, new.stat().st_size)
    return size + sum(compressed(step.new / path, work) for path in step.added)
