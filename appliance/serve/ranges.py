"""The first question about a file's bytes: which of them does the tablet want? Pure.

RFC 9110 section 14. One range is answered with 206; what we do not understand, and several ranges
at once, are answered with the whole file, as section 14.2 allows: no player we know asks for more
than one, and the whole file is always a right answer.
"""

import re
from dataclasses import dataclass

_ONE = re.compile(r"bytes[ \t]*=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.IGNORECASE)
_TAG = re.compile(r'(?:W/)?"[^"]*"')


@dataclass(frozen=True, slots=True)
class Part:
    """``count`` bytes from ``offset``."""

    offset: int
    count: int

    def content_range(self, size: int) -> str:
        """Value of Content-Range for this part of ``size`` bytes."""
        return f"bytes {self.offset}-{self.offset + self.count - 1}/{size}"


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """A well-formed range that begins behind the end: 416."""


Wanted = Part | Unsatisfiable | None
"""``None``: the whole file."""


def parse(field: str | None, size: int) -> Wanted:
    """What a Range header asks for of a file of ``size`` bytes."""
    match = _ONE.fullmatch(field) if field else None
    if match is None:
        return None
    first, last = match.groups()
    if first:
        return _from(int(first), int(last) if last else None, size)
    return _suffix(int(last), size) if last else None


def _from(first: int, last: int | None, size: int) -> Wanted:
    if last is not None and last < first:
        return None
    if first >= size:
        return Unsatisfiable()
    end = size if last is None else min(last + 1, size)
    return Part(first, end - first)


def _suffix(length: int, size: int) -> Wanted:
    count = min(length, size)
    return Part(size - count, count) if count else Unsatisfiable()


def still_the_same(if_range: str | None, etag: str) -> bool:
    """True if a Range may be honoured: no If-Range, or one that names ``etag``, compared strongly.

    A date never matches: our files have no Last-Modified, their name is their content.
    """
    return if_range is None or if_range.strip() == etag


def names(field: str | None, etag: str) -> bool:
    """True if If-None-Match (weak comparison) or If-Match lists ``etag`` or ``*``."""
    if field is None:
        return False
    return field.strip() == "*" or etag in (tag.removeprefix("W/") for tag in _TAG.findall(field))
