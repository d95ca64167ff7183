"""One step of a series: what changed between two versions, by content. Reads only."""

from dataclasses import dataclass
from pathlib import Path

from tests.bench.delta.packages import digest


@dataclass(frozen=True)
class Step:
    """From one version to the next: changed files by path, and files whose bytes are new there.

    A file whose bytes the old version holds anywhere (moved, renamed, copied) is held; of equal
    new files only the first counts.
    """

    series: str
    old: Path
    new: Path
    changed: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def name(self) -> str:
        """v1→v2."""
        return f"{self.old.name}→{self.new.name}"

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file whose bytes the old version lacks."""
        return tuple(self.new / path for path in (*self.changed, *self.added))


def make_step(series: str, old: Path, new: Path) -> Step:
    """Compare two version folders."""
    before, after = tree(old), tree(new)
    held = set(before.values())
    changed: list[str] = []
    added: list[str] = []
    for path in sorted(after):
        if after[path] not in held:
            held.add(after[path])
            (changed if path in before else added).append(path)
    return Step(series, old, new, tuple(changed), tuple(added))


def tree(folder: Path) -> dict[str, str]:
    """Every file below ``folder`` by path: its digest."""
    return {
        path.relative_to(folder).as_posix(): digest(path)
        for path in folder.rglob("*")
        if path.is_file()
    }
