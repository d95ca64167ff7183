"""The publisher's side of the directory's shorter forms: made when staged, signed, published."""

import shutil
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from sync.files import write_durably
from sync.progress import Silent
from sync.publish import bases, promote, stage
from sync.publish.mirror import mirror
from sync.publish.roles import KeyRole
from sync.publish.rotate import NewKeys, rotate
from sync.shortened import Shortened, parse_custom
from sync.transport.http import HttpTransport
from sync.transport.volume import VolumeTransport
from sync.trust import DemoKeys, TrustClock
from tests.kit.province import NOW, Province
from tests.kit.server import FolderServer
from tests.kit.trustbox import TrustBox, at

MANY = {f"43/c{number:02}": {"l1.pdf": f"lesson {number}".encode()} for number in range(20)}


def news(number: int) -> Mapping[str, Mapping[str, bytes]]:
    return {f"43/c{number % 20:02}": {"l1.pdf": f"edition of night {number}".encode()}}


@pytest.fixture
def province(tmp_path: Path) -> Province:
    province = Province.create(tmp_path)
    province.publish(MANY)
    return province


@pytest.fixture
def server(province: Province) -> Iterator[FolderServer]:
    with FolderServer(province.repository) as server:
        yield server


def forms(province: Province) -> Shortened:
    """What is published of the shorter forms."""
    roles = province.roles
    size = roles.target(KeyRole.EDITOR).size
    return parse_custom(roles.custom(KeyRole.EDITOR), size=size)


def follow(province: Province, server: FolderServer, folder: Path) -> list[str]:
    """The directory's files that the box in ``folder`` fetches."""
    box = TrustBox(folder, province.root, demo=DemoKeys.ACCEPT)
    server.reset()
    box.refresh(HttpTransport(server.url), at(province.now))
    return [name.partition(".")[2] for name in server.requests if ".directory" in name]


def test_a_box_follows_night_after_night_by_deltas(
    province: Province, server: FolderServer, tmp_path: Path
) -> None:
    assert follow(province, server, tmp_path / "box") == ["directory.zst"]
    for number in range(3):
        province.publish(news(number))
        assert follow(province, server, tmp_path / "box") == ["directory.delta"]
        assert len(server.requests) == 6
    assert follow(province, server, tmp_path / "box") == []
    assert len(server.requests) == 2


@pytest.mark.parametrize(("behind", "form"), [(1, "delta"), (7, "delta"), (8, "zst")])
def test_who_was_away_for_some_nights(
    province: Province, server: FolderServer, tmp_path: Path, behind: int, form: str
) -> None:
    follow(province, server, tmp_path / "box")
    for number in range(behind):
        province.publish(news(number))
    assert follow(province, server, tmp_path / "box") == [f"directory.{form}"]


def test_deltas_start_where_the_policy_says(province: Province) -> None:
    before = [directory_bytes(province)]
    for number in range(6):
        province.publish(news(number))
        before.insert(0, directory_bytes(province))
    kept = [back for back in range(1, 7) if forms(province).delta_from(before[back])]
    assert kept == [back for back in bases.BACK if back < 7] == [1, 2, 3, 4, 5, 6]


def directory_bytes(province: Province) -> bytes:
    stored = province.roles.target(KeyRole.EDITOR)
    return (province.repository / f"targets/{stored.digest}.directory").read_bytes()


def test_what_is_published_is_all_there(province: Province) -> None:
    province.publish(news(1))
    listed = forms(province).names()
    assert len(listed) == 2
    for name, stored in listed:
        assert (province.repository / name).stat().st_size == stored.size


def test_a_candidate_on_a_candidate_has_deltas_from_both(
    province: Province, server: FolderServer, tmp_path: Path
) -> None:
    """The older one may be published on its own, or never."""
    follow(province, server, tmp_path / "slow")
    follow(province, server, tmp_path / "quick")
    first = province.release(news(1))
    second = province.release(news(2))
    assert first is not None
    assert second is not None
    assert len(second.forms().deltas) == 2
    province.sign(first)
    stage_night(province)
    assert follow(province, server, tmp_path / "quick") == ["directory.delta"]
    province.sign(second)
    stage_night(province)
    assert follow(province, server, tmp_path / "quick") == ["directory.delta"]
    assert follow(province, server, tmp_path / "slow") == ["directory.delta"]


def stage_night(province: Province) -> None:
    province.now += timedelta(days=1)
    assert promote.nightly(province.workspace, province.ring, province.now, Silent()).published


def test_a_form_damaged_in_the_staged_folder_is_not_published(province: Province) -> None:
    candidate = province.release(news(1))
    assert candidate is not None
    [path] = candidate.folder.glob("targets/*.delta")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    night = province.publish_all()
    assert night.published is None
    assert "delta" in night.refused[0].what


def test_earlier_directories_that_are_gone_or_damaged_are_no_bases(
    province: Province, server: FolderServer, tmp_path: Path
) -> None:
    follow(province, server, tmp_path / "box")
    [first] = [
        path for path in province.repository.glob("targets/*.directory")
        if path.read_bytes() == directory_bytes(province)
    ]  # fmt: skip
    province.publish(news(1))
    first.unlink()
    province.publish(news(2))
    assert len(forms(province).deltas) == 1
    assert follow(province, server, tmp_path / "box") == ["directory.zst"]
    write_durably(first, b"damaged")
    province.publish(news(3))
    assert len(forms(province).deltas) == 2


def test_the_same_directory_signed_anew_is_fetched_by_nobody(
    province: Province, server: FolderServer, tmp_path: Path
) -> None:
    province.publish(news(1))
    follow(province, server, tmp_path / "box")
    listed = stage.base(province.workspace, province.roles).directory
    stage.stage_directory(province.workspace, listed, province.now)
    province.publish_all(province.now + timedelta(days=1))
    assert follow(province, server, tmp_path / "box") == []
    province.publish(news(2))
    assert follow(province, server, tmp_path / "box") == ["directory.delta"]


@pytest.mark.parametrize("role", [KeyRole.EDITOR, KeyRole.REVIEWER])
def test_a_new_key_leaves_the_forms_in_force(
    province: Province, server: FolderServer, tmp_path: Path, role: KeyRole
) -> None:
    follow(province, server, tmp_path / "box")
    province.publish(news(1))
    before = forms(province)
    rotate(province.workspace, province.ring, role, NewKeys(None), province.now)
    assert forms(province) == before
    assert follow(province, server, tmp_path / "box") == ["directory.delta"]


def mirrored(province: Province, folder: Path) -> Path:
    """The mirror of ``province`` that another publisher holds."""
    other = Province.create(folder, "4301", "长沙市") if not (folder / "4301").exists() else None
    workspace = other.workspace if other else Province.open(folder, "4301").workspace
    clock = TrustClock(province.now, wall_is_set=True, floor=NOW)
    source = VolumeTransport(province.repository)
    done = mirror(workspace, source, clock, DemoKeys.ACCEPT, Silent())
    return workspace.repository / "mirrors" / done.publisher_id


def test_a_mirror_has_the_forms_too(province: Province, tmp_path: Path) -> None:
    province.publish(news(1))
    copy = mirrored(province, tmp_path / "city")
    for name, _ in forms(province).names():
        assert (copy / name).read_bytes() == (province.repository / name).read_bytes()


def test_a_mirror_of_a_source_without_forms_is_whole(province: Province, tmp_path: Path) -> None:
    province.publish(news(1))
    for name, _ in forms(province).names():
        (province.repository / name).unlink()
    copy = mirrored(province, tmp_path / "city")
    box = TrustBox(tmp_path / "box", province.root, demo=DemoKeys.ACCEPT)
    assert box.refresh(copy, at(province.now)).directory.entry("43/c01") is not None


def test_what_is_staged_twice_is_the_same_bytes(province: Province, tmp_path: Path) -> None:
    """Whoever stages, and whenever: the forms depend on the directories alone."""
    shutil.copytree(province.folder / "43", tmp_path / "copy" / "43")
    other = Province.open(tmp_path / "copy", now=province.now)
    both = [each.release(news(1)) for each in (province, other)]
    one, two = ({path.name: path.read_bytes() for path in each.folder.glob("targets/*")}
                for each in both if each is not None)  # fmt: skip
    assert one == two
    assert len(one) == 2
