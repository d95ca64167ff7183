"""The lesson model: what a feed's lessons block says, parsed at the border. Pure.

Block format 1: JSON Lines, each line canonical JSON with a ``kind``: one ``collection``, then
``textbook``, ``chapter`` and ``lesson`` records; a lesson carries its resources. A field that has
its default is left out. A textbook stands before its chapters, a chapter before its children and
lessons. Unknown kinds, roles and fields are kept out of the model and ignored, so an older box
reads a newer publisher; a known field of the wrong kind refuses the block and names the line.
Fields follow the platform's metadata (CELTS-42, GB/T 41469-2022; see docs/metadata.md).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from sync import canonical
from sync.digest import Digest, parse_digest
from sync.errors import FormatError

FORMAT = "kexia-lessons-1"
MAX_BLOCK = 128 * 2**20
"""Longest lessons block, in bytes (a plain feed is no longer)."""
MAX_LINE = 2**20
"""Longest line of a block, in bytes: a lesson with all its resources."""
MAX_RECORDS = 1_000_000
LESSON_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
"""A lesson's id, unique in its collection."""
NODE_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,127}")
"""Id of a textbook or chapter, unique in its collection."""
SUFFIX = re.compile(r"[a-z0-9]{1,8}")
DURATION = re.compile(r"PT(?=[0-9])([0-9]{1,4}H)?([0-9]{1,4}M)?([0-9]{1,6}S)?")
"""The ISO 8601 durations we write: hours, minutes and seconds."""


DEFAULT_LANGUAGE = "zh-Hans"


class Role(StrEnum):
    """The pieces of a lesson (code list 资源类型)."""

    VIDEO = "video"
    COURSEWARE = "courseware"
    LESSON_PLAN = "lesson_plan"
    TASK_SHEET = "task_sheet"
    EXERCISE = "exercise"
    AUDIO = "audio"
    TEXTBOOK = "textbook"
    INTERACTIVE = "interactive"
    SUBTITLE = "subtitle"


@dataclass(frozen=True, slots=True)
class LessonResource:
    """One file of a lesson, or a site: then the digest is that of its file list."""

    digest: Digest
    size: int
    """Bytes; of a site, of all its files together (its list has its own size in the feed)."""
    role: Role
    format: str
    """Lower-case file suffix without the dot (``mp4``, ``pdf``, ``vtt``) or ``site``."""
    title: str = ""
    language: str = ""
    """BCP 47; empty: the lesson's."""
    duration: str = ""
    """ISO 8601 (``PT3M20S``) or empty."""
    licence: str = ""
    provider: str = ""
    authorised_scope: str = ""
    reviewed_by: str = ""
    subtitle_of: Digest | None = None


@dataclass(frozen=True, slots=True)
class Lesson:
    """A lesson with its resources."""

    id: str
    """``[a-z0-9][a-z0-9.-]{0,63}``, unique in its collection."""
    title: str
    chapters: tuple[str, ...] = ()
    """Ids of the chapters it belongs to; empty for a lesson outside textbooks."""
    stage: tuple[str, ...] = ()
    grades: tuple[str, ...] = ()
    subject: str = ""
    class_hour: int | None = None
    package_type: str = ""
    program: str = ""
    teacher: str = ""
    school: str = ""
    province: str = ""
    language: str = DEFAULT_LANGUAGE
    summary: str = ""
    keywords: tuple[str, ...] = ()
    resources: tuple[LessonResource, ...] = ()
    extra: dict[str, str] = field(default_factory=dict)
    """Columns of the sheet we do not know, kept as they are."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A node of a textbook's tree."""

    id: str
    textbook: str
    parent: str | None
    title: str
    order: int


@dataclass(frozen=True, slots=True)
class Textbook:
    """A textbook: what a class follows through a term. Codes, not names (see catalog.codes)."""

    id: str
    title: str
    stage: str
    subject: str
    press: str
    grade: str
    book: str
    syllabus: str = ""


@dataclass(frozen=True, slots=True)
class Lessons:
    """Everything one edition of a collection says about its lessons."""

    collection: str
    title: str
    textbooks: tuple[Textbook, ...]
    chapters: tuple[Chapter, ...]
    lessons: tuple[Lesson, ...]


def encode_lessons(lessons: Lessons) -> bytes:
    """The lessons block of ``lessons``; equal lessons give equal bytes."""
    return b"".join(canonical.dumps(record) + b"\n" for record in _records(lessons))


def decode_lessons(block: bytes) -> Lessons:
    """Read a block; raises FormatError naming the line that breaks the format."""
    if len(block) > MAX_BLOCK:
        raise FormatError(f"lessons: {len(block)} bytes, at most {MAX_BLOCK} are allowed")
    reader = _Reader()
    for number, line in enumerate(_lines(block), start=1):
        what = f"lessons line {number}"
        try:
            reader.take(canonical.loads(line, what=what))
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(
                f"{what}: a field is missing or of the wrong kind ({error})"
            ) from error
    return reader.lessons()


def _records(lessons: Lessons) -> Iterator[dict[str, object]]:
    yield _record(
        "collection", {"format": FORMAT, "id": lessons.collection, "title": lessons.title}
    )
    for textbook in lessons.textbooks:
        yield _record("textbook", _textbook_fields(textbook))
    for chapter in lessons.chapters:
        yield _record("chapter", _chapter_fields(chapter))
    for lesson in lessons.lessons:
        yield _record("lesson", _lesson_fields(lesson))


def _record(kind: str, fields: dict[str, object]) -> dict[str, object]:
    return {"kind": kind, **_without_empty(fields)}


def _without_empty(fields: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in fields.items() if value not in ("", None, [], {})}


def _textbook_fields(textbook: Textbook) -> dict[str, object]:
    return {name: getattr(textbook, name) for name in Textbook.__slots__}


def _chapter_fields(chapter: Chapter) -> dict[str, object]:
    return {name: getattr(chapter, name) for name in Chapter.__slots__}


def _lesson_fields(lesson: Lesson) -> dict[str, object]:
    fields = {name: _plain(getattr(lesson, name)) for name in Lesson.__slots__}
    if lesson.language == DEFAULT_LANGUAGE:
        del fields["language"]
    fields["resources"] = [_resource_fields(resource) for resource in lesson.resources]
    return fields


def _resource_fields(resource: LessonResource) -> dict[str, object]:
    return _without_empty({name: getattr(resource, name) for name in LessonResource.__slots__})


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _lines(block: bytes) -> Iterator[bytes]:
    start, number = 0, 0
    while start < len(block):
        number += 1
        end = block.find(b"\n", start, start + MAX_LINE)
        if end < 0:
            raise FormatError(f"lessons line {number}: no end within {MAX_LINE} bytes")
        if number > MAX_RECORDS:
            raise FormatError(f"lessons: more than {MAX_RECORDS} lines")
        yield block[start:end]
        start = end + 1


_T = TypeVar("_T")


class _Fields:
    """The fields of one record, each taken as the kind it must have."""

    def __init__(self, values: dict[str, object]) -> None:
        self._values = values

    def text(self, name: str, default: str | None = None) -> str:
        if default is not None and name not in self._values:
            return default
        return canonical.as_text(self._values[name])

    def name(self, name: str, pattern: re.Pattern[str]) -> str:
        return _matching(self._values[name], pattern)

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(map(canonical.as_text, self.items(name)))

    def items(self, name: str) -> list[object]:
        return canonical.as_list(self._values.get(name, []))

    def count(self, name: str) -> int:
        return canonical.as_count(self._values[name])

    def optional(self, name: str, parse: Callable[[object], _T]) -> _T | None:
        return parse(self._values[name]) if name in self._values else None

    def map(self, name: str) -> dict[str, str]:
        values = canonical.as_object(self._values.get(name, {}))
        return {key: canonical.as_text(value) for key, value in values.items()}


def _matching(value: object, pattern: re.Pattern[str]) -> str:
    text = canonical.as_text(value)
    if not pattern.fullmatch(text):
        raise ValueError(f"{text[:80]!r} does not match {pattern.pattern}")
    return text


class _Reader:
    """Takes the records in order and holds what later ones may refer to."""

    def __init__(self) -> None:
        self._head: tuple[str, str] | None = None
        self._textbooks: dict[str, Textbook] = {}
        self._chapters: dict[str, Chapter] = {}
        self._lessons: dict[str, Lesson] = {}

    def take(self, record: dict[str, object]) -> None:
        kind = canonical.as_text(record["kind"])
        fields = _Fields(record)
        if (kind == "collection") == (self._head is not None):
            raise ValueError("one collection record must stand first")
        if kind == "collection":
            self._head = _head(fields)
        elif kind == "textbook":
            _add(self._textbooks, _textbook(fields))
        elif kind == "chapter":
            self._take_chapter(_chapter(fields))
        elif kind == "lesson":
            self._take_lesson(_lesson(fields))

    def _take_chapter(self, chapter: Chapter) -> None:
        if chapter.textbook not in self._textbooks:
            raise ValueError(f"no textbook {chapter.textbook!r} before it")
        if chapter.parent is not None:
            parent = self._chapters.get(chapter.parent)
            if parent is None or parent.textbook != chapter.textbook:
                raise ValueError(f"no chapter {chapter.parent!r} of its textbook before it")
        _add(self._chapters, chapter)

    def _take_lesson(self, lesson: Lesson) -> None:
        missing = [chapter for chapter in lesson.chapters if chapter not in self._chapters]
        if missing:
            raise ValueError(f"no chapter {missing[0]!r} before it")
        _add(self._lessons, lesson)

    def lessons(self) -> Lessons:
        if self._head is None:
            raise FormatError("lessons: the block is empty")
        collection, title = self._head
        return Lessons(
            collection,
            title,
            tuple(self._textbooks.values()),
            tuple(self._chapters.values()),
            tuple(self._lessons.values()),
        )


_Named = TypeVar("_Named", Textbook, Chapter, Lesson)


def _add(known: dict[str, _Named], record: _Named) -> None:
    if record.id in known:
        raise ValueError(f"id {record.id!r} occurs twice")
    known[record.id] = record


def _head(fields: _Fields) -> tuple[str, str]:
    found = fields.text("format")
    if found != FORMAT:
        raise FormatError(
            f"lessons: format {found[:40]!r} is not {FORMAT}",
            hint="this box may be too old for this publisher; update its system",
        )
    return fields.text("id"), fields.text("title", "")


def _textbook(fields: _Fields) -> Textbook:
    return Textbook(
        id=fields.name("id", NODE_ID),
        title=fields.text("title", ""),
        stage=fields.text("stage", ""),
        subject=fields.text("subject", ""),
        press=fields.text("press", ""),
        grade=fields.text("grade", ""),
        book=fields.text("book", ""),
        syllabus=fields.text("syllabus", ""),
    )


def _chapter(fields: _Fields) -> Chapter:
    return Chapter(
        id=fields.name("id", NODE_ID),
        textbook=fields.text("textbook"),
        parent=fields.optional("parent", canonical.as_text),
        title=fields.text("title", ""),
        order=fields.count("order"),
    )


def _lesson(fields: _Fields) -> Lesson:
    return Lesson(
        id=fields.name("id", LESSON_ID),
        title=fields.text("title", ""),
        chapters=fields.texts("chapters"),
        stage=fields.texts("stage"),
        grades=fields.texts("grades"),
        subject=fields.text("subject", ""),
        class_hour=fields.optional("class_hour", canonical.as_count),
        package_type=fields.text("package_type", ""),
        program=fields.text("program", ""),
        teacher=fields.text("teacher", ""),
        school=fields.text("school", ""),
        province=fields.text("province", ""),
        language=fields.text("language", DEFAULT_LANGUAGE),
        summary=fields.text("summary", ""),
        keywords=fields.texts("keywords"),
        resources=tuple(_resources(fields.items("resources"))),
        extra=fields.map("extra"),
    )


def _resources(items: Iterable[object]) -> Iterator[LessonResource]:
    for item in items:
        fields = _Fields(canonical.as_object(item))
        if fields.text("role") in _ROLES:
            yield _resource(fields)


def _resource(fields: _Fields) -> LessonResource:
    return LessonResource(
        digest=parse_digest(fields.text("digest")),
        size=fields.count("size"),
        role=Role(fields.text("role")),
        format=fields.name("format", SUFFIX),
        title=fields.text("title", ""),
        language=fields.text("language", ""),
        duration=fields.optional("duration", lambda value: _matching(value, DURATION)) or "",
        licence=fields.text("licence", ""),
        provider=fields.text("provider", ""),
        authorised_scope=fields.text("authorised_scope", ""),
        reviewed_by=fields.text("reviewed_by", ""),
        subtitle_of=fields.optional("subtitle_of", parse_digest),
    )


_ROLES = frozenset(role.value for role in Role)
