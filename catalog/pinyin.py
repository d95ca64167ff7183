"""Sound on the way into the index and out of the search box: syllables, initials, splits. Pure.

Readings come from the tables of ``catalog/data``: the most common one of each character, and that
of a known phrase where it differs (重庆 is chong qing). Syllables have no tone, and ü is ``v``.
"""

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
    """The most common reading of each character, looked up in the table's own text.

    Most titles have characters that others have too, and a night's update has few titles: what
    was found is kept, and nothing is read that nobody asks for.
    """

    def __init__(self, table: str) -> None:
        self._table = table
        self._known: dict[str, str] = {}
        self.syllables = ("", *(line.partition(" ")[0] for line in table.splitlines()))

    def of(self, character: str) -> str:
        found = self._known.get(character)
        if found is None:
            found = self._known[character] = self._find(character)
        return found

    def _find(self, character: str) -> str:
        at = self._table.find(character) if _FIRST <= ord(character) < _END else -1
        return "" if at < 0 else self._table[self._table.rfind("\n", 0, at) + 1 : at].split(" ")[0]


@cache
def _readings() -> _Readings:
    return _Readings(read_table("pinyin.txt"))


class _Phrases:
    """The phrases that read otherwise than their characters; those that begin alike together."""

    def __init__(self, table: str) -> None:
        self._table = "\n" + table
        self._known: dict[str, dict[str, tuple[str, ...]]] = {}

    def beginning_with(self, character: str) -> dict[str, tuple[str, ...]]:
        """The syllables of each, longest phrase first."""
        found = self._known.get(character)
        if found is None:
            lines = (line.split(" ") for line in self._lines(character))
            ordered = sorted(lines, key=lambda line: len(line[0]), reverse=True)
            found = {phrase: tuple(syllables) for phrase, *syllables in ordered}
            self._known[character] = found
        return found

    def _lines(self, character: str) -> Iterator[str]:
        """The table is sorted, so they lie one after another."""
        at = self._table.find("\n" + character)
        while at >= 0 and self._table.startswith(character, at + 1):
            end = self._table.find("\n", at + 1)
            yield self._table[at + 1 : end if end >= 0 else None]
            at = end


@cache
def _phrases() -> _Phrases:
    return _Phrases(read_table("phrases.txt"))


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
        known = _phrases().beginning_with(characters[at])
        phrase = next((one for one in known if characters.startswith(one, at)), "")
        if phrase:
            yield from known[phrase]
            at += len(phrase)
            continue
        if found := _readings().of(characters[at]):
            yield found
        at += 1


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
