"""Text on its way into the index and out of the search box: one spelling, runs, tokens. Pure.

Both sides pass through here, so that what is typed meets what was written: ``fold`` takes away
what does not count (width, case, Traditional or Simplified, joiners), ``runs`` cuts by script,
``index_tokens`` and ``query_units`` name what is stored and what is asked for. A run of Han
characters has no words we could rely on; its tokens are pairs of neighbours and single characters.
"""

import re
import unicodedata
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import NamedTuple

HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
"""Han characters, for use inside the brackets of a regular expression."""

_TIBETAN = "\u0f00\u0f18\u0f19\u0f20-\u0f39\u0f3e-\u0fbc\u0fc6"
_TSHEG = "\u0f0b"

_RUN = re.compile(
    f"(?P<han>[{HAN}]+)"
    f"|(?P<tibetan>[{_TIBETAN}]+(?:{_TSHEG}[{_TIBETAN}]+)*)"
    rf"|(?P<word>[^\W_{HAN}{_TIBETAN}]+(?:[+#]{{1,2}}(?![+#]|[^\W_{HAN}]))?)"  # c++, c#
)

_IGNORED = (
    "\u00ad\u061c\u0640\ufeff"  # soft hyphen, Arabic mark and tatweel, byte order mark
    "\u180b\u180c\u180d\u180e\u180f"  # Mongolian variation selectors, vowel separator
    "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069"
    "\ufe00\ufe01\ufe02\ufe0e\ufe0f"
)

MAX_NAMES = 5
"""A title's beginnings: the whole, and what follows 《, a colon, a space (the first four)."""

_BREAK = re.compile(r"[\W_]+")


class Script(StrEnum):
    """How a run is cut into tokens."""

    HAN = "han"
    TIBETAN = "tibetan"
    WORD = "word"


_SCRIPTS = {1: Script.HAN, 2: Script.TIBETAN, 3: Script.WORD}
"""By the number of the group that matched."""
_WORD = 3


class Run(NamedTuple):
    """Neighbouring characters of one script in a folded text."""

    script: Script
    text: str


def read_table(name: str) -> str:
    """A table of ``catalog/data``, see the README there."""
    return resources.files("catalog").joinpath("data", name).read_text(encoding="utf-8")


@cache
def _simplify() -> dict[int, str | None]:
    traditional, simplified, _ = read_table("simplified.txt").split("\n")
    table: dict[int, str | None] = dict.fromkeys(map(ord, _IGNORED))
    table.update(zip(map(ord, traditional), simplified, strict=True))
    return table


def fold(text: str) -> str:
    """``text`` in the one spelling that is compared: NFKC, lower case, Simplified, no joiners."""
    if text.isascii():
        return text.lower()
    lower = unicodedata.normalize("NFKC", text).lower()
    return unicodedata.normalize("NFKC", lower.translate(_simplify()))


def runs(folded: str) -> Iterator[Run]:
    """The runs of a folded text, punctuation and spaces left out."""
    for match in _RUN.finditer(folded):
        yield Run(_SCRIPTS[match.lastindex or _WORD], match.group())


def chunks(folded: str) -> tuple[str, ...]:
    """What is written between spaces, without punctuation; empty ones left out."""
    found = (compact(part) for part in folded.split())
    return tuple(part for part in found if part)


def compact(folded: str) -> str:
    """``folded`` without punctuation and spaces, except one space between two words."""
    # Long texts of many hits pass here in a search: matches, not runs, which take twice the time.
    parts: list[str] = []
    after_word = False
    for match in _RUN.finditer(folded):
        is_word = match.lastindex == _WORD
        if after_word and is_word:
            parts.append(" ")
        parts.append(match.group())
        after_word = is_word
    return "".join(parts)


def names(folded_title: str) -> tuple[str, ...]:
    """What a title may be known by: the whole, and its rest after 《, a colon, a space; compact."""
    starts = [0, *(match.end() for match in _BREAK.finditer(folded_title))]
    found = (compact(folded_title[start:]) for start in starts[: MAX_NAMES + 1])
    return tuple(dict.fromkeys(name for name in found if len(name) > 1))[:MAX_NAMES]


class Singles(StrEnum):
    """Whether single Han characters are tokens of a field, beside the pairs."""

    KEEP = "keep"
    DROP = "drop"


def index_tokens(folded: str, singles: Singles = Singles.KEEP) -> list[str]:
    """Every token a field stores for a folded text, with repetitions.

    Han runs join over the punctuation between them, so that 《静夜思》第一课时 is also found
    when typed without its marks.
    """
    tokens: list[str] = []
    han = ""
    for script, text in runs(folded):
        if script is Script.HAN:
            han += text
            continue
        tokens += _han_tokens(han, singles)
        han = ""
        tokens += _tibetan_tokens(text) if script is Script.TIBETAN else [text]
    tokens += _han_tokens(han, singles)
    return tokens


def _han_tokens(run: str, singles: Singles) -> list[str]:
    pairs = [run[at : at + 2] for at in range(len(run) - 1)]
    return pairs + list(run) if singles is Singles.KEEP or len(run) == 1 else pairs


def _tibetan_tokens(run: str) -> list[str]:
    syllables = run.split(_TSHEG)
    return syllables + [_TSHEG.join(pair) for pair in pairwise(syllables)]


def query_units(folded: str) -> tuple[str, ...]:
    """The tokens a match should have: pairs where there are pairs, each once, in their order."""
    units: list[str] = []
    for script, text in runs(folded):
        if script is Script.HAN and len(text) > 1:
            units += _han_tokens(text, Singles.DROP)
        elif script is Script.TIBETAN and _TSHEG in text:
            units += [_TSHEG.join(pair) for pair in pairwise(text.split(_TSHEG))]
        else:
            units.append(text)
    return tuple(dict.fromkeys(units))


def han(folded: str) -> str:
    """Only the Han characters of a folded text."""
    return "".join(run.text for run in runs(folded) if run.script is Script.HAN)
