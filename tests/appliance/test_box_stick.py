"""A box fills a stick for a neighbour: the other box needs nothing else."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from appliance.cli.main import main
from appliance.holdings import Holdings
from appliance.technician.from_box import fill_stick
from appliance.technician.lacking import Measure
from appliance.technician.programmes import Request, prepare_stick
from appliance.technician.spare import Earlier
from sync.digest import sha256
from sync.errors import InputRefused, ProofFailed
from sync.progress import Silent
from sync.stick import note as notes
from sync.stick import sealing
from sync.stick.have import HaveList, encode
from sync.stick.sealing import Kind
from sync.trust import DemoKeys, parse_root
from tests.kit.boxes import WALL, BoxUnderTest
from tests.kit.province import Province

pytestmark = pytest.mark.thorough
RNG = Random(31)
CONTENT = {
    "l1.mp4": RNG.randbytes(2**20 + 5),
    "l1.pdf": RNG.randbytes(200_000),
    "l2.vtt": b"words",
    "bad.pdf": b"wrong",
}
SHOWN = {data for name, data in CONTENT.items() if name != "bad.pdf"}


@pytest.fixture
def province(tmp_path: Path) -> Province:
    made = Province.create(tmp_path)
    made.publish({"43/a": CONTENT})
    made.let_read("长沙县电教馆")
    made.withdraw("43/a/bad")
    made.publish_all()
    return made


@pytest.fixture
def box(province: Province, tmp_path: Path) -> BoxUnderTest:
    made = BoxUnderTest.create(tmp_path / "box", province.root).subscribe("43/a")
    made.sync(province.repository)
    return made


def other_box(province: Province, folder: Path) -> BoxUnderTest:
    return BoxUnderTest.create(folder / "other", province.root).subscribe("43/a")


@pytest.mark.parametrize("to", ["stick", "lessons.kexia"])
def test_a_neighbour_is_served_from_it_alone(
    province: Province, box: BoxUnderTest, tmp_path: Path, to: str
) -> None:
    done = fill_stick(box.paths, tmp_path / to, WALL, Silent())
    other = other_box(province, tmp_path)
    shutil.rmtree(province.repository)
    report = other.sync(tmp_path / to)
    assert report.problems == ()
    assert other.editions() == {"43/a": 1}
    assert other.lessons() == box.lessons() == {"43/a/l1", "43/a/l2"}
    assert done.files_written == done.files


def test_it_holds_what_neighbours_are_given_byte_for_byte(
    province: Province, box: BoxUnderTest, tmp_path: Path
) -> None:
    fill_stick(box.paths, tmp_path / "stick", WALL, Silent())
    holdings = Holdings(box.paths, box.generation)
    [publisher] = holdings.publishers
    folder = tmp_path / "stick" / "KEXIA" / publisher
    for name, held in holdings.metadata(publisher).items():
        assert (folder / name).read_bytes() == held.path.read_bytes()
        assert (folder / name).read_bytes() == (province.repository / name).read_bytes()
    [feed] = (path for path in (folder / "feeds").rglob("*") if path.is_file())
    published = province.repository / feed.relative_to(folder)
    assert feed.read_bytes() == published.read_bytes()
    note = notes.decode((tmp_path / "stick" / "KEXIA" / "stick.json").read_bytes())
    assert note.complete
    assert [one.id for one in note.publishers[0].collections] == ["43/a"]
    every = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert not any(b"wrong" in data for data in every), "a withdrawn lesson's file"


def test_a_second_time_nothing_is_written(box: BoxUnderTest, tmp_path: Path) -> None:
    fill_stick(box.paths, tmp_path / "stick", WALL, Silent())
    again = fill_stick(box.paths, tmp_path / "stick", WALL, Silent())
    assert (again.files_written, again.files_removed) == (0, 0)
    path = next((tmp_path / "stick").rglob("*.cat"))
    path.write_bytes(path.read_bytes()[:-1])
    mended = fill_stick(box.paths, tmp_path / "stick", WALL, Silent())
    assert mended.files_written >= 1


def test_a_newer_edition_replaces_the_older_on_the_stick(
    province: Province, box: BoxUnderTest, tmp_path: Path
) -> None:
    fill_stick(box.paths, tmp_path / "stick", WALL, Silent())
    province.publish({"43/a": {**CONTENT, "l3.pdf": b"newer"}})
    box.sync(province.repository)
    fill_stick(box.paths, tmp_path / "stick", WALL, Silent())
    other = other_box(province, tmp_path)
    shutil.rmtree(province.repository)
    other.sync(tmp_path / "stick")
    assert other.editions() == {"43/a": 2}
    assert "43/a/l3" in other.lessons()


@pytest.fixture
def county(province: Province, tmp_path: Path) -> Path:
    """A stick that the county prepared, with what the box has not got yet."""
    province.publish({"43/a": {**CONTENT, "l3.pdf": b"newer"}, "43/b": {"l9.pdf": b"other"}})
    return prepared(province, tmp_path / "county", collections=["43/a", "43/b"])


def prepared(province: Province, to: Path, **asked: Sequence[object]) -> Path:
    plain = Request([province.repository], (), (), to, Measure.WHOLE, (), DemoKeys.ACCEPT)
    order = replace(plain, **asked)  # type: ignore[arg-type]  # of the fields' own kinds
    prepare_stick(order, WALL, Silent())
    return to


def have_of(province: Province, folder: Path) -> Path:
    """The have-list of a box with nothing, as it signs it."""
    seed = bytes(32)
    box = sealing.box_id(sealing.public_of(seed))
    publisher = parse_root(province.root).publisher_id
    listed = HaveList(box, "石板冲", WALL, 1, 1, (publisher,), subscriptions=("43/a",))
    path = folder / f"{box}.have"
    path.write_bytes(sealing.sign(Kind.HAVE, encode(listed), seed=seed, epoch=1, sequence=1))
    return path


def files_in(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_the_county_prepared_is_spared(
    box: BoxUnderTest, county: Path, province: Province, tmp_path: Path
) -> None:
    before = files_in(county)
    with pytest.raises(InputRefused, match=r"43/a edition 2, 43/b edition 1$") as caught:
        fill_stick(box.paths, county, WALL, Silent())
    assert "--replace" in caught.value.hint
    assert files_in(county) == before
    box.sync(county)
    assert box.editions() == {"43/a": 2}
    with pytest.raises(InputRefused, match=r": 43/b edition 1$"):
        fill_stick(box.paths, county, WALL, Silent())
    done = fill_stick(box.paths, county, WALL, Silent(), Earlier.REPLACE)
    assert done.files_removed
    other = other_box(province, tmp_path)
    shutil.rmtree(province.repository)
    other.sync(county)
    assert other.editions() == {"43/a": 2}


def test_a_stick_for_named_boxes_is_spared(
    box: BoxUnderTest, province: Province, tmp_path: Path
) -> None:
    stick = prepared(province, tmp_path / "stick", have=[have_of(province, tmp_path)])
    before = files_in(stick)
    with pytest.raises(InputRefused, match=r"prepared for box [0-9a-f]{16}$"):
        fill_stick(box.paths, stick, WALL, Silent())
    assert files_in(stick) == before


@pytest.mark.parametrize("note", [None, b"{}"])
def test_lessons_without_a_readable_note_are_spared(
    box: BoxUnderTest, county: Path, note: bytes | None
) -> None:
    path = county / "KEXIA" / "stick.json"
    path.unlink()
    if note is not None:
        path.write_bytes(note)
    with pytest.raises(InputRefused, match="without a note"):
        fill_stick(box.paths, county, WALL, Silent())
    shutil.rmtree(county / "KEXIA")
    (county / "photos").mkdir()
    (county / "photos" / "class.jpg").write_bytes(b"jpeg")
    assert fill_stick(box.paths, county, WALL, Silent()).files_removed == 0


def test_a_stick_with_nothing_newer_is_filled(
    box: BoxUnderTest, province: Province, tmp_path: Path
) -> None:
    stick = prepared(province, tmp_path / "stick", collections=["43/a"])
    assert fill_stick(box.paths, stick, WALL, Silent()).files


def test_the_command_spares_and_replaces(
    box: BoxUnderTest, county: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["kexia", "box", "stick", str(box.paths.root), "--to", str(county)]
    codes: list[object] = []
    for more in ([], ["--replace"]):
        monkeypatch.setattr(sys, "argv", [*words, *more])
        with pytest.raises(SystemExit) as end:
            main()
        codes.append(end.value.code or 0)
    assert codes == [3, 0]


def test_a_damaged_file_of_the_box_is_never_passed_on(box: BoxUnderTest, tmp_path: Path) -> None:
    path = box.store.library.path(sha256(CONTENT["l1.pdf"]))
    path.chmod(0o644)
    path.write_bytes(bytes(len(CONTENT["l1.pdf"])))
    with pytest.raises(ProofFailed) as caught:
        fill_stick(box.paths, tmp_path / "stick", WALL, Silent())
    assert "kexia box sync" in caught.value.hint


def test_a_box_without_lessons_has_nothing_to_give(province: Province, tmp_path: Path) -> None:
    empty = other_box(province, tmp_path)
    with pytest.raises(InputRefused, match="no lessons yet"):
        fill_stick(empty.paths, tmp_path / "stick", WALL, Silent())
    assert not (tmp_path / "stick").exists()
