"""What the studio knows of a collection: its lessons, their pieces, and its metadata sheet."""

import csv
import io
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

PAPER = {"task_sheet": "学习任务单", "exercise": "课后练习", "lesson_plan": "教学设计"}
TAGS = {"slide": "courseware", "plan": "lesson_plan", "task": "task_sheet", "exercise": "exercise"}
HEADINGS = {
    "lesson_id": "课程编号", "title": "标题", "stage": "学段", "grade": "年级", "subject": "学科",
    "press": "版本", "book": "册次", "syllabus": "教材", "chapter": "章节", "class_hour": "课时",
    "program": "栏目", "teacher": "教师", "school": "学校", "province": "省份", "language": "语言",
    "summary": "简介", "keywords": "关键词", "role": "资源类型", "file": "文件",
    "resource_title": "资源标题", "licence": "许可", "provider": "提供者",
    "authorised_scope": "授权范围", "reviewed_by": "审核人", "subtitle_of": "字幕对应",
}  # fmt: skip
OF_RESOURCE = list(HEADINGS)[list(HEADINGS).index("role") :]
ROLES = {
    "video": "微课", "courseware": "课件", "lesson_plan": "教学设计", "task_sheet": "学习任务单",
    "exercise": "课后练习", "audio": "音频", "interactive": "互动", "subtitle": "字幕",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Piece:
    """One row of a sheet: a file of a lesson."""

    role: str
    name: str
    title: str = ""
    subtitle_of: str = ""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A lesson as the studio describes it."""

    id: str
    folder: str
    facts: dict[str, str]
    source: str
    """HTML with <slide>, <task>, <exercise>, <plan> and <shot> elements."""
    edition: int = 1
    added: tuple[Piece, ...] = ()
    """Sites and sounds, which are not drawn from the source."""
    sounds: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By file name: title (absent: part of a site, no row), bpm and line (see sound.py)."""
    pictures: dict[str, str] = field(default_factory=dict)
    """Drawings for sites, by file name: what draw.js is told (``pie 1 4``)."""

    @property
    def revised(self) -> bool:
        """Does edition 2 change what is drawn?"""
        return "edition=" in self.source or "cue2=" in self.source

    def drawn(self) -> list[str]:
        """Roles of the PDF files drawn from the source."""
        return [role for tag, role in TAGS.items() if f"<{tag}" in self.source]


@dataclass(frozen=True, slots=True)
class Collection:
    """A folder with its sheet, kept the way its fictional province keeps sheets."""

    name: str
    title: str
    sheet: str
    """File name; ``.csv`` or ``.xlsx``."""
    headings: str
    """``zh`` or ``key``."""
    common: dict[str, str]
    """Columns all lessons and resources share."""
    lessons: tuple[Lesson, ...]
    encoding: str = "utf-8-sig"
    names: str = "key"
    """Names of files: ``zh`` or ``key``."""
    separator: str = "/"

    def file(self, role: str, suffix: str) -> str:
        """File name of a piece."""
        return (ROLES[role] if self.names == "zh" else role.replace("_", "-")) + suffix

    def pieces(self, lesson: Lesson) -> list[Piece]:
        """Rows of a lesson in the order of its page."""
        found = []
        if "<shot" in lesson.source:
            video = self.file("video", ".mp4")
            title = lesson.facts["title"]
            found += [
                Piece("video", video, title),
                Piece("subtitle", self.file("subtitle", ".vtt"), "中文字幕", video),
            ]
        found += [Piece(role, self.file(role, ".pdf")) for role in lesson.drawn()]
        return found + list(lesson.added)

    def of_edition(self, edition: int) -> list[Lesson]:
        """The lessons of edition 1 or 2."""
        return [lesson for lesson in self.lessons if lesson.edition <= edition]


def read_collection(path: Path) -> Collection:
    """A collection from ``studio/<name>.toml`` and the HTML files of the folder ``<name>``."""
    value = tomllib.loads(path.read_text(encoding="utf-8"))
    lessons = tuple(_lesson(path.with_suffix(""), item) for item in value.pop("lesson"))
    return Collection(name=path.stem, lessons=lessons, **value)


def _lesson(folder: Path, item: dict[str, Any]) -> Lesson:
    sounds, pictures = item.pop("sounds", {}), item.pop("pictures", {})
    added = [Piece(**site) for site in item.pop("sites", [])]
    added += [
        Piece("audio", name, sound["title"]) for name, sound in sounds.items() if "title" in sound
    ]
    return Lesson(
        id=item["lesson_id"],
        folder=item.pop("folder", item["lesson_id"]),
        edition=item.pop("edition", 1),
        facts={key: str(value) for key, value in item.items()},
        source=(folder / f"{item['lesson_id']}.html").read_text(encoding="utf-8"),
        added=tuple(added),
        sounds=sounds,
        pictures=pictures,
    )


def rows(collection: Collection, edition: int) -> Iterator[dict[str, str]]:
    """Rows of the sheet; a lesson's columns stay empty below its first row."""
    for lesson in collection.of_edition(edition):
        facts = collection.common | lesson.facts
        own = {key: value for key, value in facts.items() if key not in OF_RESOURCE}
        common = {key: value for key, value in facts.items() if key in OF_RESOURCE}
        for piece in collection.pieces(lesson):
            row = own | common | _piece(collection, lesson, piece)
            yield row
            own = {}


def _piece(collection: Collection, lesson: Lesson, piece: Piece) -> dict[str, str]:
    def place(name: str) -> str:
        return collection.separator.join([lesson.folder, name.replace("/", collection.separator)])

    role = ROLES[piece.role] if collection.headings == "zh" else piece.role
    row = {"role": role, "file": place(piece.name), "resource_title": piece.title}
    return row | ({"subtitle_of": place(piece.subtitle_of)} if piece.subtitle_of else {})


def sheet(collection: Collection, edition: int) -> bytes:
    """The metadata sheet as a file's bytes; only columns that hold something."""
    found = list(rows(collection, edition))
    used = [key for key in HEADINGS if any(row.get(key) for row in found)]
    head = [HEADINGS[key] for key in used] if collection.headings == "zh" else used
    table = [head, *([row.get(key, "") for key in used] for row in found)]
    return workbook(table) if collection.sheet.endswith(".xlsx") else text(table, collection)


def text(table: list[list[str]], collection: Collection) -> bytes:
    """CSV with CRLF, as spreadsheet programs write it."""
    out = io.StringIO()
    csv.writer(out).writerows(table)
    return out.getvalue().encode(collection.encoding)


def workbook(table: list[list[str]]) -> bytes:
    """XLSX with one sheet, a bold first row and a fixed date."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    book.set_properties({"created": datetime(2026, 10, 1, tzinfo=UTC)})
    page, bold = book.add_worksheet("资源"), book.add_format({"bold": True})
    for number, row in enumerate(table):
        page.write_row(number, 0, row, *([bold] if number == 0 else []))
    page.freeze_panes(1, 0)
    book.close()
    return out.getvalue()
