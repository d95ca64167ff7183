import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from sync import compression
from sync.errors import FormatError
from tests.kit.packed import noise, text


@given(st.binary(max_size=5000), st.sampled_from([1, 3, 19]))
def test_what_was_compressed_comes_back(data: bytes, level: int) -> None:
    frame = compression.compress(data, level=level)
    assert compression.compress(data, level=level) == frame
    assert compression.content_size(frame, limit=5000, what="x") == len(data)
    assert compression.decompress(frame, size=len(data), what="x") == data


def test_text_gets_shorter() -> None:
    assert len(compression.compress(text(1, 20_000))) < 5_000


@given(st.binary(max_size=200), st.integers(0, 300))
def test_any_bytes_are_read_or_refused(data: bytes, size: int) -> None:
    try:
        assert len(compression.decompress(data, size=size, what="group")) == size
    except FormatError as error:
        assert error.fact.startswith("group: ")  # noqa: PT017 - either outcome is right


FRAME = compression.compress(text(2, 3000))
SKIPPABLE = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"


@pytest.mark.parametrize(
    ("frame", "size"),
    [
        (FRAME[:-1], 3000),
        (FRAME + b"x", 3000),
        (FRAME + FRAME, 3000),
        (FRAME, 2999),
        (FRAME, 3001),
        (b"", 0),
        (SKIPPABLE, 3),
        (zstandard.ZstdCompressor(write_content_size=False).compress(b"abc"), 3),
    ],
    ids=["cut", "more", "two", "longer", "shorter", "empty", "skippable", "sizeless"],
)
def test_frames_that_are_not_what_was_signed(frame: bytes, size: int) -> None:
    with pytest.raises(FormatError, match="group 3: "):
        compression.decompress(frame, size=size, what="group 3")


def test_a_wide_window_is_refused_before_memory_is_taken() -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=27)
    data = bytes(70 * 2**20)
    frame = zstandard.ZstdCompressor(compression_params=parameters).compress(data)
    with pytest.raises(FormatError, match="window"):
        compression.decompress(frame, size=len(data), what="x")


def test_declared_size_is_bounded() -> None:
    assert compression.content_size(FRAME, limit=3000, what="x") == 3000
    with pytest.raises(FormatError, match="declares 3000 bytes, at most 2999"):
        compression.content_size(FRAME, limit=2999, what="x")
    with pytest.raises(FormatError, match="broken"):
        compression.content_size(b"<html>", limit=9, what="x")


def test_noise_costs_little() -> None:
    assert len(compression.compress(noise(1, 100_000))) < 100_050


@given(st.binary(max_size=3000), st.binary(max_size=3000), st.sampled_from([1, 3, 19]))
def test_what_was_compressed_with_a_prefix_comes_back(
    prefix: bytes, data: bytes, level: int
) -> None:
    frame = compression.compress_with(prefix, data, level=level)
    assert compression.compress_with(prefix, data, level=level) == frame
    assert compression.content_size(frame, limit=3000, what="x") == len(data)
    assert compression.decompress_with(prefix, frame, size=len(data), what="x") == data


def test_without_a_prefix_it_is_the_same_frame() -> None:
    assert compression.compress_with(b"", text(2, 3000)) == FRAME
    assert compression.decompress_with(b"", FRAME, size=3000, what="x") == text(2, 3000)


def test_a_prefix_that_begins_like_a_trained_dictionary_is_bytes_like_others() -> None:
    prefix = b"\x37\xa4\x30\xec" + noise(5, 4000)
    frame = compression.compress_with(prefix, prefix)
    assert len(frame) < 40
    assert compression.decompress_with(prefix, frame, size=len(prefix), what="x") == prefix


@pytest.mark.thorough
def test_what_the_prefix_holds_costs_nothing_near_and_far() -> None:
    old = noise(6, 9 * 2**20)
    new = b"A" + old[:10_000] + b"B" + old[-10_000:] + b"C"
    frame = compression.compress_with(old, new)
    assert len(frame) < 80
    assert compression.decompress_with(old, frame, size=len(new), what="x") == new


@given(st.binary(min_size=1, max_size=3000), st.binary(max_size=3000))
def test_another_prefix_gives_the_right_size_or_an_error(right: bytes, wrong: bytes) -> None:
    data = right * 2
    frame = compression.compress_with(right, data, level=3)
    try:
        assert len(compression.decompress_with(wrong, frame, size=len(data), what="x")) == len(data)
    except FormatError as error:
        assert error.fact.startswith("x: ")  # noqa: PT017 - either outcome is right


@given(st.binary(max_size=200), st.binary(max_size=200), st.integers(0, 300))
def test_any_bytes_are_read_with_a_prefix_or_refused(prefix: bytes, data: bytes, size: int) -> None:
    try:
        assert len(compression.decompress_with(prefix, data, size=size, what="delta")) == size
    except FormatError as error:
        assert error.fact.startswith("delta: ")  # noqa: PT017 - either outcome is right


DELTA = compression.compress_with(text(3, 3000), text(2, 3000))


@pytest.mark.parametrize(
    ("frame", "size"),
    [
        (DELTA[:-1], 3000),
        (DELTA + b"x", 3000),
        (DELTA + DELTA, 3000),
        (DELTA, 2999),
        (DELTA, 3001),
        (b"", 0),
        (SKIPPABLE, 3),
    ],
    ids=["cut", "more", "two", "longer", "shorter", "empty", "skippable"],
)
def test_deltas_that_are_not_what_was_signed(frame: bytes, size: int) -> None:
    with pytest.raises(FormatError, match="group 3: "):
        compression.decompress_with(text(3, 3000), frame, size=size, what="group 3")


def test_a_bomb_with_a_prefix_is_refused_before_memory_is_taken() -> None:
    """A few kilobytes that say 64 MiB and hold them, where 1,000 bytes were signed."""
    bomb = compression.compress_with(b"\0" * 1000, bytes(64 * 2**20), level=1)
    assert len(bomb) < 10_000
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="declares 67108864 bytes"):
            compression.decompress_with(b"\0" * 1000, bomb, size=1000, what="x")
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_wide_window_with_a_prefix_is_refused() -> None:
    data = bytes(65 * 2**20)
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=27)
    prefix = zstandard.ZstdCompressionDict(b"a prefix", dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    frame = zstandard.ZstdCompressor(dict_data=prefix, compression_params=parameters).compress(data)
    with pytest.raises(FormatError, match="window"):
        compression.decompress_with(b"a prefix", frame, size=len(data), what="x")
