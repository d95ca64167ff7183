"""A sync end to end, over real servers and volumes, from a real signed province."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.generation import current
from sync.errors import NoRoom
from sync.progress import Silent
from sync.publish import children
from sync.publish.mirror import mirror
from sync.transport.volume import VolumeTransport
from sync.trust import DemoKeys, TrustClock
from tests.kit.boxes import WALL, BoxUnderTest
from tests.kit.province import Province
from tests.kit.server import FolderServer

Files = dict[str, bytes]


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


FIRST: Files = {"l1.mp4": noise(1, 400_000), "l1.pdf": b"%PDF one", "l2.vtt": b"WEBVTT"}
SECOND: Files = {**FIRST, "l1.mp4": FIRST["l1.mp4"][:300_000] + noise(2, 50_000), "l3.pdf": b"new"}


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Province:
    """Made once, copied for each test: keys and signatures take time."""
    province = Province.create(tmp_path_factory.mktemp("founded"))
    province.publish({"43/a": FIRST, "43/b": {"b1.pdf": b"%PDF b"}})
    return province


@pytest.fixture
def province(tmp_path: Path, founded: Province) -> Province:
    shutil.copytree(founded.folder, tmp_path / "province")
    return Province.open(tmp_path / "province", now=founded.now)


@pytest.fixture
def server(province: Province) -> Iterator[FolderServer]:
    with FolderServer(province.repository) as server:
        yield server


@pytest.fixture
def box(tmp_path: Path, province: Province, server: FolderServer) -> BoxUnderTest:
    made = BoxUnderTest.create(tmp_path / "box", province.root, urls={0: server.url})
    return made.subscribe("43/a", "43/b")


def test_first_sync_brings_everything(box: BoxUnderTest, server: FolderServer) -> None:
    report = box.sync()
    assert report.exit_code == 0
    assert report.problems == ()
    assert report.editions == {"43/a": 1, "43/b": 1} == box.editions()
    assert box.lessons() == {"43/a/l1", "43/a/l2", "43/b/b1"}
    assert set(box.resources().values()) == {*FIRST.values(), b"%PDF b"}
    assert report.resources_new == 4
    missing = len(b"<h1>404</h1>")  # for a second root; bodies of answers that are no file
    assert report.bytes_fetched + report.metadata_bytes == server.bytes - missing
    assert report.requests == len(server.requests)
    assert box.paths.current.readlink() == Path("generations/1")
    assert not box.paths.scratch.exists()


def test_nothing_new_costs_two_requests_and_makes_no_generation(
    box: BoxUnderTest, server: FolderServer
) -> None:
    box.sync()
    served = box.served()
    server.reset()
    report = box.sync()
    assert (report.exit_code, report.is_new, report.generation) == (0, False, 1)
    assert report.editions == {}
    assert len(server.requests) == report.requests == 2
    assert box.served() == served


def test_an_update_fetches_what_changed(box: BoxUnderTest, province: Province) -> None:
    box.sync()
    province.publish({"43/a": SECOND})
    report = box.sync()
    assert report.editions == {"43/a": 2}
    assert box.editions() == {"43/a": 2, "43/b": 1}
    assert box.lessons() == {"43/a/l1", "43/a/l2", "43/a/l3", "43/b/b1"}
    assert SECOND["l1.mp4"] in box.resources().values()
    assert report.bytes_reused > 200_000
    assert report.bytes_fetched < 200_000


def test_two_generations_are_kept_and_the_library_pruned(
    box: BoxUnderTest, province: Province
) -> None:
    box.sync()
    for number in range(2, 5):
        province.publish({"43/b": {"b1.pdf": b"edition %d" % number}})
        box.sync()
    assert sorted(path.name for path in box.paths.generations.iterdir()) == ["3", "4"]
    kept = {data for path in box.paths.root.glob("library/*/*") if (data := path.read_bytes())}
    assert kept == {*FIRST.values(), b"edition 3", b"edition 4"}
    assert len(list(box.paths.root.glob("feeds/*/*"))) == 3


def test_what_a_killed_sync_left_goes_with_the_next(
    box: BoxUnderTest, province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.sync()
    for number in range(2, 4):
        province.publish({"43/b": {"b1.pdf": b"edition %d" % number}})
        with monkeypatch.context() as patched:
            patched.setattr("appliance.update.sync.tidy", lambda *_: None)
            box.sync()
    assert len(list(box.paths.generations.iterdir())) == 3
    assert not box.sync().is_new
    assert len(list(box.paths.generations.iterdir())) == 2


def test_a_disk_that_fills_up_while_the_catalogue_is_made_leaves_no_draft(
    box: BoxUnderTest, province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.sync()
    served = box.served()
    province.publish({"43/a": SECOND})

    def full(*_: object) -> None:
        raise NoRoom("no room")

    with monkeypatch.context() as patched:
        patched.setattr("appliance.update.build.bring_index", full)
        with pytest.raises(NoRoom):
            box.sync()
    assert box.served() == served
    assert len(list(box.paths.generations.iterdir())) == 1
    report = box.sync()
    assert (report.editions, report.bytes_fetched) == ({"43/a": 2}, 0)


def test_plan_changes_nothing_that_is_served(box: BoxUnderTest, province: Province) -> None:
    box.sync()
    province.publish({"43/a": SECOND})
    served = box.served()
    report = box.plan()
    assert box.served() == served
    assert [(one.id, one.edition, one.files) for one in report.collections] == [("43/a", 2, 2)]
    assert report.files == 2
    assert report.room_needed > report.bytes_to_fetch > 50_000
    done = box.sync()
    assert done.bytes_reused == report.bytes_reused
    assert abs(done.bytes_fetched - report.bytes_to_fetch) < 1000


def test_plan_of_a_new_box_makes_no_generation(box: BoxUnderTest) -> None:
    assert {one.id for one in box.plan().collections} == {"43/a", "43/b"}
    assert current(box.paths) is None


def test_over_http_and_from_a_volume_the_same_comes_in(
    box: BoxUnderTest, province: Province, tmp_path: Path
) -> None:
    stick = shutil.copytree(province.repository, tmp_path / "stick")
    offline = BoxUnderTest.create(tmp_path / "offline", province.root).subscribe("43/a", "43/b")
    box.sync()
    report = offline.sync(stick)
    assert report.exit_code == 0
    one, other = box.generation.record, offline.generation.record
    assert (one.collections, one.publishers) == (other.collections, other.publishers)
    trust = {seal for seal in one.files if seal.path.startswith("trust/")}
    assert trust == {seal for seal in other.files if seal.path.startswith("trust/")}
    assert box.resources() == offline.resources()
    assert box.lessons() == offline.lessons()


def test_a_half_copied_newer_stick_then_a_complete_older_one(
    province: Province, tmp_path: Path
) -> None:
    box = BoxUnderTest.create(tmp_path / "box", province.root).subscribe("43/a")
    box.sync(shutil.copytree(province.repository, tmp_path / "first"))
    province.publish({"43/a": SECOND})
    whole = shutil.copytree(province.repository, tmp_path / "second")
    province.publish({"43/a": {**SECOND, "l4.mp4": noise(4, 300_000)}})
    half = shutil.copytree(province.repository, tmp_path / "third")
    for pack in [*half.glob("packs/*/*"), *half.glob("updates/*/*")]:
        if not (whole / pack.relative_to(half)).exists():
            pack.unlink()
    lessons = box.lessons()
    alone = box.sync(half)
    assert (alone.exit_code, alone.is_new) == (9, True)
    assert "not complete" in alone.problems[0].error.fact
    assert box.editions() == {"43/a": 1}
    assert box.lessons() > lessons  # those of the newer edition that are whole
    report = box.sync(whole)
    assert (report.exit_code, report.editions) == (0, {"43/a": 2})


def test_of_two_sticks_the_complete_one_comes_in_and_the_other_is_named(
    province: Province, tmp_path: Path
) -> None:
    box = BoxUnderTest.create(tmp_path / "box", province.root).subscribe("43/a")
    older = shutil.copytree(province.repository, tmp_path / "older")
    province.publish({"43/a": SECOND})
    half = shutil.copytree(province.repository, tmp_path / "half")
    for folder in ("feeds", "updates"):  # an update pack holds the feed too
        shutil.rmtree(half / folder)
    report = box.sync(half, older)
    assert report.editions == {"43/a": 1}
    assert report.exit_code == 9
    assert str(half) in report.problems[0].error.fact


def test_a_stick_spares_the_line(
    box: BoxUnderTest, province: Province, server: FolderServer, tmp_path: Path
) -> None:
    stick = shutil.copytree(province.repository, tmp_path / "stick")
    report = box.sync(stick)
    assert report.editions == {"43/a": 1, "43/b": 1}
    content = ("packs", "updates", "routes", "feeds", "tables")
    assert not [name for name in server.requests if name.startswith(content)]


def test_an_older_stick_gives_bytes_and_no_alarm(
    box: BoxUnderTest, province: Province, server: FolderServer, tmp_path: Path
) -> None:
    old = shutil.copytree(province.repository, tmp_path / "old")
    province.publish({"43/b": {"b1.pdf": b"%PDF b"}, "43/c": {"c.pdf": b"c"}})
    box.subscribe("43/c").sync()
    report = box.sync(old)
    assert (report.exit_code, report.is_new) == (0, False)
    assert any("older than this box: nothing to do" in note for note in report.notes)


def test_bytes_of_an_older_stick_serve_a_newer_list(province: Province, tmp_path: Path) -> None:
    old = shutil.copytree(province.repository, tmp_path / "old")
    province.publish({"43/c": {"c.pdf": b"c"}})
    new = shutil.copytree(province.repository, tmp_path / "new")
    box = BoxUnderTest.create(tmp_path / "box", province.root).subscribe("43/c")
    assert box.sync(new).editions == {"43/c": 1}
    box.subscribe("43/a")
    report = box.sync(old)
    assert (report.exit_code, report.editions) == (0, {"43/a": 1})
    assert box.generation.record.publishers[0].versions["timestamp"] > 1


def test_a_tampered_stick_is_made_good_by_the_server(
    box: BoxUnderTest, province: Province, tmp_path: Path
) -> None:
    stick = shutil.copytree(province.repository, tmp_path / "stick")
    for pack in [*stick.glob("packs/*/*"), *stick.glob("updates/*/*")]:
        data = bytearray(pack.read_bytes())
        data[len(data) // 2] ^= 1
        pack.write_bytes(data)
    report = box.sync(stick)
    assert report.editions == {"43/a": 1, "43/b": 1}
    assert report.exit_code == 0


def test_a_broken_line_is_incomplete_and_goes_on(box: BoxUnderTest, server: FolderServer) -> None:
    from tests.kit.faults import CutAfter

    for content in ("packs/*", "updates/*"):
        server.fail(content, CutAfter(100_000), times=100)
    report = box.sync()
    assert report.exit_code in (0, 9)
    server.heal()
    server.reset()
    box.sync()
    assert box.editions() == {"43/a": 1, "43/b": 1}


def test_no_source_is_4_and_serving_goes_on(box: BoxUnderTest, server: FolderServer) -> None:
    box.sync()
    served = box.served()
    text = box.paths.config_file.read_text()
    box.paths.config_file.write_text(text.replace(server.url, "http://127.0.0.1:9"))
    report = box.sync()
    assert (report.exit_code, report.is_new, report.generation) == (4, False, 1)
    assert box.served() == served


def test_nobody_to_ask_is_said(province: Province, tmp_path: Path) -> None:
    box = BoxUnderTest.create(tmp_path / "box", province.root).subscribe("43/a")
    report = box.sync()
    assert report.exit_code == 4
    assert "nobody to ask" in report.problems[0].error.fact


def test_a_medium_of_no_use_is_named(box: BoxUnderTest, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    report = box.sync(tmp_path / "empty", tmp_path / "missing")
    assert report.editions == {"43/a": 1, "43/b": 1}
    assert report.exit_code == 4
    assert [problem.publisher for problem in report.problems] == ["", ""]


def test_one_publisher_failing_does_not_stop_the_other(
    box: BoxUnderTest, province: Province, server: FolderServer, tmp_path: Path
) -> None:
    nation = Province.create(tmp_path / "nation", "cn", "国家")
    nation.publish({"cn/x": {"x.pdf": b"x"}})
    both = BoxUnderTest.create(
        tmp_path / "both", nation.root, province.root, urls={0: "http://127.0.0.1:9", 1: server.url}
    ).subscribe("cn/x", "43/a")
    report = both.sync()
    assert report.editions == {"43/a": 1}
    assert report.exit_code == 4
    assert [problem.publisher for problem in report.problems] == ["cn"]
    with FolderServer(nation.repository) as other:
        text = both.paths.config_file.read_text()
        both.paths.config_file.write_text(text.replace("http://127.0.0.1:9", other.url))
        assert both.sync().editions == {"cn/x": 1}
    assert both.editions() == {"43/a": 1, "cn/x": 1}


def test_a_mirror_on_the_provinces_server(
    box: BoxUnderTest, province: Province, server: FolderServer, tmp_path: Path
) -> None:
    nation = Province.create(tmp_path / "nation", "cn", "国家")
    nation.publish({"cn/x": {"x.pdf": b"x"}})
    clock = TrustClock(WALL, wall_is_set=True, floor=nation.now)
    source = VolumeTransport(nation.repository)
    mirror(province.workspace, source, clock, DemoKeys.ACCEPT, Silent())
    both = BoxUnderTest.create(
        tmp_path / "both", nation.root, province.root, urls={0: "http://127.0.0.1:9", 1: server.url}
    ).subscribe("cn/x", "43/a")
    report = both.sync()
    assert report.editions == {"43/a": 1, "cn/x": 1}
    assert report.exit_code == 0
    stick = shutil.copytree(province.repository, tmp_path / "stick")
    offline = BoxUnderTest.create(tmp_path / "offline", nation.root, province.root)
    assert offline.subscribe("cn/x").sync(stick).editions == {"cn/x": 1}


def test_children_are_followed_down_the_chain(
    box: BoxUnderTest, province: Province, tmp_path: Path
) -> None:
    city = Province.create(tmp_path / "city", "4301", "长沙市")
    county = Province.create(tmp_path / "county", "430121", "长沙县")
    county.publish({"430121/x": {"x.pdf": b"x"}})
    with FolderServer(city.repository) as one, FolderServer(county.repository) as two:
        children.introduce(city.workspace, city.ring, county.root, (two.url,), city.now)
        city.publish({})
        children.introduce(province.workspace, province.ring, city.root, (one.url,), province.now)
        box.subscribe("430121/x")
        assert box.sync().editions["430121/x"] == 1
        children.revoke(province.workspace, province.ring, "4301", province.now)
        county.publish({"430121/x": {"x.pdf": b"xx"}})
        report = box.sync()
    assert "430121/x" not in report.editions
    assert box.editions()["430121/x"] == 1


def test_withdrawn_lessons_go_at_once(box: BoxUnderTest, province: Province) -> None:
    box.sync()
    province.withdraw("43/a/l2")
    report = box.sync()
    assert (report.exit_code, report.is_new, report.withdrawn) == (0, True, 1)
    assert report.editions == {}
    assert box.lessons() == {"43/a/l1", "43/b/b1"}


def test_what_is_no_longer_offered_or_subscribed_leaves(
    box: BoxUnderTest, province: Province
) -> None:
    from appliance.update.subscribe import set_subscriptions

    box.sync()
    set_subscriptions(box.paths, (), ("43/b",))
    report = box.sync()
    assert report.removed == ("43/b",)
    assert box.lessons() == {"43/a/l1", "43/a/l2"}


def test_a_root_of_no_use_is_a_problem_of_its_publisher_only(
    box: BoxUnderTest, server: FolderServer, tmp_path: Path
) -> None:
    city = Province.create(tmp_path / "city", "4301", "长沙市")
    box.follow(city.root, "http://127.0.0.1:9")
    (box.paths.roots / "4301.root.json").unlink()
    report = box.sync()
    assert report.editions == {"43/a": 1, "43/b": 1}
    assert [(one.publisher, one.error.exit_code) for one in report.problems] == [("4301", 2)]
    shutil.copy(box.paths.roots / "43.root.json", box.paths.roots / "4301.root.json")
    assert "kexia.toml says 4301" in box.sync().problems[0].error.fact


def test_a_collection_nobody_offers_is_a_note(box: BoxUnderTest) -> None:
    box.subscribe("43/nowhere")
    report = box.sync()
    assert report.exit_code == 0
    assert report.notes == ("43/nowhere: its publisher does not offer it",)


def test_a_catalogue_that_rots_on_the_card_is_not_handed_on(
    box: BoxUnderTest, province: Province
) -> None:
    """Rows that no night changes would go from copy to copy; they come anew from the feeds."""
    box.sync()
    path = box.generation.catalog
    good = path.read_bytes()
    [title] = {lesson for lesson in box.lessons() if lesson.startswith("43/a/")} & {"43/a/l1"}
    rotten = good.replace(title.encode(), title.upper().encode())
    assert rotten != good
    path.chmod(0o600)
    path.write_bytes(rotten)
    assert title not in box.lessons()
    province.publish({"43/b": {"l9.mp4": b"new"}})
    assert not box.sync().problems
    assert title in box.lessons()
