"""The site list: the canonical file list whose digest names a site. Pure.

Format 1: lines ``<sha256> <size> <path>`` in UTF-8, each ended by a line feed, sorted by path.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sync.digest import Digest, parse_digest
from sync.errors import FormatError

ENTRY = "index.html"
"""The page a site opens with; every site has one."""
MAX_LIST = 16 * 2**20
"""Longest list a box reads, in bytes."""
MAX_PATH = 1024
"""Longest path, in bytes of UTF-8."""
MAX_NAME = 255
"""Longest part of a path, in bytes of UTF-8."""


@dataclass(frozen=True, slots=True)
class SiteFile:
    """One file of a site: its path below the site's folder, its digest, its size in bytes."""

    path: str
    digest: Digest
    size: int


def encode(files: Iterable[SiteFile]) -> bytes:
    """The list of ``files``; raises FormatError for what ``decode`` would refuse."""
    ordered = sorted(files, key=lambda file: file.path)
    _check(ordered)
    return "".join(f"{file.digest} {file.size} {file.path}\n" for file in ordered).encode()


def decode(data: bytes) -> tuple[SiteFile, ...]:
    """Read a proved list; raises FormatError unless it is canonical, safe and has an entry page."""
    if len(data) > MAX_LIST:
        raise FormatError(f"site list: {len(data)} bytes, at most {MAX_LIST} are allowed")
    try:
        lines = data.decode().split("\n")
        files = tuple(_file(line) for line in lines[:-1])
    except ValueError as error:
        raise FormatError(f"site list: broken line ({error})") from error
    if lines[-1] or encode(files) != data:
        raise FormatError("site list: not in canonical order or spelling")
    return files


def _file(line: str) -> SiteFile:
    digest, size, path = line.split(" ", 2)
    return SiteFile(path, parse_digest(digest), int(size))


def _check(files: Iterable[SiteFile]) -> None:
    paths: set[str] = set()
    for file in files:
        check_path(file.path)
        if file.path in paths or not 0 <= file.size < 2**63:
            raise FormatError(f"site list: {file.path!r} stands twice or has a bad size")
        paths.add(file.path)
    if ENTRY not in paths:
        raise FormatError(f"site list: no {ENTRY}", hint=f"add an {ENTRY} at the top of the site")
    both = (folder for path in sorted(paths) for folder in _folders(path) if folder in paths)
    if (folder := next(both, None)) is not None:
        raise FormatError(f"site list: {folder!r} is a file and a folder")


def _folders(path: str) -> Iterator[str]:
    """The folders it lies in; never kept, as there may be hundreds for each file."""
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)


def check_path(path: str) -> None:
    """Raises FormatError, with a hint, for a path that no list may hold."""
    parts = path.split("/")
    shown = repr(path if len(path) <= 80 else f"{path[:40]}…{path[-40:]}")
    try:
        length, longest = len(path.encode()), max(len(part.encode()) for part in parts)
    except UnicodeEncodeError as error:
        raise FormatError(
            f"site list: {shown} is no Unicode text", hint="rename it with a name in UTF-8"
        ) from error
    odd = "\\" in path or any(ord(letter) < 32 or letter == "\x7f" for letter in path)
    if odd or any(part in ("", ".", "..") for part in parts):
        raise FormatError(
            f"site list: unsafe path {shown}",
            hint="paths are relative, with '/' between the parts, without '.', '..', backslash "
            "or control characters",
        )
    if length > MAX_PATH:
        hint = f"shorten the path to at most {MAX_PATH} bytes of UTF-8"
        raise FormatError(f"site list: path of {length} bytes {shown}", hint=hint)
    if longest > MAX_NAME:
        hint = f"shorten each name in the path to at most {MAX_NAME} bytes of UTF-8"
        raise FormatError(f"site list: name of {longest} bytes in {shown}", hint=hint)
