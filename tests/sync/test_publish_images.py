"""System images in update packs: blocks found, opened on both sides, made again byte for byte."""

import io
import shutil
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.publish.packs import images
from sync.publish.packs.images import find_blocks, image_items, is_image
from sync.publish.packs.items import Item, Old
from sync.run import run
from sync.updates.opened import given as given_by
from sync.updates.parts import MAX_PREFIX, Copy, Deflated, Literal
from tests.kit.packed import noise, resource, text
from tests.sync.test_update import publish_all

BLOCK = 4096


def image(files: Sequence[bytes], *, level: int = 6) -> bytes:
    """As squashfs lays files out: blocks packed one after the other; what gains nothing is raw."""
    plain = b"".join(files)
    out = [b"hsqs".ljust(96, b"\0")]
    for start in range(0, len(plain), BLOCK):
        block = plain[start : start + BLOCK]
        packed = zlib.compress(block, level)
        out.append(packed if len(packed) < len(block) else block)
    return b"".join(out)


def made(items: Sequence[Item], old: bytes) -> bytes:
    """What a box makes of the items: zlib once more, and copies of what it has."""
    out = []
    for item in items:
        at = 0
        pending: Deflated | None = None
        for segment in item.segments:
            if isinstance(segment, Copy):
                assert segment.span.opened == ()
                out.append(old[segment.span.start : segment.span.start + segment.span.length])
            elif isinstance(segment, Deflated):
                pending = segment
            else:
                assert isinstance(segment, Literal)
                data = item.payload[at : at + segment.length]
                at += segment.length
                if pending is not None:
                    how = pending.parameters
                    maker = zlib.compressobj(
                        how.level, zlib.DEFLATED, how.bits, how.memory, how.strategy
                    )
                    data = maker.compress(data) + maker.flush()
                    assert len(data) == pending.size
                    pending = None
                out.append(data)
        assert at == len(item.payload)
    return b"".join(out)


def check(new: bytes, old: bytes) -> list[Item]:
    items = list(image_items(resource(new), new, Old(resource(old), old)))
    assert made(items, old) == new
    for item in items:
        assert item.payload
        assert sum(len(one.data) for one in item.builds_on) <= min(images.CONTEXT, MAX_PREFIX)
        for context in item.builds_on:
            span = context.span
            held = old[span.start : span.start + span.length]
            assert b"".join(given_by(span, [held])) == context.data
    return items


FILES = [text(seed, 900 + 700 * seed) for seed in range(24)]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "WINDOW", 3 * BLOCK)
    monkeypatch.setattr(images, "CELL", 2 * BLOCK)
    monkeypatch.setattr(images, "CONTEXT", 8 * BLOCK)


@pytest.mark.usefixtures("small")
def test_a_small_file_grows_and_all_behind_it_moves() -> None:
    old = image(FILES)
    changed = [*FILES[:16], FILES[16] + b"one more line\n", *FILES[17:]]
    new = image(changed)
    items = check(new, old)
    assert len(items) > 3
    assert sum(len(item.builds_on) for item in items) >= len(items)
    moved = sum(map(len, changed[14:]))
    assert sum(len(item.payload) for item in items) < moved


@pytest.mark.usefixtures("small")
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**30))
def test_any_change_is_made_again(seed: int) -> None:
    rng = Random(seed)
    before = [
        (text if rng.random() < 0.7 else noise)(rng.randrange(99), rng.randrange(9000))
        for _ in range(rng.randrange(1, 14))
    ]
    after = list(before)
    for _ in range(rng.randrange(4)):
        place = rng.randrange(len(after))
        after[place : place + rng.randrange(2)] = [text(rng.randrange(99), rng.randrange(5000))]
        after = after or [b"x"]
    check(image(after, level=rng.choice([6, 9])), image(before))


@pytest.mark.usefixtures("small")
def test_the_same_image_and_one_cut_short() -> None:
    old = image(FILES)
    check(old, old)
    check(old[:-1], old)
    check(old[: len(old) // 2], old)


@pytest.mark.usefixtures("small")
def test_an_old_image_without_a_block_gives_no_context() -> None:
    new = image(FILES)
    for old in (b"hsqs", b"hsqs" + noise(1, 5000)):
        assert all(not item.builds_on for item in check(new, old))


@given(st.binary(max_size=4000))
def test_blocks_of_anything_are_streams(data: bytes) -> None:
    at = 0
    for block in find_blocks(data):
        assert at <= block.start < block.end <= len(data)
        assert len(zlib.decompress(data[block.start : block.end])) == block.size
        at = block.end


def test_a_stream_that_holds_too_much_is_no_block() -> None:
    bomb = zlib.compress(bytes(2 * images.MAX_BLOCK))
    whole = zlib.compress(bytes(images.MAX_BLOCK))
    [only] = find_blocks(bomb + whole)
    assert (only.start, only.size) == (len(bomb), images.MAX_BLOCK)
    assert list(find_blocks(whole[:-1])) == []


@pytest.mark.thorough
def test_a_box_takes_a_new_image_for_little(tmp_path: Path) -> None:
    """The whole way, at real sizes: released, fetched, made again from the image before."""
    files = [noise(seed, 1500) + text(seed, 40_000 + 1000 * seed) for seed in range(60)]
    old, new = root(tmp_path, "old", files), root(tmp_path, "new", [*files[:9], b"#", *files[9:]])
    assert is_image(old[:4])
    published = publish_all(tmp_path, [{"l1.img": old}, {"l1.img": new}])
    assert published.update.stat().st_size < len(new) / 20
    _, done = published.bring(tmp_path)
    assert not done.unsound
    assert not done.refused


def root(folder: Path, name: str, files: Sequence[bytes]) -> bytes:
    """A squashfs as images have it, by the program that makes theirs."""
    if shutil.which("tar2sqfs") is None:
        return image(files)
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as out:
        for number, data in enumerate(files):
            info = tarfile.TarInfo(f"usr/{number}")
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    path = folder / name
    arguments = ("tar2sqfs", "-q", "-f", "-c", "gzip", "-X", "level=6", "-b", "262144", path)
    run(arguments, timeout=60, stdin=tar.getvalue())
    return path.read_bytes()
