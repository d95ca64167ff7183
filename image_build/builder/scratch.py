"""Where a root lies while it is put together: in memory, where there is plenty, or on the disk.

A root is twelve thousand files that are written, read and removed, twice each: a third of a build's
time, if a disk has to see all of it.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from image_build.builder.surroundings import Surroundings
from sync.errors import LeaseHeld
from sync.files import rename_durably
from sync.lease import hold
from sync.run import run

_MEMORY = Path("/dev/shm")  # noqa: S108 - the folder gets a name nobody can foresee
_PEAK = 2 << 30
"""Bytes that a root takes at its height; 1.2 GB were seen."""
_LEFT = 2 << 30
"""Bytes of memory that programs need meanwhile: apt, dpkg, an emulator."""
_PREFIX = "kexia-root-"
_REMOVAL = 600.0


@dataclass(frozen=True, slots=True)
class Scratch:
    """A folder for a root, and what is around it."""

    folder: Path
    around: Surroundings

    def environment(self, epoch: int) -> Mapping[str, str]:
        """What mmdebstrap and everything in the root is started with."""
        return self.around.for_programs(
            SOURCE_DATE_EPOCH=str(epoch), TMPDIR=str(self.folder), INITRD="No"
        )


@contextmanager
def scratch(beside: Path, around: Surroundings) -> Iterator[Scratch]:
    """A folder as long as the block runs; what builds that were killed left is removed first."""
    place = _place(beside, around)
    _sweep(place, around)
    # it gets its name when it is held: no other build takes it for one that nobody wants
    unheld = Path(tempfile.mkdtemp(prefix=".", dir=place))
    unheld.chmod(0o755)  # a user name space must be able to enter it
    with hold(unheld / "lease", holder="kexia image build"):
        folder = place / f"{_PREFIX}{unheld.name.removeprefix('.')}"
        rename_durably(unheld, folder)
        try:
            yield Scratch(folder, around)
        finally:
            _remove(folder, around)


def _place(beside: Path, around: Surroundings) -> Path:
    """``TMPDIR``, where one is named."""
    if named := around.environment.get("TMPDIR"):
        return Path(named)
    return _MEMORY if _is_plenty(_MEMORY) else beside


def _is_plenty(memory: Path) -> bool:
    """Is there room on the file system, and memory behind it, for a root and what makes it?"""
    try:
        there = os.statvfs(memory)
    except OSError:
        return False
    usable = not there.f_flag & (os.ST_NOEXEC | os.ST_RDONLY) and os.access(memory, os.W_OK)
    room = there.f_bavail * there.f_frsize
    return usable and room >= _PEAK and _available() >= _PEAK + _LEFT


def _available() -> int:
    """Bytes of memory that programs can still have; 0 where the kernel does not say."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                return int(value.split()[0]) * 1024
    return 0


def _sweep(place: Path, around: Surroundings) -> None:
    """Remove folders of ours that nobody holds: in memory they would stay until the next start."""
    for folder in place.glob(f"{_PREFIX}*"):
        with suppress(LeaseHeld, FileNotFoundError):  # somebody's, or just gone
            if folder.lstat().st_uid == os.geteuid():
                with hold(folder / "lease", holder="kexia image build"):
                    _remove(folder, around)


def _remove(folder: Path, around: Surroundings) -> None:
    """Who builds without root owns a root only within the user name space it was made in."""
    own = os.geteuid()
    others = [each for each in folder.iterdir() if own and each.lstat().st_uid != own]
    for each in others:
        run(
            ["mmdebstrap", "--unshare-helper", "find", each, "-mindepth", "1", "-delete"],
            timeout=_REMOVAL,
            environment=around.for_programs(),
        )
    shutil.rmtree(folder)
