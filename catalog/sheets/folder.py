"""The folder behind a sheet: which file a path in a cell means, and that it lies inside."""

import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from catalog.sheets.media import Problem
from catalog.sheets.sheet import SUFFIXES, WITH_IDS
from sync.errors import Fault, FormatError
from sync.site import ENTRY, check_path

MAX_PROBLEMS = 50
"""How many faults of one site are listed."""
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LITTER = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
_OLD_SHEETS = (".xls", ".et", ".xlsm", ".xlsb", ".numbers")


class Misplaced(ValueError):
    """A path that names no file of the folder: what is wrong with it, and the cure."""

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(what)
        self.what = what
        self.cure = cure


_Listing = dict[str, os.DirEntry[str]]
"""What lies in a folder, by name, as far as listing it tells: links, files, folders."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A source folder. Its listings are read once, so thousands of paths cost few system calls."""

    root: Path
    """Without links in it (``Path.resolve``)."""
    sites: set[Path] = field(default_factory=set, repr=False)
    """Those of the paths found that are folders of sites."""
    _listings: dict[Path, _Listing] = field(default_factory=dict, repr=False)
    _inside: dict[Path, bool] = field(default_factory=dict, repr=False)

    def find(self, text: str) -> Path:
        """The file, or the folder of a site, that ``text`` names; raises Misplaced.

        A site may be named by its folder or by the ``index.html`` in it.
        """
        parent = path = self.root
        for part in _parts(text):
            parent, path = path, path / self._name(path, part, text)
        if path.name != ENTRY and self._is_plain(parent, path.name):
            return path
        if self._leads_out(path):
            raise Misplaced(
                f"{text!r} is a link to a place outside the folder", "copy the file itself here"
            )
        return self._site(path, text) if path.is_dir() or path.name == ENTRY else _file(path, text)

    def _is_plain(self, parent: Path, name: str) -> bool:
        """Whether it is a file and no link, in a folder that lies inside: the listing tells."""
        entry = self._names(parent)[name]
        return entry.is_file(follow_symlinks=False) and self._is_inside(parent)

    def _leads_out(self, path: Path) -> bool:
        if self._is_inside(path.parent) and not path.is_symlink():
            return False
        return path.exists() and not path.resolve().is_relative_to(self.root)  # a loop has no end

    def _is_inside(self, parent: Path) -> bool:
        """Whether no link on the way to a folder leads out; found out once for all its files."""
        if parent not in self._inside:
            self._inside[parent] = parent.exists() and parent.resolve().is_relative_to(self.root)
        return self._inside[parent]

    def _site(self, path: Path, text: str) -> Path:
        site = path.parent if path.name == ENTRY else path
        if site == self.root:
            raise Misplaced(
                f"{text!r} would make the whole folder a site", "put the site into its own folder"
            )
        _file(site / ENTRY, f"{text} ({ENTRY})")
        self.sites.add(site)
        return site

    def _name(self, parent: Path, part: str, text: str) -> str:
        """The name on the disk that ``part`` means, in whichever Unicode form it is stored."""
        names = self._names(parent)
        if part in names:
            return part
        alike = sorted(name for name in names if _folded(name) == _folded(part))
        same = [name for name in alike if _composed(name) == _composed(part)]
        if same:
            return same[0]
        if alike:
            raise Misplaced(
                f"{text!r}: on the disk, {part!r} is called {printable(alike[0])!r}",
                "write upper and lower case as the file has them",
            )
        raise Misplaced(f"{text!r} is not there", "copy the file here or correct the path")

    def _names(self, parent: Path) -> _Listing:
        known = self._listings.get(parent)
        if known is None:
            known = self._listings[parent] = _listing(parent) if parent.is_dir() else {}
        return known


def _listing(folder: Path) -> _Listing:
    with os.scandir(folder) as entries:
        return {entry.name: entry for entry in entries}


def _file(path: Path, text: str) -> Path:
    if not path.is_file():
        raise Misplaced(f"{text!r} is no file", "name one file, or a folder with an index.html")
    return path


def _parts(text: str) -> list[str]:
    """The parts of a relative path; raises Misplaced for one that leads out of the folder."""
    path = text.replace("\\", "/")
    if path.startswith("/") or _DRIVE.match(path):
        raise Misplaced(f"{text!r} is an absolute path", "write the path below this folder")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Misplaced(f"{text!r} leads out of the folder", "write the path below this folder")
    if _CONTROL.search(path) or any(len(part.encode()) > 255 for part in parts) or not parts:
        raise Misplaced(f"{text[:80]!r} is no file name", "correct the path")
    return parts


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _folded(name: str) -> str:
    return _composed(name).casefold()


def printable(name: str) -> str:
    """A name from the disk as text that can be shown, whatever its bytes."""
    return name.encode("utf-8", "replace").decode()


def hidden(name: str) -> bool:
    """Whether a name is litter of the system, not content."""
    return name.startswith(".") or name.lower() in _LITTER


@dataclass(frozen=True, slots=True)
class SiteFolder:
    """What lies in the folder of a site."""

    files: dict[str, Path]
    """Path on the disk of each file, by its path within the site."""
    problems: tuple[Problem, ...]
    """Everything for which it cannot be published, the first ``MAX_PROBLEMS`` one by one."""


def read_site(folder: Path) -> SiteFolder:
    """The files of the site in ``folder``; hidden ones are no part of it."""
    files = {path.relative_to(folder).as_posix(): path for path in _walk(folder)}
    problems = []
    if ENTRY not in files:
        problems.append(Problem(f"there is no {ENTRY}", f"add an {ENTRY} at the top of the site"))
    inside = folder.resolve()
    for name, path in files.items():
        problems += _problems(name, path, inside)
    if more := len(problems[MAX_PROBLEMS:]):
        cure = "mend those named, then check again"
        problems[MAX_PROBLEMS:] = [Problem(f"and {more} more faults in this site", cure)]
    return SiteFolder(files, tuple(problems))


def _walk(site: Path) -> Iterator[Path]:
    """All but folders and what is hidden; links to folders are not followed."""
    for directory, folders, names in os.walk(site):
        folders[:] = sorted(name for name in folders if not hidden(name))
        parent = Path(directory)
        links = [name for name in folders if (parent / name).is_symlink()]
        yield from (parent / name for name in sorted(names + links) if not hidden(name))


def _problems(name: str, path: Path, inside: Path) -> Iterator[Problem]:
    """What is wrong with one file of a site; links may lead to what is ``inside``."""
    try:
        check_path(name)
    except FormatError as error:
        yield Problem(error.fact, error.hint)
    if not path.is_file() or not path.resolve().is_relative_to(inside):
        what = f"{printable(name)!r} is no ordinary file of the site"
        yield Problem(what, "copy the file itself into it")
    elif name == ENTRY and not path.stat().st_size:
        yield Problem(f"{ENTRY} is empty", "copy it again")


def sheet_files(folder: Path) -> tuple[list[Path], list[Fault]]:
    """The sheets at the top of a folder in the order of their names, and notes on those left."""
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    names = [name for name in names if not name.startswith((".", "~"))]
    sheets, notes = [], []
    for name in names:
        stem, suffix = os.path.splitext(name)  # noqa: PTH122 - the name, not a path
        original = stem.removesuffix(WITH_IDS)
        if suffix.lower() in _OLD_SHEETS:
            notes.append(Fault(name, "left aside: not CSV, XLSX or ODS", "save it as XLSX"))
        elif suffix.lower() in SUFFIXES and original != stem and _has_original(original, names):
            cure = f"put it in the place of {original}{suffix} if its ids are to stay"
            notes.append(Fault(name, "left aside: a copy with ids", cure))
        elif suffix.lower() in SUFFIXES:
            sheets.append(folder / name)
    return sheets, notes


def _has_original(stem: str, names: list[str]) -> bool:
    return any(name.lower() in {stem.lower() + suffix for suffix in SUFFIXES} for name in names)
