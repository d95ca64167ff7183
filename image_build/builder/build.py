"""``kexia image build``: spec → packages → root → squashfs → image, each step only where needed."""

import os
import platform
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Flag, auto
from pathlib import Path
from typing import TypeVar

from image_build.builder.apt import Apt, Deb
from image_build.builder.boards import DATA, Board, boards, names_in, suites
from image_build.builder.bootloader import Boot, firmware_in_root, make_boot
from image_build.builder.contents import image_json
from image_build.builder.disk import Disk, make_disk
from image_build.builder.export import compress
from image_build.builder.layout import Identifiers
from image_build.builder.lock import Requirement, read_lock, target
from image_build.builder.root import Parts, Root
from image_build.builder.rootfs import packages_of
from image_build.builder.spec import Spec
from image_build.builder.squash import make_squash, squash_recipe
from image_build.builder.stamps import Stamp, digest_of, file_digest
from image_build.builder.surroundings import Surroundings
from image_build.builder.tools import Here, require
from image_build.builder.trusted import read_ca, read_roots
from image_build.builder.wheels import Wheels
from sync.files import make_folder, write_durably
from sync.lease import hold

_UNPACKED = "unpacked"
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Built:
    """What a build left, for people and scripts. Sizes in bytes, times in seconds."""

    image: str
    squashfs: str
    sha256: str
    bytes: int
    on_disk: int
    squashfs_bytes: int
    packages: int
    version: str
    compatible: str
    seconds: dict[str, float]
    xz: str = ""
    """The compressed image; empty if none was asked for."""
    xz_bytes: int = 0


class Extra(Flag):
    """What a build leaves beside the image and the root."""

    NONE = 0
    XZ = auto()
    """The image for any burner."""
    WORK = auto()
    """The root's tar."""


@dataclass
class Build:
    """One build: what is wanted, where from, where to."""

    spec: Spec
    home: Path
    """The folder the spec's paths start from."""
    out: Path
    around: Surroundings
    extra: Extra = Extra.NONE
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self) -> Built:
        """Build the image; what an earlier run made of the same inputs is taken as it is.

        Raises LeaseHeld while another build uses the same cache or folder.
        """
        path = self.around.for_programs()["PATH"]
        require(self._board, Here(path, platform.machine(), root=os.geteuid() == 0))
        make_folder(self._work)
        with (
            hold(self.around.cache / "lease", holder="kexia image"),
            hold(self._work / "lease", holder="kexia image build"),
        ):
            return self._built()

    def _built(self) -> Built:
        ca, roots = read_ca(self.spec, self.home), read_roots(self.spec, self.home)
        apt, wheels = self._apt(), self._wheels()
        debs, unpack = self._timed("packages", lambda: self._packages(apt))
        wanted = self._requirements()
        self._timed("wheels", lambda: wheels.fetch(wanted))
        parts = Parts(self.spec, self._board, debs, wanted, ca)
        root = Root(parts, self._work, self.around, self._timed)
        epoch = root.epoch(apt)
        self._squash_made(root, apt, wheels, epoch)
        image = self._timed("image", lambda: self._image(apt, unpack, roots, epoch))
        built = self._described(image, debs, unpack)
        if Extra.XZ not in self.extra:
            return built
        xz = self._timed("xz", lambda: compress(image, self.around))
        return replace(built, xz=str(xz), xz_bytes=xz.stat().st_size)

    @property
    def _board(self) -> Board:
        return boards()[self.spec.board]

    @property
    def _work(self) -> Path:
        return self.out / ".work"

    @property
    def _squash(self) -> Path:
        return self.out / f"{self.spec.stem}.root.squashfs"

    def _apt(self) -> Apt:
        folder = self.around.cache / "debian" / f"{self.spec.suite}-{self._board.arch}"
        return Apt(folder, suites()[self.spec.suite], self._board.arch, self.around)

    def _wheels(self) -> Wheels:
        suite = suites()[self.spec.suite]
        folder = self.around.cache / "wheels" / f"python{suite.python}-{self._board.machine}"
        return Wheels(folder, suite, self._board, self.around)

    def _packages(self, apt: Apt) -> tuple[tuple[Deb, ...], tuple[Deb, ...]]:
        apt.renew(self.spec.mirror)
        debs = apt.plan(packages_of(self.spec, self._board))
        names = self._board.grub.unpack
        unpack = apt.plan(names, essential=False) if names else ()
        apt.fetch((*debs, *unpack))
        return debs, unpack

    def _requirements(self) -> tuple[Requirement, ...]:
        environment = target(suites()[self.spec.suite].python, self._board.machine)
        left_out = frozenset(names_in("packages", "builder.list"))
        text = DATA.joinpath("runtime.lock").read_text(encoding="utf-8")
        return read_lock(text, environment, left_out)

    def _squash_made(self, root: Root, apt: Apt, wheels: Wheels, epoch: int) -> None:
        key = digest_of(root.key(epoch), squash_recipe())
        stamp = Stamp(self._work, "squashfs")
        from_root = self._work / "from-root"
        if stamp.holds(key, (self._squash, *sorted(from_root.glob("*")))):
            return
        stamp.forget()
        tar = root.made(apt, wheels, epoch)
        shutil.rmtree(from_root, ignore_errors=True)
        firmware_in_root(self._board, tar, from_root)
        self._timed("squashfs", lambda: make_squash(tar, self._squash, epoch, self.around))
        stamp.write(key, (self._squash, *sorted(from_root.glob("*"))))
        if Extra.WORK not in self.extra:
            root.forget()

    def _image(
        self, apt: Apt, unpack: tuple[Deb, ...], roots: Mapping[str, bytes], epoch: int
    ) -> Path:
        scratch = self._fresh("image")
        apt.unpack(unpack, scratch / _UNPACKED)
        identifiers = Identifiers(self.spec.name, self.spec.board)
        boot_folder = scratch / "boot"
        boot_folder.mkdir()
        for code, data in roots.items():
            write_durably(boot_folder / "roots" / f"{code}.root.json", data)
        from_root = self._work / "from-root"
        boot = Boot(self._board, identifiers, scratch / _UNPACKED, from_root)
        names = make_boot(boot, boot_folder, self.around)
        image = self.out / f"{self.spec.stem}.img"
        disk = Disk(self._board, identifiers, epoch, self._squash, boot_folder, names)
        make_disk(disk, scratch, image, self.around)
        shutil.rmtree(scratch)
        return image

    def _described(self, image: Path, debs: tuple[Deb, ...], unpack: tuple[Deb, ...]) -> Built:
        for name, listed in (("packages.list", debs), ("boot-packages.list", unpack)):
            write_durably(self.out / name, "".join(f"{deb.line}\n" for deb in listed).encode())
        write_durably(self.out / "image.json", image_json(self.spec))
        return Built(
            image=str(image),
            squashfs=str(self._squash),
            sha256=self._timed("sha256", lambda: file_digest(image)),
            bytes=image.stat().st_size,
            on_disk=image.stat().st_blocks * 512,
            squashfs_bytes=self._squash.stat().st_size,
            packages=len(debs),
            version=self.spec.version,
            compatible=self.spec.compatible,
            seconds=self.seconds,
        )

    def _fresh(self, name: str) -> Path:
        folder = self._work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def _timed(self, name: str, work: Callable[[], Result]) -> Result:
        began = time.monotonic()
        try:
            return work()
        finally:
            self.seconds[name] = round(time.monotonic() - began, 1)
