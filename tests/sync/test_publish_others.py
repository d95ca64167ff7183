"""Withdrawals, publishers below, mirrors: what a box sees of them."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from sync.errors import NoSource, ProofFailed, TrustRefused, UsageError
from sync.progress import Silent
from sync.publish.children import introduce, revoke
from sync.publish.mirror import Mirrored, mirror
from sync.publish.roles import KeyRole
from sync.publish.rotate import NewKeys, rotate
from sync.publish.withdraw import undo, unlifted
from sync.transport.volume import VolumeTransport
from sync.trust import DemoKeys, RolledBack, TrustClock, Trusted, parse_root, refresh
from tests.kit.province import NOW, Province
from tests.kit.whole import published

DAY = timedelta(days=1)


def see(province: Province, scratch: Path) -> Trusted:
    return refresh(
        VolumeTransport(province.repository),
        scratch,
        root=parse_root(province.root),
        clock=TrustClock(province.now, wall_is_set=True, floor=NOW),
        demo=DemoKeys.ACCEPT,
    )


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*")
            if path.is_file()}  # fmt: skip


@pytest.fixture
def province(tmp_path: Path) -> Province:
    made = Province.create(tmp_path)
    made.publish({"43/a": {"l1.pdf": b"one", "l2.pdf": b"two"}})
    return made


def test_a_lesson_is_hidden_at_once_and_shown_again_by_both(
    province: Province, tmp_path: Path
) -> None:
    province.withdraw("43/a/l1", "版权")
    [hidden] = see(province, tmp_path / "box").withdrawals
    assert (hidden.number, hidden.collection, hidden.lesson, hidden.reason) == (
        1, "43/a", "l1", "版权"
    )  # fmt: skip
    candidate = undo(province.workspace, 1, province.now)
    assert candidate.changes()["reinstated"] == [1]
    assert len(see(province, tmp_path / "box").withdrawals) == 1
    province.publish_all(province.now + DAY)
    assert see(province, tmp_path / "box").withdrawals == ()
    assert unlifted(province.workspace, province.roles) == ()


def test_hiding_twice_is_hiding_once(province: Province) -> None:
    province.withdraw("43/a/l1")
    before = tree(province.repository)
    province.withdraw("43/a/l1", "again")
    assert tree(province.repository) == before


def test_hidden_again_after_it_was_shown_again(province: Province, tmp_path: Path) -> None:
    province.withdraw("43/a/l1")
    undo(province.workspace, 1, province.now)
    province.publish_all(province.now + DAY)
    province.withdraw("43/a/l1")
    assert [each.number for each in see(province, tmp_path / "box").withdrawals] == [2]


def test_only_what_is_hidden_is_shown_again(province: Province) -> None:
    with pytest.raises(UsageError, match="no withdrawal 1"):
        undo(province.workspace, 1, province.now)
    province.withdraw("43/a/l1")
    undo(province.workspace, 1, province.now)
    with pytest.raises(UsageError, match="lifted already"):
        undo(province.workspace, 1, province.now)


def test_a_later_release_keeps_what_was_lifted(province: Province, tmp_path: Path) -> None:
    province.withdraw("43/a/l1")
    undo(province.workspace, 1, province.now)
    province.release({"43/a": {"l1.pdf": b"mended"}})
    province.publish_all(province.now + DAY)
    assert see(province, tmp_path / "box").withdrawals == ()


@pytest.mark.parametrize("url", ["nonsense", "ftp://x.cn", "http://", "https://x.cn/a b"])
def test_an_address_no_box_can_use_is_not_signed(
    province: Province, tmp_path: Path, url: str
) -> None:
    city = Province.create(tmp_path / "city", "4301", "长沙市")
    with pytest.raises(UsageError, match="is no http"):
        introduce(province.workspace, province.ring, city.root, (url,), province.now)
    assert province.roles.children == ()


def test_a_city_below_is_introduced_and_revoked(province: Province, tmp_path: Path) -> None:
    city = Province.create(tmp_path, "4301", "长沙市")
    urls = ("https://cs.example.cn/kexia",)
    introduce(province.workspace, province.ring, city.root, urls, province.now)
    [child] = see(province, tmp_path / "box").children
    assert (child.code, child.name, child.urls, child.root.data) == (
        "4301", "长沙市", urls, city.root
    )  # fmt: skip
    before = tree(province.repository)
    introduce(province.workspace, province.ring, city.root, urls, province.now)
    assert tree(province.repository) == before
    introduce(province.workspace, province.ring, city.root, ("https://new.cn",), province.now)
    assert see(province, tmp_path / "box").children[0].urls == ("https://new.cn",)
    revoke(province.workspace, province.ring, "4301", province.now)
    assert see(province, tmp_path / "box").children == ()
    with pytest.raises(UsageError, match="was not introduced"):
        revoke(province.workspace, province.ring, "4301", province.now)


def test_who_may_be_introduced(province: Province, tmp_path: Path) -> None:
    for code in ("44", "43"):
        other = Province.create(tmp_path / "other", code, "他")
        with pytest.raises(TrustRefused, match="does not lie below"):
            introduce(province.workspace, province.ring, other.root, ("https://x.cn",), NOW + DAY)
    real = Province.create(tmp_path / "real", "43", "湖南省", demo=False)
    demo_city = Province.create(tmp_path, "4301", "长沙市")
    with pytest.raises(TrustRefused, match="demo keys"):
        introduce(real.workspace, real.ring, demo_city.root, ("https://x.cn",), NOW + DAY)


@pytest.fixture
def nation(tmp_path: Path) -> Province:
    made = Province.create(tmp_path / "nation", "cn", "国家")
    made.publish({"cn/a": {"l1.pdf": b"one" * 100, "l2.mp4": b"two" * 100_000}})
    return made


def copy(province: Province, source: Path) -> Mirrored:
    clock = TrustClock(province.now + DAY, wall_is_set=True, floor=NOW)
    transport = VolumeTransport(source)
    return mirror(province.workspace, transport, clock, DemoKeys.ACCEPT, Silent())


def test_a_mirror_is_the_same_byte_for_byte(
    province: Province, nation: Province, tmp_path: Path
) -> None:
    city = Province.create(tmp_path, "4301", "长沙市")
    introduce(nation.workspace, nation.ring, city.root, ("https://x.cn",), nation.now)
    done = copy(province, nation.repository)
    held = province.repository / "mirrors" / done.publisher_id
    assert done.publisher_id == nation.workspace.publisher_id
    source = tree(nation.repository)
    assert tree(held).items() <= source.items()
    assert done.files == len(tree(held))
    assert done.bytes == sum(map(len, tree(held).values()))
    published(held, nation.root, tmp_path / "scratch")
    again = copy(province, nation.repository)
    assert (again.files, again.bytes) == (0, 0)
    assert not list(province.workspace.root.glob("mirror*"))


def test_a_mirror_follows_new_editions_and_roots(
    province: Province, nation: Province, tmp_path: Path
) -> None:
    first = copy(province, nation.repository)
    nation.publish({"cn/a": {"l1.pdf": b"new"}})
    rotate(nation.workspace, nation.ring, KeyRole.TIMESTAMP, NewKeys(None), nation.now)
    nation.publish_all(nation.now + timedelta(hours=1))
    copy(province, nation.repository)
    held = province.repository / "mirrors" / first.publisher_id
    names = {path.name for path in (held / "metadata").glob("*.root.json")}
    assert names == {"1.root.json", "2.root.json"}
    found = published(held, nation.root, tmp_path / "scratch")
    assert [(entry.id, entry.edition) for entry in found.collections] == [("cn/a", 2)]


def test_an_older_source_is_no_source_for_a_mirror(
    province: Province, nation: Province, tmp_path: Path
) -> None:
    old = shutil.copytree(nation.repository, tmp_path / "old")
    nation.publish({"cn/a": {"l1.pdf": b"new"}})
    done = copy(province, nation.repository)
    before = tree(province.repository / "mirrors" / done.publisher_id)
    with pytest.raises(RolledBack):
        copy(province, old)
    assert tree(province.repository / "mirrors" / done.publisher_id) == before


def test_a_damaged_source_gives_nothing(province: Province, nation: Province) -> None:
    [pack] = nation.repository.glob("packs/*/*.pack")
    data = pack.read_bytes()
    pack.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(ProofFailed):
        copy(province, nation.repository)
    mirrors = province.repository / "mirrors"
    assert not [path for path in mirrors.rglob("*") if path.is_file()]


def test_what_is_no_repository(province: Province, tmp_path: Path) -> None:
    with pytest.raises(NoSource):
        copy(province, tmp_path / "nothing")


def test_demo_keys_are_not_mirrored_by_a_real_publisher(
    province: Province, nation: Province
) -> None:
    clock = TrustClock(province.now + DAY, wall_is_set=True, floor=NOW)
    transport = VolumeTransport(nation.repository)
    with pytest.raises(TrustRefused, match="demo"):
        mirror(province.workspace, transport, clock, DemoKeys.REFUSE, Silent())


def test_a_registration_nobody_can_read_is_named(province: Province) -> None:
    (province.workspace.sources / "t.toml").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"t\.toml cannot be read"):
        province.workspace.registrations()
    (province.workspace.sources / "t.toml").rmdir()
    (province.workspace.sources / "t.toml").write_text("")
    with pytest.raises(UsageError, match="it has no collection"):
        province.workspace.registrations()
