"""The root tar becomes the file a slot holds: a squashfs that GRUB can read."""

from pathlib import Path

from image_build.builder.surroundings import Growth, Surroundings
from sync.files import partial_of, rename_durably
from sync.run import Streams, Watching, follow

_GRUB_READS = ("-c", "gzip", "-X", "level=6", "-b", "65536")
"""GRUB 2.06 knows no zstd; xz would save a tenth and cost six times the seconds. Small files share
a block, and who reads one has all of it unpacked: 64 KiB make a programme's start much lighter
than 256 KiB and the root 1.4 % larger."""


def squash_recipe() -> tuple[str, ...]:
    """Stands for how a squashfs is made."""
    return _GRUB_READS


def make_squash(tar: Path, squash: Path, epoch: int, around: Surroundings) -> None:
    """Write ``squash`` from ``tar``; raises ProgramFailed."""
    around.progress.step("squashfs")
    partial = partial_of(squash)
    partial.unlink(missing_ok=True)
    follow(
        ["tar2sqfs", "-q", "-f", "-s", "-e", *_GRUB_READS, partial],
        timeout=3600,
        environment=around.for_programs(SOURCE_DATE_EPOCH=str(epoch)),
        watching=Watching(tick=Growth(partial, around.progress).tick),
        streams=Streams(stdin=tar),
    )
    rename_durably(partial, squash)
