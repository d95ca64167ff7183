"""The root file system: Debian by mmdebstrap and what is ours, as one reproducible tar."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from image_build.apt import Apt, Deb
from image_build.boards import Board, names_in
from image_build.spec import Spec
from image_build.surroundings import Surroundings
from sync.run import Watching, follow

_DEADLINE = 7200.0
_MERGED = "/usr/share/mmdebstrap/hooks/merged-usr"
_OF_THE_BUILDER = (
    "etc/apt/sources.list",
    "etc/apt/apt.conf.d/99mmdebstrap",
    "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a root is made of."""

    spec: Spec
    board: Board
    packages: Sequence[str]
    debs: Sequence[Deb]
    early: Path
    """A tar for the moment before any package is configured."""
    contents: Path
    """A tar of everything that is ours."""


def packages_of(spec: Spec, board: Board) -> tuple[str, ...]:
    """The packages asked for by name, before their dependencies."""
    lists = ("common", spec.suite, board.name)
    names = (name for each in lists for name in names_in("packages", f"{each}.list"))
    return (*names, *spec.packages)


def make_root(inputs: Inputs, apt: Apt, around: Surroundings, scratch: Path, tar: Path) -> None:
    """Write the root to ``tar``; ``scratch`` holds it meanwhile (three times its size).

    Nothing is fetched: lists and packages are in the cache. Raises ProgramFailed.
    """
    archives = scratch / "archives"
    archives.mkdir()
    for deb in inputs.debs:
        os.link(apt.debs / deb.file, archives / deb.file)
    arguments = _arguments(inputs, apt, archives, tar)
    steps = _Steps(len(inputs.debs), around)
    around.progress.step("root", total=2 * len(inputs.debs), unit="packages")
    environment = around.for_programs(
        SOURCE_DATE_EPOCH=str(inputs.spec.epoch), TMPDIR=str(scratch), INITRD="No"
    )
    environment.pop("http_proxy", None)
    watching = Watching(line=steps.line)
    follow(arguments, timeout=_DEADLINE, environment=environment, watching=watching)


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


def _arguments(inputs: Inputs, apt: Apt, archives: Path, tar: Path) -> list[str]:
    sync_in = f"sync-in {archives} /var/cache/apt/archives"
    lists = f"sync-in {apt.lists} /var/lib/apt/lists"
    options = {
        "architectures": inputs.board.arch,
        "variant": "minbase",
        "include": ",".join(inputs.packages),
        "format": "tar",
        "hook-dir": _MERGED,
    }
    return [
        "mmdebstrap",
        "--verbose",
        *(f"--{key}={value}" for key, value in options.items()),
        *(f"--aptopt={each}" for each in _APT),
        *(f"--dpkgopt={each}" for each in ("force-unsafe-io", "force-confold", *_pruned())),
        *("--skip=update", "--skip=download/empty", "--skip=essential/unlink"),
        '--setup-hook=mkdir -p "$1"/var/cache/apt/archives "$1"/var/lib/apt/lists/partial',
        f"--setup-hook={sync_in}",
        f"--setup-hook={lists}",
        f"--essential-hook=tar-in {inputs.early} /",
        f"--customize-hook=tar-in {inputs.contents} /",
        *(f"--customize-hook={each}" for each in _customize()),
        "",
        str(tar),
        str(apt.sources),
    ]


_APT = (
    'APT::Install-Recommends "false"',
    'Acquire::Languages "none"',
    'Acquire::Check-Valid-Until "false"',
    'APT::Get::Download "false"',
)


def recipe() -> tuple[str, ...]:
    """How a root is made, whatever it is made of: a change here makes every root anew."""
    return (*_APT, *_pruned(), *_customize())


def _pruned() -> tuple[str, ...]:
    return names_in("packages", "prune.list")


def _customize() -> tuple[str, ...]:
    """What happens in the root when all packages are in and our files lie over them."""
    removed = (*names_in("packages", "remove.list"), *_OF_THE_BUILDER)
    gone = " ".join(f'"$1"/{path}' for path in removed)
    return (
        'mkdir -p "$1"/data "$1"/boot/efi',
        'chroot "$1" systemd-sysusers',
        'chroot "$1" systemctl preset-all --preset-mode=full',
        # once, not once for each package that asks; under emulation it takes minutes
        'for kernel in "$1"/lib/modules/*; do version=${kernel##*/}; '
        'chroot "$1" depmod "$version"; '
        'chroot "$1" mkinitramfs -o "/boot/initrd.img-$version" "$version"; '
        'ln -sf "boot/vmlinuz-$version" "$1"/vmlinuz; '
        'ln -sf "boot/initrd.img-$version" "$1"/initrd.img; done',
        # unchecked: the root never changes, and no time stands in the files
        'chroot "$1" env PYTHONHASHSEED=0 python3 -m compileall -q '
        "--invalidation-mode unchecked-hash /usr/lib/kexia",
        f"rm -rf {gone}",
        'rm -f "$1"/vmlinuz.old "$1"/initrd.img.old "$1"/var/lib/dpkg/*-old',
        ': > "$1"/etc/machine-id; echo kexia > "$1"/etc/hostname',
        'ln -s ../run/systemd/resolve/stub-resolv.conf "$1"/etc/resolv.conf',
    )
