"""The screen process: looks at the box every few seconds, and draws when something has changed."""

import logging
import threading
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from appliance.config import BoxPaths
from appliance.language import Language, speech
from appliance.screen.board import Board, compose
from appliance.screen.draw import Size, draw
from appliance.screen.facts import read_facts
from appliance.screen.framebuffer import (
    Framebuffer,
    drawn_size,
    pixels,
    read_framebuffer,
    show,
    without_console,
)

LOOK_SECONDS = 3.0
NO_SCREEN_SECONDS = 30.0
"""A screen that is switched on later is found within this time."""
REPAINT_LOOKS = 20
"""After so many looks the picture is shown again: a screen may have been changed for another."""
_LOG = logging.getLogger("kexia.screen")


def picture_of(paths: BoxPaths, size: Size) -> Image.Image:
    """What the screen would show now."""
    return draw(_board(paths), size)


def keep_showing(paths: BoxPaths, stop: threading.Event) -> None:
    """Show the box's state until ``stop`` is set; raises NoFont."""
    shown: tuple[Board, Framebuffer] | None = None
    picture, looks = Image.new("RGB", (1, 1)), 0
    with without_console():
        while not stop.is_set():
            found = read_framebuffer()
            if found is None:
                shown = None
                stop.wait(NO_SCREEN_SECONDS)
                continue
            wanted = (_board(paths), found)
            if wanted != shown:
                picture, looks = draw(wanted[0], drawn_size(found.size)), 0
            if looks % REPAINT_LOOKS == 0:
                _bring(pixels(picture, found))
            shown, looks = wanted, looks + 1
            stop.wait(LOOK_SECONDS)


def _bring(parts: Iterable[bytes]) -> None:
    try:
        show(parts)
    except OSError as error:
        _LOG.warning("the screen cannot be written: %s", error.strerror)


def _board(paths: BoxPaths) -> Board:
    return compose(read_facts(paths), speech(Language.CHINESE))


def write_picture(paths: BoxPaths, size: Size, to: Path) -> None:
    """The same picture as a PNG file, for documents and for who sits elsewhere."""
    picture_of(paths, size).save(to, format="PNG")
