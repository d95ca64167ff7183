"""The lesson model: what a feed's lessons block says, parsed at the border. Pure.

Block format 1: JSON Lines, each line canonical JSON with a ``kind``: one ``collection``, then
``textbook``, ``chapter`` and ``lesson`` records; a lesson carries its resources. Unknown kinds and
fields are kept out of the model and ignored, so an older box reads a newer publisher.
Fields follow the platform's metadata (CELTS-42, GB/T 41469-2022; see docs/metadata.md).
"""

from dataclasses import dataclass, field
from enum import StrEnum

from sync.digest import Digest


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
    language: str = "zh-Hans"
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
