"""What the search box offers while somebody types: the keys a title is stored under. Pure."""

from catalog.pinyin import readings
from catalog.text import compact, fold, names

LONGEST = 16
"""Characters of a key; nobody types on that long without looking."""

LONGEST_SPELT = 24
"""Letters of a key in pinyin."""


def suggestion_keys(folded_title: str) -> set[str]:
    """Its names as written, in pinyin and by initials."""
    keys = set()
    for name in names(folded_title):
        keys.add(name[:LONGEST])
        for reading in readings(name):
            if len(reading) > 1:
                keys.add("".join(reading)[:LONGEST_SPELT])
                keys.add("".join(syllable[0] for syllable in reading)[:LONGEST])
    return keys


def typed_key(typed: str) -> str:
    """What is looked up for what somebody has typed so far; pinyin may be typed with spaces."""
    key = compact(fold(typed))
    letters = key.replace(" ", "")
    if letters.isascii() and letters.isalpha():
        return letters[:LONGEST_SPELT]
    return key[:LONGEST]
