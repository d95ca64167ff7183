"""Cards as pages of one PDF, the only door to fpdf2: A4, Chinese and English, QR codes as squares.

The same cards give the same bytes: nothing of the day or the machine is in them. Of the fonts only
the letters that stand on the cards are embedded.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import fpdf

from appliance import qr
from image_build.sites.card import Card, Fact, Square
from image_build.sites.fonts import Font
from sync.errors import UsageError

_MARGIN, _WIDTH, _HEIGHT = 16.0, 210.0, 297.0
"""Millimetres of an A4 page."""
_INNER = _WIDTH - 2 * _MARGIN
_SQUARE, _QUIET = 46.0, 4
"""Side of a QR code in millimetres, and its quiet zone in squares."""
_LAP = 0.03
"""By which rows of a code lie over each other: no hairline between them on any screen."""
_STEP = 98.0
"""Width of a step's Chinese; its English stands beside it."""
_GREY, _BLACK = 100, 0
_DATE = datetime(2025, 1, 1, tzinfo=UTC)
_FAMILY = "card"


@dataclass(frozen=True, slots=True)
class Fonts:
    """What cards are written with."""

    chinese: Font
    others: Sequence[Font] = ()


def draw_cards(cards: Iterable[Card], fonts: Fonts) -> bytes:
    """One page for each card; raises UsageError for a font that cannot be read or lacks letters."""
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    page = fpdf.FPDF(format="A4", unit="mm")
    page.set_creation_date(_DATE)
    page.set_auto_page_break(False)
    page.set_title("课匣 Kexia")
    try:
        _load(page, fonts)
        for card in cards:
            _check_letters(page, card)
            _draw(page, card)
        return bytes(page.output())
    finally:
        for font in page.fonts.values():
            if isinstance(font, fpdf.fonts.TTFFont):
                font.close()


def _load(page: fpdf.FPDF, fonts: Fonts) -> None:
    try:
        page.add_font(
            _FAMILY, fname=fonts.chinese.path, collection_font_number=fonts.chinese.number
        )
        for number, font in enumerate(fonts.others):
            page.add_font(f"other{number}", fname=font.path, collection_font_number=font.number)
    except Exception as error:  # fontTools raises what it likes for a file that is no font
        raise UsageError(f"{fonts.chinese.path} cannot be used as a font ({error})") from error
    page.set_fallback_fonts([f"other{number}" for number in range(len(fonts.others))])
    page.set_font(_FAMILY, size=11)


def _check_letters(page: fpdf.FPDF, card: Card) -> None:
    known = [font.cmap for font in page.fonts.values() if isinstance(font, fpdf.fonts.TTFFont)]
    words = card.title + card.subtitle + "".join(fact.value for fact in card.facts)
    lacking = sorted({letter for letter in words if not any(ord(letter) in one for one in known)})
    if lacking:
        raise UsageError(
            f"no font has {' '.join(lacking[:5])} (of {card.title})",
            hint="apt install fonts-noto-core, or give a font that has them with --font FILE",
        )


def _draw(page: fpdf.FPDF, card: Card) -> None:
    page.add_page()
    _rule(page, 12)
    _line(page, (_MARGIN, 16), "课匣 Kexia  ·  教学点设备卡 / box card", 9, grey=_GREY)
    _line(page, (_MARGIN, 22), card.title, 26)
    _line(page, (_MARGIN, 36), card.subtitle, 10, grey=_GREY)
    bottom = _facts(page, card.facts, 46)
    bottom = _squares(page, card.squares, bottom + 4)
    _steps(page, card.steps, bottom + 6)
    _warning(page, card.warning)


def _line(
    page: fpdf.FPDF,
    at: tuple[float, float],
    text: str,
    size: float,
    *,
    grey: int = _BLACK,
    width: float = _INNER,
) -> None:
    """One line from ``at``, made smaller until it fits into ``width``."""
    page.set_font(_FAMILY, size=size)
    while page.get_string_width(text) > width and size > 5:
        size -= 0.5
        page.set_font(_FAMILY, size=size)
    page.set_text_color(grey)
    page.set_xy(*at)
    page.cell(width, size * 0.5, text)


def _rule(page: fpdf.FPDF, height: float) -> None:
    page.set_draw_color(180)
    page.line(_MARGIN, height, _WIDTH - _MARGIN, height)


def _facts(page: fpdf.FPDF, facts: Sequence[Fact], top: float) -> float:
    for fact in facts:
        _line(page, (_MARGIN, top), fact.chinese, 11, width=32)
        _line(page, (_MARGIN, top + 5.5), fact.english, 7.5, grey=_GREY, width=32)
        _line(page, (_MARGIN + 36, top + 0.5), fact.value, 16, width=_INNER - 36)
        top += 11.5
        _rule(page, top - 1)
    return top


def _squares(page: fpdf.FPDF, squares: Sequence[Square], top: float) -> float:
    for number, square in enumerate(squares):
        left = _MARGIN + number * (_INNER / 2) + (_INNER / 2 - _SQUARE) / 2
        _code(page, square.text, (left, top))
        below = top + _SQUARE + 1
        _centred(page, square.chinese, (left - 10, below), 11, _BLACK)
        _centred(page, square.english, (left - 10, below + 5.5), 8, _GREY)
    return top + (_SQUARE + 10 if squares else 0)


def _centred(page: fpdf.FPDF, text: str, at: tuple[float, float], size: float, grey: int) -> None:
    page.set_font(_FAMILY, size=size)
    page.set_text_color(grey)
    page.set_xy(*at)
    page.cell(_SQUARE + 20, size * 0.5, text, align="C")


def _code(page: fpdf.FPDF, text: str, at: tuple[float, float]) -> None:
    """A QR code as rectangles, one for each run of dark squares: sharp on any printer."""
    rows = qr.modules(text)
    side = _SQUARE / (len(rows) + 2 * _QUIET)
    page.set_fill_color(_BLACK)
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            length = next((n for n, dark in enumerate(row[x:]) if not dark), len(row) - x)
            if length:
                left = at[0] + (x + _QUIET) * side
                page.rect(left, at[1] + (y + _QUIET) * side, length * side, side + _LAP, style="F")
            x += length + 1


def _steps(page: fpdf.FPDF, steps: Sequence[tuple[str, str]], top: float) -> None:
    _line(page, (_MARGIN, top), "头十分钟 / The first ten minutes", 13)
    top += 9
    space = min(10.0, (_HEIGHT - 32 - top) / max(1, len(steps)))
    for number, (chinese, english) in enumerate(steps, start=1):
        _line(page, (_MARGIN, top), str(number), 11, width=8)
        _line(page, (_MARGIN + 8, top), chinese, 11, width=_STEP)
        _line(page, (_MARGIN + 10 + _STEP, top), english, 8, grey=_GREY, width=_INNER - _STEP - 10)
        top += space


def _warning(page: fpdf.FPDF, words: tuple[str, str]) -> None:
    _rule(page, _HEIGHT - 27)
    _line(page, (_MARGIN, _HEIGHT - 24), words[0], 10)
    _line(page, (_MARGIN, _HEIGHT - 18), words[1], 8, grey=_GREY)
