"""From checked drafts to the lesson model: textbooks, chapters, lessons and their resources.

Ids come from what a thing is, never from a counter, so that they stay when others are put between.
"""

from collections.abc import Iterable, Sequence

from catalog import codes
from catalog.model import Chapter, Lesson, LessonResource, Lessons, Textbook
from catalog.sheets import values
from catalog.sheets.check import Draft, Piece
from catalog.sheets.look import Found, Look
from sync.digest import Digest, sha256
from sync.feed import Resource


def assemble(collection: str, title: str, drafts: Sequence[Draft], found: Found) -> Lessons:
    """The lessons of a collection; ``drafts`` and ``found`` are without faults."""
    shelf = _Shelf(collection.partition("/")[0])
    lessons = tuple(_lesson(draft, shelf.place(draft), found) for draft in drafts)
    textbooks = tuple(shelf.textbooks.values())
    return Lessons(
        collection=collection,
        title=title or _title(collection, textbooks, drafts),
        textbooks=textbooks,
        chapters=tuple(shelf.chapters.values()),
        lessons=lessons,
    )


class _Shelf:
    """Textbooks and chapters in the order in which the lessons name them."""

    def __init__(self, code: str) -> None:
        self._code = code
        self.textbooks: dict[str, Textbook] = {}
        self.chapters: dict[str, Chapter] = {}
        self._children: dict[str, int] = {}

    def place(self, draft: Draft) -> tuple[str, ...]:
        """Ids of the chapters that the lesson belongs to, made where they are new."""
        return tuple(dict.fromkeys(self._place(draft, path) for path in draft.chapters))

    def _place(self, draft: Draft, path: tuple[str, ...]) -> str:
        grade, titles = _grade_and_titles(draft, path)
        textbook = self._textbook(draft, grade)
        parent: str | None = None
        for depth in range(1, len(titles) + 1):
            key = "\n".join((textbook, *map(values.plain, titles[:depth])))
            chapter = f"{textbook}.{sha256(key.encode())[:12]}"
            if chapter not in self.chapters:
                order = self._next(parent or textbook)
                self.chapters[chapter] = Chapter(
                    chapter, textbook, parent, titles[depth - 1], order
                )
            parent = chapter
        return str(parent)

    def _next(self, parent: str) -> int:
        order = self._children.get(parent, 0)
        self._children[parent] = order + 1
        return order

    def _textbook(self, draft: Draft, grade: str) -> str:
        stage = _stage(draft.stage, grade)
        system = stage.partition("-")[2]
        old = "old" if draft.syllabus == "old" else ""
        parts = (self._code, draft.subject, draft.press, grade, draft.book, system, old)
        key = "-".join(part for part in parts if part)
        known = self.textbooks.get(key)
        if known is None or (draft.syllabus and not known.syllabus):
            self.textbooks[key] = _new_textbook(key, draft, stage, grade)
        return key


def _grade_and_titles(draft: Draft, path: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Whose textbook a chapter is in: the first grade's, or the one its path begins with."""
    named = codes.resolve("grade", path[0])
    if named is not None and named.code in draft.grades and len(path) > 1:
        return named.code, path[1:]
    return "".join(draft.grades[:1]), path


def _stage(stages: Sequence[str], grade: str) -> str:
    number = int(grade.removeprefix("g") or 10)
    name = "primary" if number <= 6 else "junior" if number <= 9 else "senior"
    return next((stage for stage in stages if stage.startswith(name)), stages[0])


def _new_textbook(key: str, draft: Draft, stage: str, grade: str) -> Textbook:
    year = codes.name("grade", grade) if grade else ""
    book = codes.name("book", draft.book)
    title = [codes.name("press", draft.press), codes.name("subject", draft.subject), year + book]
    return Textbook(
        id=key,
        title=" ".join(title) + ("（旧教材）" if draft.syllabus == "old" else ""),
        stage=stage,
        subject=draft.subject,
        press=draft.press,
        grade=grade,
        book=draft.book,
        syllabus=draft.syllabus,
    )


def _lesson(draft: Draft, chapters: tuple[str, ...], found: Found) -> Lesson:
    return Lesson(
        id=draft.id,
        title=draft.title,
        chapters=chapters,
        stage=draft.stage,
        grades=draft.grades,
        subject=draft.subject,
        class_hour=draft.class_hour,
        package_type=draft.package_type,
        program=draft.program,
        **draft.texts,
        language=draft.language,
        keywords=draft.keywords,
        resources=tuple(_resource(draft, piece, found) for piece in draft.pieces),
        extra=draft.extra,
    )


def _resource(draft: Draft, piece: Piece, found: Found) -> LessonResource:
    if piece.role is None:
        raise AssertionError("a draft with faults is not assembled")
    look = found.look(draft, piece)
    return LessonResource(
        digest=look.digest,
        size=look.size,
        role=piece.role,
        format=look.format,
        title=piece.title,
        language=piece.language,
        duration=piece.duration or look.duration,
        licence=piece.licence,
        provider=piece.provider,
        authorised_scope=piece.authorised_scope,
        reviewed_by=piece.reviewed_by,
        subtitle_of=found.subtitle_of(draft, piece),
    )


def resources(looks: Iterable[Look]) -> tuple[Resource, ...]:
    """The resources of an edition, each once; a site's list stands before its files."""
    found: dict[Digest, Resource] = {}
    for look in looks:
        size = len(look.listing) if look.listing else look.size
        found.setdefault(look.digest, Resource(look.digest, size))
        for digest, member_size, _ in look.members:
            found.setdefault(digest, Resource(digest, member_size))
    return tuple(found.values())


def dimensions(lessons: Lessons) -> dict[str, tuple[str, ...]]:
    """The codes that occur, by dimension, in the order of the code lists."""
    books = lessons.textbooks
    occurring: dict[str, Iterable[str]] = {
        "stage": (stage for lesson in lessons.lessons for stage in lesson.stage),
        "grade": (grade for lesson in lessons.lessons for grade in lesson.grades),
        "subject": (lesson.subject for lesson in lessons.lessons),
        "press": (book.press for book in books),
        "book": (book.book for book in books),
        "syllabus": (book.syllabus for book in books),
        "program": (lesson.program for lesson in lessons.lessons),
    }
    found = {dim: _in_order(dim, set(occurring[dim])) for dim in occurring}
    found["language"] = tuple(sorted({lesson.language for lesson in lessons.lessons}))
    return {dim: tags for dim, tags in found.items() if tags}


def _in_order(dim: str, occurring: set[str]) -> tuple[str, ...]:
    return tuple(tag.code for tag in codes.tags(dim) if tag.code in occurring)


def _title(collection: str, textbooks: Sequence[Textbook], drafts: Sequence[Draft]) -> str:
    if textbooks:
        more = f" 等 {len(textbooks)} 册" if len(textbooks) > 1 else ""
        return textbooks[0].title + more
    named = {codes.name("program", draft.program): None for draft in drafts}
    named |= {codes.name("subject", draft.subject): None for draft in drafts}
    return " ".join(named) or collection
