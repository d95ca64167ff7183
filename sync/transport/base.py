"""What every transport is: a way to read named bytes of one repository."""

from collections.abc import Iterator
from typing import Protocol

from sync.errors import FormatError, NotThere

BLOCK = 256 * 1024
"""Bytes a stream yields at most at once."""


class Transport(Protocol):
    """Reads files of one repository by their relative names (``metadata/timestamp.json``).

    Raises NotThere when the source answers but lacks the file, NoSource when it does not answer,
    answers with something that is no repository (a captive portal), or breaks off for good.
    Names are trusted (built by us), bytes are not: the caller proves them.
    """

    @property
    def label(self) -> str:
        """What messages call this source: its URL or folder."""
        ...

    def read(self, name: str, *, limit: int) -> bytes:
        """The whole file; raises FormatError if it is longer than ``limit`` bytes."""
        ...

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        """Exactly ``length`` bytes from ``offset`` in blocks; raises NoSource if they fall short.

        Blocks already yielded stay good: the caller may ask again from where it got to.
        """
        ...


def split_name(name: str) -> tuple[str, ...]:
    """The parts of a relative name; raises NotThere for names no repository can hold.

    Names are ours, but a part of some comes from signed files of others: never upwards.
    """
    parts = tuple(name.split("/"))
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise NotThere(f"{name[:120]!r} is no name of a repository")
    return parts


def too_long(label: str, name: str, *, limit: int) -> FormatError:
    """The error for a file longer than it may be."""
    return FormatError(
        f"{label}: {name} is longer than the {limit} bytes allowed",
        hint="the source altered or damaged it; sync from another source",
    )
