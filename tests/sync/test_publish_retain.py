"""Pruning a repository: what is needed stays whole, what nobody needs goes, killed anywhere."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync import directory
from sync.directory import Directory
from sync.errors import FormatError, UsageError
from sync.publish import retain, stage
from sync.publish.retain import Policy, Retention, needed_by
from sync.publish.stage import DIRECTORY
from sync.publish.workspace import Shelf, target_name
from tests.kit.province import Province
from tests.kit.whole import published
from tests.sync.test_publish_stopped import Stopped, Stopper

DAY = timedelta(days=1)
BRIEF = Policy(editions=1, grace=DAY)


def names(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in found}


def prune(province: Province, policy: Policy) -> Retention:
    plan = retain.make_plan(province.workspace, policy, province.now)
    retain.execute(province.workspace, plan)
    return plan


def night(province: Province, content: Mapping[str, Mapping[str, bytes]]) -> str:
    """Publish, and what the programme does besides; the directory that came into force."""
    province.publish(content)
    retain.note(province.workspace, province.now)
    return target_name(province.roles.target(stage.SIGNERS[0]), DIRECTORY)


def read(province: Province, name: str) -> Directory:
    return directory.decode((province.repository / name).read_bytes())


def is_whole(province: Province, listed: Directory) -> bool:
    needed = needed_by(Shelf([province.repository]), listed)
    return all((province.repository / name).is_file() for name in needed)


@pytest.fixture
def province(tmp_path: Path) -> Province:
    return Province.create(tmp_path)


def test_old_editions_go_once_nobody_can_be_under_way(province: Province) -> None:
    old = night(province, {"43/a": {"l1.pdf": b"one" * 999}})
    lists = read(province, old)
    province.now += 30 * DAY
    new = night(province, {"43/a": {"l1.pdf": b"two" * 999}})
    province.now += DAY - timedelta(minutes=1)
    prune(province, BRIEF)  # the empty directory of the first day
    before = names(province.repository)
    assert is_whole(province, lists)
    province.now += timedelta(minutes=1)
    plan = prune(province, BRIEF)
    left = names(province.repository)
    assert set(plan.removed) == before - left
    assert plan.kept == len(left)
    assert plan.bytes > 0
    assert old not in left
    assert new in left
    assert not needed_by(Shelf([province.repository]), read(province, new)) - left
    assert {name for name in before if name.endswith(".root.json")} <= left
    assert prune(province, BRIEF).removed == ()
    published(province.repository, province.root, province.folder / "scratch")


def test_the_last_editions_stay_whole_however_old(province: Province) -> None:
    directories = []
    for edition in range(5):
        directories.append(night(province, {"43/a": {"l1.pdf": bytes([edition]) * 999}}))
        province.now += 30 * DAY
    prune(province, Policy(editions=3))
    for name in directories[-3:]:
        assert is_whole(province, read(province, name))
    assert not any((province.repository / name).exists() for name in directories[:-3])


def test_what_nobody_wrote_down_counts_from_now(province: Province) -> None:
    province.publish({"43/a": {"l1.pdf": b"one"}})
    province.publish({"43/a": {"l1.pdf": b"two"}})
    province.now += 30 * DAY
    assert prune(province, BRIEF).removed == ()
    province.now += DAY
    assert prune(province, BRIEF).removed


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"format": "another", "since": {}}'])
def test_a_damaged_record_keeps(province: Province, damage: bytes) -> None:
    night(province, {"43/a": {"l1.pdf": b"one"}})
    night(province, {"43/a": {"l1.pdf": b"two"}})
    (province.workspace.root / retain.RECORD).write_bytes(damage)
    province.now += 30 * DAY
    assert prune(province, BRIEF).removed == ()


def test_a_record_from_the_future_counts_from_now(province: Province) -> None:
    night(province, {"43/a": {"l1.pdf": b"one"}})
    night(province, {"43/a": {"l1.pdf": b"two"}})
    place = province.workspace.root / retain.RECORD
    place.write_text(place.read_text().replace("2026-", "2036-"))
    retain.note(province.workspace, province.now)
    province.now += DAY
    assert prune(province, BRIEF).removed


def test_a_quiet_night_writes_nothing(province: Province) -> None:
    night(province, {"43/a": {"l1.pdf": b"one"}})
    place = province.workspace.root / retain.RECORD
    before = place.stat().st_ino
    province.publish_all()
    retain.note(province.workspace, province.now + DAY)
    assert place.stat().st_ino == before


def test_what_a_candidate_needs_stays(province: Province) -> None:
    night(province, {"43/a": {"l1.pdf": b"one" * 999, "l2.pdf": b"two" * 999}})
    candidate = province.release({"43/a": {"l1.pdf": b"one" * 999}})
    assert candidate is not None
    needed = needed_by(Shelf([candidate.folder, province.repository]), candidate.directory())
    there = {name for name in needed if (province.repository / name).is_file()}
    province.now += 30 * DAY
    prune(province, BRIEF)
    assert there <= names(province.repository)
    assert province.publish_all().published == candidate.number
    published(province.repository, province.root, province.folder / "scratch")


def test_a_candidate_that_cannot_be_read_stops_it(province: Province) -> None:
    night(province, {"43/a": {"l1.pdf": b"one"}})
    candidate = province.release({"43/a": {"l1.pdf": b"two"}})
    assert candidate is not None
    (candidate.folder / DIRECTORY).write_bytes(b"damaged")
    before = names(province.repository)
    with pytest.raises(FormatError, match=f"staged/{candidate.number} cannot be read"):
        prune(province, Policy(1, timedelta(0)))
    assert names(province.repository) == before


@pytest.mark.parametrize("days", [-2, 500])
def test_a_clock_that_cannot_be_right_stops_it(province: Province, days: int) -> None:
    night(province, {"43/a": {"l1.pdf": b"one"}})
    night(province, {"43/a": {"l1.pdf": b"two"}})
    province.now += days * DAY
    with pytest.raises(UsageError, match="clock"):
        prune(province, BRIEF)


def test_what_has_no_place_in_a_repository_is_not_touched(province: Province) -> None:
    night(province, {"43/a": {"l1.pdf": b"one"}})
    strange = ("packs/readme.txt", "index.html", "recipes/note")
    for name in strange:
        (province.repository / name).parent.mkdir(exist_ok=True)
        (province.repository / name).write_text("mine")
    province.now += 30 * DAY
    prune(province, Policy(1, timedelta(0)))
    assert all((province.repository / name).is_file() for name in strange)


def test_a_mirror_is_pruned_by_its_own_directory(tmp_path: Path) -> None:
    nation = Province.create(tmp_path, "cn", "国家")
    county = Province.create(tmp_path)
    folder = county.repository / "mirrors" / nation.workspace.publisher_id
    for content in (b"one" * 999, b"two" * 999):
        night(nation, {"cn/a": {"l1.pdf": content}})
        shutil.copytree(nation.repository, folder, dirs_exist_ok=True)
        retain.note(county.workspace, county.now)
    unfinished = folder / "packs" / "ab" / ("ab" + "0" * 62 + ".pack")
    unfinished.parent.mkdir(exist_ok=True)
    unfinished.write_bytes(b"brought before the line broke")
    county.now += 30 * DAY
    os.utime(unfinished, (county.now.timestamp(), county.now.timestamp()))
    before = names(county.repository)
    old = {name for name in before if name.startswith("mirrors/")}
    plan = prune(county, BRIEF)
    assert set(plan.removed) == before - names(county.repository)
    assert any("/routes/" in name for name in plan.removed)
    assert set(plan.removed) <= old
    assert unfinished.is_file()
    published(folder, nation.root, tmp_path / "scratch")


def test_stopped_before_every_removal_it_is_whole_and_goes_on(tmp_path: Path) -> None:
    pristine = tmp_path / "pristine"
    province = Province.create(pristine)
    for edition in range(3):
        content = {"43/a": {"l1.pdf": bytes([edition]) * 999}, "43/b": {"l1.pdf": b"bee"}}
        night(province, content)
        province.now += 9 * DAY
    now, kept = province.now, Policy(editions=2)
    last = prune_all(pristine, tmp_path / "last", province, kept)
    stopped, steps = True, 0
    while stopped:
        folder = tmp_path / str(steps)
        shutil.copytree(pristine, folder)
        again = Province.open(folder, now=now)
        with pytest.MonkeyPatch.context() as patch:
            Stopper(patch, steps)
            try:
                prune(again, kept)
                stopped = False
            except Stopped:
                pass
        for path in (again.repository / "targets").glob("*.directory"):
            assert is_whole(again, directory.decode(path.read_bytes()))
        published(again.repository, again.root, folder / "scratch")
        prune(again, kept)
        assert names(again.repository) == last
        shutil.rmtree(folder)
        steps += 1
    assert steps > 5


def prune_all(pristine: Path, folder: Path, province: Province, policy: Policy) -> set[str]:
    """What stays when nothing stops it."""
    shutil.copytree(pristine, folder)
    done = Province.open(folder, now=province.now)
    prune(done, policy)
    return names(done.repository)


@dataclass(frozen=True)
class Step:
    """A day of a publisher's life: what is released, signed, withdrawn, and how long it lasts."""

    lessons: Mapping[str, int]
    signs: bool
    withdraws: bool
    days: int


STEPS = st.lists(
    st.builds(
        Step,
        lessons=st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, 3), min_size=1),
        signs=st.booleans(),
        withdraws=st.booleans(),
        days=st.integers(0, 9),
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.thorough
@given(steps=STEPS, editions=st.integers(1, 3), days=st.integers(0, 12))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.timeout(600)
def test_whatever_happened_what_is_needed_stays(
    steps: list[Step], editions: int, days: int
) -> None:
    with TemporaryDirectory() as folder:
        province = Province.create(Path(folder))
        policy = Policy(editions, timedelta(days=days))
        history = _live(province, steps)
        candidates = [each.folder for each in stage.candidates(province.workspace, province.roles)]
        prune(province, policy)
        assert prune(province, policy).removed == ()
        distinct = list(dict.fromkeys(name for name, _, _ in reversed(history)))
        for name, listed, until in history:
            if name in distinct[:editions] or province.now - until < policy.grace:
                assert is_whole(province, listed), name
                assert (province.repository / name).is_file()
        for staged in candidates:
            listed = directory.decode((staged / DIRECTORY).read_bytes())
            shelf = Shelf([staged, province.repository])
            assert all(shelf.find(name) for name in needed_by(shelf, listed))
        assert (province.repository / "metadata/1.root.json").is_file()
        published(province.repository, province.root, Path(folder) / "scratch")


def _live(province: Province, steps: list[Step]) -> list[tuple[str, Directory, datetime]]:
    """Every directory that was in force, and until when."""
    history: list[tuple[str, Directory, datetime]] = []

    def remember() -> None:
        name = target_name(province.roles.target(stage.SIGNERS[0]), DIRECTORY)
        if not history or history[-1][0] != name:
            if history:
                history[-1] = (*history[-1][:2], province.now)
            history.append((name, read(province, name), province.now + 999 * DAY))

    remember()
    for step in steps:
        content = {
            f"43/{name}": {"l1.pdf": bytes([number]) * 99, "l2.pdf": b"same" * 99}
            for name, number in step.lessons.items()
        }
        province.release(content)
        if step.signs:
            province.publish_all()
        if step.withdraws:
            province.withdraw("43/a/l1")
        remember()
        retain.note(province.workspace, province.now)
        province.now += step.days * DAY + timedelta(minutes=1)
    return history


def test_the_record_says_since_when(province: Province) -> None:
    old = night(province, {"43/a": {"l1.pdf": b"one"}})
    night(province, {"43/a": {"l1.pdf": b"two"}})
    said = json.loads((province.workspace.root / retain.RECORD).read_text())
    assert said["since"][old] == province.now.strftime("%Y-%m-%dT%H:%M:%SZ")
