"""Bad cards: every file of the trust state lost or cut in turn, and rollback protection kept."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sync.digest import sha256
from sync.errors import NotThere, TrustRefused
from sync.trust import RolledBack, Trusted, Withdrawal
from sync.trust import floor as floors
from tests.kit.trustbox import TrustBox
from tests.kit.tufrepo import PATHS, TufRepo, new_key

WITHDRAWN = Withdrawal(1, "43/music-1a", "l1", "版权", "2026-11-23T06:00:00Z")
FILES = [
    "root_history/1.root.json",
    "root_history/2.root.json",
    *(f"{role}.json" for role in ("timestamp", "snapshot", "targets", *PATHS)),
    "directory",
    "rollout",
    "withdraw",
    "roots/4301.root.json",
    "floor.json",
]
DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[: len(data) // 2],
    "empty": lambda _: b"",
    "flipped": lambda data: data[:-20] + bytes([data[-20] ^ 1]) + data[-19:],
}


@pytest.fixture
def repo(tmp_path: Path) -> TufRepo:
    """A publisher with two roots, a child, a withdrawal that it no longer lists, two versions."""
    repo = TufRepo(tmp_path / "repo")
    repo.keys["root"] = [*repo.keys["root"][:2], new_key()]
    repo.write_root()
    child = TufRepo(tmp_path / "child", code="4301")
    repo.children = {"4301": (child.first_root, {})}
    repo.publish()
    shutil.copytree(repo.folder, tmp_path / "old")
    repo.withdrawals = (WITHDRAWN,)
    repo.publish()
    return repo


@pytest.fixture
def box(repo: TufRepo, tmp_path: Path) -> TrustBox:
    box = TrustBox(tmp_path / "box", repo.first_root)
    box.refresh(repo.folder)
    return box


@pytest.fixture
def known(box: TrustBox) -> Trusted:
    return box.load()


def test_the_list_is_complete(box: TrustBox) -> None:
    assert sorted(box.files()) == sorted(FILES)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_noticed_and_mended(
    repo: TufRepo, box: TrustBox, known: Trusted, file: str, damage: str
) -> None:
    path = box.folder / file
    healthy = path.read_bytes()
    path.write_bytes(DAMAGE[damage](healthy))
    with pytest.raises(TrustRefused):
        box.load()
    with pytest.raises(RolledBack):
        box.refresh(repo.folder.with_name("old"))
    mended = box.refresh(repo.folder)
    assert mended == replace(known, repaired=(file,))
    assert box.load() == known
    assert path.read_bytes() == healthy


@pytest.mark.parametrize("file", FILES)
def test_a_lost_file_is_noticed_and_mended(
    repo: TufRepo, box: TrustBox, known: Trusted, file: str
) -> None:
    (box.folder / file).unlink()
    with pytest.raises(TrustRefused, match=r"missing|damaged"):
        box.load()
    with pytest.raises(RolledBack):
        box.refresh(repo.folder.with_name("old"))
    assert box.refresh(repo.folder) == replace(known, repaired=(file,))


def test_many_lost_files(repo: TufRepo, box: TrustBox, known: Trusted) -> None:
    lost = tuple(sorted(set(FILES) - {"floor.json"}))
    for file in lost:
        (box.folder / file).unlink()
    with pytest.raises(RolledBack):
        box.refresh(repo.folder.with_name("old"))
    assert box.refresh(repo.folder) == replace(known, repaired=lost)


@pytest.mark.parametrize("file", sorted(set(FILES) - {"floor.json", "root_history/1.root.json"}))
def test_two_lost_places_are_refused(
    repo: TufRepo, box: TrustBox, known: Trusted, file: str
) -> None:
    """Without the floor only whole files protect; what they cannot prove is not taken on trust."""
    for path in (box.folder / file, box.folder / "floor.json"):
        path.write_bytes(path.read_bytes()[:-1])
    if file in ("directory", "rollout", "roots/4301.root.json"):
        # these protect nothing: signed metadata names them
        assert box.refresh(repo.folder).versions == known.versions
        return
    with pytest.raises(TrustRefused, match="damaged in two places") as caught:
        box.refresh(repo.folder)
    assert not isinstance(caught.value, RolledBack)
    assert "previous generation" in caught.value.hint


def test_withdrawals_outlive_their_list(repo: TufRepo, box: TrustBox) -> None:
    repo.withdrawals = ()
    repo.publish()
    box.refresh(repo.folder)
    (box.folder / "withdraw").write_bytes(b"")
    assert box.refresh(repo.folder).withdrawals == (WITHDRAWN,)


def test_a_file_grown_beyond_reason(repo: TufRepo, box: TrustBox, known: Trusted) -> None:
    with (box.folder / "editor.json").open("r+b") as file:
        file.truncate(17 * 2**20)
    with pytest.raises(TrustRefused, match="damaged"):
        box.load()
    assert box.refresh(repo.folder) == replace(known, repaired=("editor.json",))


def test_mending_needs_the_file(repo: TufRepo, box: TrustBox) -> None:
    (box.folder / "editor.json").write_bytes(b"{")
    repo.metadata("2.editor.json").unlink()
    before = box.files()
    with pytest.raises(NotThere):
        box.refresh(repo.folder)
    assert box.files() == before


@pytest.mark.parametrize("file", sorted(set(FILES) - {"floor.json", "root_history/1.root.json"}))
def test_the_floor_vouches_for_nothing(box: TrustBox, file: str) -> None:
    """It is the box's own note: with a file altered to match, the signatures still refuse."""
    path = box.folder / file
    changed = path.read_bytes().replace(b"a", b"b", 1)
    if changed == path.read_bytes():
        changed = changed[:-1] + b"?"
    path.write_bytes(changed)
    floor = floors.decode((box.folder / "floor.json").read_bytes())
    files = {**floor.files, file: sha256(changed)}
    (box.folder / "floor.json").write_bytes(floors.encode(replace(floor, files=files)))
    with pytest.raises(TrustRefused):
        box.load()


def test_an_empty_folder_begins_anew(repo: TufRepo, box: TrustBox, known: Trusted) -> None:
    shutil.rmtree(box.folder)
    box.folder.mkdir()
    with pytest.raises(TrustRefused, match=r"floor\.json is missing"):
        box.load()
    assert box.refresh(repo.folder) == known
