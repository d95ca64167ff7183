"""Between matching and pages: how close the best matches are to what was typed. Pure.

Scores of tokens do not see order, whole names or a single wrong character; this looks at the texts
themselves, and therefore only at the best few dozen.
"""

from collections.abc import Sequence

from catalog.pinyin import readings
from catalog.search.query import Asked
from catalog.tables.views import LessonText
from catalog.text import compact, fold, names

IN_TITLE = 1.0
IN_TEXT = 0.8
NEARLY_IN_TITLE = 0.7
"""Of each chunk asked for: where it stands. Nearly: but for one character."""

CHUNKS = 3.0
WHOLE_TITLE = 3.0
WHOLE_NAME = 2.5
BEGINS = 1.5
"""What all chunks together, and the way a name begins, are worth."""

_SHORTEST_NEAR = 3


def closeness(asked: Asked, text: LessonText) -> float:
    """From 0 up; comparable only within one query, which must have a chunk."""
    found = names(text.folded) or (compact(text.folded),)
    spelt = _spelt(asked.letters, found) if asked.letters else 0.0
    return max(_written(asked, text, found), spelt)


def _written(asked: Asked, text: LessonText, found: Sequence[str]) -> float:
    title = found[0]
    rest = ""
    if not all(chunk in title for chunk in asked.chunks):
        rest = compact(fold(f"{text.about}\n{text.body}"))
    chunks = sum(_chunk(chunk, title, rest) for chunk in asked.chunks) / len(asked.chunks)
    return CHUNKS * chunks + _name(asked.compact, found) + _share(asked.compact, title)


def _chunk(chunk: str, title: str, rest: str) -> float:
    if chunk in title:
        return IN_TITLE
    if chunk in rest:
        return IN_TEXT
    return NEARLY_IN_TITLE if nearly_in(chunk, title) else 0.0


def nearly_in(chunk: str, text: str) -> bool:
    """Whether ``chunk`` stands in ``text`` but for one exchanged character."""
    length = len(chunk)
    if length < _SHORTEST_NEAR:
        return False
    for start in range(len(text) - length + 1):
        window = text[start : start + length]
        if sum(a != b for a, b in zip(chunk, window, strict=True)) == 1:
            return True
    return False


def _name(asked: str, found: Sequence[str]) -> float:
    if asked == found[0]:
        return WHOLE_TITLE
    if asked in found:
        return WHOLE_NAME
    return BEGINS if any(name.startswith(asked) for name in found) else 0.0


def _share(asked: str, title: str) -> float:
    """Up to a half: of two that fit, the shorter title."""
    return 0.5 * min(1.0, len(asked) / max(1, len(title)))


def _spelt(letters: str, found: Sequence[str]) -> float:
    """Whether the letters are pinyin or initials of a name: whole, at its beginning, within."""
    best = 0.0
    for place, name in enumerate(found):
        for reading in readings(name):
            spelling = "".join(reading)
            short = "".join(syllable[0] for syllable in reading)
            best = max(best, _fit(letters, spelling, reading), _fit(letters, short, reading))
        if place == 0 and best:
            best += 0.1
    return best


def _fit(letters: str, spelling: str, reading: Sequence[str]) -> float:
    share = 0.5 * len(letters) / max(1, len(spelling))
    if letters == spelling:
        return CHUNKS + WHOLE_NAME + share
    if spelling.startswith(letters):
        return CHUNKS + BEGINS + share
    if letters in spelling and len(spelling) > len(reading):
        return CHUNKS + share
    return 0.0
