"""Labels: what an edition's files are called, so that a new file is told from the right old one.

``sync`` moves bytes and does not know lessons; here their meaning is read out of the feed.
"""

from collections.abc import Iterator

from catalog.model import Lesson, decode_lessons
from catalog.system import is_system
from sync import site
from sync.digest import Digest
from sync.errors import FormatError
from sync.feed import Feed, Resource
from sync.publish.packs.contents import Contents

BUNDLE = "system/bundle.raucb"
"""What every bundle of a system collection is called: the next is made from the last."""


def label(feed: Feed, contents: Contents) -> dict[Digest, str]:
    """The first label of each resource: ``lesson/role.number.format``, or ``lesson/…/path``.

    Empty for a lessons block of a format this program does not know.
    """
    if is_system(feed.lessons):
        return {resource.digest: BUNDLE for resource in feed.resources}
    known = {resource.digest: resource for resource in feed.resources}
    found: dict[Digest, str] = {}
    try:
        lessons = decode_lessons(feed.lessons).lessons
    except FormatError:
        return {}
    for lesson in lessons:
        for digest, name in _labels(lesson, known, contents):
            found.setdefault(digest, name)
    return found


def _labels(
    lesson: Lesson, known: dict[Digest, Resource], contents: Contents
) -> Iterator[tuple[Digest, str]]:
    for number, resource in enumerate(lesson.resources):
        place = f"{lesson.id}/{resource.role}.{number}"
        yield resource.digest, f"{place}.{resource.format}"
        if resource.format == "site" and resource.digest in known:
            for file in site.decode(bytes(contents.read(known[resource.digest]))):
                yield file.digest, f"{place}/{file.path}"
