import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.digest import sha256
from sync.errors import FormatError
from sync.recipe import Chunk, ChunkId, Chunks, Recipe, chunk_id, whole

CHUNKS = st.lists(
    st.builds(Chunk, st.binary(min_size=16, max_size=16).map(ChunkId), st.integers(0, 2**32 - 1))
)


def test_an_id_is_the_first_half_of_the_digest() -> None:
    assert chunk_id(b"abc").hex() == hashlib.sha256(b"abc").hexdigest()[:32]
    assert chunk_id(b"abc") == whole(sha256(b"abc"))


@given(CHUNKS)
def test_packed_chunks_come_back(chunks: list[Chunk]) -> None:
    packed = Chunks.of(chunks)
    assert list(packed) == chunks
    assert len(packed) == len(chunks)
    assert packed.size == sum(chunk.length for chunk in chunks)
    assert len(packed.records) == 20 * len(chunks)


@given(CHUNKS, st.data())
def test_chunks_are_taken_by_their_place(chunks: list[Chunk], data: st.DataObject) -> None:
    places = st.lists(st.integers(0, max(0, len(chunks) - 1))) if chunks else st.just([])
    indices = data.draw(places)
    assert list(Chunks.of(chunks).take(indices)) == [chunks[index] for index in indices]


@pytest.mark.parametrize("index", [2, 3, 2**32 - 1])
def test_no_chunk_is_taken_beyond_the_last(index: int) -> None:
    chunks = Chunks.of([Chunk(chunk_id(b"a"), 1), Chunk(chunk_id(b"b"), 1)])
    with pytest.raises(FormatError, match="beyond the 2"):
        chunks.take([0, index])


def test_a_recipe_adds_up() -> None:
    chunks = Chunks.of([Chunk(chunk_id(b"a"), 1), Chunk(chunk_id(b"bc"), 2)])
    assert Recipe(sha256(b"abc"), 3, chunks).size == 3
    with pytest.raises(FormatError, match="add up to 3 bytes, the resource has 4"):
        Recipe(sha256(b"abc"), 4, chunks)
