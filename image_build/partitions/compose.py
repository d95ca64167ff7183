"""From what a technician asks for to the content of a card: image, site, lessons, backup."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from image_build.partitions import content, preload
from image_build.partitions.content import Content, Part
from image_build.partitions.data_image import BOX, make_data
from image_build.partitions.esp_image import put_files, take_esp
from image_build.partitions.preload import Desk, Prepared, Wanted
from image_build.partitions.source import Image, blocks, open_image
from sync.errors import NoRoom
from sync.files import disk_errors, free_space, make_folder
from sync.progress import Progress


@dataclass(frozen=True, slots=True)
class Backup:
    """A sealed backup and who can open it."""

    file: Path
    private: Callable[[], bytes]
    """Gives a recipient's private key; asks for its passphrase."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall be on one card."""

    site: Mapping[str, bytes] = field(default_factory=dict)
    """Files for the ESP, by path: site.toml and roots; none: as the image is."""
    lessons: str = ""
    """Where they are taken from; empty: the box comes without."""
    backup: Backup | None = None

    @property
    def is_plain(self) -> bool:
        """True if the image goes onto the card as it is."""
        return not (self.site or self.lessons or self.backup)


class Composer:
    """Makes contents for cards out of one image; keeps what several cards share.

    ``scratch``: a folder with room for the unpacked image and the lessons, removed by the caller.
    """

    def __init__(self, image: Path, scratch: Path, desk: Desk, progress: Progress) -> None:
        self._packed = open_image(image)
        self._scratch, self._desk, self._progress = scratch, desk, progress
        self._plain: Image | None = None
        self._lessons: dict[tuple[object, ...], Prepared] = {}
        self._count = 0

    def compose(self, wish: Wish) -> Content:
        """The content of a card; raises what its parts raise, NoRoom if the disk is full."""
        if wish.is_plain:
            return content.compose(self._packed)
        image = self._unpacked()
        self._count += 1
        folder = self._scratch / f"card-{self._count}"
        make_folder(folder)
        esp = take_esp(image, folder / "esp.vfat")
        put_files(esp.path, wish.site)
        parts = [esp, *self._data(wish, esp, folder)]
        return content.compose(image, tuple(parts))

    def unpack(self) -> None:
        """Unpack once what several cards would unpack each for itself."""
        if self._packed.is_packed:
            self._packed = self._unpacked()

    def _data(self, wish: Wish, esp: Part, folder: Path) -> list[Part]:
        if not (wish.lessons or wish.backup):
            return []
        tree = folder / "tree"
        if wish.lessons:
            tree = self._prepared(preload.wanted_by(esp.path), wish.lessons).tree
        make_folder(tree / BOX)
        if wish.backup is not None:
            (tree / BOX / "state.db").unlink(missing_ok=True)
            preload.bring_back(tree, wish.backup.file, wish.backup.private())
        self._progress.step("data partition", unit="files")
        return [make_data(tree, folder / "data.ext4")]

    def _prepared(self, wanted: Wanted, place: str) -> Prepared:
        known = self._lessons.get(wanted.lessons_key)
        if known is None:
            scratch = self._scratch / f"lessons-{len(self._lessons)}"
            make_folder(scratch)
            known = preload.prepare(wanted, place, scratch, self._desk, self._progress)
            self._lessons[wanted.lessons_key] = known
        return known

    def _unpacked(self) -> Image:
        if not self._packed.is_packed:
            return self._packed
        if self._plain is None:
            path = self._scratch / "image.img"
            self._progress.step("unpack", total=self._packed.size)
            write_sparse(self._packed, path, self._progress)
            self._plain = open_image(path)
        return self._plain


def write_sparse(image: Image, path: Path, progress: Progress) -> None:
    """``image`` unpacked into the file ``path``, with holes where it is empty; raises NoRoom."""
    if free_space(path.parent) < image.size // 4:
        raise NoRoom(
            f"{path.parent} has no room for the unpacked image",
            hint="set TMPDIR to a folder on a larger disk",
        )
    with disk_errors(path), path.open("wb") as file:
        for block in blocks(image):
            if block == bytes(len(block)):
                file.seek(len(block), os.SEEK_CUR)
            else:
                file.write(block)
            progress.advance(len(block))
        file.truncate(image.size)
