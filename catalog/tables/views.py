"""What the catalogue tells pages and search: cards, views, pieces, texts. Pure."""

from dataclasses import dataclass

from catalog.model import Role
from sync.digest import Digest


@dataclass(frozen=True, slots=True)
class LessonCard:
    """A lesson as lists show it."""

    key: str
    """``43/music-1a/l3``: collection, then the lesson's id in it."""
    title: str
    language: str
    teacher: str
    school: str
    roles: tuple[Role, ...]
    """The kinds of pieces it has, in their order on its page."""
    textbook_title: str
    chapter_title: str
    """Empty in a series."""
    class_hour: int | None
    duration: str
    """Of its first video, ISO 8601, or empty."""


@dataclass(frozen=True, slots=True)
class TextbookCard:
    """A textbook, or a series: what a collection has outside textbooks."""

    id: str
    """``43/music-1a/t1`` for a textbook, ``43/music-1a`` for a series. URL-safe but for ``/``."""
    kind: str
    """``textbook`` or ``series``."""
    title: str
    stage: str
    grade: str
    subject: str
    press: str
    book: str
    syllabus: str
    collection: str
    lessons: int
    """How many lessons of the selection it has."""


@dataclass(frozen=True, slots=True)
class ChapterNode:
    """A chapter with what stands in it, in the order of reading."""

    id: str
    title: str
    """Empty for the only node of a series."""
    depth: int
    lessons: tuple[LessonCard, ...]
    children: tuple["ChapterNode", ...]


@dataclass(frozen=True, slots=True)
class TextbookView(TextbookCard):
    """A textbook or series with everything in it."""

    chapters: tuple[ChapterNode, ...]


@dataclass(frozen=True, slots=True)
class ChapterPath:
    """Where a lesson stands in a textbook."""

    textbook: str
    """Id of the textbook or series."""
    textbook_title: str
    titles: tuple[str, ...]
    """Chapter titles from the outermost in."""


@dataclass(frozen=True, slots=True)
class Subtitle:
    """Subtitles of one video."""

    digest: Digest
    language: str
    title: str


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of a lesson."""

    role: Role
    title: str
    format: str
    size: int
    """Bytes; of a site: of its file list."""
    digest: Digest
    duration: str
    language: str
    """The lesson's where the resource has none of its own."""
    licence: str
    provider: str
    authorised_scope: str
    reviewed_by: str
    subtitles: tuple[Subtitle, ...] = ()
    entry: str = ""
    """The page a site opens with; empty for files."""


@dataclass(frozen=True, slots=True)
class LessonView(LessonCard):
    """A lesson with its pieces and neighbours."""

    collection: str
    summary: str
    keywords: tuple[str, ...]
    program: str
    province: str
    package_type: str
    chapters: tuple[ChapterPath, ...]
    pieces: tuple[Piece, ...]
    previous: LessonCard | None
    next: LessonCard | None


@dataclass(frozen=True, slots=True)
class ResourceView:
    """A resource as the file handlers need it."""

    digest: Digest
    role: Role
    format: str
    title: str
    size: int
    language: str
    lesson: str
    """Key of the first lesson that has it."""
    lesson_title: str


@dataclass(frozen=True, slots=True)
class CollectionRow:
    """A collection of this generation."""

    id: str
    title: str
    publisher: str
    edition: int
    lessons: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is."""

    collections: int
    textbooks: int
    lessons: int
    resources: int
    """Different ones, by digest."""


@dataclass(frozen=True, slots=True)
class LessonText:
    """What is written about a lesson, as it was written."""

    number: int
    """Row number in the catalogue."""
    collection: str
    title: str
    folded: str
    """The title, folded."""
    teacher: str
    school: str
    program: str
    keywords: str
    path: str
    """Titles of its textbooks and chapters."""
    pieces: str
    """Titles of its pieces."""
    summary: str

    @property
    def about(self) -> str:
        """All but title, pieces and summary, each apart from the next."""
        parts = (self.keywords, self.teacher, self.school, self.program, self.path)
        return "\n".join(part for part in parts if part)

    @property
    def body(self) -> str:
        """The longer texts."""
        return "\n".join(part for part in (self.summary, self.pieces) if part)
