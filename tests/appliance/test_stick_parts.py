"""The parts of a preparation: runs and their numbers, room, devices."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.technician import device, items, programmes, room
from appliance.technician.folder import StickFolder
from appliance.technician.items import Item, numbers, runs, whole_item
from appliance.technician.room import LONGEST_ON_FAT, Room
from sync.digest import sha256
from sync.errors import InputRefused, MediumFailing, NoRoom, ProofFailed, UsageError
from sync.progress import Silent
from sync.stick.concatenation import MAX_ENTRIES, WHOLE, Entry
from sync.trust import DemoKeys
from tests.appliance.test_stick_prepare import (
    SECOND,
    bytes_of,
    prepared,
    province,
    publisher,
    resources_on,
)
from tests.kit.media import Image, attached, kernel_knows, make, run, why_not
from tests.kit.province import Province

__all__ = ["province"]

ENTRIES = st.lists(
    st.builds(Entry, st.binary(max_size=4).map(sha256), st.integers(0, 2 * WHOLE)),
    unique_by=lambda entry: entry.digest,
    max_size=30,
)


@given(ENTRIES)
def test_every_short_resource_is_in_one_run(entries: list[Entry]) -> None:
    found = runs(entries)
    assert [entry for run in found for entry in run] == [one for one in entries if one.size < WHOLE]
    assert all(found)


def test_runs_end_where_a_file_would_be_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "LONGEST_RUN", 100)
    entries = [Entry(sha256(bytes([n])), size) for n, size in enumerate((60, 40, 1, 99, 100, 500))]
    assert [[one.size for one in run] for run in runs(entries)] == [[60, 40], [1, 99], [100], [500]]
    many = [Entry(sha256(n.to_bytes(4)), 0) for n in range(MAX_ENTRIES + 1)]
    assert [len(run) for run in runs(many)] == [MAX_ENTRIES, 1]


RUN = st.sampled_from([(Entry(sha256(bytes([n])), n),) for n in range(9)])
RUNS = st.lists(RUN, unique=True)


@given(RUNS, st.dictionaries(st.integers(0, 12), RUN))
def test_numbers_have_no_gap_and_what_is_there_stays(
    wanted: list[items.Run], there: dict[int, items.Run]
) -> None:
    found = numbers(wanted, there)
    assert sorted(number for number, _ in found) == list(range(len(wanted)))
    assert [run for _, run in found] == wanted
    for number, one in found:
        holders = [each for each, held in there.items() if held == one and each < len(wanted)]
        assert not holders or number in holders


def test_room_is_counted_in_clusters() -> None:
    fat = Room(free=10_000_000, cluster=32_768, longest=LONGEST_ON_FAT)
    assert (fat.taken(0), fat.taken(1), fat.taken(32_769)) == (0, 32_768, 65_536)
    files = [(f"KEXIA/0/resources/{n:02x}/x", 1) for n in range(100)]
    assert room.needed(files, fat) == 100 * 32_768 + (100 + 4) * 32_768
    with pytest.raises(NoRoom, match=r"bytes are needed in clusters of 32768"):
        room.check(files * 3, fat, freed=0, where="/media/x")
    room.check(files * 2, fat, freed=0, where="/media/x")


def test_fat_holds_no_file_of_four_gibibytes() -> None:
    fat = Room(free=2**40, cluster=4096, longest=LONGEST_ON_FAT)
    room.check([("a", 2**32 - 1)], fat, freed=0, where="/media/x")
    with pytest.raises(NoRoom, match="FAT holds files of at most 4294967295") as caught:
        room.check([("a", 2**32)], fat, freed=0, where="/media/x")
    assert "exFAT" in caught.value.hint


def test_what_the_kernel_says_of_mounts_is_read(tmp_path: Path) -> None:
    number = tmp_path.stat().st_dev
    own = f"{number >> 8 & 0xFFF}:{number & 0xFF}"
    (tmp_path / "mountinfo").write_text(
        f"29 1 {own} / /media/my\\040stick rw,noatime shared:1 - vfat /dev/sdb1 rw\n"
        "30 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    )
    [stick, _] = room.mounted(tmp_path / "mountinfo")
    assert (stick.place, stick.type) == (Path("/media/my stick"), "vfat")
    assert room.room_on(tmp_path, tmp_path / "mountinfo").longest == LONGEST_ON_FAT
    assert room.room_on(tmp_path).longest is None


class FailingStick(StickFolder):
    """A counterfeit: what is written after the first megabyte goes nowhere."""

    def write(self, name, blocks):  # type: ignore[no-untyped-def]  # as the parent's
        super().write(name, blocks)
        path = self.root / name
        if path.stat().st_size > 2**20:
            with path.open("r+b") as file:
                file.seek(2**20)
                file.write(bytes(100))


def test_a_stick_that_gives_back_other_bytes_is_found_out(
    province: Province, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.technician.prepare.StickFolder", FailingStick)
    with pytest.raises(MediumFailing, match="reads back differently") as caught:
        prepared(province, tmp_path / "stick", collections=["43/a"])
    assert caught.value.exit_code == 8
    assert b'"complete":false' in (tmp_path / "stick/KEXIA/stick.json").read_bytes()


def test_a_piece_that_is_not_what_was_promised_is_never_written(tmp_path: Path) -> None:
    bad = Item("KEXIA/x", (Entry(sha256(b"right"), 5),), lambda _: b"wrong")
    with pytest.raises(ProofFailed):
        StickFolder(tmp_path).write(bad.name, bad.blocks())
    assert not (tmp_path / "KEXIA/x").exists()
    good = whole_item("KEXIA/x", b"right")
    StickFolder(tmp_path).write(good.name, good.blocks())
    assert StickFolder(tmp_path).proves(good, lambda _: None)
    (tmp_path / "KEXIA/x").write_bytes(b"right, and more")
    assert not StickFolder(tmp_path).proves(good, lambda _: None)


needs_mounts = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")


@needs_mounts
@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["ext4", "fat32", "exfat"])
def test_a_device_is_mounted_filled_checked_and_unmounted(
    province: Province, tmp_path: Path, kind: str
) -> None:
    image = make(tmp_path / "stick.img", kind, mib=64)
    with attached(image) as node:
        if not kernel_knows(image.fs_type):
            with pytest.raises(UsageError, match=f"does not know the file system {image.fs_type}"):
                prepared(province, Path(node), collections=["43/a"])
            return
        done = prepared(province, Path(node), collections=["43/a"])
        assert done.to == Path(node)
        assert node not in Path("/proc/self/mountinfo").read_text()
        question = programmes.Question(Path(node), None, None, (), DemoKeys.ACCEPT)
        found = programmes.check_stick(question, province.now, Silent())
        assert (found.exit_code, found.place) == (0, node)
        with pytest.raises(UsageError, match="is not published"):
            prepared(province, Path(node), collections=["43/none"])
        assert node not in Path("/proc/self/mountinfo").read_text(), "unmounted after a failure too"
        again = prepared(province, Path(node), collections=["43/a"])
        assert again.files_written == 0
        with device.mounted(Path(node), device.Access.READ) as folder:
            assert resources_on(folder, publisher(province)) == bytes_of(SECOND)
            with pytest.raises(UsageError, match="is mounted at"):
                prepared(province, Path(node), collections=["43/a"])


@needs_mounts
@pytest.mark.thorough
def test_devices_that_are_no_stick_of_ours_are_left_alone(
    province: Province, tmp_path: Path
) -> None:
    empty = make(tmp_path / "empty.img", "ext4")
    with empty.path.open("r+b") as file:
        file.write(bytes(2**16))
    with attached(empty) as node, pytest.raises(InputRefused, match="has no file system"):
        prepared(province, Path(node), collections=["43/a"])
    disk = tmp_path / "disk.img"
    partition = bytes(4) + b"\x83" + bytes(3) + (2048).to_bytes(4, "little") + b"\0\x20\0\0"
    disk.write_bytes((bytes(446) + partition).ljust(510, b"\0") + b"\x55\xaa" + bytes(2**23))
    with attached(Image(disk, "")) as node:
        with pytest.raises(UsageError, match="whole disk with partitions") as caught:
            prepared(province, Path(node), collections=["43/a"])
        assert "give the partition" in caught.value.hint


@pytest.mark.thorough
def test_names_of_a_stick_survive_fat(province: Province, tmp_path: Path) -> None:
    """A FAT32 image filled by mtools, as a computer of somebody else would fill it."""
    prepared(province, tmp_path / "stick", collections=["43/a"])
    image = make(tmp_path / "fat.img", "fat32", files=tmp_path / "stick")
    (tmp_path / "back").mkdir()
    run("mcopy", "-s", "-n", "-i", str(image.path), "::/", str(tmp_path / "back"))
    names = {
        path.relative_to(tmp_path / "stick").as_posix(): path.read_bytes()
        for path in (tmp_path / "stick").rglob("*")
        if path.is_file()
    }
    found = {
        path.relative_to(tmp_path / "back").as_posix(): path.read_bytes()
        for path in (tmp_path / "back").rglob("*")
        if path.is_file()
    }
    assert found == names
