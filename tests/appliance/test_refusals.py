"""What a box refuses, each with its own message and exit code; what it serves stays as it was."""

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance import config
from appliance.box.find import find
from appliance.generation import current
from sync.directory import Directory
from sync.trust import Withdrawal
from tests.kit.boxes import BoxUnderTest, Forger
from tests.kit.faults import Portal
from tests.kit.province import Province
from tests.kit.server import ALWAYS, FolderServer

OLD = {"43/a": {"l1.mp4": random.Random(1).randbytes(50_000), "l2.pdf": b"%PDF two"}}
NEW = {"43/a": {"l1.mp4": random.Random(2).randbytes(60_000), "l3.pdf": b"%PDF three"}}


@dataclass
class Scene:
    """A box that serves a publisher's first state, and the publisher, about to be attacked."""

    box: BoxUnderTest
    forger: Forger
    server: FolderServer
    before: Path
    """A copy of the repository as the box knows it."""

    def files(self, pattern: str) -> list[Path]:
        """Files of the repository that the box has not seen."""
        found = [path for path in self.forger.folder.glob(pattern) if path.is_file()]
        return [path for path in found if self.is_new(path)]

    def is_new(self, path: Path) -> bool:
        known = self.before / path.relative_to(self.forger.folder)
        return not known.exists() or known.read_bytes() != path.read_bytes()

    def flip(self, pattern: str) -> None:
        """One bit in the middle of every new file of that pattern."""
        found = self.files(pattern)
        assert found, pattern
        for path in found:
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scene's folders, made once."""
    folder = tmp_path_factory.mktemp("stage")
    forger = Forger(folder / "publisher")
    forger.release(OLD)
    box = BoxUnderTest.create(folder / "box", forger.first_root).subscribe("43/a")
    assert box.sync(forger.folder).exit_code == 0
    FORGERS[folder] = forger
    return folder


FORGERS: dict[Path, Forger] = {}


@pytest.fixture
def scene(stage: Path, tmp_path: Path) -> Iterator[Scene]:
    forger = FORGERS[stage].moved(tmp_path / "publisher")
    before = shutil.copytree(stage / "publisher" / "repository", tmp_path / "before")
    box = BoxUnderTest(config.BoxPaths(stage / "box")).copy(tmp_path / "box")
    with FolderServer(forger.folder) as server:
        box.follow(forger.first_root, server.url)
        yield Scene(box, forger, server, before)


def refused(scene: Scene, code: int, words: str) -> None:
    """The box says so, and serves what it served, byte for byte."""
    served = scene.box.served()
    report = scene.box.sync()
    assert report.exit_code == code, report.problems
    assert words in report.problems[0].error.fact
    assert report.problems[0].error.hint
    assert not report.is_new
    assert scene.box.served() == served


def mended(scene: Scene) -> None:
    """The same box still takes the honest next state."""
    report = scene.box.sync()
    assert report.exit_code == 0, report.problems
    assert set(scene.box.resources().values()) == set(NEW["43/a"].values())


def test_the_scene_is_honest_before_any_attack(scene: Scene) -> None:
    scene.forger.release(NEW)
    mended(scene)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("packs/*/*", "digest"),
        ("tables/*/*", "digest"),
        ("feeds/*/*", "digest"),
        ("targets/*.directory", "not what was signed"),
        ("metadata/*.editor.json", "editor.json"),
        ("metadata/*.reviewer.json", "reviewer.json"),
        ("metadata/*.targets.json", "targets.json"),
        ("metadata/*.snapshot.json", "snapshot.json"),
        ("metadata/timestamp.json", "timestamp.json"),
    ],
)
def test_a_tampered_file(scene: Scene, pattern: str, words: str) -> None:
    scene.forger.release(NEW)
    honest = shutil.copytree(scene.forger.folder, scene.before.parent / "honest")
    if pattern.startswith("metadata"):
        for path in scene.files(pattern):
            path.write_bytes(path.read_bytes().replace(b'"sig":"', b'"sig":"00', 1))
    else:
        scene.flip(pattern)
    refused(scene, 5, words)
    shutil.copytree(honest, scene.forger.folder, dirs_exist_ok=True)
    mended(scene)


def test_metadata_that_is_no_json_is_no_source(scene: Scene) -> None:
    scene.forger.release(NEW)
    scene.forger.metadata("timestamp.json").write_bytes(b'{"signed": {')
    refused(scene, 4, "timestamp.json")


def signed_by_the_editor_alone(forger: Forger) -> None:
    forger.directory = Directory("43", "湖南省", forger.cut(NEW))


def signed_twice_by_one_key(forger: Forger) -> None:
    forger.offer(Directory("43", "湖南省", forger.cut(NEW)))
    forger.signers["reviewer"] = forger.signers["editor"]


def one_key_in_both_roles(forger: Forger) -> None:
    forger.offer(Directory("43", "湖南省", forger.cut(NEW)))
    forger.keys["reviewer"] = forger.signers["reviewer"] = forger.keys["editor"]


def signed_by_a_revoked_key(forger: Forger) -> None:
    old = forger.replace_key("editor")
    forger.offer(Directory("43", "湖南省", forger.cut(NEW)))
    forger.signers["editor"] = [old]


def outside_its_code(forger: Forger) -> None:
    (entry,) = forger.cut(NEW)
    forger.offer(Directory("43", "湖南省", (entry, replace(entry, id="44/a"))))


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        (signed_by_the_editor_alone, "reviewer has not signed"),
        (signed_twice_by_one_key, "not signed by enough"),
        (one_key_in_both_roles, "both"),
        (signed_by_a_revoked_key, "not signed by enough"),
        (outside_its_code, "44/a lies outside its publisher's code 43"),
    ],
)
def test_a_wrong_signature(scene: Scene, attack: Callable[[Forger], None], words: str) -> None:
    attack(scene.forger)
    scene.forger.publish()
    refused(scene, 5, words)


def test_a_root_signed_by_one_key_only(scene: Scene) -> None:
    scene.forger.replace_key("timestamp")
    scene.forger.signers["root"] = scene.forger.signers["root"][:1]
    scene.forger.write_root()
    scene.forger.release(NEW)
    refused(scene, 5, "root.json")


def test_a_rolled_back_repository_at_the_publishers_own_url(scene: Scene) -> None:
    scene.forger.release(NEW)
    assert scene.box.sync().exit_code == 0
    put_back(scene, scene.before)
    refused(scene, 5, "older than what this box has")


def test_a_mixed_repository_at_the_publishers_own_url(scene: Scene) -> None:
    scene.forger.release(NEW)
    old = scene.before / "metadata" / "1.snapshot.json"
    scene.forger.metadata("2.snapshot.json").write_bytes(old.read_bytes())
    refused(scene, 5, "snapshot.json")


def test_a_captive_portal_is_no_source(scene: Scene) -> None:
    scene.forger.release(NEW)
    scene.server.fail("*", Portal(), times=ALWAYS)
    refused(scene, 4, "web page")
    scene.server.heal()
    scene.server.fail("*", Portal(content_type="application/octet-stream"), times=ALWAYS)
    refused(scene, 4, "something else")
    scene.server.heal()
    mended(scene)


def test_a_portal_in_the_middle_of_a_sync_is_incomplete(scene: Scene) -> None:
    scene.forger.release(NEW)
    scene.server.fail("packs/*", Portal(), times=ALWAYS)
    refused(scene, 9, "not complete")
    scene.server.heal()
    mended(scene)


def test_a_production_box_refuses_demo_keys(tmp_path: Path) -> None:
    province = Province.create(tmp_path / "p")
    box = BoxUnderTest.create(tmp_path / "box", province.root)
    text = box.paths.config_file.read_text()
    box.paths.config_file.write_text(text.replace("demo = true", "demo = false"))
    report = box.subscribe("43/a").sync(province.repository)
    assert report.exit_code == 5
    assert "demo keys" in report.problems[0].error.fact


def trust_files(box: BoxUnderTest) -> list[Path]:
    root = box.generation.folder / "trust"
    return sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())


def test_each_trust_file_truncated_in_turn(scene: Scene, tmp_path: Path) -> None:
    scene.forger.release(NEW)
    assert scene.box.sync().exit_code == 0
    honest = shutil.copytree(scene.forger.folder, tmp_path / "honest")
    for number, name in enumerate(trust_files(scene.box)):
        box = scene.box.copy(tmp_path / f"box{number}")
        path = box.generation.folder / "trust" / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        lessons, editions = box.resources(), box.editions()
        assert any(name.name in warning for warning in box.status().warnings), name

        put_back(scene, scene.before)
        report = box.sync()
        assert report.exit_code == 5, f"{name}: rollback protection is lost"
        assert "older than what this box has" in report.problems[0].error.fact
        assert (box.resources(), box.editions()) == (lessons, editions)

        put_back(scene, honest)
        report = box.sync()
        assert (report.exit_code, report.is_new) == (0, True), name
        assert box.status().warnings == ()
        assert box.resources() == lessons


def put_back(scene: Scene, folder: Path) -> None:
    """The server offers another state of the repository."""
    shutil.rmtree(scene.forger.folder)
    shutil.copytree(folder, scene.forger.folder)


def test_a_generation_without_record_gives_way_to_the_other(scene: Scene, tmp_path: Path) -> None:
    old = scene.box.resources()
    scene.forger.release(NEW)
    honest = shutil.copytree(scene.forger.folder, tmp_path / "honest")
    assert scene.box.sync().exit_code == 0
    new = scene.box.resources()
    record = scene.box.generation.folder / "generation.json"
    record.write_bytes(record.read_bytes()[:-10])
    assert scene.box.resources() == old
    assert scene.box.status().warnings
    put_back(scene, scene.before)
    assert scene.box.sync().exit_code == 5, "rollback protection is lost with the generation"
    assert scene.box.resources() == old
    put_back(scene, honest)
    report = scene.box.sync()
    assert (report.exit_code, report.is_new, report.generation) == (0, True, 3)
    assert scene.box.resources() == new
    assert scene.box.status().warnings == ()


def test_a_lost_catalogue_is_rebuilt_without_any_source(scene: Scene) -> None:
    old = scene.box.resources()
    scene.forger.release(NEW)
    assert scene.box.sync().exit_code == 0
    new, lessons = scene.box.resources(), scene.box.lessons()
    catalogue = scene.box.generation.catalog
    catalogue.write_bytes(catalogue.read_bytes()[:-10])
    assert scene.box.resources() == old
    put_back(scene, scene.before)
    report = scene.box.sync()
    assert report.exit_code == 5, "rollback protection is lost with the generation"
    assert "generation 2 was damaged and is rebuilt as 3" in report.notes
    assert (scene.box.resources(), scene.box.lessons()) == (new, lessons)
    assert scene.box.status().warnings == ()


def test_with_every_catalogue_lost_the_lessons_come_back(scene: Scene) -> None:
    scene.forger.release(NEW)
    assert scene.box.sync().exit_code == 0
    new = scene.box.resources()
    for catalogue in scene.box.paths.generations.glob("*/catalog.db"):
        catalogue.write_bytes(b"")
    assert current(scene.box.paths) is None
    scene.server.fail("*", Portal(), times=ALWAYS)
    assert scene.box.sync().exit_code == 4
    assert scene.box.resources() == new


def test_a_lost_catalogue_and_feed_wait_for_a_source(scene: Scene) -> None:
    old = scene.box.resources()
    scene.forger.release(NEW)
    assert scene.box.sync().exit_code == 0
    new = scene.box.resources()
    (kept,) = scene.box.generation.record.collections
    scene.box.generation.catalog.write_bytes(b"")
    scene.box.store.feeds.remove(kept.entry.feed.plain.digest)
    scene.server.fail("*", Portal(), times=ALWAYS)
    report = scene.box.sync()
    assert any("cannot be rebuilt here" in note for note in report.notes)
    assert scene.box.resources() == old
    scene.server.heal()
    assert scene.box.sync().exit_code == 0
    assert scene.box.resources() == new


def test_a_lost_index_is_rebuilt_while_serving_goes_on(scene: Scene) -> None:
    served = scene.box.resources()
    damaged = max(scene.box.generation.index.iterdir(), key=lambda path: path.stat().st_size)
    damaged.write_bytes(b"")
    assert scene.box.resources() == served
    assert "titles are found all the same" in scene.box.status().warnings[0]
    assert "is rebuilt: 2" in scene.box.sync().notes[0]
    assert scene.box.status().warnings == ()
    assert find(scene.box.paths, "课", limit=10)["total"] == 2


def test_a_catalogue_damaged_within_is_made_anew_with_the_next_content(scene: Scene) -> None:
    catalogue = scene.box.generation.catalog
    catalogue.write_bytes(bytes(catalogue.stat().st_size))
    scene.forger.release(NEW)
    mended(scene)
    assert scene.box.lessons() == {"43/a/l1", "43/a/l3"}


def test_trust_damaged_in_two_places_falls_back_and_keeps_protection(
    scene: Scene, tmp_path: Path
) -> None:
    scene.forger.release(NEW)
    assert scene.box.sync().exit_code == 0
    (folder,) = (scene.box.generation.folder / "trust").iterdir()
    for name in ("floor.json", "timestamp.json"):
        (folder / name).write_bytes(b"")
    honest = shutil.copytree(scene.forger.folder, tmp_path / "honest")
    put_back(scene, scene.before)
    refused(scene, 5, "older than what this box has")
    shutil.copytree(honest, scene.forger.folder, dirs_exist_ok=True)
    mended(scene)


@pytest.mark.parametrize("is_set", [True, False])
@pytest.mark.parametrize("year", [2000, 2099])
def test_a_wrong_clock_refuses_nothing_fresh(
    tmp_path: Path, founded: Province, year: int, *, is_set: bool
) -> None:
    box = BoxUnderTest.create(tmp_path / "box", founded.root)
    box.wall, box.wall_is_set = datetime(year, 1, 1, tzinfo=UTC), is_set
    box.subscribe("43/a")
    stick = shutil.copytree(founded.repository, tmp_path / "stick")
    assert box.sync(stick).editions == {"43/a": 1}
    with FolderServer(founded.repository) as server:
        other = BoxUnderTest.create(tmp_path / "other", founded.root, urls={0: server.url})
        other.wall, other.wall_is_set = box.wall, is_set
        assert other.subscribe("43/a").sync().editions == {"43/a": 1}


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Province:
    province = Province.create(tmp_path_factory.mktemp("founded"))
    province.publish({"43/a": {"l1.pdf": b"%PDF"}})
    return province


def test_no_room_is_said_before_anything_is_written(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.forger.release(NEW)
    monkeypatch.setattr("sync.files.free_space", lambda _: 1000)
    refused(scene, 6, "must stay free")


def test_what_the_rollout_role_holds_waits_but_withdrawals_apply(scene: Scene) -> None:
    scene.forger.held = ("43/a",)
    scene.forger.withdrawals = (Withdrawal(1, "43/a", "l2", "错误", "2026-11-23T06:00:00Z"),)
    scene.forger.release(NEW)
    before = scene.box.resources()
    report = scene.box.sync()
    assert (report.exit_code, report.editions, report.withdrawn) == (0, {}, 1)
    assert "held back by its publisher" in report.notes[0]
    assert scene.box.resources() == before
    assert scene.box.lessons() == {"43/a/l1"}
    scene.forger.held = ()
    scene.forger.publish()
    mended(scene)


def test_a_plan_of_an_incomplete_or_altered_source_says_so(scene: Scene) -> None:
    scene.forger.release(NEW)
    served = scene.box.served()
    scene.flip("feeds/*/*")
    assert scene.box.plan().exit_code == 5
    for path in scene.files("feeds/*/*"):
        path.unlink()
    assert scene.box.plan().exit_code == 4
    assert scene.box.served() == served
