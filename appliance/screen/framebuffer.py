"""The last step of a picture: into the kernel's framebuffer, as its pixels are laid out.

Where there is none (no screen, no driver) the box needs none. Writes nothing to any disk.
"""

import fcntl
import logging
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops

from appliance.screen.draw import Size
from sync.errors import FormatError

DEVICE, SYSFS = Path("/dev/fb0"), Path("/sys/class/graphics/fb0")
TERMINAL = Path("/dev/tty1")
MAX_SIDE = 8192
MOST_PIXELS = 1920 * 1200
"""Of a picture as it is drawn; larger screens get it enlarged, so that memory stays bounded."""
_STRIP = 16
"""Rows of a picture that are made ready at once."""
_STDIN = 0
_KDSETMODE, _TEXT, _GRAPHICS = 0x4B3A, 0, 1
"""linux/kd.h: keeps the kernel's console from writing over the picture."""
_LOG = logging.getLogger("kexia.screen")


@dataclass(frozen=True, slots=True)
class Framebuffer:
    """How pixels lie in it."""

    size: Size
    bits: int
    """Of a pixel: 16 (RGB565) or 32 (XRGB8888)."""
    stride: int
    """Bytes from one row to the next."""


def read_framebuffer(sysfs: Path = SYSFS) -> Framebuffer | None:
    """What the kernel says of it; None without a screen. Raises FormatError for an unknown kind."""
    try:
        size = re.fullmatch(r"(\d{1,5}),(\d{1,5})\n?", _text(sysfs / "virtual_size"))
        bits, stride = int(_text(sysfs / "bits_per_pixel")), int(_text(sysfs / "stride"))
    except (OSError, ValueError):
        return None
    if size is None or bits not in (16, 32):
        raise FormatError(f"{sysfs}: a framebuffer of {bits} bits a pixel is not known")
    width, height = int(size[1]), int(size[2])
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * bits // 8 <= stride):
        raise FormatError(f"{sysfs}: {width} × {height} pixels in rows of {stride} bytes")
    return Framebuffer(Size(width, height), bits, stride)


def drawn_size(screen: Size) -> Size:
    """How large a picture for it is drawn: the screen's sides, divided by the same whole number."""
    times = _times(screen)
    return Size(screen.width // times, screen.height // times)


def pixels(picture: Image.Image, framebuffer: Framebuffer) -> Iterator[bytes]:
    """``picture`` of ``drawn_size`` as the framebuffer's bytes, enlarged where it is larger.

    In strips from the top, because the whole of a large screen is too much for a small memory.
    """
    screen, times = framebuffer.size, _times(framebuffer.size)
    for top in range(0, picture.height, _STRIP):
        rows = min(_STRIP, picture.height - top)
        strip = picture.crop((0, top, picture.width, top + rows))
        if times > 1:
            strip = strip.resize((strip.width * times, rows * times), Image.Resampling.NEAREST)
        yield _rows(strip.crop((0, 0, screen.width, strip.height)), framebuffer)


def _times(screen: Size) -> int:
    times = 1
    while (screen.width // times) * (screen.height // times) > MOST_PIXELS:
        times += 1
    return times


def _rows(strip: Image.Image, framebuffer: Framebuffer) -> bytes:
    if framebuffer.bits == 32:
        raw = strip.convert("RGBA").tobytes("raw", "BGRA")
    else:
        raw = _rgb565(strip.convert("RGB"))
    row = strip.width * framebuffer.bits // 8
    if row == framebuffer.stride:
        return raw
    padding = bytes(framebuffer.stride - row)
    return b"".join(raw[y * row : (y + 1) * row] + padding for y in range(strip.height))


def _rgb565(picture: Image.Image) -> bytes:
    """Five bits of red, six of green, five of blue, low byte first; Pillow has no packer for it."""
    red, green, blue = picture.split()
    high = ImageChops.add(red.point(lambda v: v & 0xF8), green.point(lambda v: v >> 5))
    low = ImageChops.add(green.point(lambda v: (v & 0x1C) << 3), blue.point(lambda v: v >> 3))
    return Image.merge("LA", (low, high)).tobytes()


def show(parts: Iterable[bytes], device: Path = DEVICE) -> None:
    """Bring bytes onto the screen, from its top; raises OSError."""
    descriptor = os.open(device, os.O_WRONLY | os.O_CLOEXEC)
    try:
        at = 0
        for part in parts:
            left = memoryview(part)
            while left:
                written = os.pwrite(descriptor, left, at)
                left, at = left[written:], at + written
    finally:
        os.close(descriptor)


@contextmanager
def without_console(terminal: Path = TERMINAL, given: int = _STDIN) -> Iterator[None]:
    """The kernel's console does not write over the picture as long as the block runs.

    ``given``: our own terminal (the unit's ``TTYPath=``), the only one the kernel lets us change
    without root; ``terminal`` is tried where it is none.
    """
    descriptor = _graphics(terminal, given)
    try:
        yield
    finally:
        if descriptor >= 0:
            with suppress(OSError):
                fcntl.ioctl(descriptor, _KDSETMODE, _TEXT)
            os.close(descriptor)


def _graphics(terminal: Path, given: int) -> int:
    """A descriptor of the terminal that was changed; -1: none."""
    with suppress(OSError):
        fcntl.ioctl(given, _KDSETMODE, _GRAPHICS)
        return os.dup(given)
    try:
        descriptor = os.open(terminal, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        _LOG.warning("%s: %s; the console may write over it", terminal, error.strerror)
        return -1
    try:
        fcntl.ioctl(descriptor, _KDSETMODE, _GRAPHICS)
    except OSError as error:
        _LOG.warning("%s: %s; the console may write over it", terminal, error.strerror)
        os.close(descriptor)
        return -1
    return descriptor


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii")
