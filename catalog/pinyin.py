"""Sound on the way into the index and out of the search box: syllables, initials, splits. Pure.

Readings come from the tables of ``catalog/data``: the most common one of each character, and that
of a known phrase where it differs (重庆 is chong qing). Syllables have no tone, and ü is ``v``.
"""

from array import array
from collections.abc import Iterator
from functools import cache, lru_cache

from catalog.text import han, names, read_table

_FIRST = 0x3400
_END = 0xA000
_LONGEST_SYLLABLE = 6
_VOWELS = frozenset("aeiouv")
_TYPED = {"lue": "lve", "nue": "nve"}
"""What input methods also accept."""

SPLITS = 3
"""How many ways to cut a line of letters are tried."""

INITIALS = range(2, 11)
"""Lengths of the initials that find a title."""


class _Readings:
    """The most common reading of each character, two bytes apiece."""

    def __init__(self, table: str) -> None:
        lines = [line.split(" ") for line in table.splitlines()]
        self.syllables = ("", *(syllable for syllable, _ in lines))
        self._numbers = array("H", bytes(2 * (_END - _FIRST)))
        for number, (_, characters) in enumerate(lines, start=1):
            for character in characters:
                self._numbers[ord(character) - _FIRST] = number

    def of(self, character: str) -> str:
        point = ord(character)
        return self.syllables[self._numbers[point - _FIRST]] if _FIRST <= point < _END else ""


@cache
def _readings() -> _Readings:
    return _Readings(read_table("pinyin.txt"))


@cache
def _phrases() -> dict[str, tuple[str, ...]]:
    lines = (line.split(" ") for line in read_table("phrases.txt").splitlines())
    return {phrase: tuple(syllables) for phrase, *syllables in lines}


@cache
def _longest_phrase() -> dict[str, int]:
    """By first character, the length of the longest phrase that begins with it."""
    longest: dict[str, int] = {}
    for phrase in _phrases():
        longest[phrase[0]] = max(longest.get(phrase[0], 0), len(phrase))
    return longest


@cache
def _typeable() -> frozenset[str]:
    known = (s for s in _readings().syllables if not _VOWELS.isdisjoint(s))
    return frozenset({*known, *_TYPED})


def syllables(folded: str) -> tuple[str, ...]:
    """The most common reading of each Han character; those nobody knows are left out."""
    of = _readings().of
    return tuple(found for found in map(of, han(folded)) if found)


def readings(folded: str) -> tuple[tuple[str, ...], ...]:
    """The ways the Han characters may be read: one, or two where a phrase reads otherwise."""
    usual = syllables(folded)
    in_phrases = tuple(_by_phrase(han(folded)))
    return (usual,) if in_phrases == usual else (usual, in_phrases)


def _by_phrase(characters: str) -> Iterator[str]:
    """Readings by the longest known phrase from each place on."""
    at = 0
    while at < len(characters):
        phrase = _phrase_at(characters, at)
        if phrase:
            yield from _phrases()[phrase]
            at += len(phrase)
            continue
        if found := _readings().of(characters[at]):
            yield found
        at += 1


def _phrase_at(characters: str, at: int) -> str:
    longest = _longest_phrase().get(characters[at], 0)
    for end in range(min(len(characters), at + longest), at + 1, -1):
        if characters[at:end] in _phrases():
            return characters[at:end]
    return ""


def syllable_tokens(folded_title: str) -> set[str]:
    """Pairs of neighbouring syllables in every reading; of a single character its syllable."""
    tokens: set[str] = set()
    for reading in readings(folded_title):
        tokens.update(syllable_units(reading))
    return tokens


def syllable_units(reading: tuple[str, ...]) -> tuple[str, ...]:
    """The tokens that stand for these syllables one after another."""
    if len(reading) < 2:
        return reading
    return tuple(dict.fromkeys(" ".join(reading[at : at + 2]) for at in range(len(reading) - 1)))


def initials(folded_title: str) -> set[str]:
    """First letters of the syllables of every name in a title, in every reading."""
    return {
        "".join(syllable[0] for syllable in reading)
        for name in names(folded_title)
        for reading in readings(name)
        if len(reading) > 1
    }


def initial_tokens(folded_title: str) -> set[str]:
    """Every beginning of the initials by which a title is found."""
    return {
        letters[:length]
        for letters in initials(folded_title)
        for length in INITIALS
        if length <= len(letters)
    }


@lru_cache(1024)
def split_pinyin(letters: str) -> tuple[tuple[str, ...], ...]:
    """Ways to read lower-case ``letters`` as syllables, fewest first, at most ``SPLITS``."""
    best: list[list[tuple[str, ...]]] = [[()]]
    known = _typeable()
    for end in range(1, len(letters) + 1):
        ways = [
            (*way, _TYPED.get(syllable, syllable))
            for start in range(max(0, end - _LONGEST_SYLLABLE), end)
            if (syllable := letters[start:end]) in known
            for way in best[start]
        ]
        best.append(sorted(ways, key=len)[:SPLITS])
    return tuple(best[-1]) if letters else ()
