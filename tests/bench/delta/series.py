"""The series of the bench: folders v1, v2, … of successive releases, made once and kept."""

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.sheets.folder import hidden
from tests.bench.delta import video
from tests.bench.delta.packages import Release, fetch, remove, unpack

INDEX = "index.html"
INDEX_PAGE = b"<!doctype html><meta charset=utf-8><title>Series</title><p>Series\n"
"""What a version without a first page gets, for every tool alike."""

VIDEO = "video"
_PINNED = Path(__file__).with_name("series.toml")
_VERSION = re.compile(r"v(\d+)")


class BadSeries(Exception):
    """A folder that is no series: it needs v1, v2, … without a gap."""


@dataclass(frozen=True)
class Part:
    """One package of a series: where it is laid, which of its files, and its releases in order."""

    folder: str
    keep: str
    releases: tuple[Release, ...]


@dataclass(frozen=True)
class Pinned:
    """A series of public packages: its name, what it stands for, its packages."""

    name: str
    kind: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Series:
    """A series on disk: its versions are whole folders, oldest first."""

    name: str
    versions: tuple[Path, ...]


def pinned(text: str) -> tuple[Pinned, ...]:
    """What ``series.toml`` lists."""
    return tuple(
        Pinned(row["name"], row["kind"], tuple(map(_part, row["parts"])))
        for row in tomllib.loads(text)["series"]
    )


def _part(row: dict[str, Any]) -> Part:
    releases = [line.split() for line in row["releases"]]
    return Part(
        row["package"].rpartition("/")[2],
        row["keep"],
        tuple(Release(row["client"], row["package"], *words) for words in releases),
    )


def names() -> tuple[str, ...]:
    """The series that a plain run builds."""
    return (*(row.name for row in pinned(_PINNED.read_text(encoding="utf-8"))), VIDEO)


def build(store: Path, wanted: Sequence[str], say: Callable[[str], None]) -> list[Series]:
    """Make those of ``wanted`` that ``store`` does not hold yet; raises WrongArchive."""
    rows = {row.name: row for row in pinned(_PINNED.read_text(encoding="utf-8"))}
    for name in wanted:
        folder = store / "series" / name
        if not folder.exists():
            say(f"building the series {name}")
            _make(folder, rows.get(name), store)
    return [read_series(store / "series" / name) for name in wanted]


def _make(folder: Path, row: Pinned | None, store: Path) -> None:
    beside, work = folder.with_suffix(".making"), store / "work" / "series"
    for old in (beside, work):
        remove(old)
        old.mkdir(parents=True)
    if row is None:
        video.make_versions(beside, work)
    else:
        _lay_out(row, beside, store / "packages")
    for version in beside.iterdir():
        for path in sorted(version.rglob("*"), reverse=True):
            if hidden(path.name):  # litter is no part of a site
                remove(path) if path.is_dir() else path.unlink()
        page = version / INDEX
        if not page.exists():
            page.write_bytes(INDEX_PAGE)
    beside.rename(folder)


def _lay_out(row: Pinned, target: Path, cache: Path) -> None:
    for part in row.parts:
        for number, release in enumerate(part.releases, start=1):
            unpack(fetch(release, cache), part.keep, target / f"v{number}" / part.folder)


def read_series(folder: Path) -> Series:
    """The series in ``folder``; raises BadSeries."""
    found = {
        int(match[1]): path
        for path in folder.iterdir()
        if path.is_dir() and (match := _VERSION.fullmatch(path.name))
    }
    if len(found) < 2 or sorted(found) != list(range(1, len(found) + 1)):
        raise BadSeries(f"{folder} holds no folders v1, v2, … without a gap")
    return Series(folder.name, tuple(found[number] for number in sorted(found)))
