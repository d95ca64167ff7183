"""A Debian kernel, hot-plugged sticks, ``kexia box run``: what no test on this machine can show."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.kit.media import make
from tests.vm import rootfs
from tests.vm.guest import BOX, Guest, fresh
from tests.vm.machine import Machine
from tests.vm.sticks import COLLECTION, Lessons, exfat, papers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
GOOD = {"done", "done-nothing-new", "done-for-both"}
CUTS = 30
SEED = 20261125


@pytest.fixture(scope="module")
def lessons(tmp_path_factory: pytest.TempPathFactory) -> Lessons:
    return Lessons.publish(tmp_path_factory.mktemp("province"), films=2, mib=3)


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory, lessons: Lessons) -> Iterator[Guest]:
    """Booted once; every test makes its box anew."""
    if reason := rootfs.why_not():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("vm")
    with Machine(rootfs.disks(folder), folder / "machine") as machine:
        made = fresh(machine)
        made.make_box(lessons.province.root, COLLECTION)
        text = made.read(f"{BOX}/kexia.toml").decode()
        made.write(f"{BOX}/kexia.toml", text.replace('"exfat",', '"exfat", "ext4",').encode())
        # Before the box runs, which would take the sticks for its own and set them read-only.
        made.exfat = exfat(made, lessons.lay(folder / "lessons"), folder / "exfat.img")
        made.run_box()
        yield made


@pytest.fixture
def emptied(guest: Guest) -> Guest:
    """The box as it was before its first lesson."""
    guest.forget_lessons()
    return guest


def plug_and_see(guest: Guest, image: Path, name: str = "s") -> str:
    """Plug it in until it says how that ended; the word."""
    guest.machine.plug(name, image)
    guest.until(lambda: bool(GOOD & set(guest.sticks().values())), "done")
    return next(iter(GOOD & set(guest.sticks().values())))


@pytest.mark.parametrize("kind", ["fat32", "exfat", "ext4"])
def test_a_plugged_stick_is_imported(
    emptied: Guest, lessons: Lessons, tmp_path: Path, kind: str
) -> None:
    image = emptied.exfat
    if kind != "exfat":
        folder = lessons.lay(tmp_path / "stick")
        image = make(tmp_path / "stick.img", kind, files=folder, mib=64).path
    assert plug_and_see(emptied, image) == "done"
    assert emptied.editions() == {COLLECTION: 1}
    mounts = emptied.run("cat", "/proc/mounts")
    assert f"{BOX}/run/volumes" not in mounts
    emptied.machine.unplug("s")
    emptied.until(lambda: emptied.sticks() == {}, "an empty board")


def test_several_at_once_and_one_that_is_not_ours(
    emptied: Guest, lessons: Lessons, tmp_path: Path
) -> None:
    first = make(tmp_path / "1.img", "fat32", files=lessons.lay(tmp_path / "1"), mib=64).path
    (tmp_path / "2").mkdir()
    (tmp_path / "2" / "photo.jpg").write_bytes(b"x" * 1000)
    second = make(tmp_path / "2.img", "fat32", files=tmp_path / "2").path
    third = make(tmp_path / "3.img", "ntfs").path
    for name, image in (("a", first), ("b", second), ("c", third)):
        emptied.machine.plug(name, image)
    wanted = {"done", "not-ours", "ntfs"}
    emptied.until(lambda: set(emptied.words()) == wanted, wanted)
    for name in "abc":
        emptied.machine.unplug(name)
    emptied.until(lambda: emptied.sticks() == {}, "an empty board")


def test_what_cannot_be_read_costs_its_lesson_alone(
    emptied: Guest, lessons: Lessons, tmp_path: Path
) -> None:
    """Read errors in the middle of one film: the box serves the rest, and says the stick is bad."""
    image = make(tmp_path / "s.img", "fat32", files=lessons.lay(tmp_path / "s"), mib=64).path
    film = lessons.content["l1.mp4"]
    middle = image.read_bytes().index(film[len(film) // 2 :][:512]) // 512
    emptied.machine.plug("s", image, bad=range(middle, middle + 8))
    trouble = {"failing"}
    emptied.until(lambda: bool(trouble & set(emptied.words())), trouble)
    assert emptied.is_whole()
    assert emptied.status()["lessons"] == len(lessons.content) - 1
    emptied.machine.unplug("s")
    assert plug_and_see(emptied, image) == "done"
    assert emptied.editions() == {COLLECTION: 1}
    emptied.machine.unplug("s")


def test_pulled_at_thirty_moments_it_costs_nothing_but_the_rest(
    emptied: Guest, lessons: Lessons, tmp_path: Path
) -> None:
    """In the import and on the way back; what is served is whole each time; in the end it is in."""
    guest, rng = emptied, Random(SEED)
    folder = lessons.lay(tmp_path / "s", expecting=guest.box_id())
    image = make(tmp_path / "s.img", "fat32", files=folder, mib=64).path
    usual = guest.seconds(lambda: plug_and_see(guest, image))
    assert papers(image, guest.box_id()) >= 1
    guest.machine.unplug("s")
    pulled_in: Counter[str] = Counter()
    for cut in range(CUTS):
        if cut % 3 == 0:
            guest.forget_lessons()
        guest.machine.plug("s", image)
        guest.wait(rng.uniform(0, usual))
        words = guest.words() or ["unseen"]
        guest.machine.unplug("s")
        pulled_in.update(words)
        assert guest.is_whole()
        assert papers(image, guest.box_id()) >= 1
    print(f"{CUTS} pulled out in {usual:.0f} s: {dict(pulled_in)}")  # noqa: T201 - for -s
    assert pulled_in["importing"]
    guest.forget_lessons()
    assert plug_and_see(guest, image) == "done-for-both"
    assert guest.editions() == {COLLECTION: 1}
    guest.machine.unplug("s")
    assert papers(image, guest.box_id()) >= 1


def test_pulled_while_it_is_written_back(guest: Guest, lessons: Lessons, tmp_path: Path) -> None:
    """Thirty times in the write itself: the file always has a whole half, and is finished next."""
    rng = Random(SEED + 1)
    folder = lessons.lay(tmp_path / "s", expecting=guest.box_id())
    image = make(tmp_path / "s.img", "fat32", files=folder, mib=64).path
    plug_and_see(guest, image)
    guest.machine.unplug("s")
    before = papers(image, guest.box_id())
    assert before >= 1
    for _ in range(CUTS):
        guest.machine.plug("s", image)
        guest.until(lambda: bool({"returning", *GOOD} & set(guest.words())), "the way back")
        guest.wait(rng.uniform(0, 0.5))
        guest.machine.unplug("s")
        assert papers(image, guest.box_id()) >= 1
    assert plug_and_see(guest, image) == "done-for-both"
    guest.machine.unplug("s")
    assert papers(image, guest.box_id()) >= 1
