"""The way back: old editions, newest trust, held until released or a newer edition comes."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from sync.errors import UsageError
from tests.kit.boxes import BoxUnderTest
from tests.kit.province import NOW, Province

ONE = {"l1.pdf": b"one", "l2.pdf": b"two"}
TWO = {"l1.pdf": b"one, mended", "l2.pdf": b"two", "l3.pdf": b"three"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A province at its second edition, a box that has both."""
    folder = tmp_path_factory.mktemp("stage")
    province = Province.create(folder)
    province.publish({"43/a": ONE, "43/b": {"b.pdf": b"b"}})
    box = BoxUnderTest.create(folder / "box", province.root).subscribe("43/a", "43/b")
    box.sync(province.repository)
    province.publish({"43/a": TWO})
    box.sync(province.repository)
    return folder


@pytest.fixture
def scene(stage: Path, tmp_path: Path) -> tuple[BoxUnderTest, Province]:
    shutil.copytree(stage, tmp_path / "stage", symlinks=True)
    province = Province.open(tmp_path / "stage", now=NOW + timedelta(hours=1))
    box = BoxUnderTest.create(tmp_path / "stage" / "box", province.root)
    assert box.editions() == {"43/a": 2, "43/b": 1}
    return box, province


def test_rollback_is_a_new_generation_with_old_lessons_and_new_trust(
    scene: tuple[BoxUnderTest, Province],
) -> None:
    box, province = scene
    before = box.generation.record
    report = box.rollback()
    assert report.value() == {"generation": 3, "editions": {"43/a": 1}, "holds": {"43/a": 2}}
    assert box.editions() == {"43/a": 1, "43/b": 1}
    assert box.lessons() == {"43/a/l1", "43/a/l2", "43/b/b"}
    assert b"one" in box.resources().values()
    assert box.generation.record.publishers == before.publishers
    trust = [seal for seal in before.files if seal.path.startswith("trust/")]
    assert trust == [seal for seal in box.generation.record.files if seal.path.startswith("trust/")]
    assert sorted(path.name for path in box.paths.generations.iterdir()) == ["2", "3"]
    assert box.status().collections[0].held
    held = box.sync(province.repository)
    assert (held.exit_code, held.is_new, held.editions) == (0, False, {})
    assert "was rolled back here" in held.notes[0]


def test_release_lets_it_in_again_without_fetching(scene: tuple[BoxUnderTest, Province]) -> None:
    box, province = scene
    box.rollback()
    assert box.release().holds == {}
    assert box.editions()["43/a"] == 1
    report = box.sync(province.repository)
    assert report.editions == {"43/a": 2}
    assert report.resources_new == 0
    assert box.release().generation == report.generation


def test_a_newer_edition_ends_the_hold(scene: tuple[BoxUnderTest, Province]) -> None:
    box, province = scene
    box.rollback()
    province.publish({"43/a": {**TWO, "l4.pdf": b"four"}})
    assert box.sync(province.repository).editions == {"43/a": 3}
    assert box.generation.record.holds == {}


def test_withdrawn_lessons_stay_withdrawn(scene: tuple[BoxUnderTest, Province]) -> None:
    box, province = scene
    province.withdraw("43/a/l2")
    box.sync(province.repository)
    assert box.rollback().editions == {"43/a": 1}
    assert box.lessons() == {"43/a/l1", "43/b/b"}


def test_back_and_forth(scene: tuple[BoxUnderTest, Province]) -> None:
    box, _ = scene
    box.rollback()
    report = box.rollback(to=2)
    assert report.editions == {"43/a": 2}
    assert report.holds == {}
    assert "l3" in {key.rpartition("/")[2] for key in box.lessons()}


def test_a_collection_that_came_with_the_newer_generation_leaves_and_is_held(
    scene: tuple[BoxUnderTest, Province],
) -> None:
    box, province = scene
    province.publish({"43/c": {"c.pdf": b"c"}})
    box.subscribe("43/c").sync(province.repository)
    report = box.rollback()
    assert report.editions == {"43/c": 0}
    assert report.holds == {"43/c": 1}
    assert box.sync(province.repository).editions == {}
    box.release()
    assert box.sync(province.repository).editions == {"43/c": 1}


def test_nowhere_to_go(scene: tuple[BoxUnderTest, Province], tmp_path: Path) -> None:
    box, province = scene
    with pytest.raises(UsageError, match="no generation 9 to go back to"):
        box.rollback(to=9)
    new = BoxUnderTest.create(tmp_path / "new", province.root)
    with pytest.raises(UsageError, match="no lessons yet"):
        new.rollback()
    new.subscribe("43/a").sync(province.repository)
    with pytest.raises(UsageError, match="no other generation"):
        new.rollback()
    province.withdraw("43/a/l1")
    new.sync(province.repository)
    with pytest.raises(UsageError, match="same editions"):
        new.rollback()
