"""The last step of a picture: into the kernel's framebuffer, as its pixels are laid out.

Where there is none (no screen, no driver) the box needs none. Writes nothing to any disk.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops

from appliance.screen.draw import Size
from sync.errors import FormatError

DEVICE, SYSFS = Path("/dev/fb0"), Path("/sys/class/graphics/fb0")
TERMINAL = Path("/dev/tty1")
MAX_SIDE = 8192
_KDSETMODE, _TEXT, _GRAPHICS = 0x4B3A, 0, 1
"""linux/kd.h: keeps the kernel's console from writing over the picture."""


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


def pixels(picture: Image.Image, framebuffer: Framebuffer) -> bytes:
    """``picture`` as the framebuffer's bytes."""
    width, height = framebuffer.size.width, framebuffer.size.height
    if framebuffer.bits == 32:
        raw = picture.convert("RGBA").tobytes("raw", "BGRA")
    else:
        raw = _rgb565(picture.convert("RGB"))
    row = width * framebuffer.bits // 8
    if row == framebuffer.stride:
        return raw
    padding = bytes(framebuffer.stride - row)
    return b"".join(raw[y * row : (y + 1) * row] + padding for y in range(height))


def _rgb565(picture: Image.Image) -> bytes:
    """Five bits of red, six of green, five of blue, low byte first; Pillow has no packer for it."""
    red, green, blue = picture.split()
    high = ImageChops.add(red.point(lambda v: v & 0xF8), green.point(lambda v: v >> 5))
    low = ImageChops.add(green.point(lambda v: (v & 0x1C) << 3), blue.point(lambda v: v >> 3))
    return Image.merge("LA", (low, high)).tobytes()


def show(data: bytes, device: Path = DEVICE) -> None:
    """Bring bytes onto the screen; raises OSError."""
    descriptor = os.open(device, os.O_WRONLY | os.O_CLOEXEC)
    try:
        at = 0
        while at < len(data):
            at += os.pwrite(descriptor, data[at : at + 2**20], at)
    finally:
        os.close(descriptor)


@contextmanager
def without_console(terminal: Path = TERMINAL) -> Iterator[None]:
    """The kernel's console does not write over the picture as long as the block runs."""
    descriptor = -1
    with suppress(OSError):
        descriptor = os.open(terminal, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        fcntl.ioctl(descriptor, _KDSETMODE, _GRAPHICS)
    try:
        yield
    finally:
        if descriptor >= 0:
            with suppress(OSError):
                fcntl.ioctl(descriptor, _KDSETMODE, _TEXT)
            os.close(descriptor)


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii")
