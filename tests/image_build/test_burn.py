"""Burning on real block devices: loop devices, some over a medium that lies, fails or dies.

A loop device over a file shows what the kernel does with a good medium. One over
`tests.kit.badmedia` shows a medium of which we know what reached it. What only a plugged stick can
show (words for one that is pulled out, ejecting) is in tests/vm/test_burn.py.
"""

import lzma
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from image_build.burner import batch, media
from image_build.burner.burn import Burnt, Manner, burn
from image_build.partitions import gpt
from image_build.partitions.content import Part, compose
from image_build.partitions.source import open_image
from sync.errors import FormatError, KexiaError, LeaseHeld, MediumFailing, NoRoom, TrustRefused
from sync.progress import Silent
from tests.kit.badmedia import Bad, Lie, Served, loop, loop_of, why_no_bad_loops, why_no_loops
from tests.kit.images import MIB, SPANS, MadeImage, make_image, tool

pytestmark = pytest.mark.thorough
MANNER = Manner(lambda: secrets.token_bytes(16), time.monotonic)
OLD = b"old lessons of somebody else "


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> MadeImage:
    return make_image(tmp_path_factory.mktemp("image"))


@pytest.fixture
def loops() -> None:
    if reason := why_no_loops():
        pytest.skip(reason)


@pytest.fixture
def bad_loops() -> None:
    if reason := why_no_bad_loops():
        pytest.skip(reason)


def seen(node: Path) -> media.Disk:
    return next(one for one in media.look() if one.node == node)


def burn_to(node: Path, image: Path, *parts: Part) -> Burnt:
    return burn(seen(node), compose(open_image(image), parts), MANNER, Silent())


@pytest.fixture
def card(tmp_path: Path, loops: None) -> Iterator[tuple[Path, Path]]:
    """A loop device of 64 MiB, full of old things, and the file under it."""
    file = tmp_path / "card"
    file.write_bytes((OLD * (64 * MIB // len(OLD) + 1))[: 64 * MIB])
    with loop(file) as node:
        yield node, file


def test_a_card_holds_the_image_and_nothing_old(card: tuple[Path, Path], image: MadeImage) -> None:
    """Holes of the image too: slot B and free space of the file systems are really empty."""
    node, file = card
    done = burn_to(node, image.path)
    found, wanted = file.read_bytes(), image.path.read_bytes()
    body = slice(gpt.HEAD, len(wanted) - gpt.TAIL)
    assert found[body] == wanted[body]
    assert found[:440] == wanted[:440]
    assert done.bytes <= 64 * MIB
    assert OLD not in found[: len(wanted)]
    assert "No problems found" in tool("sgdisk", "--verify", str(file))
    listed = tool("sgdisk", "--print", str(file))
    assert all(name in listed for name in SPANS)


def test_zeros_are_not_written_where_zeros_are(
    tmp_path: Path, loops: None, image: MadeImage
) -> None:
    file = tmp_path / "card"
    file.write_bytes(b"")
    os.truncate(file, 64 * MIB)
    with loop(file) as node:
        done = burn_to(node, image.path)
    assert done.written < done.bytes
    assert file.stat().st_blocks * 512 < 40 * MIB


def test_a_card_of_the_images_own_size(tmp_path: Path, loops: None, image: MadeImage) -> None:
    file = tmp_path / "card"
    file.write_bytes(b"\xff" * image.path.stat().st_size)
    with loop(file) as node:
        burn_to(node, image.path)
    assert "No problems found" in tool("sgdisk", "--verify", str(file))
    assert file.read_bytes()[gpt.HEAD : -gpt.TAIL] == image.path.read_bytes()[gpt.HEAD : -gpt.TAIL]


@pytest.mark.parametrize("kind", ["xz", "zst"])
def test_packed_images(
    card: tuple[Path, Path], image: MadeImage, tmp_path: Path, kind: str
) -> None:
    packed = tmp_path / f"a.img.{kind}"
    plain = image.path.read_bytes()
    if kind == "xz":
        packed.write_bytes(lzma.compress(plain, preset=0))
    else:
        tool("zstd", "-q", "-3", str(image.path), "-o", str(packed))
    burn_to(card[0], packed)
    assert card[1].read_bytes()[gpt.HEAD : len(plain) - gpt.TAIL] == plain[gpt.HEAD : -gpt.TAIL]


def test_a_packed_image_that_is_cut_off_starts_nothing(
    card: tuple[Path, Path], image: MadeImage, tmp_path: Path
) -> None:
    packed = tmp_path / "a.img.xz"
    packed.write_bytes(lzma.compress(image.path.read_bytes(), preset=0)[:-100_000])
    with pytest.raises(FormatError, match="cut off"):
        burn_to(card[0], packed)
    assert not any(card[1].read_bytes()[:MIB])


def test_another_esp_and_a_larger_data_partition(
    card: tuple[Path, Path], image: MadeImage, tmp_path: Path
) -> None:
    """As personalising and pre-loading do it; the table grows with the data."""
    esp, data = tmp_path / "esp", tmp_path / "data"
    esp.write_bytes(b"E" * 8 * MIB)
    data.write_bytes(b"D" * (20 * MIB + 5))
    parts = (Part("esp", esp, 8 * MIB), Part("data", data, 20 * MIB + 5))
    burn_to(card[0], image.path, *parts)
    found = card[1].read_bytes()
    assert found[MIB : 9 * MIB] == esp.read_bytes()
    at = SPANS["data"][0] * MIB
    assert found[at : at + 20 * MIB + 5] == data.read_bytes()
    assert "No problems found" in tool("sgdisk", "--verify", str(card[1]))
    assert "21.0 MiB" in tool("sgdisk", "--print", str(card[1]))


def test_a_card_that_is_too_small_is_left_alone(
    tmp_path: Path, loops: None, image: MadeImage
) -> None:
    file = tmp_path / "card"
    file.write_bytes(b"x" * 20 * MIB)
    with loop(file) as node, pytest.raises(NoRoom) as refused:
        burn_to(node, image.path)
    assert refused.value.exit_code == 6
    assert file.read_bytes() == b"x" * 20 * MIB


def test_another_medium_in_its_place_is_left_alone(
    tmp_path: Path, loops: None, image: MadeImage
) -> None:
    """Swapped between the list and the answer: same reader, same size, another medium."""
    first, second = tmp_path / "1", tmp_path / "2"
    for file in (first, second):
        file.write_bytes(b"x" * 64 * MIB)
    with loop(first) as node:
        disk = seen(node)
    content = compose(open_image(image.path))
    with loop(second) as again:
        if again != node:
            pytest.skip(f"{node} was taken by somebody else meanwhile")
        with pytest.raises(TrustRefused, match="not the medium that was shown"):
            burn(disk, content, MANNER, Silent())
    assert second.read_bytes() == b"x" * 64 * MIB


def test_a_mounted_medium_is_refused_by_the_kernel_itself(
    tmp_path: Path, loops: None, image: MadeImage
) -> None:
    """Even if it was mounted after we looked."""
    file, place = tmp_path / "card", tmp_path / "place"
    place.mkdir()
    tool("mke2fs", "-q", "-t", "ext4", str(file), "64M")
    with loop(file) as node:
        disk = seen(node)
        assert not media.why_not(disk, frozenset())
        tool("mount", str(node), str(place))
        try:
            assert "in use at" in media.why_not(seen(node), frozenset())
            with pytest.raises(LeaseHeld) as held:
                burn(disk, compose(open_image(image.path)), MANNER, Silent())
            assert held.value.exit_code == 7
        finally:
            tool("umount", str(place))


def failure(medium: Bad, image: Path) -> KexiaError:
    with Served(medium) as served, loop_of(served) as node, pytest.raises(KexiaError) as error:
        burn_to(node, image)
    return error.value


@pytest.mark.parametrize("lie", list(Lie))
@pytest.mark.parametrize("real", [40 * MIB, 32 * MIB, 37 * MIB + 4096, 20 * MIB + 8192])
def test_a_medium_that_claims_more_than_it_has(
    bad_loops: None, image: MadeImage, lie: Lie, real: int
) -> None:
    """Real ends at a power of two and at none, behind the image and inside it, in three manners."""
    medium = Bad(64 * MIB, real=real, lie=lie)
    medium.fill(OLD)
    error = failure(medium, image.path)
    assert isinstance(error, MediumFailing)
    assert error.exit_code == 8
    assert "counterfeit" in f"{error.fact} {error.hint}"
    assert not any(medium.content()[:512])


def test_a_medium_that_fails_on_write(bad_loops: None, image: MadeImage) -> None:
    medium = Bad(64 * MIB, fails_writes_at=10 * MIB + 600)
    error = failure(medium, image.path)
    assert isinstance(error, MediumFailing)
    assert "failing: writing at" in error.fact
    assert "another reader" in error.hint
    assert not any(medium.content()[:512])


def test_a_medium_that_cannot_be_read_back(bad_loops: None, image: MadeImage) -> None:
    error = failure(Bad(64 * MIB, fails_reads_at=10 * MIB), image.path)
    assert isinstance(error, MediumFailing)
    assert "failing: reading at" in error.fact


def test_a_medium_that_gives_back_other_bytes(bad_loops: None, image: MadeImage) -> None:
    error = failure(Bad(64 * MIB, flips_at=10 * MIB + 77), image.path)
    assert isinstance(error, MediumFailing)
    assert "other bytes than were written" in error.fact


def test_a_medium_that_dies_in_the_middle(bad_loops: None, image: MadeImage) -> None:
    """Every request fails from some moment on; the device itself stays (tests/vm has a pull)."""
    medium = Bad(64 * MIB, dies_after=12 * MIB)
    error = failure(medium, image.path)
    assert error.exit_code == 8
    assert not any(medium.content()[:512])


def test_a_file_that_is_gone_is_one_cards_end(
    loops: None, image: MadeImage, tmp_path: Path
) -> None:
    """An error of the computer's own disk in one thread; the other card's end is still told."""
    files = [tmp_path / "1", tmp_path / "2"]
    for file in files:
        file.write_bytes(b"x" * 48 * MIB)
    gone = tmp_path / "gone.img"
    shutil.copyfile(image.path, gone)
    contents = [compose(open_image(path)) for path in (gone, image.path)]
    gone.unlink()
    with loop(files[0]) as one, loop(files[1]) as two:
        disks = [seen(one), seen(two)]
        orders = [batch.Order(*pair) for pair in zip(disks, contents, strict=True)]
        ends = batch.burn_all(orders, MANNER, Silent())
    assert [isinstance(end.end, Burnt) for end in ends] == [False, True], ends
    assert batch.exit_code(ends) != 0
    assert "No such file" in str(ends[0].value()["error"])


def test_several_at_once_none_the_worse_for_another(
    bad_loops: None, image: MadeImage, tmp_path: Path
) -> None:
    good = [tmp_path / "1", tmp_path / "2"]
    for file in good:
        file.write_bytes(b"x" * 48 * MIB)
    content = compose(open_image(image.path))
    bad = Bad(64 * MIB, flips_at=10 * MIB)
    with (
        loop(good[0]) as one,
        loop(good[1]) as two,
        Served(bad) as served,
        loop_of(served) as third,
    ):
        disks = [seen(node) for node in (one, third, two)]
        orders = [batch.Order(disk, content) for disk in disks]
        ends = batch.burn_all(orders, MANNER, Silent())
    assert [isinstance(end.end, Burnt) for end in ends] == [True, False, True], ends
    assert batch.exit_code(ends) == 8
    for file in good:
        assert "No problems found" in tool("sgdisk", "--verify", str(file))


def test_a_marker_tells_the_size_at_which_addresses_begin_again(
    bad_loops: None, image: MadeImage
) -> None:
    medium = Bad(128 * MIB, real=37 * MIB, lie=Lie.WRAPS)
    error = failure(medium, image.path)
    assert "claims 0.1 GB" in error.fact


def test_a_disk_of_another_size_is_another_disk(card: tuple[Path, Path], image: MadeImage) -> None:
    disk = replace(seen(card[0]), size=63 * MIB)
    with pytest.raises(TrustRefused):
        burn(disk, compose(open_image(image.path)), MANNER, Silent())
