"""Lessons by their files: what each lesson of an edition needs, and whether it is here. Pure.

A lesson is whole when all of its files are in the library; a site's files stand behind its list in
the feed, as feeds are in the order of the lessons.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from catalog.model import Lesson, decode_lessons
from sync.digest import Digest
from sync.feed import Feed, Resource


@dataclass(frozen=True, slots=True)
class Needs:
    """A lesson and the files it is made of."""

    lesson: str
    resources: tuple[Resource, ...]

    def is_whole(self, held: Mapping[Digest, int]) -> bool:
        """True if all of its files are in ``held`` (digest → size)."""
        return all(held.get(one.digest) == one.size for one in self.resources)

    def lacking(self, held: Mapping[Digest, int]) -> int:
        """Bytes of its files that are not in ``held``."""
        return sum(one.size for one in self.resources if held.get(one.digest) != one.size)


def needs_of(feed: Feed) -> tuple[Needs, ...]:
    """Every lesson of an edition with its files."""
    return needs_in(decode_lessons(feed.lessons).lessons, feed)


def needs_in(lessons: Sequence[Lesson], feed: Feed) -> tuple[Needs, ...]:
    """``lessons`` of an edition with their files."""
    named = {resource.digest for lesson in lessons for resource in lesson.resources}
    sections: dict[Digest, list[Resource]] = {}
    section: list[Resource] = []
    for resource in feed.resources:
        if resource.digest in named:
            section = sections.setdefault(resource.digest, [])
        section.append(resource)
    return tuple(
        Needs(lesson.id, tuple(dict.fromkeys(_files(lesson, sections)))) for lesson in lessons
    )


def _files(lesson: Lesson, sections: Mapping[Digest, Sequence[Resource]]) -> Iterable[Resource]:
    for resource in lesson.resources:
        yield from sections.get(resource.digest, ())
