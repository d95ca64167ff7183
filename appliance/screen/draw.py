"""From a board to a picture.

Dark on light, because cheap projectors wash out what is light on dark.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from appliance.qr import QUIET_ZONE, modules
from appliance.screen.board import Board, Line, Tone
from sync.errors import KexiaError

FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
)
"""Fonts with Chinese characters, best first."""
SIMPLIFIED = 2
"""Index of the Simplified Chinese face in Noto's collection."""
_PAPER, _INK = (255, 255, 255), (20, 26, 34)
_COLOURS = {
    Tone.PLAIN: _INK,
    Tone.BIG: (0, 74, 150),
    Tone.QUIET: (95, 104, 115),
    Tone.GOOD: (0, 110, 60),
    Tone.BAD: (180, 30, 20),
}


class NoFont(KexiaError):
    """There is no font here that has Chinese characters."""


_CLOSING = "，。、；：！？”’）》」』,.;:!?)"
"""Never first in a line (GB/T 15834): it hangs over the edge instead."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of a picture, in pixels."""

    width: int
    height: int


def draw(board: Board, size: Size, fonts: tuple[str, ...] = FONTS) -> Image.Image:
    """The board as a picture of ``size`` in RGB; raises NoFont."""
    picture = Image.new("RGB", (size.width, size.height), _PAPER)
    pen = ImageDraw.Draw(picture)
    unit = max(8, min(size.height // 18, size.width // 26))
    margin = unit
    code = _code(board.code, max(min(size.height // 2, size.width // 3), 96))
    text_width = size.width - 2 * margin - (code.width + margin if code else 0)
    pen.text((margin, margin // 2), board.title, fill=_INK, font=_font(fonts, unit * 3 // 2))
    line_y = margin // 2 + 2 * unit
    pen.line((margin, line_y + unit // 4, size.width - margin, line_y + unit // 4), _INK, 2)
    y = line_y + unit
    for line in board.lines:
        y = _write(pen, line, (margin, y), text_width, fonts, unit)
    if code:
        picture.paste(code, (size.width - margin - code.width, line_y + unit))
    if board.progress is not None:
        _bar(pen, board.progress, size, margin)
    return picture


def _write(
    pen: ImageDraw.ImageDraw,
    line: Line,
    at: tuple[int, int],
    width: int,
    fonts: tuple[str, ...],
    unit: int,
) -> int:
    """One line, broken where it does not fit; the height below it."""
    points = unit * 3 // 2 if line.tone is Tone.BIG else unit
    font = _font(fonts, points)
    x, y = at
    for part in _broken(line.text, font, width):
        pen.text((x, y), part, fill=_COLOURS[line.tone], font=font)
        y += points * 4 // 3
    return y + unit // 4


def _broken(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """``text`` in parts that fit; Chinese breaks anywhere but before what closes, so all may."""
    parts, part = [], ""
    for one in text:
        if part and one not in _CLOSING and font.getlength(part + one) > width:
            parts.append(part)
            part = one.lstrip()
        else:
            part += one
    return [*parts, part]


def _code(text: str, most: int) -> Image.Image | None:
    """A QR code no larger than ``most`` pixels, with whole pixels to a module."""
    if not text:
        return None
    rows = modules(text)
    side = len(rows) + 2 * QUIET_ZONE
    picture = Image.new("L", (side, side), 255)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            if dark:
                picture.putpixel((x + QUIET_ZONE, y + QUIET_ZONE), 0)
    scale = max(1, most // side)
    return picture.resize((side * scale, side * scale), Image.Resampling.NEAREST)


def _bar(pen: ImageDraw.ImageDraw, percent: int, size: Size, margin: int) -> None:
    top, bottom = size.height - 2 * margin, size.height - margin
    right = size.width - margin
    pen.rectangle((margin, top, right, bottom), outline=_INK, width=2)
    full = right - margin - 4
    if filled := full * max(0, min(100, percent)) // 100:
        pen.rectangle((margin + 2, top + 2, margin + 2 + filled, bottom - 2), _COLOURS[Tone.BIG])


@cache
def _font(fonts: tuple[str, ...], points: int) -> ImageFont.FreeTypeFont:
    for name in fonts:
        if Path(name).is_file():
            index = SIMPLIFIED if "CJK" in name else 0
            return ImageFont.truetype(name, points, index=index)
    raise NoFont(
        "no font with Chinese characters is installed",
        hint="install one: apt install fonts-noto-cjk",
    )
