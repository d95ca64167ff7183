"""The root's two steps, Debian and what is ours, each done only if what it is made of changed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, TypeVar

from image_build.builder.apt import Apt, Deb
from image_build.builder.boards import Board
from image_build.builder.contents import Entry, code, dependencies, ours, overlay, write_tar
from image_build.builder.lock import Requirement
from image_build.builder.rootfs import (
    Debian,
    Target,
    debian_recipe,
    finish_root,
    make_debian,
    packages_of,
    root_recipe,
)
from image_build.builder.scratch import scratch
from image_build.builder.spec import Spec
from image_build.builder.stamps import Stamp, digest_of
from image_build.builder.surroundings import Surroundings
from image_build.builder.wheels import Wheels

_EARLY = ("etc/initramfs-tools/", "etc/modprobe.d/")
"""What the first step of booting is made with."""
Result = TypeVar("Result")


class Timed(Protocol):
    """Does a piece of work and notes how long it took."""

    def __call__(self, name: str, work: Callable[[], Result], /) -> Result:
        """What the work returns."""
        ...


@dataclass(frozen=True)
class Parts:
    """What a root is made of."""

    spec: Spec
    board: Board
    debs: tuple[Deb, ...]
    wanted: tuple[Requirement, ...]
    ca: bytes

    @cached_property
    def own(self) -> tuple[Entry, ...]:
        """Every file that comes from here, as it is now; of one path the last counts."""
        first = (*code(), *ours(self.spec, self.ca))
        return (*first, *overlay(self.spec, self.board))

    def early(self) -> tuple[Entry, ...]:
        """Those that must lie there before the kernel is set up."""
        return tuple(each for each in self.own if each.path.startswith(_EARLY))


@dataclass(frozen=True)
class Root:
    """The root of one image, made in ``work``."""

    parts: Parts
    work: Path
    around: Surroundings
    timed: Timed

    def epoch(self, apt: Apt) -> int:
        """The newest time in the image, in seconds since 1970."""
        return max(self.parts.spec.epoch, apt.newest(self.parts.debs))

    def key(self, epoch: int) -> str:
        """Stands for everything the root is made of."""
        wheels = [one.line for one in self.parts.wanted]
        return digest_of(self._debian_key(), wheels, _named(self.parts.own), root_recipe(), epoch)

    def made(self, apt: Apt, wheels: Wheels, epoch: int) -> Path:
        """The root's tar; made if it is not there."""
        tar, key, stamp = self.work / "root.tar", self.key(epoch), Stamp(self.work, "root")
        if not stamp.holds(key, (tar,)):
            stamp.forget()
            debian = self._debian(apt)
            self.timed("root", lambda: self._finish(debian, wheels, epoch, tar))
            stamp.write(key, (tar,))
        return tar

    def forget(self) -> None:
        """Remove the root's tar; Debian's stays for the next build."""
        Stamp(self.work, "root").forget()
        (self.work / "root.tar").unlink(missing_ok=True)

    def _debian_key(self) -> str:
        packages = [(deb.file, deb.sha256) for deb in self.parts.debs]
        return digest_of(packages, _named(self.parts.early()), debian_recipe())

    def _debian(self, apt: Apt) -> Path:
        tar, key, stamp = self.work / "debian.tar", self._debian_key(), Stamp(self.work, "debian")
        if not stamp.holds(key, (tar,)):
            stamp.forget()
            self.timed("debian", lambda: self._make_debian(apt, tar))
            stamp.write(key, (tar,))
        return tar

    def _make_debian(self, apt: Apt, tar: Path) -> None:
        debs, epoch = self.parts.debs, apt.newest(self.parts.debs)
        with scratch(self.work, self.around) as room:
            early = room.folder / "early.tar"
            with early.open("wb") as file:
                write_tar(file, self.parts.early(), epoch)
            names = packages_of(self.parts.spec, self.parts.board)
            debian = Debian(self.parts.board.arch, names, debs, early, epoch)
            make_debian(debian, apt, room, tar)

    def _finish(self, debian: Path, wheels: Wheels, epoch: int, tar: Path) -> None:
        with scratch(self.work, self.around) as room:
            python, contents = room.folder / "python", room.folder / "contents.tar"
            wheels.install(self.parts.wanted, python)
            with contents.open("wb") as file:
                write_tar(file, (*dependencies(python), *self.parts.own), epoch)
            target = Target(tar, room)
            finish_root(debian, contents, self.parts.board.arch, epoch, target)


def _named(entries: tuple[Entry, ...]) -> list[tuple[object, ...]]:
    return [(each.path, digest_of(each.data.hex()), each.mode, each.link) for each in entries]
