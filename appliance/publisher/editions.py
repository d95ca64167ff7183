"""From a registered folder to what ``sync.publish`` cuts: sheets compiled, or one site as it is."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from catalog.model import Lesson, LessonResource, Lessons, Role, encode_lessons
from catalog.sheets.compile import Compiled, compile_folder, write_back
from catalog.sheets.folder import read_site
from sync import site
from sync.digest import Digest, sha256
from sync.errors import Fault, InputRefused
from sync.feed import Resource
from sync.files import write_durably
from sync.progress import Progress
from sync.publish.cut import CutRequest, Source
from sync.publish.workspace import Registration, SourceKind

SITE_LESSON = "site"
"""Id of the only lesson of a collection that is one site."""


def request(
    registration: Registration, made: Path, progress: Progress
) -> tuple[CutRequest, tuple[Fault, ...]]:
    """What the next edition of a registered folder shall be, and notes about it.

    Files that are in no folder (the lists of sites) are written below ``made``. Raises
    SheetRefused or InputRefused with every fault at once.
    """
    if registration.kind is SourceKind.SITE:
        return _site(registration, made), ()
    compiled = compile_folder(
        registration.folder,
        collection=registration.collection,
        title=registration.title,
        progress=progress,
    )
    write_back(compiled, registration.folder)  # lesson ids that were made must stay
    return _from_compiled(compiled, made), compiled.notes


def check_site(folder: Path) -> tuple[Fault, ...]:
    """The faults of a folder that shall be one site."""
    try:
        _site_files(folder)
    except InputRefused as refused:
        return refused.faults
    return ()


def _from_compiled(compiled: Compiled, made: Path) -> CutRequest:
    paths = {**compiled.paths, **_place(compiled.made, made)}
    return CutRequest(
        collection=compiled.collection,
        title=compiled.title,
        dimensions=compiled.dimensions,
        lessons=compiled.lesson_count,
        block=compiled.block,
        sources=tuple(Source(each, paths[each.digest]) for each in compiled.resources),
    )


def _site(registration: Registration, made: Path) -> CutRequest:
    files, paths = _site_files(registration.folder)
    listed = site.encode(files)
    digest = sha256(listed)
    title = registration.title or registration.folder.name
    size = sum(file.size for file in files)
    resource = LessonResource(digest, size, Role.INTERACTIVE, "site", title=title)
    lesson = Lesson(id=SITE_LESSON, title=title, resources=(resource,))
    lessons = Lessons(registration.collection, title, (), (), (lesson,))
    sources = {
        digest: Source(Resource(digest, len(listed)), _place({digest: listed}, made)[digest])
    }
    for file in files:
        resource_of_file = Resource(file.digest, file.size)
        sources.setdefault(file.digest, Source(resource_of_file, paths[file.path]))
    return CutRequest(
        collection=registration.collection,
        title=title,
        dimensions={},
        lessons=1,
        block=encode_lessons(lessons),
        sources=tuple(sources.values()),
    )


def _site_files(folder: Path) -> tuple[tuple[site.SiteFile, ...], dict[str, Path]]:
    """The site's files, proved to make a lawful list; raises InputRefused with all faults."""
    found = read_site(folder)
    if found.problems:
        faults = tuple(Fault(str(folder), each.what, each.cure) for each in found.problems)
        raise InputRefused(f"{folder}: no site", faults=faults)
    files = tuple(_site_file(name, path) for name, path in found.files.items())
    return files, found.files


def _site_file(name: str, path: Path) -> site.SiteFile:
    with path.open("rb") as file:
        digest = Digest(hashlib.file_digest(file, "sha256").hexdigest())
        return site.SiteFile(name, digest, file.tell())


def _place(contents: Mapping[Digest, bytes], made: Path) -> dict[Digest, Path]:
    for digest, data in contents.items():
        write_durably(made / digest, data)
    return {digest: made / digest for digest in contents}
