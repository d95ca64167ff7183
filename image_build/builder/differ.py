"""Why two builds are not alike: which path of the root, the ESP or the image differs, and how.

For whoever hunts what makes a build depend on time, folder or machine; the tests use it.
"""

import hashlib
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from image_build.builder.boards import boards
from image_build.builder.layout import MIB, Identifiers, partitions
from image_build.builder.stamps import file_digest
from image_build.builder.surroundings import Surroundings
from sync.run import Streams, Watching, follow, run

_BLOCK = 1 << 20
_MOST = 50
"""Differences told; a thousand more say nothing new."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One path of a tar, as far as builds may differ in it."""

    kind: str
    mode: int
    owner: tuple[int, int]
    mtime: float
    link: str
    size: int
    digest: str
    more: tuple[tuple[str, str], ...]
    """Extended attributes and whatever else the tar says."""


def differences_of_tars(one: Path, other: Path) -> Iterator[str]:
    """``./path: field 1 → 2`` for each path that differs; paths only one has, and another order."""
    here, there = _traces(one), _traces(other)
    for path in sorted(here.keys() | there.keys()):
        if path not in here or path not in there:
            yield f"{path}: only in the {'second' if path not in here else 'first'}"
        elif here[path] != there[path]:
            yield f"{path}: {_fields(here[path], there[path])}"
    if here == there and list(here) != list(there):
        yield "the same paths in another order"


def differences_of_squashes(one: Path, other: Path, around: Surroundings) -> Iterator[str]:
    """The same for two squashfs files."""
    with tempfile.TemporaryDirectory() as scratch:
        tars = []
        for number, squash in enumerate((one, other)):
            tars.append(Path(scratch, f"{number}.tar"))
            follow(
                ["sqfs2tar", squash],
                timeout=600,
                environment=around.for_programs(),
                watching=Watching(),
                streams=Streams(stdout=tars[-1]),
            )
        yield from differences_of_tars(*tars)


def differences_of_images(
    one: Path, other: Path, board_name: str, around: Surroundings
) -> Iterator[str]:
    """Which partition of two images differs, and inside the ESP and slot A which path."""
    if file_digest(one) == file_digest(other):
        return
    board = boards()[board_name]
    parts = partitions(board, Identifiers("", board_name))
    spans = [("before the first partition", 0, parts[0].offset * MIB)]
    spans += [(part.name, part.offset * MIB, part.size * MIB) for part in parts]
    end = parts[-1].offset + parts[-1].size
    spans.append(("after the last partition", end * MIB, 1 << 40))
    for name, offset, size in spans:
        at = _first_difference(one, other, offset, size)
        if at is None:
            continue
        yield f"{name}: differs at byte {at} of the image"
        if name == "esp":
            yield from _differences_of_esps(one, other, offset, around)


def told(differences: Iterator[str]) -> str:
    """The first of them, one a line."""
    lines = []
    for line in differences:
        lines.append(line)
        if len(lines) == _MOST:
            lines.append("…")
            break
    return "\n".join(lines)


def _differences_of_esps(
    one: Path, other: Path, offset: int, around: Surroundings
) -> Iterator[str]:
    lists = []
    for image in (one, other):
        with tempfile.TemporaryDirectory() as scratch:
            arguments = ["mcopy", "-s", "-m", "-n", "-i", f"{image}@@{offset}", "::*", scratch]
            run(arguments, timeout=120, environment=around.for_programs())
            lists.append(
                {
                    path.relative_to(scratch).as_posix(): file_digest(path)
                    for path in Path(scratch).rglob("*")
                    if path.is_file()
                }
            )
    here, there = lists
    for name in sorted(here.keys() | there.keys()):
        if here.get(name) != there.get(name):
            yield f"esp/{name}: {here.get(name, 'missing')} → {there.get(name, 'missing')}"
    if here == there:
        yield "esp: the same files; names, times or the file system itself differ"


def _first_difference(one: Path, other: Path, offset: int, size: int) -> int | None:
    with one.open("rb") as first, other.open("rb") as second:
        first.seek(offset)
        second.seek(offset)
        left, at = size, offset
        while left > 0:
            here, there = first.read(min(_BLOCK, left)), second.read(min(_BLOCK, left))
            if here != there:
                return at + next(
                    (n for n, (a, b) in enumerate(zip(here, there, strict=False)) if a != b),
                    min(len(here), len(there)),
                )
            if not here:
                return None
            left -= len(here)
            at += len(here)
    return None


def _traces(path: Path) -> Mapping[str, Trace]:
    found = {}
    with tarfile.open(path) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isreg() else None
            digest = hashlib.sha256()
            while file is not None and (block := file.read(_BLOCK)):
                digest.update(block)
            found[member.name] = Trace(
                kind=member.type.decode("ascii", "replace"),
                mode=member.mode,
                owner=(member.uid, member.gid),
                mtime=member.mtime,
                link=member.linkname,
                size=member.size,
                digest=digest.hexdigest()[:16],
                more=tuple(sorted(member.pax_headers.items())),
            )
    return found


def _fields(one: Trace, other: Trace) -> str:
    return ", ".join(
        f"{name} {getattr(one, name)!r} → {getattr(other, name)!r}"
        for name in Trace.__slots__
        if getattr(one, name) != getattr(other, name)
    )
