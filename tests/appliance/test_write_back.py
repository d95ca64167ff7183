"""The way back onto a stick: any write may be the last, any stick may lie."""

import errno
import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import BoxPaths
from appliance.volumes import write_back as writer
from appliance.volumes.write_back import Outcome, Prepared, Written
from sync.stick import back
from sync.stick.layout import BACK, BACK_FILE

GOLDEN = Path(__file__).parents[1] / "golden" / "papers-1.bin"
BOX = "0123456789abcdef"
OLD = Prepared(BOX, (b"the first visit" * 300,))
NEW = Prepared(BOX, (b"the second visit" * 500, b"report" * 100))
SECTOR = 512


class Pulled(OSError):
    pass


class Recorder:
    """A medium that can be pulled after any sector of any write; unsynced sectors may be lost."""

    def __init__(self, data: bytes, *, sectors: int = 10**9, error: int = errno.EIO) -> None:
        self.data = bytearray(data)
        self.left = sectors
        self.error = error
        self.synced: list[int] = []
        self.size = len(data)

    def read_at(self, offset: int, length: int) -> bytes:
        return bytes(self.data[offset : offset + length])

    def write_at(self, offset: int, data: bytes) -> None:
        assert offset + len(data) <= self.size, "the file would become longer"
        for at in range(0, len(data), SECTOR):
            if not self.left:
                raise Pulled(self.error, os.strerror(self.error))
            self.left -= 1
            piece = data[at : at + SECTOR]
            self.data[offset + at : offset + at + len(piece)] = piece

    def sync(self) -> None:
        self.synced.append(self.left)


def papers_in(data: bytes | bytearray) -> list[tuple[bytes, ...]]:
    halves = back.whole_halves(lambda at, length: bytes(data[at : at + length]), len(data))
    return [back.unpack(half.papers) for half in halves]


def written(data: bytes, prepared: Prepared) -> bytes:
    medium = Recorder(data)
    assert writer.overwrite(medium, prepared).is_done
    return bytes(medium.data)


@cache
def cuts() -> range:
    """Every number of sectors after which a stick may be pulled."""
    whole = Recorder(written(bytes(back.MIN_SIZE), OLD))
    writer.overwrite(whole, NEW)
    return range(10**9 - whole.left)


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, errno.ENODEV])
def test_pulled_at_every_sector_what_was_there_can_be_read(error: int) -> None:
    before = written(bytes(back.MIN_SIZE), OLD)
    moments = cuts()
    assert len(moments) > 20
    for sectors in moments:
        medium = Recorder(before, sectors=sectors, error=error)
        with pytest.raises(Pulled):
            writer.overwrite(medium, NEW)
        newest = papers_in(medium.data)[0]
        assert newest in (OLD.papers, NEW.papers)
        assert papers_in(medium.data)[-1] == OLD.papers
        again = Recorder(bytes(medium.data))
        assert writer.overwrite(again, NEW).is_done
        assert papers_in(again.data) == [NEW.papers, newest]


class Losing(Recorder):
    """As disks do: what was not synced when it is pulled is there or not, sector by sector."""

    def __init__(self, data: bytes, *, sectors: int, rng: Random) -> None:
        super().__init__(data, sectors=sectors)
        self.rng = rng
        self.before = bytes(data)

    def write_at(self, offset: int, data: bytes) -> None:
        try:
            super().write_at(offset, data)
        except Pulled:
            for at in range(0, self.size, SECTOR):
                if self.rng.random() < 0.5:
                    self.data[at : at + SECTOR] = self.before[at : at + SECTOR]
            raise

    def sync(self) -> None:
        if not self.left:
            self.write_at(0, b"x")
        self.before = bytes(self.data)


@given(st.randoms(use_true_random=False), st.data())
def test_pulled_with_any_sectors_lost_one_half_is_whole(rng: Random, data: st.DataObject) -> None:
    before = written(written(bytes(back.MIN_SIZE), OLD), OLD)
    moment = data.draw(st.sampled_from(cuts()))
    medium = Losing(before, sectors=moment, rng=rng)
    with suppress(Pulled):
        writer.overwrite(medium, NEW)
    found = papers_in(medium.data)
    assert found
    assert set(found) <= {OLD.papers, NEW.papers}


def test_the_page_that_puts_papers_in_force_is_written_when_they_are_on_the_medium() -> None:
    medium = Recorder(bytes(back.MIN_SIZE))
    steps: list[str] = []

    class Watched(Recorder):
        def write_at(self, offset: int, data: bytes) -> None:
            steps.append("page" if data.startswith(back.MAGIC) else "papers")
            super().write_at(offset, data)

        def sync(self) -> None:
            steps.append("sync")

    assert writer.overwrite(Watched(bytes(medium.data)), NEW).is_done
    assert steps == ["papers", "sync", "page", "sync"]


def test_a_stick_that_forgets_is_found_out() -> None:
    class Fake(Recorder):
        def write_at(self, offset: int, data: bytes) -> None:
            super().write_at(offset, data if data.startswith(back.MAGIC) else bytes(len(data)))

    outcome = writer.overwrite(Fake(bytes(back.MIN_SIZE)), NEW)
    assert outcome.written is Written.FAILING


@pytest.fixture
def paths(tmp_path: Path) -> BoxPaths:
    found = BoxPaths(tmp_path / "box")
    writer.keep_prepared(found, NEW)
    return found


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    file = folder / BACK / BOX / BACK_FILE
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(back.MIN_SIZE))
    return folder


def file_of(stick: Path) -> Path:
    return stick / BACK / BOX / BACK_FILE


def test_the_papers_are_on_the_stick_and_the_file_is_as_long_as_before(
    paths: BoxPaths, stick: Path
) -> None:
    for _ in range(3):
        outcome = writer.write_back(paths, stick)
        assert outcome == Outcome(Written.DONE, "2 papers are on the stick", 2)
    assert file_of(stick).stat().st_size == back.MIN_SIZE
    assert papers_in(file_of(stick).read_bytes()) == [NEW.papers, NEW.papers]
    assert [path.name for path in stick.rglob("*") if path.is_file()] == [BACK_FILE]


def test_what_has_no_room_is_left_out_the_least_important_first(
    paths: BoxPaths, stick: Path
) -> None:
    large = Prepared(BOX, (b"have", b"report", bytes(back.MIN_SIZE), b"older report"))
    writer.keep_prepared(paths, large)
    outcome = writer.write_back(paths, stick)
    assert (outcome.papers, outcome.left_out) == (3, 1)
    assert outcome.sentence == "3 papers are on the stick, 1 had no room"
    assert papers_in(file_of(stick).read_bytes()) == [(b"have", b"report", b"older report")]


def test_nothing_is_made_on_a_stick_that_expects_another_box(paths: BoxPaths, stick: Path) -> None:
    file_of(stick).parent.rename(stick / BACK / "fedcba9876543210")
    before = (stick / BACK / "fedcba9876543210" / BACK_FILE).read_bytes()
    assert writer.write_back(paths, stick).written is Written.NOT_EXPECTED
    assert writer.write_back(paths, stick.with_name("other")).written is Written.NOT_EXPECTED
    assert (stick / BACK / "fedcba9876543210" / BACK_FILE).read_bytes() == before


def test_the_golden_file_of_papers_is_read_and_reproduced(tmp_path: Path) -> None:
    data = GOLDEN.read_bytes()
    made = Prepared(BOX, (b"have-list", b"report"))
    assert writer.parse_prepared(data) == made
    writer.keep_prepared(BoxPaths(tmp_path), made)
    assert writer.prepared_file(BoxPaths(tmp_path)).read_bytes() == data


@given(st.lists(st.binary(max_size=50), max_size=64))
def test_papers_in_a_file_come_back(papers: list[bytes]) -> None:
    packed, _ = back.pack(papers, back.MAX_SIZE)
    data = writer.MAGIC + BOX.encode() + packed
    assert writer.parse_prepared(data) == Prepared(BOX, tuple(papers))


def test_a_box_that_prepared_nothing_writes_nothing(tmp_path: Path, stick: Path) -> None:
    paths = BoxPaths(tmp_path / "new")
    assert writer.write_back(paths, stick).written is Written.NOTHING
    for broken in (b"", b"KXSEND1\n", b"KXSEND1\n" + BOX.encode() + b"\x05", b"x" * 99):
        writer.prepared_file(paths).parent.mkdir(parents=True, exist_ok=True)
        writer.prepared_file(paths).write_bytes(broken)
        assert not writer.write_back(paths, stick).is_done
    assert not any(file_of(stick).read_bytes())


@pytest.mark.parametrize("box", ["../../KEXIA/back", "0123456789ABCDEF"])
def test_no_id_leads_elsewhere(paths: BoxPaths, stick: Path, box: str) -> None:
    assert len(box) == len(BOX)
    writer.keep_prepared(paths, Prepared(box, NEW.papers))
    (stick / BACK / "0123456789ABCDEF").mkdir()
    for folder in (stick / BACK, stick / BACK / "0123456789ABCDEF"):
        (folder / BACK_FILE).write_bytes(bytes(back.MIN_SIZE))
    assert writer.write_back(paths, stick).written is Written.NOT_EXPECTED
    assert not any((stick / BACK / BACK_FILE).read_bytes())


@pytest.mark.parametrize("what", ["file", "folder", "back"])
def test_links_are_not_followed(paths: BoxPaths, stick: Path, tmp_path: Path, what: str) -> None:
    place = {"file": file_of(stick), "folder": file_of(stick).parent, "back": stick / BACK}[what]
    outside = tmp_path / "outside"
    place.rename(outside)
    place.symlink_to(outside)
    outcome = writer.write_back(paths, stick)
    assert outcome.written is Written.REFUSED
    assert "link" in outcome.sentence
    victim = outside if what == "file" else next(outside.rglob(BACK_FILE))
    assert not any(victim.read_bytes())


def test_what_is_no_file_of_its_own_is_not_written_to(paths: BoxPaths, stick: Path) -> None:
    file = file_of(stick)
    os.link(file, stick / "second name")
    assert writer.write_back(paths, stick).written is Written.REFUSED
    assert not any(file.read_bytes())
    file.unlink()
    file.mkdir()
    assert writer.write_back(paths, stick).written is Written.REFUSED
    file.rmdir()
    os.mkfifo(file)
    assert writer.write_back(paths, stick).written is Written.REFUSED


@pytest.mark.parametrize("size", [0, 100, back.MIN_SIZE - 1])
def test_a_file_too_small_is_said_and_left(paths: BoxPaths, stick: Path, size: int) -> None:
    file_of(stick).write_bytes(bytes(size))
    outcome = writer.write_back(paths, stick)
    assert outcome.written is Written.TOO_SMALL
    assert file_of(stick).read_bytes() == bytes(size)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, Written.FULL),
        (errno.EIO, Written.FAILING),
        (errno.EROFS, Written.READ_ONLY),
        (errno.ENODEV, Written.FAILING),
    ],
)
def test_every_error_of_a_stick_is_one_sentence(number: int, kind: Written) -> None:
    outcome = writer.outcome_of(OSError(number, os.strerror(number)))
    assert outcome.written is kind
    assert os.strerror(number) in outcome.sentence
