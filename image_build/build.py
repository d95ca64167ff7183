"""``kexia image build``: spec → packages → root → squashfs → image, each step only where needed."""

import platform
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from image_build.apt import Apt, Deb
from image_build.boards import DATA, Board, boards, names_in, suites
from image_build.bootloader import Boot, firmware_in_root, make_boot
from image_build.contents import code, dependencies, image_json, ours, overlay, write_tar
from image_build.disk import Disk, make_disk
from image_build.layout import Identifiers
from image_build.lock import Requirement, read_lock, target
from image_build.rootfs import Inputs, make_root, packages_of, recipe
from image_build.spec import Spec
from image_build.squash import make_squash
from image_build.stamps import Stamp, digest_of, file_digest
from image_build.surroundings import Surroundings
from image_build.tools import require
from image_build.wheels import Wheels
from sync.errors import InputRefused
from sync.files import make_folder, write_durably

_EARLY = "etc/initramfs-tools/"
"""What must lie in the root before the kernel is set up; no image of the first step is made then."""
_UNPACKED = "unpacked"
_MAX_CA = 1 << 16
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


@dataclass
class Build:
    """One build: what is wanted, where from, where to."""

    spec: Spec
    home: Path
    """The folder the spec's paths start from."""
    out: Path
    around: Surroundings
    keep_work: bool = False
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self) -> Built:
        """Build the image; what an earlier run made of the same inputs is taken as it is."""
        require(self._board, self.around.for_programs(), platform.machine())
        make_folder(self._work)
        apt = self._apt()
        debs, unpack = self._timed("packages", lambda: self._packages(apt))
        wanted = self._requirements()
        wheels = self._wheels()
        self._timed("wheels", lambda: wheels.fetch(wanted))
        key = self._root_key(debs, wanted)
        self._squash_made(key, apt, debs, wheels, wanted)
        image = self._timed("image", lambda: self._image(apt, unpack))
        return self._described(image, debs)

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

    def _ca(self) -> bytes:
        return self._read(self.spec.ca, _MAX_CA) if self.spec.ca else b""

    def _read(self, name: str, most: int) -> bytes:
        path = self.home / name
        try:
            with path.open("rb") as file:
                data = file.read(most + 1)
        except OSError as error:
            raise InputRefused(f"{path}: {error.strerror}", hint="mend the spec") from error
        if len(data) > most:
            raise InputRefused(f"{path} is longer than {most} bytes", hint="mend the spec")
        return data

    def _root_key(self, debs: tuple[Deb, ...], wanted: tuple[Requirement, ...]) -> str:
        own = (*overlay(self.spec, self._board), *code(), *ours(self.spec, self._ca()))
        files = [(each.path, digest_of(each.data.hex()), each.mode, each.link) for each in own]
        packages = [(deb.file, deb.sha256) for deb in debs]
        return digest_of(packages, [one.line for one in wanted], files, recipe(), self.spec.epoch)

    def _squash_made(
        self,
        key: str,
        apt: Apt,
        debs: tuple[Deb, ...],
        wheels: Wheels,
        wanted: tuple[Requirement, ...],
    ) -> None:
        stamp, kept = Stamp(self._work, "squashfs"), self._kept_files()
        if stamp.holds(key, (self._squash, *kept)):
            return
        stamp.forget()
        tar = self._work / "root.tar"
        root = Stamp(self._work, "root")
        if not root.holds(key, (tar,)):
            root.forget()
            self._timed("root", lambda: self._root(apt, debs, wheels, wanted, tar))
            root.write(key, (tar,))
        shutil.rmtree(self._work / "from-root", ignore_errors=True)
        firmware_in_root(self._board, tar, self._work / "from-root")
        self._timed(
            "squashfs", lambda: make_squash(tar, self._squash, self.spec.epoch, self.around)
        )
        stamp.write(key, (self._squash, *self._kept_files()))
        if not self.keep_work:
            tar.unlink()
            root.forget()

    def _kept_files(self) -> tuple[Path, ...]:
        return tuple(sorted((self._work / "from-root").glob("*")))

    def _root(
        self,
        apt: Apt,
        debs: tuple[Deb, ...],
        wheels: Wheels,
        wanted: tuple[Requirement, ...],
        tar: Path,
    ) -> None:
        scratch = self._fresh("scratch")
        wheels.install(wanted, scratch / "python")
        entries = list(overlay(self.spec, self._board))
        early, contents = scratch / "early.tar", scratch / "contents.tar"
        with early.open("wb") as file:
            first = [each for each in entries if each.path.startswith(_EARLY)]
            write_tar(file, first, self.spec.epoch)
        with contents.open("wb") as file:
            all_of_it = (
                *dependencies(scratch / "python"),
                *code(),
                *ours(self.spec, self._ca()),
                *entries,
            )
            write_tar(file, all_of_it, self.spec.epoch)
        packages = packages_of(self.spec, self._board)
        inputs = Inputs(self.spec, self._board, packages, debs, early, contents)
        make_root(inputs, apt, self.around, scratch, tar)
        shutil.rmtree(scratch)

    def _image(self, apt: Apt, unpack: tuple[Deb, ...]) -> Path:
        scratch = self._fresh("image")
        apt.unpack(unpack, scratch / _UNPACKED)
        identifiers = Identifiers(self.spec.name, self.spec.board)
        boot_folder = scratch / "boot"
        boot_folder.mkdir()
        for name in self.spec.roots:
            data = self._read(name, 1 << 20)
            write_durably(boot_folder / "roots" / Path(name).name, data)
        from_root = self._work / "from-root"
        boot = Boot(self._board, identifiers, scratch / _UNPACKED, from_root)
        names = make_boot(boot, boot_folder, self.around)
        image = self.out / f"{self.spec.stem}.img"
        disk = Disk(self._board, identifiers, self.spec.epoch, self._squash, boot_folder, names)
        make_disk(disk, scratch, image, self.around)
        shutil.rmtree(scratch)
        return image

    def _described(self, image: Path, debs: tuple[Deb, ...]) -> Built:
        lines = "".join(f"{deb.name} {deb.version} {deb.architecture}\n" for deb in debs)
        write_durably(self.out / "packages.list", lines.encode())
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
