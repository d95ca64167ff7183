"""Which image this is: ``/etc/kexia/image.json``, made by the builder."""

import json
from dataclasses import dataclass
from pathlib import Path

from sync.errors import FormatError

FILE = Path("/etc/kexia/image.json")
_LONGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Image:
    """What the builder wrote."""

    version: str
    built: str
    board: str
    suite: str
    compatible: str
    floor: str
    """The lowest version that may ever be installed."""


def read_image(data: bytes) -> Image:
    """Parse ``image.json``; raises FormatError. Fields of later builders are passed over."""
    try:
        value = json.loads(data[:_LONGEST])
    except (ValueError, RecursionError) as error:
        raise FormatError(f"image.json: no JSON ({error})") from error
    names = ("version", "built", "board", "suite", "compatible", "floor")
    found = [value.get(name) for name in names] if isinstance(value, dict) else []
    texts = [text for text in found if isinstance(text, str)]
    if len(texts) != len(names):
        raise FormatError(f"image.json: not all of {', '.join(names)} are there as texts")
    return Image(*texts)
