"""Looks into an image file or a card: partition table, slots, boot partition, each by digest."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from image_build.manifest.card import (
    BIOS_BOOT,
    EMPTY,
    ENVIRONMENT,
    ESP,
    SLOTS,
    Card,
    Found,
    Place,
    is_ours,
)
from image_build.partitions import esp, gpt
from sync.digest import Digest, sha256
from sync.errors import FormatError, UsageError
from sync.files import disk_errors, forget
from sync.progress import Progress

BOOT_CODE = 440
MAX_ESP = 2**29
_BLOCK = 2**20
_DROP_CACHE = 0x1261
"""BLKFLSBUF."""


def card_of(image: Path, root: Path, version: str, progress: Progress) -> Card:
    """What ``image`` brings; ``root``: the squashfs in its first slot. Raises FormatError."""
    size = root.stat().st_size
    with _opened(image) as file:
        table = _table(file, image)
        slot = table.find(SLOTS[0])
        if size > slot.size:
            raise FormatError(f"{root.name} is larger than a slot of {image.name}")
        digest = _digest(file, slot.offset, size, progress)
        with root.open("rb") as given:
            if hashlib.file_digest(given, "sha256").hexdigest() != digest:
                raise FormatError(f"{image.name} does not hold {root.name} in its first slot")
        files, _ = _esp(file, table)
        return Card(
            version=version,
            places=_places(table),
            root=digest,
            root_size=size,
            boot_code=sha256(table.mbr[:BOOT_CODE]),
            bios_boot=_bios_boot(file, table),
            esp={path: one for path, one in files.items() if is_ours(path)},
        )


def found_on(medium: Path, cards: tuple[Card, ...], progress: Progress) -> Found:
    """What is on a card or in an image file; raises FormatError, UsageError, MediumFailing."""
    with _opened(medium) as file:
        table = _table(file, medium)
        progress.step("verify", total=sum(table.find(name).size for name in SLOTS))
        slots = {name: _slot(file, table.find(name), cards, progress) for name in SLOTS}
        files, extra = _esp(file, table)
        return Found(
            places=_places(table),
            slots=slots,
            boot_code=sha256(table.mbr[:BOOT_CODE]),
            bios_boot=_bios_boot(file, table),
            esp=files,
            extra=extra,
        )


def _slot(file: BinaryIO, place: gpt.Partition, cards: tuple[Card, ...], progress: Progress) -> str:
    """Version of the system in a slot, ``EMPTY``, or nothing if no card knows it.

    Behind the root anything may lie: no boot reads it, and an earlier root may have been longer.
    """
    wanted = sorted({card.root_size for card in cards if card.root_size <= place.size})
    hashed, at, is_empty = hashlib.sha256(), 0, True
    found: dict[int, str] = {}
    for stop in [*wanted, place.size]:
        for block in _blocks(file, place.offset + at, stop - at):
            hashed.update(block)
            is_empty = is_empty and block == bytes(len(block))
            progress.advance(len(block))
        at = stop
        found[stop] = hashed.hexdigest()
    known = [card.version for card in cards if found.get(card.root_size) == card.root]
    return known[0] if known else (EMPTY if is_empty else "")


def _digest(file: BinaryIO, offset: int, size: int, progress: Progress) -> Digest:
    hashed = hashlib.sha256()
    for block in _blocks(file, offset, size):
        hashed.update(block)
        progress.advance(len(block))
    return Digest(hashed.hexdigest())


def _bios_boot(file: BinaryIO, table: gpt.Table) -> str:
    for one in table.partitions:
        if one.name == BIOS_BOOT:
            return sha256(b"".join(_blocks(file, one.offset, min(one.size, 2**24))))
    return ""


def _esp(file: BinaryIO, table: gpt.Table) -> tuple[dict[str, Digest], str]:
    """Digests of the boot partition's files; what GRUB's environment adds for the kernel."""
    place = table.find(ESP)
    if place.size > MAX_ESP:
        raise FormatError("the boot partition is larger than any of ours")
    with TemporaryDirectory() as scratch:
        volume = Path(scratch, "esp")
        with volume.open("wb") as copy:
            for block in _blocks(file, place.offset, place.size):
                copy.write(block)
        found = esp.files(volume)
        has_one = ENVIRONMENT in found
        return found, _extra(esp.read(volume, ENVIRONMENT)) if has_one else ""


def _extra(environment: bytes) -> str:
    """The value of EXTRA in a GRUB environment block, for people."""
    for line in environment[:4096].splitlines():
        if line.startswith(b"EXTRA="):
            return line[6:].decode("utf-8", "replace").strip()[:200]
    return ""


def _blocks(file: BinaryIO, offset: int, size: int) -> Iterator[bytes]:
    file.seek(offset)
    while size:
        block = file.read(min(_BLOCK, size))
        if not block:
            raise FormatError("it ends before its partition table says")
        size -= len(block)
        yield block


def _places(table: gpt.Table) -> tuple[Place, ...]:
    return tuple(Place(one.name, one.offset, one.size) for one in table.partitions)


def _table(file: BinaryIO, path: Path) -> gpt.Table:
    file.seek(0)
    return gpt.parse(file.read(gpt.HEAD), what=str(path))


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """A file or a device, read from the medium and not from memory."""
    try:
        file = path.open("rb")
    except OSError as error:
        hint = "run the same command with sudo" if isinstance(error, PermissionError) else ""
        raise UsageError(f"{path}: {error.strerror}", hint=hint) from error
    with file, disk_errors(path):
        if path.is_block_device() and os.geteuid() == 0:
            fcntl.ioctl(file, _DROP_CACHE, 0)
        forget(file.fileno())
        yield file
