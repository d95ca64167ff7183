"""An image as it lies in a file (.img, .img.xz, .img.zst), read from its beginning in blocks."""

import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from image_build.partitions import gpt
from sync import compression
from sync.errors import FormatError, UsageError
from sync.files import disk_errors

BLOCK = 4 * 2**20
"""Bytes read, written and proved at a time."""
MEMORY = 256 * 2**20
"""Bytes that unpacking an .xz may take; `xz -9` needs 65 MiB."""


class Readable(Protocol):
    """What gives bytes one after the other."""

    def read(self, size: int, /) -> bytes:
        """The next ``size`` bytes or fewer; none at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Image:
    """An image file and the table it begins with."""

    path: Path
    table: gpt.Table

    @property
    def size(self) -> int:
        """Bytes of the image, unpacked."""
        return self.table.size

    @property
    def is_packed(self) -> bool:
        """True for .xz and .zst."""
        return self.path.suffix in (".xz", ".zst")


def open_image(path: Path) -> Image:
    """The image at ``path``; raises UsageError if it cannot be read, FormatError if it is none."""
    with reading(path) as stream:
        return Image(path, gpt.parse(_exactly(stream, gpt.HEAD), what=path.name))


def blocks(image: Image) -> Iterator[bytes]:
    """The image from its beginning, in blocks of ``BLOCK`` bytes (the last one shorter).

    Raises FormatError for a file that ends before its own table says, or goes on after it.
    """
    with reading(image.path) as stream:
        left = image.size
        while left:
            block = _exactly(stream, min(BLOCK, left))
            if len(block) < min(BLOCK, left):
                raise FormatError(
                    f"{image.path.name} is cut off: {image.size - left + len(block)} of "
                    f"{image.size} bytes are there",
                    hint="copy it again and compare it with `kexia image verify`",
                )
            left -= len(block)
            yield block
        if stream.read(1):
            raise FormatError(f"{image.path.name} is longer than its partition table says")


@contextmanager
def reading(path: Path) -> Iterator[Readable]:
    """The unpacked bytes of ``path``; raises UsageError, FormatError, MediumFailing."""
    with disk_errors(path), _opened(path) as file:
        try:
            yield _unpacked(file, path)
        except (lzma.LZMAError, EOFError) as error:
            raise _damaged(path) from error


def _unpacked(file: BinaryIO, path: Path) -> Readable:
    if path.suffix == ".xz":
        return _Xz(file, path)
    if path.suffix == ".zst":
        return compression.unpacking(file, what=path.name)
    return file


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


class _Xz:
    """An .xz stream: memory bounded, an end that comes too early is an error."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self._path = file, path
        self._decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY)

    def read(self, size: int, /) -> bytes:
        """The next bytes; raises FormatError for a file that is cut off."""
        while not self._decoder.eof:
            packed = self._file.read(2**16) if self._decoder.needs_input else b""
            if self._decoder.needs_input and not packed:
                raise _damaged(self._path)
            if plain := self._decoder.decompress(packed, max_length=size):
                return plain
        return b""


def _damaged(path: Path) -> FormatError:
    return FormatError(
        f"{path.name} is damaged or cut off",
        hint="copy it again and compare it with `kexia image verify`",
    )


def _exactly(stream: Readable, size: int) -> bytes:
    """``size`` bytes, fewer only at the end."""
    parts, left = [], size
    while left and (part := stream.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
