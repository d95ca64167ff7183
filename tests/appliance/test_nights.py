"""Thirty nights on a bad line: a budget, cuts, lost connections; and how much comes twice.

A made-up line gives so many bytes a second; it breaks at moments drawn from a seed, from a few
seconds to minutes apart, and one connection in twenty is lost before it begins. After a break the
box tries again, as long as the night lasts; every night the province publishes.
"""

import shutil
from bisect import insort
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from sync.errors import NoSource
from sync.transport.allowance import REQUEST
from sync.transport.base import Transport
from tests.kit.boxes import BoxUnderTest
from tests.kit.packed import noise, text
from tests.kit.province import Province
from tests.kit.server import FolderServer

SLOW_START = 3.0
"""Seconds in which a new connection gives a quarter of that."""
LOST = 0.05
TRIES = 400
"""In one night, at the most."""
METADATA = 30_000


@dataclass
class Line:
    """The line of one box: when it breaks next, and every byte it ever gave."""

    rng: Random
    rate: int
    """Bytes a second."""
    left: float = 0.0
    """Bytes until it breaks."""
    cuts: int = 0
    content: int = 0
    twice: int = 0
    _given: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))

    def mend(self) -> None:
        seconds = self.rng.choice([self.rng.uniform(3, 20), self.rng.uniform(20, 180)])
        self.left = self.rate * max(0.0, seconds - SLOW_START * 0.75)

    def take(self, name: str, start: int, size: int) -> None:
        """Bytes of a file that came; those that had come before are counted twice."""
        if not name.startswith(("metadata/", "targets/")):
            self.content += size
            self.twice += self._overlap(name, start, start + size)
            insort(self._given[name], (start, start + size))
        self.left -= size

    def _overlap(self, name: str, start: int, end: int) -> int:
        return sum(max(0, min(end, b) - max(start, a)) for a, b in self._given[name])


class BadLine:
    """A transport over that line."""

    def __init__(self, inner: Transport, line: Line) -> None:
        self._inner = inner
        self._line = line

    @property
    def label(self) -> str:
        return self._inner.label

    def read(self, name: str, *, limit: int) -> bytes:
        self._connect()
        data = self._inner.read(name, limit=limit)
        if len(data) > self._line.left:
            raise self._broken()
        self._line.take(name, 0, len(data))
        return data

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        self._connect()
        for block in self._inner.stream(name, offset=offset, length=length):
            part = block[: max(0, int(self._line.left))]
            if part:
                self._line.take(name, offset, len(part))
                offset += len(part)
                yield part
            if len(part) < len(block):
                raise self._broken()

    def _connect(self) -> None:
        if self._line.left <= 0 or self._line.rng.random() < LOST:
            raise self._broken()

    def _broken(self) -> NoSource:
        self._line.left = 0
        return NoSource("the line broke")


def contents(rng: Random, files: int, scale: int) -> dict[str, bytes]:
    """A collection's files: texts that change by edits, pictures and videos that are replaced."""
    return {
        f"l{number}.{kind}": text(rng.randrange(10**6), rng.randrange(scale // 8, scale))
        if kind == "vtt"
        else noise(rng.randrange(10**6), rng.randrange(scale // 2, scale * 4))
        for number in range(files)
        for kind in ("mp4", "vtt")
    }


def night_of(before: dict[str, bytes], rng: Random, scale: int) -> dict[str, bytes]:
    """The next night's files: a few edited, one replaced, one new, sometimes one gone."""
    files = dict(before)
    for name in rng.sample(sorted(files), 3):
        data = files[name]
        at = rng.randrange(len(data))
        files[name] = data[:at] + noise(rng.randrange(10**6), 200) + data[at:]
    files[rng.choice(sorted(files))] = noise(rng.randrange(10**6), rng.randrange(scale, scale * 3))
    files[f"n{rng.randrange(10**6)}.mp4"] = noise(rng.randrange(10**6), scale)
    if rng.random() < 0.3:
        del files[rng.choice(sorted(files))]
    return files


@pytest.mark.parametrize(
    ("nights", "budget", "files", "scale", "rate"),
    [
        pytest.param(6, 2_000_000, 5, 300_000, 15_000, marks=pytest.mark.thorough),
        pytest.param(30, 20_000_000, 60, 1_000_000, 250_000, marks=[pytest.mark.slow]),
    ],
)
@pytest.mark.timeout(3600)
def test_nights_on_a_bad_line(
    nights: int, budget: int, files: int, scale: int, rate: int, tmp_path: Path
) -> None:
    rng = Random(20261125)
    line = Line(Random(4), rate)
    province = Province.create(tmp_path)
    state = contents(rng, files, scale)
    current_nights = 0
    with FolderServer(province.repository) as server:
        box = BoxUnderTest.create(tmp_path / "box", province.root, urls={0: server.url})
        box.subscribe("43/a")
        box.wrap = lambda inner: BadLine(inner, line)
        for number in range(nights):
            province.publish({"43/a": state})
            lacking = needed(box, tmp_path / "twin")
            spent, current = one_night(box, line, budget)
            assert spent <= budget, "the budget is kept exactly"
            if lacking is not None and lacking + METADATA + 100 * REQUEST <= budget:
                assert current == number + 1, f"night {number}: {lacking} bytes would have sufficed"
            current_nights += current == number + 1
            state = night_of(state, rng, scale)
    assert line.cuts >= nights
    assert line.twice <= line.cuts * 2**20
    assert current_nights, "the box caught up"


def needed(box: BoxUnderTest, folder: Path) -> int | None:
    """Bytes a sync would fetch now, asked by a twin over a good line; None if nobody can say."""
    twin = box.copy(folder)
    report = twin.plan()
    shutil.rmtree(folder)
    return report.bytes_to_fetch if not report.problems else None


def one_night(box: BoxUnderTest, line: Line, budget: int) -> tuple[int, int]:
    """Try until all is there or the budget is spent; bytes spent and the edition served."""
    left = budget
    for _ in range(TRIES):
        line.mend()
        box.budget = left
        before = line.content
        report = box.sync()
        left -= line.content - before
        if report.exit_code == 0 or left < 2 * REQUEST:
            break
        line.cuts += 1
        if any("budget" in problem.error.fact for problem in report.problems):
            line.cuts -= 1
            break
    return budget - left, box.editions().get("43/a", 0)
