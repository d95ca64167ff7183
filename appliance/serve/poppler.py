"""PDF pages as images, by poppler in a limited child process: old tablets have no PDF viewer."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from sync.errors import KexiaError
from sync.run import PACKAGES, run

WIDTHS = (800, 1280)
"""Pixels: a phone's and a tablet's or classroom screen's width."""
MAX_PAGES = 2000
_SECONDS = 30
_LIMITS = ("prlimit", f"--as={1 << 30}", f"--cpu={_SECONDS}", "nice", "-n", "10")
"""A PDF is not ours: 1 GiB of address space, 30 s of CPU, behind whatever streams."""
_SIZE = re.compile(rb"^Page +(\d+) size: +([\d.]+) x ([\d.]+) pts", re.MULTILINE)
_TURN = re.compile(rb"^Page +(\d+) rot: +(\d+)", re.MULTILINE)
_JPEG = b"\xff\xd8\xff"


class CannotDraw(KexiaError):
    """The document cannot be shown as images: poppler is missing or does not understand it."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page's size as it is seen, in points (1/72 inch)."""

    width: float
    height: float

    def height_at(self, width: int) -> int:
        """Height in pixels of its image ``width`` pixels wide."""
        return max(1, round(self.height * width / self.width))


def measure(path: Path) -> tuple[Sheet, ...]:
    """Sizes of all pages of the PDF at ``path``; raises CannotDraw."""
    report = _run("pdfinfo", "-f", "1", "-l", str(MAX_PAGES), path)
    turns = {int(page): int(angle) for page, angle in _TURN.findall(report)}
    sheets = []
    for page, width, height in _SIZE.findall(report):
        size = (float(width), float(height))
        sheets.append(Sheet(*(reversed(size) if turns.get(int(page), 0) % 180 else size)))
    if not sheets or any(min(sheet.width, sheet.height) <= 0 for sheet in sheets):
        raise CannotDraw(f"{path.name[:16]}: the PDF has no pages")
    return tuple(sheets)


def draw(path: Path, page: int, width: int) -> bytes:
    """Page ``page`` (from 1) of the PDF at ``path`` as a JPEG ``width`` pixels wide."""
    number = str(page)
    data = _run(
        *("pdftoppm", "-jpeg", "-jpegopt", "quality=82,optimize=y", "-singlefile"),
        *("-f", number, "-l", number, "-scale-to-x", str(width), "-scale-to-y", "-1", path),
    )
    if not data.startswith(_JPEG):
        raise CannotDraw(f"{path.name[:16]}: page {page} gives no image")
    return data


def _run(program: str, *arguments: str | Path) -> bytes:
    if shutil.which(program) is None:
        raise CannotDraw(
            f"{program} is not installed", hint=f"apt install {PACKAGES.get(program, program)}"
        )
    try:
        return run([*_LIMITS, program, *arguments], timeout=_SECONDS).stdout
    except KexiaError as error:
        raise CannotDraw(error.fact, hint=error.hint) from error
