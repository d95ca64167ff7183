"""What a release remembers of its files: read only what changed, and prove the rest in turn."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.publisher import editions
from appliance.publisher import programmes as publisher
from appliance.publisher.editions import Desk
from appliance.publisher.known import RACY, KnownFiles
from appliance.publisher.programmes import Released
from catalog.sheets import look
from catalog.sheets.facts import ONLY_HASHED, Facts
from catalog.sheets.look import hash_file
from sync.digest import sha256
from sync.errors import InputRefused
from sync.progress import Silent
from sync.publish.in_force import Publisher
from sync.publish.workspace import Registration, SourceKind
from tests.appliance.test_publisher import fill


class Shelf:
    """A folder of files and what is known of them, release after release."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "files"
        self.folder.mkdir()
        self.place = tmp_path / "cache" / "a.files"
        self.now = datetime.now(UTC) + timedelta(minutes=1)
        self.read: list[str] = []

    def write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path

    def release(self, *, rate: float = 0, kind: str = ONLY_HASHED) -> KnownFiles:
        """Ask for every file; ``read`` says which had to be read."""
        known = KnownFiles(self.place, self.folder, self.now, rate)
        self.read = []
        for path in sorted(self.folder.iterdir()):
            facts = known.recall(path, kind) or known.learn(path, kind, self._examine(path))
            assert facts.digest == sha256(path.read_bytes())
        known.save()
        return known

    def _examine(self, path: Path) -> Callable[[], Facts]:
        def examine() -> Facts:
            self.read.append(path.name)
            return hash_file(path)

        return examine


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def keep_times(path: Path, change: Callable[[], object]) -> None:
    """Change a file and set its mtime back: only its ctime tells."""
    before = path.stat()
    change()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_an_unchanged_file_is_read_once(shelf: Shelf) -> None:
    shelf.write("a", b"one")
    shelf.write("b", b"two")
    shelf.release()
    assert shelf.read == ["a", "b"]
    shelf.release()
    assert shelf.read == []


@pytest.mark.parametrize("how", ["content", "same size, old mtime", "replaced", "touched"])
def test_a_changed_file_is_read_again(shelf: Shelf, how: str) -> None:
    path = shelf.write("a", b"one")
    shelf.write("b", b"two")
    shelf.release()
    if how == "content":
        path.write_bytes(b"other")
    elif how == "same size, old mtime":
        keep_times(path, lambda: path.write_bytes(b"eno"))
    elif how == "replaced":
        new = shelf.write("c", b"eno")
        keep_times(path, lambda: new.rename(path))
    else:
        path.touch()
    shelf.release()
    assert shelf.read == ["a"]


def test_another_kind_is_looked_at_again(shelf: Shelf) -> None:
    shelf.write("a", b"one")
    shelf.release()
    shelf.release(kind="svg")
    assert shelf.read == ["a"]


def test_a_file_touched_just_before_it_was_read_is_not_remembered(shelf: Shelf) -> None:
    path = shelf.write("a", b"one")
    touched = datetime.fromtimestamp(path.stat().st_ctime, UTC)
    shelf.now = touched + RACY - timedelta(milliseconds=100)
    shelf.release()
    shelf.now = touched + RACY + timedelta(milliseconds=100)
    shelf.release()
    assert shelf.read == ["a"]
    shelf.release()
    assert shelf.read == []


def test_a_file_that_changes_while_it_is_read_is_not_remembered(shelf: Shelf) -> None:
    path = shelf.write("a", b"one")
    known = KnownFiles(shelf.place, shelf.folder, shelf.now, 0)

    def examine() -> Facts:
        found = hash_file(path)
        path.write_bytes(b"eno")
        return found

    known.learn(path, ONLY_HASHED, examine)
    known.save()
    shelf.release()
    assert shelf.read == ["a"]


@pytest.mark.parametrize("rate", [1, 0.5, 0.3, 0.1])
def test_every_file_is_proved_again_within_its_turn(shelf: Shelf, rate: float) -> None:
    names = [f"{number}" for number in range(200)]
    for name in names:
        shelf.write(name, name.encode())
    shelf.release()
    proved: list[str] = []
    for _ in range(round(1 / rate + 0.49)):
        shelf.release(rate=rate)
        assert 0.6 * rate < len(shelf.read) / len(names) <= min(1, 1.4 * rate)
        proved += shelf.read
    assert set(proved) == set(names)


def test_a_silent_change_is_found_and_told(shelf: Shelf) -> None:
    path = shelf.write("a", b"one")
    shelf.write("b", b"two")
    shelf.release()
    text = shelf.place.read_text()
    _, _, data = text.partition("\n")
    data = data.replace(sha256(b"one"), sha256(b"wrong"))
    shelf.place.write_text(f"{sha256(data.encode())}\n{data}")
    known = KnownFiles(shelf.place, shelf.folder, shelf.now, 1)
    assert known.recall(path, ONLY_HASHED) is None
    assert known.learn(path, ONLY_HASHED, lambda: hash_file(path)).digest == sha256(b"one")
    (note,) = known.notes()
    assert (note.where, note.what) == ("a", "the file changed without its time changing")


@pytest.mark.parametrize("damage", ["flipped", "cut", "version", "gone", "no JSON"])
def test_what_is_damaged_is_not_known(shelf: Shelf, damage: str) -> None:
    shelf.write("a", b"one")
    shelf.release()
    data = shelf.place.read_bytes()
    body = data.partition(b"\n")[2].replace(b"known-files-1", b"known-files-0")
    if damage == "flipped":
        shelf.place.write_bytes(data.replace(sha256(b"one").encode(), sha256(b"eno").encode()))
    elif damage == "cut":
        shelf.place.write_bytes(data[:-1])
    elif damage == "version":
        shelf.place.write_bytes(f"{sha256(body)}\n".encode() + body)
    elif damage == "gone":
        shelf.place.unlink()
    else:
        shelf.place.write_bytes(f"{sha256(b'[]')}\n[]".encode())
    shelf.release()
    assert shelf.read == ["a"]


def test_names_that_are_no_text_are_remembered(shelf: Shelf) -> None:
    name = os.fsdecode(b"\xb9\xdb.svg")
    shelf.write(name, b"one")
    shelf.release()
    shelf.release(rate=1)
    assert shelf.read == [name]
    shelf.release()
    assert shelf.read == []


class Office:
    """A workspace with one registered folder, at a time when its files are at rest."""

    def __init__(self, root: Path, folder: Path, kind: SourceKind) -> None:
        self.root, self.folder = root, folder
        self.now = datetime.now(UTC) + timedelta(minutes=1)
        publisher.init(root, Publisher("43", "湖南省", demo=True), None, self.now)
        publisher.add(root, Registration("43/a", folder, "甲", kind))

    def release(self, *, reprove: float = 0) -> Released:
        return publisher.release(self.root, (), self.now, Silent(), reprove=reprove)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were hashed, in any order."""
    names: list[str] = []

    def counting(path: Path) -> Facts:
        names.append(path.name)
        return hash_file(path)

    monkeypatch.setattr(look, "hash_file", counting)
    return names


def test_a_release_of_a_sheet_reads_only_what_changed(tmp_path: Path, opened: list[str]) -> None:
    folder = fill(tmp_path / "files", {"l1": "一", "l2": "二"})
    office = Office(tmp_path / "workspace", folder, SourceKind.SHEET)
    first = office.release().candidate
    assert first is not None
    assert sorted(opened) == ["l1.svg", "l2.svg"]
    opened.clear()
    assert office.release().candidate is None
    assert opened == []
    (folder / "l2.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"></svg>')
    second = office.release().candidate
    assert opened == ["l2.svg"]
    assert second is not None
    office.release(reprove=1)
    assert sorted(opened) == ["l1.svg", "l2.svg", "l2.svg"]


def test_a_release_of_a_site_reads_only_what_changed(tmp_path: Path, opened: list[str]) -> None:
    folder = tmp_path / "site"
    (folder / "js").mkdir(parents=True)
    (folder / "index.html").write_text("<h1>quiz</h1>")
    (folder / "js" / "quiz.js").write_text("start()")
    office = Office(tmp_path / "workspace", folder, SourceKind.SITE)
    opened.clear()  # `add` looked whether it is a site
    office.release()
    assert sorted(opened) == ["index.html", "quiz.js"]
    opened.clear()
    assert office.release().candidate is None
    assert opened == []


@pytest.mark.parametrize("kind", [SourceKind.SHEET, SourceKind.SITE])
def test_the_same_edition_with_and_without_memory(tmp_path: Path, kind: SourceKind) -> None:
    folder = fill(tmp_path / "files", {"l1": "一", "l2": "二"})
    (folder / "index.html").write_text("<h1>quiz</h1>")
    registration = Registration("43/a", folder, "甲", kind)
    now = datetime.now(UTC) + timedelta(minutes=1)
    desk = Desk(tmp_path / "made", tmp_path / "cache", now, reprove=0)
    first, _ = editions.request(registration, desk, Silent())
    assert editions.request(registration, desk, Silent())[0] == first
    fresh = Desk(tmp_path / "made", tmp_path / "empty", now)
    assert editions.request(registration, fresh, Silent())[0] == first


def test_faults_in_a_sheet_do_not_forget_the_files(tmp_path: Path, opened: list[str]) -> None:
    folder = fill(tmp_path / "files", {"l1": "一", "l2": "二"})
    office = Office(tmp_path / "workspace", folder, SourceKind.SHEET)
    sheet = (folder / "lessons.csv").read_text(encoding="utf-8")
    (folder / "lessons.csv").write_text(sheet.replace("音乐", "炼金术"), encoding="utf-8")
    with pytest.raises(InputRefused):
        office.release()
    opened.clear()
    (folder / "lessons.csv").write_text(sheet, encoding="utf-8")
    assert office.release().candidate is not None
    assert opened == []


def test_a_faulty_file_stays_faulty(tmp_path: Path) -> None:
    folder = fill(tmp_path / "files", {"l1": "一"})
    (folder / "l1.svg").write_bytes(b"GIF89a")
    office = Office(tmp_path / "workspace", folder, SourceKind.SHEET)
    for _ in range(2):
        with pytest.raises(InputRefused) as refused:
            office.release()
        assert "it is no SVG picture" in str(refused.value.faults[0])
