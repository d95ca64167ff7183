"""Boxes some editions behind, against a direct update from the edition they have."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tests.bench.delta.ours import Desk, copy_box
from tests.bench.delta.rows import Row
from tests.bench.delta.series import INDEX, INDEX_PAGE, Series
from tests.bench.delta.step import tree

BEHIND, DIRECT = "behind", "direct"
EDITIONS, ROUND, MOST_BYTES = 31, 10, 3_000_000
"""The made series: after each ROUND of its editions every file is the next release's."""


def behind(
    desk: Desk, series: Series, kept: Sequence[Path], note: Callable[[Row], Row], work: Path
) -> None:
    """Bring a box kept at each edition to the newest; measure the direct update beside it.

    ``kept`` holds the boxes at v1, v2, … and not the newest two: one behind is a plain step.
    """
    newest = series.versions[-1]
    for number in chosen(len(series.versions)):
        old = series.versions[number - 1]
        name = f"{old.name}→{newest.name}"
        box = copy_box(kept[number - 1], work / "late")
        note(replace(desk.row(series.name, name, box, newest), tool=BEHIND))
        note(direct(series.name, name, (old, newest), work / "direct"))
        shutil.rmtree(box)


def chosen(editions: int) -> list[int]:
    """The old editions to start from: all of a short series, some of a long one."""
    if editions <= 6:
        return list(range(1, editions - 1))
    wanted = [editions - back for back in (30, 20, 10, 6, 3, 2)]
    return [number for number in wanted if number > 0]


def direct(series: str, step: str, pair: tuple[Path, Path], work: Path) -> Row:
    """What a publisher that has only these two versions sends a box at the older one."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    with Desk.open(work / "desk") as desk:
        box = desk.new_box(work / "box")
        desk.publish(pair[0])
        desk.sync(box)
        desk.publish(pair[1])
        told = desk.row(series, step, box, pair[1])
    shutil.rmtree(work)
    return replace(told, tool=DIRECT)


def evolve(source: Series, target: Path) -> Series:
    """A series of 31 editions: each replaces some files of ``source`` by their next release."""
    releases = source.versions
    paths = few(releases)
    versions = []
    for edition in range(EDITIONS):
        version = target / f"v{edition + 1}"
        for place, path in enumerate(paths):
            number = release_of(edition, place, len(releases))
            (version / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(releases[number] / path, version / path)
        if not (version / INDEX).exists():
            (version / INDEX).write_bytes(INDEX_PAGE)
        versions.append(version)
    return Series(f"{source.name}-{EDITIONS}", tuple(versions))


def release_of(edition: int, place: int, releases: int) -> int:
    """Which release (from 0) the file at ``place`` has in ``edition`` (from 0)."""
    return min(releases - 1, (edition + ROUND - 1 - place % ROUND) // ROUND)


def few(releases: Sequence[Path]) -> list[str]:
    """Files that every release has, those that change first, up to MOST_BYTES of each release."""
    trees = [tree(release) for release in releases]
    common = set.intersection(*map(set, trees))
    taken: list[str] = []
    room = MOST_BYTES
    for path in sorted(common, key=lambda path: (-len({held[path] for held in trees}), path)):
        size = max((release / path).stat().st_size for release in releases)
        if size <= room:
            taken.append(path)
            room -= size
    return sorted(taken)
