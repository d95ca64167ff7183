"""What a cell of a timetable says, in the many ways that schools write it. Pure.

Full-width signs count as their plain ones; a teacher's name behind the subject, in brackets or
after a space, is passed over: no timetable of ours names anybody.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from catalog import codes

Grades = tuple[str, ...]
"""Codes of grades."""
MAX_LENGTH = 200
"""Letters of a cell that are read."""
_SHOWN = 40
EARLIEST = "06:00"
"""What is written as earlier is an afternoon without its 12 hours."""
_LATE = ("下午", "晚上", "晚")
_CLOCK = r"(上午|早上|中午|下午|晚上|晚)?(\d{1,2})[:.](\d{2})(?::00)?"
_SPAN = re.compile(rf"{_CLOCK}(?:[-\u2010-\u2015\u2212~\n至到]+){_CLOCK}(?:\(.*\))?")
_SEVERAL = re.compile(r"[;,/|\n]")
_ALONE = re.compile(r"[、+&和 ]")
_BRACKET = re.compile(r"\(([^()]*)\)$")
_CLASS = re.compile(r"\(\d+\)班?|\d+班")
_NUMBER = r"(?:[高初]?[一二三四五六七八九]+|\d{1,2})"
_TITLE = re.compile(rf"({_NUMBER}(?:[-~至到、和与]{_NUMBER})*)(?:年级|\(\d+\)班)")
_GRADES = re.compile(r"[、和与.·]")
_RUN = re.compile(r"([一二三四五六七八九]{2,9})(?:年级)?")
_SHORT = {
    "语": "chinese",
    "数": "math",
    "英": "english",
    "外语": "english",
    "科": "science",
    "品德": "morality",
    "思品": "morality",
    "音": "music",
    "美": "art",
    "体": "pe",
    "劳": "labour",
}
"""What only timetables call a subject."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one grade or several learn; no grades: whoever the table is of."""

    grades: Grades
    subject: str
    text: str


def lessons(cell: str) -> tuple[list[Lesson], list[str]]:
    """The lessons of a cell, and what in it is none."""
    found: list[Lesson] = []
    left: list[str] = []
    for part in _SEVERAL.split(_plain(cell)[:MAX_LENGTH]):
        text = part.strip()
        if not text:
            continue
        these = list(_several(text))
        found += these
        left += [] if these else [text]
    return found, left


def times(text: str) -> tuple[str, str] | None:
    """Begin and end, ``08:30`` and ``09:10``; None if it is no time of a lesson."""
    match = _SPAN.fullmatch(re.sub(r"[^\S\n]+", "", _plain(text)))
    if match is None:
        return None
    half, hour, minute, other_half, other_hour, other_minute = match.groups()
    begin = _clock(half, hour, minute)
    end = _clock(other_half or half, other_hour, other_minute)
    return (begin, end) if EARLIEST <= begin < end < "24" else None


def titled(titles: Iterable[str]) -> Grades:
    """The grades that titles name: 一年级课程表, 二(1)班, 班级：三年级; none if they name none."""
    found: list[str] = []
    for title in titles:
        text = "".join(_plain(title).split())[:MAX_LENGTH]
        found += grades(text) or [grade for name in _TITLE.findall(text) for grade in grades(name)]
    return tuple(dict.fromkeys(found))


def short(text: str) -> str:
    """A text as a fault may show it."""
    return repr(text[:_SHOWN])


def cure(text: str) -> str:
    """What to do about a text that is no subject."""
    near = "、".join(codes.suggest("subject", text[:_SHOWN])[:1])
    return f"nothing to do; or perhaps {near}" if near else "nothing to do"


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()


def _clock(half: str | None, hour: str, minute: str) -> str:
    late = half in _LATE and int(hour) < 12
    clock = f"{int(hour) + 12 * late:02d}:{minute}"
    return clock if minute < "60" else ""


def _several(text: str) -> Iterator[Lesson]:
    """``一年级语文 二年级数学``: several if each of them is one by itself; ``数学 张三``: one."""
    whole = _one(text)
    if whole is not None:
        yield whole
        return
    parts = [part for part in _ALONE.split(text) if part]
    apart = [one for one in map(_one, parts) if one is not None]
    if len(apart) == len(parts):
        yield from apart
    elif (first := _one(text.split()[0])) is not None:
        yield first


def _one(text: str) -> Lesson | None:
    """Grades, if it names any, and the subject; None: no subject in it."""
    plain = "".join(text.split()).replace(":", "")
    bracket = _BRACKET.search(plain)
    inside = grades(bracket[1]) if bracket else ()
    for candidate in (plain, _BRACKET.sub("", plain)):
        for cut in range(min(len(candidate), _SHOWN)):
            subject = _subject(candidate[cut:])
            theirs = grades(candidate[:cut])
            if subject and (cut == 0 or theirs):
                return Lesson(theirs or inside, subject, text)
    return None


def _subject(text: str) -> str:
    found = codes.resolve("subject", text)
    return found.code if found else _SHORT.get(text, "")


def grades(text: str) -> Grades:
    """Codes of 一、二年级, 1-3年级, 一二年级, 一(1)班; none if any part of it is no grade."""
    bare = _CLASS.sub("", "".join(_plain(text).split()))
    found: list[str] = []
    for part in _GRADES.split(bare):
        run = _RUN.fullmatch(part)
        for name in run[1] if run else (part,):
            tags = codes.resolve_all("grade", name) or codes.resolve_all("grade", f"{name}年级")
            if not tags:
                return ()
            found += [tag.code for tag in tags]
    return tuple(dict.fromkeys(found))
