"""Canonical JSON: one value, one sequence of bytes, so that a digest names a meaning. Pure.

Keys sorted by code point, no spaces, UTF-8 without escapes where JSON allows, no floats.
"""

import json
from typing import NoReturn

from sync.errors import FormatError


def dumps(value: object) -> bytes:
    """Encode ``value``; raises TypeError for floats and anything else that has no one spelling."""
    _refuse_floats(value)
    return _ENCODER.encode(value).encode()


def loads(data: bytes, *, what: str) -> dict[str, object]:
    """Decode one object; raises FormatError naming ``what`` unless ``data`` is canonical."""
    try:
        value = json.loads(data, parse_float=_refuse_float, parse_constant=_refuse_float)
        canonical = isinstance(value, dict) and _ENCODER.encode(value).encode() == data
    except (ValueError, TypeError, RecursionError) as error:
        raise FormatError(f"{what}: not JSON ({error})") from error
    if not canonical:
        raise FormatError(f"{what}: not a canonical JSON object")
    return dict(value)


_ENCODER = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
)


def _refuse_float(text: str) -> NoReturn:
    raise ValueError(f"canonical JSON has no floats: {text[:40]}")


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise TypeError("canonical JSON has no floats")
    if isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            if not isinstance(item, str | int):  # what most of it is costs no call
                _refuse_floats(item)


def as_text(value: object) -> str:
    """``value`` if it is a string; raises TypeError."""
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:40]!r} is no text")
    return value


def as_count(value: object) -> int:
    """``value`` if it is an integer from 0 to 2⁶³−1; raises TypeError."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise TypeError(f"{str(value)[:40]!r} is no count")
    return value


def as_list(value: object) -> list[object]:
    """``value`` if it is a list; raises TypeError."""
    if not isinstance(value, list):
        raise TypeError(f"{str(value)[:40]!r} is no list")
    return value


def as_object(value: object) -> dict[str, object]:
    """``value`` if it is an object; raises TypeError."""
    if not isinstance(value, dict):
        raise TypeError(f"{str(value)[:40]!r} is no object")
    return value
