"""Versions of systems: ``YYYY.MM.DD.n``, ordered as they read. Pure."""

import re

from sync.errors import FormatError

_VERSION = re.compile(r"(\d{4})\.(\d{2})\.(\d{2})\.(\d{1,4})")

Version = tuple[int, int, int, int]


def parse_version(text: str) -> Version:
    """Year, month, day, number of that day; raises FormatError."""
    match = _VERSION.fullmatch(text)
    if match is None or not text.isascii():
        raise FormatError(
            f"{text[:40]!r} is no version of a system", hint="versions look like 2026.11.26.1"
        )
    year, month, day, number = map(int, match.groups())
    return year, month, day, number
