from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync import chunker, recipe
from sync.chunker import cut
from sync.recipe import chunk_id
from tests.kit.packed import noise, text

GOLDEN = Path(__file__).parents[1] / "golden" / "chunks-1.txt"
"""Ids and lengths of the chunks of ``noise(1, 2 MiB)`` and ``text(1, 1 MiB)``.

A change of cutting rule is allowed, boxes do not care, but it costs every box a full fetch."""


def listing(data: bytes) -> str:
    return "".join(f"{chunk_id(chunk).hex()} {len(chunk)}\n" for chunk in cut(BytesIO(data)))


def test_cuts_are_those_of_every_other_machine() -> None:
    assert listing(noise(1, 2**21)) + listing(text(1, 2**20)) == GOLDEN.read_text()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 600_000), st.integers(0, 5))
def test_chunks_add_up_within_bounds(size: int, seed: int) -> None:
    data = noise(seed, size)
    chunks = list(cut(BytesIO(data)))
    assert b"".join(chunks) == data
    assert all(0 < len(chunk) <= chunker.MAX_CHUNK for chunk in chunks)
    assert all(len(chunk) >= chunker.MIN_CHUNK for chunk in chunks[:-1])


def test_a_box_accepts_the_longest_chunk() -> None:
    assert chunker.MAX_CHUNK <= recipe.MAX_CHUNK
    assert max(map(len, cut(BytesIO(bytes(2**20))))) == chunker.MAX_CHUNK


@pytest.mark.parametrize("size", [1, chunker.MIN_CHUNK])
def test_small_resources_are_one_chunk(size: int) -> None:
    assert list(cut(BytesIO(noise(1, size)))) == [noise(1, size)]


def test_an_empty_resource_has_no_chunk() -> None:
    assert list(cut(BytesIO(b""))) == []


@pytest.mark.parametrize("at", [0, 700_000, 2_000_000])
def test_an_insertion_changes_only_the_chunks_around_it(at: int) -> None:
    old = noise(3, 2_000_000)
    new = old[:at] + b"a new paragraph" + old[at:]
    known = set(cut(BytesIO(old)))
    fresh = [chunk for chunk in cut(BytesIO(new)) if chunk not in known]
    assert sum(map(len, fresh)) < 4 * chunker.MAX_CHUNK


class Endless:
    """A file longer than any memory; counts what was read of it."""

    served = 0

    def read(self, size: int) -> bytes:
        assert 0 < size < 8 * 2**20
        self.served += size
        return noise(self.served % 97, size)


def test_a_large_stream_is_never_read_ahead() -> None:
    stream = Endless()
    total = 0
    for chunk, _ in zip(cut(stream), range(40), strict=False):  # type: ignore[arg-type]  # read() is all it needs
        total += len(chunk)
        assert stream.served - total < 8 * 2**20
