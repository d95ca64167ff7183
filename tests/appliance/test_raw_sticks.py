"""A stick with raw resources beside a box: the same trust and switch as over a line."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.volumes.look import carried
from sync import carry, compression
from sync.digest import sha256, sharded
from sync.errors import MediumFailing, NoSource
from sync.stick.layout import ROOT
from sync.transport.base import Transport
from tests.kit.boxes import BoxUnderTest, Forger
from tests.kit.laid import lay_stick
from tests.kit.packed import noise
from tests.kit.province import Province
from tests.kit.server import FolderServer

LONG = noise(8, 3_000_000)
FIRST = {"l1.html": b"<p>one", "l1.bin": noise(1, 400_000), "l2.mp4": noise(2, 1_500_000)}
SECOND = {**FIRST, "l1.bin": noise(3, 410_000), "l3.mp4": LONG, "l4.html": b"<p>four"}


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Province:
    province = Province.create(tmp_path_factory.mktemp("founded"))
    province.publish({"43/a": FIRST})
    return province


@pytest.fixture
def province(tmp_path: Path, founded: Province) -> Province:
    shutil.copytree(founded.folder, tmp_path / "province")
    return Province.open(tmp_path / "province", now=founded.now)


@pytest.fixture
def box(tmp_path: Path, province: Province) -> BoxUnderTest:
    return BoxUnderTest.create(tmp_path / "box", province.root).subscribe("43/a")


@pytest.fixture
def second(tmp_path: Path, province: Province, box: BoxUnderTest) -> Path:
    """A stick with what the box lacks of the second edition; it has the first."""
    box.sync(lay_root(tmp_path / "first", province, FIRST.values()))
    province.publish({"43/a": SECOND})
    return lay_root(tmp_path / "second", province, [SECOND["l1.bin"], LONG, SECOND["l4.html"]])


def lay_root(folder: Path, province: Province, contents: Iterator[bytes] | object) -> Path:
    lay_stick(folder, province.repository, contents)  # type: ignore[arg-type]
    return folder


def raw_file(stick: Path, data: bytes) -> Path:
    return next(stick.glob(f"{ROOT}/*/resources/{sharded(sha256(data))}"))


def test_a_new_box_is_filled_from_raw_files_alone(
    tmp_path: Path, province: Province, box: BoxUnderTest
) -> None:
    stick = lay_root(tmp_path / "stick", province, FIRST.values())
    report = box.sync(stick)
    assert (report.exit_code, report.editions, report.notes) == (0, {"43/a": 1}, ())
    assert sorted(box.resources().values()) == sorted(FIRST.values())


def test_of_an_edition_of_which_nothing_is_wanted_nothing_is_taken(
    tmp_path: Path, province: Province
) -> None:
    stick = lay_root(tmp_path / "stick", province, FIRST.values())
    box = BoxUnderTest.create(tmp_path / "other", province.root).want("43/a/l9")
    report = box.sync(stick)
    assert report.resources_new == 0
    assert report.bytes_fetched < 20_000  # the lists


def test_only_what_is_lacking_is_needed_and_read(box: BoxUnderTest, second: Path) -> None:
    lacking = len(SECOND["l1.bin"]) + len(LONG) + len(SECOND["l4.html"])
    planned = box.plan(second)
    assert (planned.exit_code, planned.bytes_ready, planned.bytes_to_fetch) == (0, lacking, 0)
    report = box.sync(second)
    assert (report.exit_code, report.editions) == (0, {"43/a": 2})
    assert report.bytes_fetched < 1.02 * lacking
    assert box.sync(second).exit_code == 0


def test_a_bad_file_costs_its_lesson_and_is_named(box: BoxUnderTest, second: Path) -> None:
    path = raw_file(second, LONG)
    path.write_bytes(LONG[:-1] + b"?")
    report = box.sync(second)
    assert (report.exit_code, report.is_new) == (9, True)
    assert any("is damaged" in note and path.name[:16] in note for note in report.notes)
    assert box.lessons() == {"43/a/l1", "43/a/l2", "43/a/l4"}
    assert box.store.library.has(sha256(SECOND["l1.bin"]))
    path.write_bytes(LONG)
    assert box.sync(second).editions == {"43/a": 2}
    assert "43/a/l3" in box.lessons()


def test_what_a_stick_lacks_comes_over_the_line(
    province: Province, box: BoxUnderTest, second: Path
) -> None:
    raw_file(second, LONG).unlink()
    with FolderServer(province.repository) as server:
        box.follow(province.root, server.url)
        report = box.sync(second)
    assert (report.exit_code, report.editions) == (0, {"43/a": 2})
    assert sorted(box.resources().values()) == sorted(SECOND.values())


def test_in_portions_a_stick_needs_no_other_lists(
    tmp_path: Path, province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan is made in parts when the feeds are many; a stick has raw files and no tables."""
    monkeypatch.setattr(carry, "PORTION", 1)
    other = {"b1.html": b"<p>b", "b2.mp4": noise(5, 1_200_000)}
    province.publish({"43/b": other})
    stick = lay_root(tmp_path / "stick", province, [*FIRST.values(), *other.values()])
    box = BoxUnderTest.create(tmp_path / "box", province.root).subscribe("43/a", "43/b")
    report = box.sync(stick)
    assert (report.exit_code, report.editions) == (0, {"43/a": 1, "43/b": 1})


@pytest.mark.parametrize("portion", [1, 10**9])
def test_a_collection_the_stick_lacks_does_not_keep_out_the_other(
    tmp_path: Path, province: Province, monkeypatch: pytest.MonkeyPatch, portion: int
) -> None:
    monkeypatch.setattr(carry, "PORTION", portion)
    other = {"b1.html": b"<p>b", "b2.mp4": noise(5, 1_200_000)}
    province.publish({"43/b": other})
    stick = lay_root(tmp_path / "stick", province, other.values())
    feeds = [path for path in stick.rglob("feeds/*/*") if b"43/a" in decompressed(path)]
    assert feeds
    for path in feeds:
        path.unlink()
    box = BoxUnderTest.create(tmp_path / "box", province.root).subscribe("43/a", "43/b")
    report = box.sync(stick)
    assert report.exit_code == 9
    assert box.lessons() == {"43/b/b1", "43/b/b2"}


def test_a_stick_that_gives_read_errors_is_said_to_fail(
    box: BoxUnderTest, second: Path, tmp_path: Path, province: Province
) -> None:
    box.wrap = lambda inner: Pulled(inner, 1_000_000, MediumFailing)
    report = box.sync(second)
    assert report.exit_code == 8
    assert box.lessons() >= {"43/a/l1", "43/a/l2"}
    new = BoxUnderTest.create(tmp_path / "new", province.root).subscribe("43/a")
    new.wrap = lambda inner: Pulled(inner, 0, MediumFailing)
    assert new.sync(second).exit_code == 8


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_million_empty_files_cost_nothing(province: Province, box: BoxUnderTest) -> None:
    """Names are asked for, never listed."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        below = lay_stick(Path(memory), province.repository, FIRST.values())
        for folder in (Path(memory), below / "resources" / "00", below / "concatenations"):
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(340_000):
                (folder / f"x{number}").touch()
        assert carried(Path(memory)) == (memory,)
        report = box.sync(memory)
        assert report.editions == {"43/a": 1}
        assert report.requests < 100


def decompressed(path: Path) -> bytes:
    data = path.read_bytes()
    size = compression.content_size(data, limit=2**20, what="feed")
    return compression.decompress(data, size=size, what="feed")


def test_pulled_out_and_plugged_in_again(box: BoxUnderTest, second: Path) -> None:
    box.wrap = lambda inner: Pulled(inner, 1_000_000)
    report = box.sync(second)
    assert report.exit_code == 9
    box.wrap = lambda inner: inner
    again = box.sync(second)
    assert again.editions == {"43/a": 2}
    assert again.bytes_fetched < len(LONG) + 410_000 - 700_000


def test_an_older_stick_and_a_stranger_s_bring_nothing(
    tmp_path: Path, province: Province, box: BoxUnderTest, second: Path
) -> None:
    older = tmp_path / "first"
    box.sync(second)
    served = box.served()
    report = box.sync(older)
    assert (report.exit_code, report.is_new) == (0, False)
    forger = Forger(tmp_path / "forger")
    forger.release({"43/a": {"l9.html": b"<p>false"}})
    below = next(older.glob(f"{ROOT}/*"))
    shutil.rmtree(below / "metadata")
    shutil.copytree(forger.folder / "metadata", below / "metadata")
    assert box.sync(older).exit_code in (4, 5)
    assert box.served() == served


class Pulled:
    """A source that is gone after so many bytes of content."""

    def __init__(
        self, inner: Transport, left: int, error: type[NoSource | MediumFailing] = NoSource
    ) -> None:
        self._inner, self._left, self._error = inner, left, error

    @property
    def label(self) -> str:
        return self._inner.label

    def read(self, name: str, *, limit: int) -> bytes:
        if self._left <= 0:
            raise self._error("pulled out")
        return self._inner.read(name, limit=limit)

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        for block in self._inner.stream(name, offset=offset, length=length):
            if self._left <= 0:
                raise self._error("pulled out")
            self._left -= len(block)
            yield block
