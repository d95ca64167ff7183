"""Made once, by hand, before the data sets out: the character tables of this folder.

``python -m catalog.data.make_tables`` writes them anew from OpenCC and pypinyin; the README of
this folder says when. The box needs neither of the two: its tables are what this leaves behind.
"""

import unicodedata
from collections import defaultdict
from pathlib import Path

import opencc
from pypinyin.phrases_dict import phrases_dict
from pypinyin.pinyin_dict import pinyin_dict

_SWAPPED = (
    range(0x3400, 0x4DC0),  # CJK extension A
    range(0x4E00, 0xA000),  # CJK unified ideographs
    range(0x20000, 0x2A6E0),  # extension B
    range(0x2A700, 0x323B0),  # extensions C to H
)
_SPOKEN = range(0x3400, 0xA000)


def simplified() -> str:
    """Two lines of equal length: Traditional characters, and their Simplified ones below."""
    converter = opencc.OpenCC("t2s")
    pairs: dict[str, str] = {}
    for block in _SWAPPED:
        characters = [chr(point) for point in block]
        turned = converter.convert("\n".join(characters)).split("\n")
        pairs.update((a, b) for a, b in zip(characters, turned, strict=True) if a != b)
    # 薴 → 苧 and 苧 → 苎: folding a folded text must change nothing.
    ends = {a: pairs.get(b, b) for a, b in pairs.items()}
    return "".join(ends) + "\n" + "".join(ends.values()) + "\n"


def pinyin() -> str:
    """A line per syllable: the syllable, a space, the characters usually read so."""
    readers = defaultdict(list)
    for point in _SPOKEN:
        if point in pinyin_dict:
            readers[_bare(pinyin_dict[point].split(",")[0])].append(chr(point))
    return "".join(f"{key} {''.join(readers[key])}\n" for key in sorted(readers))


def phrases() -> str:
    """A line per phrase that is not read character by character: the phrase, its syllables."""
    usual = {chr(point): _bare(value.split(",")[0]) for point, value in pinyin_dict.items()}
    to_simplified = opencc.OpenCC("t2s")
    lines = {}
    for phrase, readings in phrases_dict.items():
        syllables = [_bare(reading[0]) for reading in readings]
        if len(syllables) == len(phrase) and syllables != [usual.get(c) for c in phrase]:
            lines["".join(map(to_simplified.convert, phrase))] = " ".join(syllables)
    return "".join(f"{phrase} {lines[phrase]}\n" for phrase in sorted(lines))


def _bare(reading: str) -> str:
    """``lǜ`` → ``lv``: no tone, ü as it is typed."""
    letters = unicodedata.normalize("NFD", reading).replace("u\u0308", "v")
    return "".join(letter for letter in letters if letter.isascii())


def main() -> None:
    """Write the three tables beside this file."""
    here = Path(__file__).parent
    for make in (simplified, pinyin, phrases):
        here.joinpath(f"{make.__name__}.txt").write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
