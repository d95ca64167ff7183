"""What the cells of a sheet mean: rows become lesson drafts, every fault is found at once.

A draft holds codes and checked texts; whether its files are there and can be played is looked at
further on (catalog.sheets.compile).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from catalog import codes
from catalog.model import DEFAULT_LANGUAGE, LESSON_ID, Role
from catalog.sheets import values
from catalog.sheets.sheet import BY_KEY, COLUMNS, MAX_CELL, Level, Row, Sheet, split_values
from sync.digest import sha256
from sync.errors import Fault

MAX_PIECES = 500
"""Most resources of one lesson."""
MAX_DEPTH = 8
"""Most levels of chapters."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One row's resource, before its file was looked at."""

    row: int
    role: Role | None
    """None if it was faulty."""
    file: str
    title: str
    language: str
    """Only where it differs from the lesson's."""
    duration: str
    licence: str
    provider: str
    authorised_scope: str
    reviewed_by: str
    subtitle_of: str


@dataclass(frozen=True, slots=True)
class Draft:
    """One lesson as its rows say it; faulty fields are empty."""

    sheet: Sheet
    row: int
    """Its first row."""
    id: str
    """As given, or made from chapter and title."""
    id_is_made: bool
    title: str
    stage: tuple[str, ...]
    grades: tuple[str, ...]
    subject: str
    press: str
    book: str
    syllabus: str
    chapters: tuple[tuple[str, ...], ...]
    """Paths of titles from the textbook downwards."""
    class_hour: int | None
    package_type: str
    program: str
    texts: dict[str, str]
    """teacher, school, province, summary."""
    language: str
    keywords: tuple[str, ...]
    extra: dict[str, str]
    pieces: tuple[Piece, ...]
    rows: tuple[int, ...]


class Findings:
    """Faults and notes as they are found, given back in the order of the sheets."""

    def __init__(self) -> None:
        self._faults: list[tuple[_Place, Fault]] = []
        self._notes: list[tuple[_Place, Fault]] = []

    def fault(self, sheet: Sheet, row: int, key: str, what: str, cure: str) -> None:
        """Something that must be mended; ``key`` is the column's, "" for the whole row."""
        self._faults.append((_place(sheet, row, key), Fault(sheet.where(row, key), what, cure)))

    def note(self, sheet: Sheet, row: int, key: str, what: str, cure: str) -> None:
        """Something its owner should know."""
        self._notes.append((_place(sheet, row, key), Fault(sheet.where(row, key), what, cure)))

    def faults_of_file(self, faults: Iterable[Fault]) -> None:
        """Faults of a whole file or folder; they come first."""
        self._faults += [(_WHOLE, fault) for fault in faults]

    def notes_of_file(self, notes: Iterable[Fault]) -> None:
        """Notes about a whole file; they come first."""
        self._notes += [(_WHOLE, note) for note in notes]

    def faults(self) -> tuple[Fault, ...]:
        """All faults, by sheet, row and column."""
        return tuple(fault for _, fault in sorted(self._faults, key=lambda found: found[0]))

    def notes(self) -> tuple[Fault, ...]:
        """All notes, by sheet, row and column."""
        return tuple(note for _, note in sorted(self._notes, key=lambda found: found[0]))


_Place = tuple[str, int, int]
_WHOLE: _Place = ("", 0, 0)


def _place(sheet: Sheet, row: int, key: str) -> _Place:
    keys = list(sheet.headings)
    return sheet.name, row, keys.index(key) if key in keys else len(keys)


def check_sheets(sheets: Sequence[Sheet], findings: Findings) -> tuple[Draft, ...]:
    """The lessons of the sheets in their order; what is wrong goes to ``findings``."""
    drafts = []
    for sheet in sheets:
        _check_headings(sheet, findings)
        drafts += [_draft(sheet, rows, findings) for rows in _lessons(sheet.rows)]
    _check_ids(drafts, findings)
    return tuple(drafts)


def _check_headings(sheet: Sheet, findings: Findings) -> None:
    for column in COLUMNS:
        if column.required and column.key not in sheet.headings:
            cure = f"add a column {column.heading} ({column.key}) and fill it in every row"
            findings.fault(sheet, sheet.header, column.key, "this column is missing", cure)


def _lessons(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows of one lesson after the other: a row goes on with the lesson above or begins one."""
    lesson: list[Row] = []
    for row in rows:
        if lesson and not _goes_on(lesson[0].cells, row.cells):
            yield lesson
            lesson = []
        lesson.append(row)
    if lesson:
        yield lesson


def _goes_on(first: dict[str, str], row: dict[str, str]) -> bool:
    if row.get("lesson_id", first.get("lesson_id")) != first.get("lesson_id"):
        return False
    if "lesson_id" in row:
        return row.get("title", first.get("title")) == first.get("title")
    return all(key not in row or row[key] == first.get(key) for key in _WHICH_LESSON)


_WHICH_LESSON = ("title", "chapter", "class_hour")
_MUST_AGREE = (*_WHICH_LESSON, "stage", "grade", "subject", "press", "book", "syllabus", "program")


def _draft(sheet: Sheet, rows: Sequence[Row], findings: Findings) -> Draft:
    cells = _Cells(sheet, rows[0], findings)
    _check_agreement(sheet, rows, findings)
    language = values.language(cells.text("language")) or DEFAULT_LANGUAGE
    draft = Draft(
        sheet=sheet,
        row=rows[0].number,
        id=cells.lesson_id(),
        id_is_made=False,
        title=cells.required("title"),
        stage=cells.several("stage"),
        grades=cells.grades(),
        subject=cells.code("subject", cells.required("subject")),
        press=cells.code("press"),
        book=cells.code("book"),
        syllabus=cells.code("syllabus"),
        chapters=cells.chapters(),
        class_hour=cells.class_hour(),
        package_type=cells.code("package_type"),
        program=cells.code("program"),
        texts={key: cells.text(key) for key in ("teacher", "school", "province", "summary")},
        language=language,
        keywords=split_values(cells.text("keywords")),
        extra=_extra(rows),
        pieces=tuple(_piece(_Cells(sheet, row, findings), language) for row in rows),
        rows=tuple(row.number for row in rows),
    )
    cells.check_place(draft)
    if len(rows) > MAX_PIECES:
        cells.fault("", f"{len(rows)} resources", f"a lesson has at most {MAX_PIECES}")
    return draft if draft.id else replace(draft, id=made_id(draft), id_is_made=True)


def made_id(draft: Draft) -> str:
    """Id of a lesson that was given none: the same for the same textbook, chapter and title."""
    hour = "" if draft.class_hour is None else str(draft.class_hour)
    place = (*draft.stage, *draft.grades, draft.subject, draft.press, draft.book, draft.syllabus)
    paths = ("/".join(map(values.plain, path)) for path in draft.chapters)
    return "l-" + sha256("\n".join((*place, *paths, values.plain(draft.title), hour)).encode())[:12]


def _piece(cells: "_Cells", language: str) -> Piece:
    role = cells.code("role", cells.required("role"))
    own_language = cells.language()
    if role == Role.SUBTITLE:
        cells.required("subtitle_of", cure="name the video or audio file that it belongs to")
    return Piece(
        row=cells.row.number,
        role=Role(role) if role else None,
        file=cells.required("file"),
        title=cells.text("resource_title"),
        language="" if own_language == language else own_language,
        duration=cells.duration(),
        licence=cells.licence(),
        provider=cells.required("provider"),
        authorised_scope=cells.scope(),
        reviewed_by=cells.text("reviewed_by"),
        subtitle_of=cells.text("subtitle_of"),
    )


def _extra(rows: Sequence[Row]) -> dict[str, str]:
    """Cells of unknown columns; where the rows of a lesson differ, all values."""
    found: dict[str, dict[str, None]] = {}
    for row in rows:
        for heading, text in row.extra.items():
            found.setdefault(heading, {})[text] = None
    return {heading: "; ".join(texts) for heading, texts in found.items()}


_AGREEING = tuple(
    column.key
    for column in COLUMNS
    if column.level is Level.LESSON and column.key not in ("lesson_id", "language")
)


def _check_agreement(sheet: Sheet, rows: Sequence[Row], findings: Findings) -> None:
    first = rows[0]
    for row in rows[1:]:
        for key in _AGREEING:
            if row.cells.get(key, "") in ("", first.cells.get(key, "")):
                continue
            what = f"{row.cells[key][:80]!r} differs from row {first.number} of the same lesson"
            if key in _MUST_AGREE:
                cure = "repeat it or leave it empty; another lesson needs its own lesson_id"
                findings.fault(sheet, row.number, key, what, cure)
            else:
                findings.note(sheet, row.number, key, f"{what}; the first counts", "compare them")


def _check_ids(drafts: Iterable[Draft], findings: Findings) -> None:
    seen: dict[str, Draft] = {}
    for draft in drafts:
        other = seen.setdefault(draft.id, draft)
        if other is draft:
            continue
        place = other.sheet.where(other.row)
        if draft.id_is_made:
            what = f"has the same textbook, chapter and title as {place}"
            cure = "give each its own lesson_id, or put the rows of one lesson together"
        else:
            what = f"duplicate id {draft.id!r}: it stands in {place} too"
            cure = "give this lesson another id; rows of one lesson stand together, with one title"
        findings.fault(draft.sheet, draft.row, "lesson_id", what, cure)


_V = TypeVar("_V")


class _Cells:
    """The cells of one row, each read as what its column says."""

    def __init__(self, sheet: Sheet, row: Row, findings: Findings) -> None:
        self.row = row
        self._sheet = sheet
        self._findings = findings

    def fault(self, key: str, what: str, cure: str) -> None:
        self._findings.fault(self._sheet, self.row.number, key, what, cure)

    def text(self, key: str) -> str:
        text = self.row.cells.get(key, "")
        if len(text) > MAX_CELL:
            self.fault(key, f"{len(text)} characters", f"at most {MAX_CELL} fit")
            return text[:MAX_CELL]
        return text

    def required(self, key: str, *, cure: str = "") -> str:
        text = self.text(key)
        if not text:
            self._missing(key, cure or _CURES[key])
        return text

    def _missing(self, key: str, cure: str) -> None:
        column = BY_KEY[key]
        if key in self._sheet.headings or not column.required:
            self.fault(key, f"{column.heading} ({key}) is missing", cure)

    def code(self, key: str, text: str | None = None) -> str:
        """The code that a cell names; "" for an empty or faulty one."""
        found = self._codes(key, self.text(key) if text is None else text)
        return found[0] if found else ""

    def several(self, key: str) -> tuple[str, ...]:
        found = [self._codes(key, value) for value in split_values(self.required(key))]
        return tuple(dict.fromkeys(code for some in found for code in some))

    def _codes(self, key: str, text: str) -> tuple[str, ...]:
        found = tuple(tag.code for tag in codes.resolve_all(key, text)) if text else ()
        if text and not found:
            near = codes.suggest(key, text)
            cure = f"did you mean {' / '.join(near)}? " if near else ""
            cure += "docs/metadata.md lists all"
            self.fault(key, f"{text[:80]!r} is no {BY_KEY[key].heading} we know", cure)
        return found

    def grades(self) -> tuple[str, ...]:
        if "grade" not in self.row.cells and self._stages() == ("senior",):
            return ()
        names = split_values(self.required("grade").replace("、", ";"))
        found = [self._codes("grade", name) for name in names]
        return tuple(dict.fromkeys(code for some in found for code in some))

    def _stages(self) -> tuple[str, ...]:
        text = self.row.cells.get("stage", "")
        return tuple(tag.code for tag in codes.resolve_all("stage", text))

    def lesson_id(self) -> str:
        text = self.text("lesson_id")
        if text and not LESSON_ID.fullmatch(text):
            near = re.sub(r"[^a-z0-9.-]+", "-", values.plain(text).lower()).strip("-.")[:64]
            cure = "use a to z, 0 to 9, '.' and '-', at most 64, beginning with a letter or digit"
            self.fault("lesson_id", f"{text[:80]!r} is no id", cure + (f": {near}" if near else ""))
        return text

    def chapters(self) -> tuple[tuple[str, ...], ...]:
        """The paths of the cell; slashes alone name no chapter."""
        named = split_values(self.text("chapter"))
        paths = {path: value for value in named if (path := values.chapter(value))}
        for path, value in paths.items():
            if "" in path:
                cure = "write the title that is missing, or take away the '/' too many"
                self.fault("chapter", f"{value[:80]!r} has a level without a title", cure)
            elif len(path) > MAX_DEPTH:
                self.fault("chapter", f"{len(path)} levels", f"at most {MAX_DEPTH} are allowed")
        return tuple(paths)

    def class_hour(self) -> int | None:
        return self._value("class_hour", values.class_hour, "number", "write 1, 2, 3 …") or None

    def language(self) -> str:
        cure = "use BCP 47: zh-Hans, zh-Hant, en, ug, bo, mn-Mong"
        return self._value("language", values.language, "language tag", cure)

    def duration(self) -> str:
        return self._value("duration", values.duration, "duration", "write PT3M20S or 0:03:20")

    def licence(self) -> str:
        self.required("licence")
        cure = f"use an SPDX identifier (CC-BY-4.0), CC BY-NC-SA 4.0, or {values.OWN_USE}"
        return self._value("licence", values.licence, "licence we know", cure)

    def scope(self) -> str:
        self.required("authorised_scope")
        cure = "use all, province:43, city:4301, county:430121 or school:<code>"
        return self._value("authorised_scope", values.scope, "scope", cure)

    def _value(self, key: str, parse: Callable[[str], _V], called: str, cure: str) -> _V:
        text = self.text(key)
        value = parse(text)
        if text and not value:
            self.fault(key, f"{text[:80]!r} is no {called}", cure)
        return value

    def check_place(self, draft: Draft) -> None:
        """A lesson lies in a textbook, or belongs to a programme and to no textbook."""
        keys = ("press", "book", "chapter")
        given = [
            key for key in keys if key in self.row.cells and (key != "chapter" or draft.chapters)
        ]
        if draft.program and not given:
            return
        for key in keys:
            if key not in given:
                cure = _CURES[key] + ("" if given else ", or name the 栏目 (program) it belongs to")
                self._missing(key, cure)


_CURES = {
    "title": "write the lesson's title in its first row",
    "stage": "write 小学, 初中 or 高中 in the lesson's first row",
    "grade": "write 一年级 …; several, separated by ';', for combined classes",
    "subject": "write 语文, 数学, 音乐 … in the lesson's first row",
    "press": "write 人教版 …",
    "book": "write 上册, 下册 or 全一册",
    "chapter": "write the path: 第一单元/1 观潮",
    "role": "write 视频课程, 课件, 教学设计, 学习任务单, 课后练习 …",
    "file": "write the file's path below this folder",
    "licence": f"write CC BY 4.0, another SPDX identifier, or {values.OWN_USE}",
    "provider": "write who provides it: a school, a press, a person",
    "authorised_scope": "write all, or province:43, city:4301, county:430121, school:<code>",
    "subtitle_of": "name the video or audio file that it belongs to",
}
