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
