"""The whole way of a stick: a province, a technician's desk, a box that never sees a network."""

from pathlib import Path
from random import Random

import pytest

from appliance.box import papers
from appliance.technician import collect, reading
from appliance.technician.expecting import expect
from appliance.volumes.write_back import write_back
from sync.progress import Silent
from sync.publish import recipients as publishers
from sync.publish.children import introduce
from sync.stick.have import Held
from tests.appliance.test_papers import OFFICE, PRIVATE
from tests.appliance.test_stick_check import checked
from tests.appliance.test_stick_prepare import NOW, bytes_of, half, have_list, prepared, publisher
from tests.kit.boxes import BoxUnderTest
from tests.kit.province import Province

FILM = Random(11).randbytes(1_300_000)
OTHER = b"other" * 300
FIRST = {"l1.mp4": FILM, "l1.pdf": b"sheet 1" * 500, "l2.vtt": b"words"}
SECOND = FIRST | {"l2.vtt": b"better words", "l3.mp4": Random(12).randbytes(1_100_000)}


@pytest.fixture
def province(tmp_path: Path) -> Province:
    made = Province.create(tmp_path / "province")
    made.publish({"43/a": FIRST, "43/b": {"l1.pdf": OTHER}})
    return made


@pytest.fixture
def box(province: Province, tmp_path: Path) -> BoxUnderTest:
    return BoxUnderTest.create(tmp_path / "box", province.root).subscribe("43/a")


def test_a_new_box_takes_whole_editions_then_only_what_is_new(
    province: Province, box: BoxUnderTest, tmp_path: Path
) -> None:
    stick = tmp_path / "stick"
    prepared(province, stick, collections=["43/a"])
    report = box.sync(stick / "KEXIA" / publisher(province))
    assert report.exit_code == 0, report
    assert box.editions() == {"43/a": 1}
    assert box.resources() == bytes_of(FIRST)
    province.publish({"43/a": SECOND})
    have = have_list(tmp_path, province, Held(half(province, "43/a", 1)))
    done = prepared(province, stick, have=[have])
    [carried] = done.publishers[0].collections
    assert (carried.edition, carried.files) == (2, 2)
    assert checked(stick, box=box.paths.root).exit_code == 0
    report = box.sync(stick / "KEXIA" / publisher(province))
    assert report.exit_code == 0, report
    assert box.editions() == {"43/a": 2}
    assert box.resources() == bytes_of(SECOND)
    new = sum(len(data) for name, data in SECOND.items() if FIRST.get(name) != data)
    assert report.bytes_fetched <= 1.02 * new + 4096
    found = checked(stick, box=box.paths.root)
    assert found.box is not None
    assert found.box.files == 0


def test_one_file_does_the_same(province: Province, box: BoxUnderTest, tmp_path: Path) -> None:
    prepared(province, tmp_path / "x.kexia", collections=["43/a"])
    report = box.sync(tmp_path / "x.kexia")
    assert report.exit_code == 0, report
    assert box.resources() == bytes_of(FIRST)
    province.publish({"43/a": SECOND})
    have = have_list(tmp_path, province, Held(half(province, "43/a", 1)))
    prepared(province, tmp_path / "y.kexia", have=[have])
    new = sum(len(data) for name, data in SECOND.items() if FIRST.get(name) != data)
    assert (tmp_path / "y.kexia").stat().st_size < new + 40_000
    report = box.sync(tmp_path / "y.kexia")
    assert report.exit_code == 0, report
    assert report.bytes_fetched <= 1.02 * new + 4096
    assert box.resources() == bytes_of(SECOND)


def test_a_lesson_asked_for_comes_by_stick(
    province: Province, box: BoxUnderTest, tmp_path: Path
) -> None:
    prepared(province, tmp_path / "stick", collections=["43/a"])
    box.sync(tmp_path / "stick" / "KEXIA" / publisher(province))
    box.want("43/b/l1")
    have = have_list(tmp_path, province, Held(half(province, "43/a", 1)), wants=(("43/b", "l1"),))
    done = prepared(province, tmp_path / "stick", have=[have])
    assert sum(one.files for one in done.publishers[0].collections) == 1
    report = box.sync(tmp_path / "stick" / "KEXIA" / publisher(province))
    assert report.exit_code == 0, report
    assert "43/b/l1" in box.lessons()


def test_a_preparation_cut_off_is_of_use_and_goes_on(
    province: Province, box: BoxUnderTest, tmp_path: Path
) -> None:
    """What a stick pulled out at the desk holds: some of the content, no lists yet."""
    stick = tmp_path / "stick"
    prepared(province, stick, collections=["43/a"])
    folder = stick / "KEXIA" / publisher(province)
    for name in ("metadata", "targets"):
        for path in (folder / name).iterdir():
            if path.is_file():
                path.unlink()
    assert checked(stick).exit_code == 9
    assert box.sync(folder).exit_code == 4
    done = prepared(province, stick, collections=["43/a"])
    assert 0 < done.files_written < done.files
    assert box.sync(folder).exit_code == 0
    assert box.resources() == bytes_of(FIRST)


def test_a_parent_and_the_publishers_it_introduces(tmp_path: Path) -> None:
    parent = Province.create(tmp_path / "p")
    child = Province.create(tmp_path / "c", "4301", "长沙市")
    child.publish({"4301/x": FIRST})
    introduce(parent.workspace, parent.ring, child.root, (), parent.now)
    child.copy(parent.repository / "mirrors" / publisher(child))
    done = prepared(parent, tmp_path / "stick", collections=["4301/x"])
    assert sorted(one.code for one in done.publishers) == ["43", "4301"]
    (tmp_path / "43.json").write_bytes(parent.root)
    found = checked(tmp_path / "stick", roots=[tmp_path / "43.json"])
    assert found.exit_code == 0
    assert all(one.vouched for one in found.publishers)
    box = BoxUnderTest.create(tmp_path / "box", parent.root).subscribe("4301/x")
    folders = [tmp_path / "stick" / "KEXIA" / one.id for one in done.publishers]
    report = box.sync(*folders)
    assert report.exit_code == 0, report
    assert box.editions() == {"4301/x": 1}


def test_the_round_trip_of_one_stick(province: Province, box: BoxUnderTest, tmp_path: Path) -> None:
    """The box writes back what it holds and wants; the next stick brings just that."""
    publishers.add(province.workspace, province.ring, OFFICE, province.now)
    stick, county = tmp_path / "stick", collect.County(tmp_path / "county")
    prepared(province, stick, collections=["43/a"])
    folder = stick / "KEXIA" / publisher(province)
    assert box.sync(folder).exit_code == 0
    sent = papers.prepare(box.box)
    expect(stick, [sent.box])
    assert write_back(box.paths, stick).is_done
    [news] = collect.collect([stick], county, NOW, Silent()).boxes
    assert news.have is not None

    province.publish({"43/a": SECOND})
    box.want("43/b/l1")
    papers.prepare(box.box)
    assert write_back(box.paths, stick).is_done
    [news] = collect.collect([stick], county, NOW, Silent()).boxes
    assert news.have is not None
    done = prepared(province, stick, have=[news.have])
    assert done.made_for == (sent.box,)
    new = [data for name, data in SECOND.items() if FIRST.get(name) != data]
    lacking = sum(map(len, new)) + len(OTHER)
    assert sum(one.bytes for each in done.publishers for one in each.collections) == lacking
    report = box.sync(folder)
    assert report.exit_code == 0, report
    assert box.resources() == bytes_of(SECOND, {"": OTHER})
    assert "43/b/l1" in box.lessons()
    assert report.bytes_fetched <= 1.02 * lacking + 4096, "little more than the files"
    assert news.reports
    assert reading.open_report(news.reports[0].read_bytes(), PRIVATE).box == sent.box
