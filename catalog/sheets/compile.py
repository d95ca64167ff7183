"""From a folder with its sheets to the lessons block and the files it names.

    sheet_files → read_sheet → check_sheets → Looker.look → assemble → Compiled

Nothing here depends on the clock, the locale, or the order or age of files: the same folder gives
the same block.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from catalog.errors import SheetRefused
from catalog.model import MAX_LINE, Lessons, encode_lessons
from catalog.sheets import media
from catalog.sheets.assemble import assemble, dimensions, resources
from catalog.sheets.check import Draft, Findings, check_sheets
from catalog.sheets.facts import Forgetful, Known
from catalog.sheets.folder import Folder, hidden, printable, sheet_files
from catalog.sheets.look import Found, Looker
from catalog.sheets.sheet import SUFFIXES, Sheet, read_sheet, with_ids
from catalog.sheets.table import MAX_FILE
from sync.digest import Digest
from sync.directory import COLLECTION
from sync.errors import Fault, UsageError
from sync.feed import Resource
from sync.files import disk_errors, write_durably
from sync.progress import Progress, Silent


@dataclass(frozen=True, slots=True)
class Compiled:
    """A collection as its folder describes it, ready to be cut."""

    collection: str
    title: str
    dimensions: dict[str, tuple[str, ...]]
    """Codes that occur, by dimension, in the order of the code lists."""
    lesson_count: int
    block: bytes
    resources: tuple[Resource, ...]
    """Each once, in the order of the lessons; a site's list stands before its files."""
    paths: dict[Digest, Path]
    """Where each resource's bytes are, but for those in ``made``."""
    made: dict[Digest, bytes]
    """The lists of sites: resources that are no files of the folder."""
    copies: dict[str, bytes]
    """Sheets with the lesson ids that were made for them, by file name; see ``write_back``."""
    notes: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found: without faults, it holds what can be released."""

    faults: tuple[Fault, ...]
    notes: tuple[Fault, ...]
    compiled: Compiled | None


def compile_folder(
    folder: Path,
    *,
    collection: str,
    title: str = "",
    prober: media.Prober = media.probe,
    progress: Progress | None = None,
    known: Known | None = None,
) -> Compiled:
    """The collection in ``folder``; raises SheetRefused with every fault at once."""
    report = check_folder(
        folder,
        collection=collection,
        title=title,
        prober=prober,
        progress=progress,
        known=known,
    )
    if report.compiled is None:
        count = len(report.faults)
        raise SheetRefused(
            f"{folder}: {count} {'fault' if count == 1 else 'faults'}",
            faults=report.faults,
            hint="mend each in the sheet or the folder, then run the same command again",
        )
    return report.compiled


def check_folder(
    folder: Path,
    *,
    collection: str,
    title: str = "",
    prober: media.Prober = media.probe,
    progress: Progress | None = None,
    known: Known | None = None,
) -> Report:
    """Everything wrong with a folder and its sheets; raises UsageError only for a wrong call.

    ``known`` may remember what earlier looks at the files found; ``progress`` counts files.
    """
    if not COLLECTION.fullmatch(collection):
        raise UsageError(
            f"{collection!r} is no collection id", hint="use <publisher code>/<name>: 43/music-1a"
        )
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder", hint="give the folder that holds the sheet")
    folder = folder.resolve()
    findings = Findings()
    drafts = check_sheets(_read_sheets(folder, findings), findings)
    looker = Looker(Folder(folder), prober, progress or Silent(), known or Forgetful())
    found = looker.look(drafts, findings)
    _note_unnamed(folder, drafts, found, findings)
    if findings.faults():
        return Report(findings.faults(), findings.notes(), None)
    lessons = assemble(collection, title, drafts, found)
    compiled = _compiled(lessons, drafts, found, findings)
    return Report(findings.faults(), findings.notes(), None if findings.faults() else compiled)


def write_back(compiled: Compiled, folder: Path) -> tuple[Path, ...]:
    """Write the copies of sheets with made ids into ``folder``; gives their paths."""
    paths = tuple(folder / name for name in compiled.copies)
    for path in paths:
        write_durably(path, compiled.copies[path.name])
    return paths


def _read_sheets(folder: Path, findings: Findings) -> list[Sheet]:
    with disk_errors(folder):
        files, notes = sheet_files(folder)
    findings.notes_of_file(notes)
    if not files:
        cure = "put lessons.csv, lessons.xlsx or lessons.ods at the top of the folder"
        findings.faults_of_file([Fault(str(folder), "there is no metadata sheet", cure)])
    sheets: list[Sheet] = []
    for path in files:
        try:
            with disk_errors(path), path.open("rb") as file:
                reading = read_sheet(file.read(MAX_FILE + 1), printable(path.name))
        except SheetRefused as error:
            findings.faults_of_file(error.faults)
        else:
            findings.notes_of_file(reading.notes)
            sheets += reading.sheets
            findings.faults_of_file(_empty(reading.sheets))
    return sheets


def _empty(sheets: Iterable[Sheet]) -> Iterator[Fault]:
    for sheet in sheets:
        if not sheet.rows:
            yield Fault(sheet.name, "there are no lessons in it", "fill it or take it away")


MAX_NAMED = 5
"""How many unnamed files a note lists."""


def _note_unnamed(folder: Path, drafts: Sequence[Draft], found: Found, findings: Findings) -> None:
    """Say which files no row names: forgotten rows are found this way."""
    named = set(found.paths.values())
    unnamed = [path for path in _content(folder, named) if path not in named]
    if not drafts or not unnamed:
        return
    shown = [printable(path.relative_to(folder).as_posix()) for path in unnamed[:MAX_NAMED]]
    more = f" and {len(unnamed) - MAX_NAMED} more" if len(unnamed) > MAX_NAMED else ""
    what = f"files that no row names: {', '.join(shown)}{more}"
    findings.notes_of_file([Fault(str(folder), what, "nothing to do, or add rows for them")])


def _content(folder: Path, named: set[Path]) -> Iterator[Path]:
    """Files below the folder, without sheets, hidden ones and the insides of named sites."""
    for directory, folders, names in os.walk(folder):
        parent = Path(directory)
        folders[:] = sorted(
            name for name in folders if not hidden(name) and parent / name not in named
        )
        for name in sorted(names):
            if not hidden(name) and (parent != folder or not _is_sheet(name)):
                yield parent / name


def _is_sheet(name: str) -> bool:
    return name.startswith("~") or name.lower().endswith(SUFFIXES)


def _compiled(
    lessons: Lessons, drafts: Sequence[Draft], found: Found, findings: Findings
) -> Compiled:
    block = encode_lessons(lessons)
    _check_lines(block, drafts, findings)
    copies = _copies(drafts)
    for name in copies:
        cure = f"keep {name} in its place, so that ids stay when titles change"
        findings.notes_of_file([Fault(name, "lesson ids were made where there were none", cure)])
    looks = [found.look(draft, piece) for draft in drafts for piece in draft.pieces]
    return Compiled(
        collection=lessons.collection,
        title=lessons.title,
        dimensions=dimensions(lessons),
        lesson_count=len(lessons.lessons),
        block=block,
        resources=resources(looks),
        paths=_paths(found),
        made={look.digest: look.listing for look in looks if look.listing},
        copies=copies,
        notes=findings.notes(),
    )


def _check_lines(block: bytes, drafts: Sequence[Draft], findings: Findings) -> None:
    for draft, line in zip(reversed(drafts), reversed(block.splitlines()), strict=False):
        if len(line) >= MAX_LINE:
            what = f"{len(line)} bytes of metadata, at most {MAX_LINE} fit"
            findings.fault(draft.sheet, draft.row, "", what, "shorten its texts")


def _copies(drafts: Sequence[Draft]) -> dict[str, bytes]:
    """A copy with ids of each sheet file in which a lesson had none."""
    made = [draft for draft in drafts if draft.id_is_made]
    ids: Mapping[tuple[str, int], str] = {
        (draft.sheet.name, row): draft.id for draft in made for row in draft.rows
    }
    files: dict[str, dict[str, Sheet]] = {}
    for draft in drafts:
        files.setdefault(draft.sheet.file, {})[draft.sheet.name] = draft.sheet
    wanted = {draft.sheet.file for draft in made}
    return dict(with_ids(list(files[name].values()), ids) for name in sorted(wanted))


def _paths(found: Found) -> dict[Digest, Path]:
    paths: dict[Digest, Path] = {}
    for path, look in found.looks.items():
        if not look.listing:
            paths.setdefault(look.digest, path)
        for digest, _, member in look.members:
            paths.setdefault(digest, member)
    return paths
