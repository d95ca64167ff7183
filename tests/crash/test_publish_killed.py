"""kill -9 at any moment of release and nightly: workspace and repository are whole every time."""

import os
import shutil
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from sync.publish import stage
from tests.kit.killing import Killer
from tests.kit.province import NOW, Province
from tests.kit.whole import published

RNG = Random(43)
OLD = {f"l{number}.pdf": RNG.randbytes(90_000) for number in range(8)}
NEW = {**OLD, "l0.pdf": RNG.randbytes(700_000), "l9.vtt": b"WEBVTT\n\n" + b"text " * 40_000}


def release(folder: Path) -> None:
    Province.open(folder).release({"43/a": NEW})


def nightly(folder: Path) -> None:
    reopened(folder).publish_all()


def reopened(folder: Path) -> Province:
    return Province.open(folder, now=NOW + timedelta(hours=1))


def prepared(folder: Path) -> Province:
    province = Province.create(folder)
    province.publish({"43/a": OLD})
    return province


def kills(fast: int) -> list[object]:
    """A few in every run, all of them in the long one."""
    return [pytest.param(fast, id="few"), pytest.param(50, id="many", marks=pytest.mark.slow)]


def restore(pristine: Path, folder: Path) -> Province:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(pristine, folder, copy_function=os.link)
    return reopened(folder)


@pytest.mark.parametrize("count", kills(6))
@pytest.mark.timeout(600)
def test_release_is_killed(tmp_path: Path, count: int) -> None:
    pristine, folder = tmp_path / "pristine", tmp_path / "province"
    before = published(prepared(pristine).repository, Province.open(pristine).root, tmp_path / "0")
    killer = Killer(Random(1))
    seconds = killer.measure(release, restore(pristine, folder).folder)
    [reference] = stage.candidates(Province.open(folder).workspace, Province.open(folder).roles)
    expected = reference.directory()
    number = 0
    while killer.kills < count:
        province = restore(pristine, folder)
        killer.strike(seconds, release, folder)
        number += 1
        assert published(province.repository, province.root, tmp_path / f"s{number}") == before
        province.release({"43/a": NEW})
        [candidate] = stage.candidates(province.workspace, province.roles)
        assert candidate.directory() == expected
        assert candidate.signed_by() == ()


@pytest.mark.parametrize("count", kills(6))
@pytest.mark.timeout(600)
def test_nightly_is_killed(tmp_path: Path, count: int) -> None:
    pristine, folder = tmp_path / "pristine", tmp_path / "province"
    province = prepared(pristine)
    before = published(province.repository, province.root, tmp_path / "0")
    province.release({"43/a": NEW})
    killer = Killer(Random(2))
    restored = restore(pristine, folder)
    seconds = killer.measure(nightly, folder)
    after = published(restored.repository, restored.root, tmp_path / "1")
    assert after != before
    number = 1
    while killer.kills < count:
        province = restore(pristine, folder)
        killer.strike(seconds, nightly, folder)
        number += 1
        assert published(province.repository, province.root, tmp_path / f"s{number}") in (
            before,
            after,
        )
        province.publish_all()
        number += 1
        assert published(province.repository, province.root, tmp_path / f"s{number}") == after
        assert not stage.candidates(province.workspace, province.roles)
