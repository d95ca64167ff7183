"""Looking at the files that a sheet names: where they are, what they are, their digests.

Each file is opened once, several side by side; what is wrong with it is said at every row that
names it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from catalog.sheets import media, values
from catalog.sheets.check import Draft, Findings, Piece
from catalog.sheets.facts import ONLY_HASHED, Facts, Known
from catalog.sheets.folder import Folder, Misplaced, read_site
from sync import site
from sync.digest import Digest, sha256
from sync.progress import Progress

SITE = "site"
WORKERS = 4
"""Files looked at side by side; ffprobe is another process, hashing leaves Python's lock."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one file, or one site, turned out to be."""

    format: str
    digest: Digest
    size: int
    """Bytes; of a site, of all its files."""
    duration: str = ""
    problems: tuple[media.Problem, ...] = ()
    listing: bytes = b""
    members: tuple[tuple[Digest, int, Path], ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """The file of each row, by sheet and row, and what each file is."""

    paths: dict[tuple[str, int], Path]
    looks: dict[Path, Look]
    subtitled: dict[tuple[str, int], Path]
    """The file that a subtitle row belongs to."""

    def look(self, draft: Draft, piece: Piece) -> Look:
        """What the file of that row is; raises KeyError if it had a fault."""
        return self.looks[self.paths[draft.sheet.name, piece.row]]

    def subtitle_of(self, draft: Draft, piece: Piece) -> Digest | None:
        """Digest of the file that the subtitles of that row belong to."""
        path = self.subtitled.get((draft.sheet.name, piece.row))
        return None if path is None else self.looks[path].digest


class Looker:
    """Finds and inspects the files that the rows name."""

    def __init__(
        self, folder: Folder, prober: media.Prober, progress: Progress, known: Known
    ) -> None:
        self._folder = folder
        self._prober = prober
        self._progress = progress
        self._known = known

    def look(self, drafts: Sequence[Draft], findings: Findings) -> Found:
        """Look at every file once; what is wrong goes to ``findings``, row by row."""
        paths = dict(self._find_all(drafts, findings))
        found = Found(paths, self._look_at(dict.fromkeys(paths.values())), {})
        for draft in drafts:
            for piece in draft.pieces:
                self._report(draft, piece, found, findings)
        return found

    def _find_all(
        self, drafts: Iterable[Draft], findings: Findings
    ) -> Iterator[tuple[tuple[str, int], Path]]:
        for draft in drafts:
            for piece in draft.pieces:
                path = self._find(draft, piece, "file", piece.file, findings)
                if path is None or piece.role is None:
                    continue
                problem = media.check_format(piece.role, self._format(path))
                if problem is None:
                    yield (draft.sheet.name, piece.row), path
                else:
                    findings.fault(draft.sheet, piece.row, "file", problem.what, problem.cure)

    def _find(
        self, draft: Draft, piece: Piece, key: str, text: str, findings: Findings
    ) -> Path | None:
        try:
            return self._folder.find(text) if text else None
        except Misplaced as error:
            findings.fault(draft.sheet, piece.row, key, error.what, error.cure)
            return None

    def _look_at(self, paths: Iterable[Path]) -> dict[Path, Look]:
        looks: dict[Path, Look] = {}
        unique = list(paths)
        self._progress.step("looking at the files", total=len(unique), unit="files")
        recalled = {path: look for path in unique if (look := self._recall(path)) is not None}
        self._progress.advance(len(recalled))
        new = [path for path in unique if path not in recalled]
        with ThreadPoolExecutor(WORKERS) as pool:
            for path, look in zip(new, pool.map(self._look_at_one, new), strict=True):
                looks[path] = look
                self._progress.advance(1)
        return {path: recalled.get(path) or looks[path] for path in unique}

    def _format(self, path: Path) -> str:
        return SITE if path in self._folder.sites else media.format_of(path.name)

    def _recall(self, path: Path) -> Look | None:
        """A file that is known: a thread would cost more than the answer."""
        format_ = self._format(path)
        try:
            facts = None if format_ == SITE else self._known.recall(path, format_)
        except OSError:  # it is looked at in its turn, and that says what is wrong
            return None
        return None if facts is None else _look_of(format_, facts)

    def _look_at_one(self, path: Path) -> Look:
        try:
            return (
                self._look_at_site(path) if path in self._folder.sites else self._look_at_file(path)
            )
        except OSError as error:
            what, cure = f"cannot be read: {error.strerror}", "check the disk and the file"
            return _faulty(self._format(path), (media.Problem(what, cure),))

    def _look_at_file(self, path: Path) -> Look:
        format_ = self._format(path)
        facts = self._known.learn(path, format_, lambda: self._examine(path, format_))
        return _look_of(format_, facts)

    def _examine(self, path: Path, format_: str) -> Facts:
        problems = tuple(media.check_file(path, format_))
        duration = ""
        if format_ in media.PROBED and not problems:
            probed = self._prober(path)
            problems = tuple(media.check_media(probed, format_))
            duration = values.iso_duration(probed.seconds)
        hashed = hash_file(path)
        return Facts(hashed.digest, hashed.size, duration, problems)

    def _look_at_site(self, folder: Path) -> Look:
        found = read_site(folder)
        if found.problems:
            return _faulty(SITE, found.problems)
        members = hash_all(found.files, self._known)
        listing = site.encode(members)
        return Look(
            format=SITE,
            digest=sha256(listing),
            size=sum(member.size for member in members),
            listing=listing,
            members=tuple((each.digest, each.size, found.files[each.path]) for each in members),
        )

    def _report(self, draft: Draft, piece: Piece, found: Found, findings: Findings) -> None:
        path = found.paths.get((draft.sheet.name, piece.row))
        for problem in found.looks[path].problems if path else ():
            what = f"{piece.file}: {problem.what}"
            findings.fault(draft.sheet, piece.row, "file", what, problem.cure)
        if piece.subtitle_of:
            self._report_subtitled(draft, piece, found, findings)

    def _report_subtitled(
        self, draft: Draft, piece: Piece, found: Found, findings: Findings
    ) -> None:
        named = [other.row for other in draft.pieces if other.file == piece.subtitle_of]
        if any((draft.sheet.name, row) not in found.paths for row in named):
            return  # that file's own row has the fault
        target = self._find(draft, piece, "subtitle_of", piece.subtitle_of, findings)
        if target in _playable(draft, found):
            found.subtitled[draft.sheet.name, piece.row] = target
        elif target is not None:
            what = f"{piece.subtitle_of!r} is no video or audio of this lesson"
            cure = "name the file of one of the lesson's video or audio rows"
            findings.fault(draft.sheet, piece.row, "subtitle_of", what, cure)


def _playable(draft: Draft, found: Found) -> set[Path]:
    """The lesson's files that may have subtitles."""
    rows = ((draft.sheet.name, piece.row) for piece in draft.pieces)
    paths = {found.paths[row] for row in rows if row in found.paths}
    return {path for path in paths if found.looks[path].format in media.PROBED}


def _faulty(format_: str, problems: tuple[media.Problem, ...]) -> Look:
    return Look(format_, Digest(""), 0, problems=problems)


def _look_of(format_: str, facts: Facts) -> Look:
    return Look(format_, facts.digest, facts.size, facts.duration, facts.problems)


def hash_all(files: Mapping[str, Path], known: Known) -> tuple[site.SiteFile, ...]:
    """The files of a site with their digests, by path; raises OSError."""
    return tuple(_site_file(name, files[name], known) for name in sorted(files))


def _site_file(name: str, path: Path, known: Known) -> site.SiteFile:
    facts = known.recall(path, ONLY_HASHED)
    if facts is None:
        facts = known.learn(path, ONLY_HASHED, lambda: hash_file(path))
    return site.SiteFile(name, facts.digest, facts.size)


def hash_file(path: Path) -> Facts:
    """Read a file to its end; raises OSError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Facts(Digest(digest), file.tell())
