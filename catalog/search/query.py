"""What is typed, understood before it is matched: 三年级数学分数 is grade, subject and topic.

Only names of things this catalogue has are understood, so that 物理 is a subject on a box with
lessons in physics and plain text on any other. Pure.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from catalog import codes
from catalog.tables.shelves import Selection
from catalog.text import chunks, compact, fold, query_units

MAX_QUERY = 120
"""Characters of a query that are read; the rest is passed over."""

_APART = re.compile(r"[\s,、;/|·]+")
_SHORTEST_NAME = 2


@dataclass(frozen=True, slots=True)
class Asked:
    """A topic in the forms it is compared in."""

    folded: str
    compact: str
    chunks: tuple[str, ...]
    """What stood between spaces."""
    units: tuple[str, ...]
    """Tokens a match should have."""
    letters: str
    """The topic without spaces if it may be pinyin or initials, else empty."""


@dataclass(frozen=True, slots=True)
class Understood:
    """A query taken apart."""

    selection: Selection
    """What was read out of it."""
    topic: Asked
    """What is left of it."""
    whole: Asked
    """All of it."""


def ask(folded: str) -> Asked:
    """A folded text as a topic."""
    together = compact(folded)
    letters = together.replace(" ", "")
    spelt = letters.isascii() and letters.isalpha() and len(letters) > 1
    return Asked(folded, together, chunks(folded), query_units(folded), letters if spelt else "")


class Vocabulary:
    """The names of everything that can be chosen in one catalogue."""

    def __init__(self, here: Mapping[str, Iterable[str]]) -> None:
        """``here``: the codes that occur, by dimension."""
        self._meaning: dict[str, tuple[str, str]] = {}
        for dim, found in here.items():
            for code in sorted(found):
                for name in _names(dim, code):
                    self._meaning.setdefault(name, (dim, code))
        self._longest_first = sorted(self._meaning, key=lambda name: (-len(name), name))

    def understand(self, query: str) -> Understood:
        """Read the names out of a query."""
        folded = fold(query[:MAX_QUERY])
        selection, rest = Selection(), []
        for part in _APART.split(folded):
            found, left = self._read(part, selection)
            selection = replace(selection, **found)
            rest.append(left)
        return Understood(selection, ask(" ".join(filter(None, rest))), ask(folded))

    def _read(self, part: str, known: Selection) -> tuple[dict[str, str], str]:
        """Names at the beginning of a part, or else at its end, and what is left of it."""
        for take in (_take_first, _take_last):
            found, left = self._take(part, known, take)
            if not left or "grade" in found or len(found) > 1:
                return found, left
        return {}, part

    def _take(self, part: str, known: Selection, take: "_Take") -> tuple[dict[str, str], str]:
        found: dict[str, str] = {}
        while name := next(self._fitting(part, {*found, *known.chosen()}, take), ""):
            dim, code = self._meaning[name]
            found[dim] = code
            part = take(part, name) or ""
        return found, part

    def _fitting(self, part: str, taken: set[str], take: "_Take") -> Iterator[str]:
        for name in self._longest_first:
            if self._meaning[name][0] not in taken and take(part, name) is not None:
                yield name


def _names(dim: str, code: str) -> Iterator[str]:
    tag = codes.tag(dim, code)
    names = (code,) if tag is None else (tag.name_zh, *tag.aliases)
    for name in names:
        folded = compact(fold(name))
        if len(folded) >= _SHORTEST_NAME and not folded.isascii():
            yield folded


class _Take:
    """Takes a name off one end of a part; None if it is not there."""

    def __init__(self, *, first: bool) -> None:
        self._first = first

    def __call__(self, part: str, name: str) -> str | None:
        if self._first:
            return part[len(name) :] if part.startswith(name) else None
        return part[: -len(name)] if part.endswith(name) else None


_take_first = _Take(first=True)
_take_last = _Take(first=False)
