"""Lessons by their files: what is served of an edition while its rest is on the way.

Pure but for reading feeds.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from appliance.needs import needs_of
from appliance.record import Kept
from catalog.model import Chapter, Lessons, decode_lessons
from sync.digest import Digest
from sync.directory import CollectionEntry
from sync.feed import Feed

ReadFeed = Callable[[CollectionEntry], Feed]


def lessons_of(kept: Kept, read: ReadFeed) -> Lessons:
    """What is served of a collection: its lessons, those that are here already in their new state.

    Raises ProofFailed or FormatError if a feed is damaged.
    """
    here = decode_lessons(read(kept.entry).lessons)
    if kept.lessons is not None:
        here = _only(here, frozenset(kept.lessons))
    if kept.ahead is None:
        return here
    newer = _only(decode_lessons(read(kept.ahead.entry).lessons), frozenset(kept.ahead.lessons))
    return Lessons(
        collection=here.collection,
        title=newer.title,
        textbooks=tuple({one.id: one for one in (*here.textbooks, *newer.textbooks)}.values()),
        chapters=tuple({one.id: one for one in (*here.chapters, *newer.chapters)}.values()),
        lessons=tuple({one.id: one for one in (*here.lessons, *newer.lessons)}.values()),
    )


def resources_of(kept: Kept, read: ReadFeed) -> frozenset[Digest]:
    """Files that what is served of a collection needs."""
    found = _resources(read(kept.entry), kept.lessons)
    if kept.ahead is not None:
        found |= _resources(read(kept.ahead.entry), kept.ahead.lessons)
    return frozenset(found)


def _resources(feed: Feed, only: tuple[str, ...] | None) -> set[Digest]:
    if only is None:
        return {resource.digest for resource in feed.resources}
    chosen = (one for one in needs_of(feed) if one.lesson in only)
    return {resource.digest for one in chosen for resource in one.resources}


def _only(lessons: Lessons, ids: frozenset[str]) -> Lessons:
    """These lessons, and of the textbooks what leads to them."""
    kept = tuple(lesson for lesson in lessons.lessons if lesson.id in ids)
    parents = {chapter.id: chapter for chapter in lessons.chapters}
    chapters = set[str]()
    for lesson in kept:
        for chapter in lesson.chapters:
            chapters.update(_upwards(chapter, parents))
    left = tuple(chapter for chapter in lessons.chapters if chapter.id in chapters)
    books = {chapter.textbook for chapter in left}
    return replace(
        lessons,
        textbooks=tuple(book for book in lessons.textbooks if book.id in books),
        chapters=left,
        lessons=kept,
    )


def _upwards(chapter: str, known: Mapping[str, Chapter]) -> Iterable[str]:
    seen: set[str] = set()
    while chapter in known and chapter not in seen:
        seen.add(chapter)
        yield chapter
        chapter = known[chapter].parent or ""
