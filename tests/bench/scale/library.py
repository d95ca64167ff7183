"""The library that is measured: a publisher's folders, as large as wanted, made in minutes.

Two shapes. A *province* has many collections: each a folder with a sheet, five pieces a lesson.
A *site* is one collection alone: one interactive of so many files.

A file begins as a JPEG does; its next ``HEAD`` bytes are random, the rest is a hole. So every file
has a chunk of its own, and zeros that all files share: a hundred gigabytes take little room on the
publisher's disk, and on the box's if its file system compresses. Its table has five chunks for a
file of 1 MB where real media have sixteen.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from io import StringIO
from pathlib import Path
from random import Random

HEAD = 4096
"""Bytes at the beginning of a file that are no hole."""
ROLES = ("courseware", "lesson_plan", "task_sheet", "exercise", "textbook")
"""One file of each a lesson."""
CODE = "43"


class Shape(StrEnum):
    """What the library consists of."""

    PROVINCE = "province"
    SITE = "site"


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is, and how much of it changes in a night."""

    shape: Shape
    files: int
    size: int
    """Bytes of a file."""
    per_collection: int
    """Files of a collection of a province."""
    changed: int
    """Files that change."""
    spread: int
    """Collections of a province in which they lie."""

    @property
    def collections(self) -> tuple[str, ...]:
        """Ids of the collections."""
        count = 1 if self.shape is Shape.SITE else -(-self.files // self.per_collection)
        return tuple(f"{CODE}/c{number:04}" for number in range(count))

    def tenth(self) -> "Extent":
        """A tenth of the files, of which as many change."""
        return Extent(
            self.shape,
            self.files // 10,
            self.size,
            self.per_collection,
            self.changed,
            self.spread,
        )


def folder_of(root: Path, collection: str) -> Path:
    """Where a collection's files lie."""
    return root / collection.partition("/")[2]


def lay_out(root: Path, extent: Extent) -> None:
    """Make the folders, with all that is in them."""
    rng = Random(1)
    for collection in extent.collections:
        folder = folder_of(root, collection)
        paths = _paths(folder, extent)
        for parent in {path.parent for path in paths}:
            parent.mkdir(parents=True, exist_ok=True)
        for path in paths:
            _write(path, rng, extent.size)
        if extent.shape is Shape.SITE:
            (folder / "index.html").write_text("<p>large", encoding="utf-8")
        else:
            (folder / "lessons.csv").write_text(_sheet(collection, extent), encoding="utf-8")


def change(root: Path, extent: Extent, night: int) -> None:
    """Another beginning for as many files as change in a night, others each night."""
    rng = Random(100 + night)
    changing = extent.collections[: extent.spread]
    for number, collection in enumerate(changing):
        paths = _paths(folder_of(root, collection), extent)
        first, last = (extent.changed * n // len(changing) for n in (number, number + 1))
        for path in rng.sample(paths, last - first):
            _put_head(path, rng)


def _paths(folder: Path, extent: Extent) -> list[Path]:
    if extent.shape is Shape.SITE:
        return [folder / f"{n % 500:03}" / f"{n}.jpg" for n in range(extent.files)]
    lessons = extent.per_collection // len(ROLES)
    return [folder / f"l{n}" / f"{role}.jpg" for n in range(lessons) for role in ROLES]


_MAGIC = b"\xff\xd8\xff\xe0"


def _write(path: Path, rng: Random, size: int) -> None:
    with path.open("wb") as file:
        file.write(_MAGIC + rng.randbytes(HEAD))
        file.truncate(size)


def _put_head(path: Path, rng: Random) -> None:
    with path.open("r+b") as file:
        file.seek(len(_MAGIC))
        file.write(rng.randbytes(HEAD))


def _sheet(collection: str, extent: Extent) -> str:
    text = StringIO()
    rows = csv.DictWriter(text, _COLUMNS, restval="")
    rows.writeheader()
    for number in range(extent.per_collection // len(ROLES)):
        rows.writerows(_rows(collection, number))
    return text.getvalue()


_COLUMNS = (
    *("lesson_id", "title", "stage", "grade", "subject", "press", "book", "syllabus", "chapter"),
    *("program", "teacher", "summary", "keywords", "role", "file", "licence", "provider"),
    "authorised_scope",
)
_SUBJECTS = ("语文", "数学", "英语", "音乐", "美术", "科学")
_TOPICS = ("分数的初步认识", "观潮", "四季的词语", "三原色变魔术", "声音的强与弱", "植物的一生")


def _rows(collection: str, number: int) -> Iterator[dict[str, str]]:
    which = int(collection[-4:])
    topic = _TOPICS[number % len(_TOPICS)]
    lesson = {
        "lesson_id": f"l{number}",
        "title": f"第{number + 1}课 {topic}",
        "stage": "小学",
        "grade": f"g{which % 6 + 1}",
        "subject": _SUBJECTS[which // 6 % 6],
        "press": "renjiao",
        "book": "upper" if which % 2 else "lower",
        "syllabus": "new",
        "chapter": f"第{number // 8 + 1}单元 综合/{number + 1} {topic}",
        "program": "同步课堂",
        "teacher": f"教师{which}",
        "summary": f"第 {which} 册第 {number + 1} 课: {topic}, 看一看, 听一听, 说一说。",
        "keywords": f"{topic};练习{number}",
    }
    for role in ROLES:
        yield lesson | {
            "role": role,
            "file": f"l{number}/{role}.jpg",
            "licence": "CC-BY-4.0",
            "provider": "示例",
            "authorised_scope": "all",
        }
        lesson = {}
