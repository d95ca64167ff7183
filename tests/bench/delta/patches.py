"""Peers without a wire of their own: patches per changed file, new files whole, payload only.

They are favoured: names, requests and headers cost them nothing here. Every patch is applied and
the result compared. Two run at a time.
"""

import filecmp
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from sync.run import run
from tests.bench.delta.step import Step

LONG = ("-19", "--long=27", "-q", "-f")
AT_ONCE = 2
SECONDS = 1200
Make = Callable[[Path, Path, Path, Path], None]
"""Old file, new file: where the patch and what comes out of it are written."""


class PeerFailed(Exception):
    """A peer's result is not the new version."""


def whole(step: Step, work: Path) -> tuple[int, int]:
    """Bytes of every file whose bytes are new, and how many there are."""
    return sum(path.stat().st_size for path in step.files), len(step.files)


def patch_from(step: Step, work: Path) -> tuple[int, int]:
    """``zstd -19 --long=27 --patch-from`` per changed file: bytes, files."""
    return _patches(step, work, _zstd), len(step.files)


def xdelta3(step: Step, work: Path) -> tuple[int, int]:
    """``xdelta3 -9`` per changed file: bytes, files."""
    return _patches(step, work, _xdelta3), len(step.files)


def compressed_all(step: Step, paths: Iterable[str], work: Path) -> int:
    """Bytes of these files of the new version, each compressed or plain, whichever is smaller."""

    def one(path: str) -> int:
        with TemporaryDirectory(dir=work) as folder:
            return compressed(step.new / path, Path(folder))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(one, paths))


def compressed(path: Path, work: Path) -> int:
    """Bytes of ``zstd -19 --long=27`` of one file, or of the file if that is smaller."""
    out = work / "whole.zst"
    run(["zstd", *LONG, path, "-o", out], timeout=SECONDS)
    return min(out.stat().st_size, path.stat().st_size)


def _zstd(old: Path, new: Path, patch: Path, back: Path) -> None:
    given = f"--patch-from={old}"
    run(["zstd", *LONG, given, new, "-o", patch], timeout=SECONDS)
    # a window as long as a file of over 128 MiB has to be allowed
    run(["zstd", "-d", "--long=31", "-q", "-f", given, patch, "-o", back], timeout=SECONDS)


def _xdelta3(old: Path, new: Path, patch: Path, back: Path) -> None:
    room = max(1 << 19, 1 << (old.stat().st_size - 1).bit_length())
    wide = ["-f", "-B", str(room)]
    run(
        ["xdelta3", "-e", "-9", "-S", "lzma", "-W", "16777216", *wide, "-s", old, new, patch],
        timeout=SECONDS,
    )
    run(["xdelta3", "-d", *wide, "-s", old, patch, back], timeout=SECONDS)


def _patches(step: Step, work: Path, make: Make) -> int:
    def one(path: str) -> int:
        old, new = step.old / path, step.new / path
        with TemporaryDirectory(dir=work) as folder:
            patch, back = Path(folder) / "patch", Path(folder) / "back"
            make(old, new, patch, back)
            if not filecmp.cmp(back, new, shallow=False):
                raise PeerFailed(f"{step.series} {step.name}: {path} came out wrong")
            return min(patch.stat().st_size, new.stat().st_size)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        changed = sum(pool.map(one, step.changed))
    return changed + compressed_all(step, step.added, work)
