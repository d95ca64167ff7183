"""Between ranking and pages: the text that matched, and which parts of it. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby

from catalog.pinyin import split_pinyin, syllables
from catalog.search.query import Asked
from catalog.tables.views import LessonText
from catalog.text import compact, fold

WIDTH = 64
"""Characters shown of a longer text."""

BEFORE = 16
"""Characters shown before the first match."""

Snippet = tuple[tuple[str, bool], ...]
"""The text in pieces: (text, whether it matched)."""


def snippet(asked: Asked, text: LessonText) -> Snippet:
    """The title if it holds most of what was asked for, else the line of the texts that does."""
    lines = [text.title, *_lines(text)]
    wanted = asked.chunks if any(_has(line, asked.chunks) for line in lines) else asked.units
    best = max(lines, key=lambda line: _has(line, wanted))
    marks = _marks(best, wanted)
    if not any(marks) and asked.letters:
        best, marks = text.title, _spelt_marks(text.title, asked.letters)
    return _cut(best, marks)


def _lines(text: LessonText) -> Iterator[str]:
    for part in (text.about, text.body):
        yield from (line.strip() for line in part.splitlines() if line.strip())


def _has(line: str, wanted: Sequence[str]) -> int:
    within = compact(fold(line))
    return sum(chunk in within for chunk in wanted)


def _marks(line: str, wanted: Iterable[str]) -> list[bool]:
    """For every character whether it matched."""
    kept = [(place, character) for place, raw in enumerate(line) for character in _kept(raw)]
    together = "".join(character for _, character in kept)
    marks = [False] * len(line)
    for chunk in wanted:
        needle = chunk.replace(" ", "")
        start = together.find(needle) if needle else -1
        while start >= 0:
            end = start + len(needle)
            first, last = kept[start][0], kept[end - 1][0]
            marks[first : last + 1] = [True] * (last + 1 - first)
            start = together.find(needle, end)
    return marks


@lru_cache(4096)
def _kept(character: str) -> str:
    """A character as it is compared; empty if it does not count."""
    return compact(fold(character)) or ("\u0f0b" if character == "\u0f0b" else "")


def _spelt_marks(title: str, letters: str) -> list[bool]:
    """Marks for what was typed as pinyin or as initials."""
    spoken = [
        (place, syllable) for place, raw in enumerate(title) for syllable in syllables(fold(raw))
    ]
    marks = [False] * len(title)
    sounds = tuple(syllable for _, syllable in spoken)
    shorts = tuple(syllable[0] for syllable in sounds)
    for wanted, among in (*((way, sounds) for way in split_pinyin(letters)), (letters, shorts)):
        for start in range(len(among) - len(wanted) + 1):
            if tuple(wanted) == among[start : start + len(wanted)]:
                first, last = spoken[start][0], spoken[start + len(wanted) - 1][0]
                marks[first : last + 1] = [True] * (last + 1 - first)
                return marks
    return marks


def _cut(line: str, marks: Sequence[bool]) -> Snippet:
    first = marks.index(True) if any(marks) else 0
    start = max(0, first - BEFORE) if len(line) > WIDTH else 0
    end = min(len(line), start + WIDTH)
    pieces = [
        ("".join(character for character, _ in group), matched)
        for matched, group in groupby(
            zip(line[start:end], marks[start:end], strict=True), key=lambda pair: pair[1]
        )
    ]
    before = [("…", False)] if start else []
    after = [("…", False)] if end < len(line) else []
    return (*before, *pieces, *after)
