"""What comes onto a card: an image, with parts of it put in the place of others. Bytes in order.

An image that was built once is personalised on its way to the card: another ESP (with the site's
file), another data partition (with lessons), the partition table fitted to the card.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from image_build.partitions import gpt
from image_build.partitions.source import BLOCK, Image, blocks
from sync.errors import NoRoom, UsageError

DATA = "data"


@dataclass(frozen=True, slots=True)
class Part:
    """A file that goes into a partition instead of what the image has there."""

    name: str
    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class Content:
    """An image and what takes the place of parts of it, not yet fitted to a card."""

    image: Image
    table: gpt.Table
    """The image's, with a data partition as large as what goes into it."""
    parts: tuple[Part, ...] = ()

    @property
    def least(self) -> int:
        """Bytes a card must have."""
        return self.table.size


@dataclass(frozen=True, slots=True)
class Fitted:
    """What is written on one card of ``size`` bytes: the first ``end`` bytes, and its tail."""

    content: Content
    table: gpt.Table
    size: int
    end: int
    """Whole blocks, or the card's size."""

    @property
    def tail_at(self) -> int:
        """Where the tail begins; ``size`` if the first ``end`` bytes are all there is."""
        return max(self.end, (self.size - gpt.TAIL) // BLOCK * BLOCK)

    @property
    def total(self) -> int:
        """Bytes that are written."""
        return self.end + self.size - self.tail_at


def compose(image: Image, parts: tuple[Part, ...] = ()) -> Content:
    """``image`` with ``parts`` in place; only the data partition may grow. Raises FormatError."""
    table = image.table
    for part in parts:
        if part.name == DATA:
            table = gpt.grown(table, DATA, part.size)
        elif part.size > table.find(part.name).size:
            raise UsageError(f"{part.path} is too large for the partition {part.name}")
    return Content(image, table, parts)


def fit(content: Content, size: int) -> Fitted:
    """``content`` for a card of ``size`` bytes; raises NoRoom for one that is too small."""
    if size < content.least:
        raise NoRoom(
            f"the card holds {size} bytes, {content.least} are needed",
            hint="take a larger one",
        )
    used = -(-(content.least - gpt.TAIL) // BLOCK) * BLOCK
    tail_at = (size - gpt.TAIL) // BLOCK * BLOCK
    end = used if used <= tail_at else size
    return Fitted(content, gpt.fitted(content.table, size), size, end)


def pieces(fitted: Fitted) -> Iterator[tuple[int, bytes]]:
    """Where and what, in the order of the card: all of the first ``end`` bytes, then the tail."""
    overlays = [*_files(fitted), _Bytes(0, gpt.head_of(fitted.table))]
    overlays.append(_Bytes(fitted.size - gpt.TAIL, gpt.tail_of(fitted.table)))
    old = fitted.content.image.size - gpt.TAIL
    base = _padded(blocks(fitted.content.image), fitted.end)
    for number, block in enumerate(base):
        offset = number * BLOCK
        yield offset, _overlaid(block, offset, [_Zeros(old, gpt.TAIL), *overlays])
    if fitted.tail_at < fitted.size:
        yield (
            fitted.tail_at,
            _overlaid(bytes(fitted.size - fitted.tail_at), fitted.tail_at, overlays),
        )


def _padded(given: Iterator[bytes], end: int) -> Iterator[bytes]:
    """``given`` in blocks, zeros behind it, cut at ``end``."""
    at = 0
    for block in given:
        if at < end:
            yield block.ljust(min(BLOCK, end - at), b"\0")[: end - at]
        at += BLOCK
    while at < end:
        yield bytes(min(BLOCK, end - at))
        at += BLOCK


@dataclass(frozen=True, slots=True)
class _Bytes:
    """Given bytes at their place."""

    offset: int
    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, at: int, size: int) -> bytes:
        return self.data[at : at + size]


@dataclass(frozen=True, slots=True)
class _Zeros:
    offset: int
    size: int

    def read(self, at: int, size: int) -> bytes:
        return bytes(min(size, self.size - at))


@dataclass(frozen=True, slots=True)
class _File:
    """A file at its place, zeros behind it."""

    offset: int
    size: int
    path: Path

    def read(self, at: int, size: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(at)
            return file.read(size).ljust(min(size, self.size - at), b"\0")


def _files(fitted: Fitted) -> list[_Bytes | _Zeros | _File]:
    found: list[_Bytes | _Zeros | _File] = []
    for part in fitted.content.parts:
        place = fitted.table.find(part.name)
        found.append(_File(place.offset, place.size, part.path))
    return found


def _overlaid(block: bytes, offset: int, overlays: list[_Bytes | _Zeros | _File]) -> bytes:
    """``block`` of the medium at ``offset`` with what lies over it; a later overlay wins."""
    made: bytearray | None = None
    for one in overlays:
        start = max(offset, one.offset)
        end = min(offset + len(block), one.offset + one.size)
        if start < end:
            made = bytearray(block) if made is None else made
            made[start - offset : end - offset] = one.read(start - one.offset, end - start)
    return block if made is None else bytes(made)
