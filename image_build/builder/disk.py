"""The image: genimage puts partitions, file systems and boot loader into one sparse file."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from image_build.builder.boards import Board
from image_build.builder.bootloader import settle_times
from image_build.builder.layout import MIB, Identifiers, genimage_config
from image_build.builder.surroundings import Surroundings
from sync.errors import UsageError
from sync.files import rename_durably, sync_file
from sync.run import run


@dataclass(frozen=True, slots=True)
class Disk:
    """What an image is put together from."""

    board: Board
    identifiers: Identifiers
    epoch: int
    squash: Path
    boot: Path
    """The folder with the boot loader's files; ``squash`` is linked into it."""
    esp_names: tuple[str, ...]


def make_disk(disk: Disk, scratch: Path, image: Path, around: Surroundings) -> None:
    """Write ``image``; raises UsageError when the root does not fit its slot."""
    around.progress.step("image")
    size, room = disk.squash.stat().st_size, disk.board.partitions.slot * MIB
    if size > room:
        raise UsageError(
            f"the root takes {size} bytes, a slot of {disk.board.name} {room}",
            hint="fewer packages in the spec",
        )
    for name in ("root", "tmp", "out"):
        shutil.rmtree(scratch / name, ignore_errors=True)
        (scratch / name).mkdir(parents=True)
    config = scratch / "genimage.cfg"
    text = genimage_config(disk.board, disk.identifiers, disk.esp_names, disk.epoch)
    config.write_text(text, encoding="utf-8")
    inside = disk.boot / "root.squashfs"
    inside.unlink(missing_ok=True)
    inside.hardlink_to(disk.squash)
    settle_times(disk.boot, disk.epoch)
    run(
        [
            *("genimage", "--loglevel", "1", "--config", config, "--inputpath", disk.boot),
            *("--tmppath", scratch / "tmp", "--rootpath", scratch / "root"),
            *("--outputpath", scratch / "out"),
        ],
        timeout=600,
        environment=around.for_programs(
            E2FSPROGS_FAKE_TIME=str(disk.epoch), SOURCE_DATE_EPOCH=str(disk.epoch)
        ),
    )
    made = scratch / "out" / "disk.img"
    with made.open("rb") as file:
        sync_file(file)
    rename_durably(made, image)
