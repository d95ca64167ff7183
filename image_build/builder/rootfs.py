"""The root file system by mmdebstrap, in two steps: Debian alone, then what is ours on top of it.

Debian's part takes minutes (an hour of them under emulation, if it were done for every change of
ours), and depends only on packages and on what must lie there before they are set up.
"""

import os
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from image_build.builder.apt import Apt, Deb
from image_build.builder.boards import Board, names_in
from image_build.builder.scratch import Scratch
from image_build.builder.spec import Spec
from image_build.builder.surroundings import Surroundings
from sync.run import Watching, follow

_DEADLINE = 7200.0
_MERGED = "/usr/share/mmdebstrap/hooks/merged-usr"
_OF_THE_BUILDER = (
    "etc/apt/sources.list",
    "etc/apt/apt.conf.d/99mmdebstrap",
    "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
    # lists and packages come in with the owner they have here
    "var/lib/apt",
    "var/cache/apt",
)
PACKAGES = "usr/share/kexia/packages.list"
"""In the root: what is installed, as dpkg says it."""


@dataclass(frozen=True, slots=True)
class Debian:
    """What Debian's part of a root is made of."""

    arch: str
    packages: Sequence[str]
    """Asked for by name."""
    debs: Sequence[Deb]
    """All of them, dependencies too."""
    early: Path
    """A tar for the moment before any package is set up."""
    epoch: int


def packages_of(spec: Spec, board: Board) -> tuple[str, ...]:
    """The packages asked for by name, before their dependencies."""
    lists = ("common", spec.suite, board.name)
    names = (name for each in lists for name in names_in("packages", f"{each}.list"))
    return (*names, *spec.packages)


def make_debian(debian: Debian, apt: Apt, scratch: Scratch, tar: Path) -> None:
    """Write Debian's part to ``tar``. Nothing is fetched: lists and packages are in the cache.

    Raises ProgramFailed.
    """
    archives = scratch.folder / "archives"
    archives.mkdir()
    for deb in debian.debs:
        _place(apt.debs / deb.file, archives / deb.file)
    steps = _Steps(len(debian.debs), scratch.around)
    scratch.around.progress.step("Debian", total=2 * len(debian.debs), unit="packages")
    follow(
        _debian_arguments(debian, apt, archives, tar),
        timeout=_DEADLINE,
        environment=scratch.environment(debian.epoch),
        watching=Watching(line=steps.line),
    )


def finish_root(debian: Path, contents: Path, arch: str, epoch: int, root: "Target") -> None:
    """Debian's tar and the tar of what is ours become the root's. Raises ProgramFailed."""
    root.scratch.around.progress.step("root")
    follow(
        _finish_arguments(debian, contents, arch, root),
        timeout=_DEADLINE,
        environment=root.scratch.environment(epoch),
        watching=Watching(),
    )


@dataclass(frozen=True, slots=True)
class Target:
    """Where a root goes, and where it lies meanwhile."""

    tar: Path
    scratch: Scratch


def _place(source: Path, target: Path) -> None:
    """A package where mmdebstrap takes it from: the same file, or a copy on another disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


class _Steps:
    """Reads from dpkg's words how far it is: each package is unpacked, then set up."""

    def __init__(self, packages: int, around: Surroundings) -> None:
        self._left = 2 * packages
        self._progress = around.progress

    def line(self, text: str) -> None:
        """One line of mmdebstrap's."""
        if text.startswith(("Unpacking ", "Setting up ", "I: extracting")) and self._left:
            self._left -= 1
            self._progress.advance(1)


def _alone() -> tuple[str, ...]:
    """Root mounts /dev and /proc in the new root: nowhere else to be seen, and gone with us.

    However a build is ended, no mount of this machine is left in a folder that is removed later.
    """
    return ("unshare", "--mount", "--") if os.geteuid() == 0 else ()


_DEVICES = "output/dev"
"""No device nodes in Debian's part: to unpack them takes root. The last step makes them."""


def _debian_arguments(debian: Debian, apt: Apt, archives: Path, tar: Path) -> list[str]:
    options = {
        "architectures": debian.arch,
        "variant": "minbase",
        "include": ",".join(debian.packages),
        "format": "tar",
        "hook-dir": _MERGED,
    }
    return [
        *_alone(),
        *("mmdebstrap", "--verbose", "--skip=update,download/empty,essential/unlink"),
        f"--skip={_DEVICES}",
        *(f"--{key}={value}" for key, value in options.items()),
        *(f"--aptopt={each}" for each in _APT),
        *(f"--dpkgopt={each}" for each in ("force-unsafe-io", "force-confold", *_pruned())),
        '--setup-hook=mkdir -p "$1"/var/cache/apt/archives "$1"/var/lib/apt/lists/partial',
        f"--setup-hook=sync-in {_word(archives)} /var/cache/apt/archives",
        f"--setup-hook=sync-in {_word(apt.lists)} /var/lib/apt/lists",
        f"--essential-hook=tar-in {_word(debian.early)} /",
        *(f"--customize-hook={each}" for each in _FIRST_STEP),
        *("", str(tar), str(apt.sources)),
    ]


def _finish_arguments(debian: Path, contents: Path, arch: str, root: "Target") -> list[str]:
    sources = root.scratch.folder / "sources.list"
    sources.write_text("# none\n", encoding="ascii")
    return [
        *_alone(),
        *("mmdebstrap", "--verbose", "--skip=update"),
        *(f"--architectures={arch}", "--variant=custom", "--format=tar"),
        f"--setup-hook=tar-in {_word(debian)} /",
        f"--customize-hook=tar-in {_word(contents)} /",
        *(f"--customize-hook={each}" for each in _finish()),
        *("", str(root.tar), str(sources)),
    ]


def _word(path: Path) -> str:
    """A path in a hook of mmdebstrap's own, which it takes apart as a shell would."""
    return shlex.quote(str(path))


def debian_recipe() -> tuple[str, ...]:
    """How Debian's part is made, whatever of: a change here makes every one anew."""
    return (*_APT, *_pruned(), *_FIRST_STEP, _DEVICES)


def root_recipe() -> tuple[str, ...]:
    """The same for the whole root."""
    return _finish()


_APT = (
    'APT::Install-Recommends "false"',
    'Acquire::Languages "none"',
    'Acquire::Check-Valid-Until "false"',
    'APT::Get::Download "false"',
)
_FIRST_STEP = (
    # once, not once for each package that asks; under emulation it takes minutes
    'for kernel in "$1"/lib/modules/*; do version=${kernel##*/}; '
    'chroot "$1" depmod "$version"; '
    'chroot "$1" mkinitramfs -o "/boot/initrd.img-$version" "$version"; '
    'ln -sf "boot/vmlinuz-$version" "$1"/vmlinuz; '
    'ln -sf "boot/initrd.img-$version" "$1"/initrd.img; '
    'rm -f "$1"/vmlinuz.old "$1"/initrd.img.old; done',
    'mkdir -p "$1"/usr/share/kexia; chroot "$1" dpkg-query -W '
    "-f='${Package} ${Version} ${Architecture}\\n' > \"$1\"/" + PACKAGES,
)


def _pruned() -> tuple[str, ...]:
    return names_in("packages", "prune.list")


_TEMPLATES = (
    "env PYTHONHASHSEED=0 PYTHONPATH=/usr/lib/kexia python3 -B -c "
    '"from appliance.serve.render import compile_templates; compile_templates()"'
)
_UNCHECKED = """python3 -B -c '
import pathlib
for path in pathlib.Path("/usr/lib").glob("python3*/**/*.pyc"):
    with path.open("r+b") as file:
        file.seek(4)
        if file.read(1) == b"\\x03":
            file.seek(4)
            file.write(b"\\x01")
'"""
"""Debian's are compiled while SOURCE_DATE_EPOCH is set, so they carry their source's hash, and each
start would read every source to compare it. The flag (PEP 552) says: do not."""
_COMPILE = "env PYTHONHASHSEED=0 python3 -m compileall -q --invalidation-mode unchecked-hash"


def _finish() -> tuple[str, ...]:
    """What happens in the root when our files lie in it."""
    removed = (*names_in("packages", "remove.list"), *_OF_THE_BUILDER)
    gone = " ".join(f'"$1"/{path}' for path in removed)
    return (
        'chroot "$1" systemd-sysusers',
        'chroot "$1" systemctl preset-all --preset-mode=full',
        f'chroot "$1" systemctl mask {" ".join(names_in("packages", "masked.list"))}',
        f'chroot "$1" {_TEMPLATES}',
        f'chroot "$1" {_UNCHECKED}',
        # Two at a time, always the same packages together: what is compiled with what shows in the
        # bytes. Unchecked: the root never changes, and no time stands in the files.
        f'chroot "$1" {_COMPILE} -l /usr/lib/kexia',
        f'chroot "$1" sh -c \'printf "%s\\n" /usr/lib/kexia/*/ | xargs -P 2 -n 6 {_COMPILE}\'',
        f'rm -rf {gone} "$1"/var/lib/dpkg/*-old',
    )
