"""From a registered folder to what ``sync.publish`` cuts: sheets compiled, or a site as it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from appliance.publisher.known import REPROVED, KnownFiles
from appliance.publisher.sites import check_site
from appliance.publisher.systems import system_request
from catalog.model import Lesson, LessonResource, Lessons, Role, encode_lessons
from catalog.sheets.compile import Compiled, compile_folder, write_back
from catalog.sheets.facts import Known
from catalog.sheets.folder import read_site
from catalog.sheets.look import hash_all
from sync import site
from sync.digest import Digest, sha256
from sync.errors import Fault, InputRefused
from sync.feed import Resource
from sync.files import write_durably
from sync.progress import Progress
from sync.publish.packs.cut import CutRequest, Source
from sync.publish.workspace import Registration, SourceKind

SITE_LESSON = "site"
"""Id of the only lesson of a collection that is one site."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What compiling uses besides the folder."""

    made: Path
    """Where files that are in no folder (the lists of sites) are written."""
    cache: Path
    """Where the digests of files are remembered."""
    now: datetime
    reprove: float = REPROVED
    """Share of the remembered files that is read again (0 to 1)."""


def request(
    registration: Registration, desk: Desk, progress: Progress
) -> tuple[CutRequest, tuple[Fault, ...]]:
    """What the next edition of a registered folder shall be, and notes about it.

    Files that did not change since an earlier release are not read. Raises SheetRefused or
    InputRefused with every fault at once.
    """
    if registration.kind is SourceKind.SYSTEM:
        return system_request(registration), ()
    place = desk.cache / f"{registration.collection.partition('/')[2]}.files"
    known = KnownFiles(place, registration.folder, desk.now, desk.reprove)
    try:
        made, notes = _request(registration, desk.made, known, progress)
    except InputRefused:
        known.save_unfinished()
        raise
    known.save()
    return made, (*notes, *known.notes())


def _request(
    registration: Registration, made: Path, known: Known, progress: Progress
) -> tuple[CutRequest, tuple[Fault, ...]]:
    if registration.kind is SourceKind.SITE:
        return _site(registration, made, known), ()
    compiled = compile_folder(
        registration.folder,
        collection=registration.collection,
        title=registration.title,
        progress=progress,
        known=known,
    )
    write_back(compiled, registration.folder)  # lesson ids that were made must stay
    return _from_compiled(compiled, made), compiled.notes


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


def _site(registration: Registration, made: Path, known: Known) -> CutRequest:
    files, paths = _site_files(registration.folder.resolve(), known)
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


def _site_files(folder: Path, known: Known) -> tuple[tuple[site.SiteFile, ...], dict[str, Path]]:
    """The site's files as a lawful list; raises InputRefused with all faults."""
    found = read_site(folder)
    check_site(folder, found)
    return hash_all(found.files, known), found.files


def _place(contents: Mapping[Digest, bytes], made: Path) -> dict[Digest, Path]:
    for digest, data in contents.items():
        write_durably(made / digest, data)
    return {digest: made / digest for digest in contents}
