import hashlib
import struct
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync import compression, pack
from sync.digest import sha256
from sync.directory import PackRef
from sync.errors import FormatError, ProofFailed
from sync.pack import Codec, PackWriter, Table, decode_table, encode_table, open_group
from sync.recipe import MAX_CHUNK, Chunk, Chunks, Recipe, chunk_id
from tests.kit.packed import noise, text

GOLDEN = Path(__file__).parents[1] / "golden"


def written(
    chunks: list[bytes], recipes: tuple[Recipe, ...] = (), level: int = 3
) -> tuple[bytes, bytes, PackRef]:
    out = BytesIO()
    writer = PackWriter(out, level=level)
    for chunk in chunks:
        writer.add(chunk)
    table, ref = writer.finish(recipes)
    return out.getvalue(), table, ref


def contents(data: bytes, table: Table) -> list[bytes]:
    """Every chunk of a pack, read as a box reads it."""
    found = []
    for chunk, group, start in table.places():
        stored = data[group.offset : group.offset + group.stored]
        plain = open_group(group, stored, what="pack")
        found.append(plain[start : start + chunk.length])
    return found


def sample() -> tuple[list[bytes], tuple[Recipe, ...]]:
    chunks = [text(1, 100_000), noise(2, 200_000), noise(3, 250_000), *(
        noise(4 + n, 200_000) for n in range(3)
    )]  # fmt: skip
    elsewhere = Chunk(chunk_id(b"in an earlier pack"), 18)
    first = Chunks.of([Chunk(chunk_id(chunks[0]), 100_000), elsewhere])
    twice = Chunks.of([Chunk(chunk_id(chunks[1]), 200_000)] * 2)
    return chunks, (
        Recipe(sha256(b"first"), 100_018, first),
        Recipe(sha256(b"twice"), 400_000, twice),
    )


def test_golden_table_is_read_and_reproduced() -> None:
    """The pack (1 MiB of made-up bytes) is named by its digest only."""
    chunks, recipes = sample()
    data, table, ref = written(chunks, recipes, level=19)
    assert table == (GOLDEN / "table-1.bin").read_bytes()
    assert ref.table.digest == sha256(table)
    decoded = decode_table((GOLDEN / "table-1.bin").read_bytes())
    assert decoded.recipes == recipes
    assert decoded.pack == ref.pack
    assert contents(data, decoded) == chunks


def test_golden_pack_is_read_and_reproduced() -> None:
    chunks = [text(1, 900), noise(1, 600), text(2, 300)]
    data, table, _ = written(chunks)
    assert data == (GOLDEN / "pack-1.pack").read_bytes()
    assert contents((GOLDEN / "pack-1.pack").read_bytes(), decode_table(table)) == chunks


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.builds(
            lambda make, seed, size: make(seed, size),
            st.sampled_from([text, noise]),
            st.integers(0, 9),
            st.integers(3, MAX_CHUNK),
        ),
        max_size=8,
        unique=True,
    ),
    st.data(),
)
def test_what_was_packed_is_found(chunks: list[bytes], data: st.DataObject) -> None:
    named = [Chunk(chunk_id(chunk), len(chunk)) for chunk in chunks]
    named.append(Chunk(chunk_id(b"elsewhere"), 9))
    orders = data.draw(st.lists(st.lists(st.sampled_from(named)), max_size=4))
    recipes = tuple(
        Recipe(sha256(bytes([n])), sum(chunk.length for chunk in order), Chunks.of(order))
        for n, order in enumerate(orders)
    )
    out, table, ref = written(chunks, recipes)
    decoded = decode_table(table)
    assert contents(out, decoded) == chunks
    assert decoded.recipes == recipes
    assert encode_table(decoded) == table
    assert (ref.pack.digest, ref.pack.size) == (sha256(out), len(out))
    assert (ref.table.digest, ref.table.size) == (sha256(table), len(table))


def test_groups_stay_below_one_mebibyte_and_fill_the_pack() -> None:
    data, table, _ = written([noise(n, 250_000) for n in range(9)])
    groups = decode_table(table).groups
    assert [len(group.chunks) for group in groups] == [4, 4, 1]
    assert all(group.plain <= pack.MAX_GROUP for group in groups)
    assert groups[-1].offset + groups[-1].stored == len(data)


def test_only_what_zstd_shortens_is_compressed() -> None:
    _, table, _ = written([text(1, MAX_CHUNK)] + [noise(n, MAX_CHUNK) for n in range(3)])
    assert [group.codec for group in decode_table(table).groups] == [Codec.ZSTD]
    _, table, _ = written([noise(n, MAX_CHUNK) for n in range(4)])
    assert [group.codec for group in decode_table(table).groups] == [Codec.RAW]
    # One part in a hundred can be shortened: not worth a decoder's time.
    _, table, _ = written([text(1, 2_600) + noise(1, MAX_CHUNK - 2_600)])
    assert [group.codec for group in decode_table(table).groups] == [Codec.RAW]


def test_a_chunk_is_packed_once() -> None:
    out = BytesIO()
    writer = PackWriter(out)
    assert writer.add(b"abc") == writer.add(b"abc") == Chunk(chunk_id(b"abc"), 3)
    table, _ = writer.finish(())
    assert out.getvalue().endswith(b"abc")
    assert len(out.getvalue()) == 11
    assert len(decode_table(table).chunks) == 1


def test_a_pack_may_hold_recipes_only() -> None:
    chunks = Chunks.of([Chunk(chunk_id(b"old"), 3)] * 2)
    recipe = Recipe(sha256(b"oldold"), 6, chunks)
    data, table, _ = written([], (recipe,))
    assert data == b"KXPACK\n\x01"
    assert PackWriter(BytesIO()).empty
    assert decode_table(table).recipes == (recipe,)


@pytest.mark.parametrize("data", [b"", bytes(MAX_CHUNK + 1)])
def test_no_chunk_is_empty_or_too_long(data: bytes) -> None:
    with pytest.raises(ValueError, match="a chunk has"):
        PackWriter(BytesIO()).add(data)


def test_a_full_pack_takes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "MAX_PACK", 2 * MAX_CHUNK)
    out = BytesIO()
    writer = PackWriter(out)
    before = [(writer.add(data), writer.full) for data in (noise(1, MAX_CHUNK - 8), b"x", b"x")]
    assert [full for _, full in before] == [False, True, True]
    with pytest.raises(ValueError, match="begin another"):
        writer.add(b"y")
    writer.finish(())
    assert len(out.getvalue()) <= pack.MAX_PACK


def test_tables_are_small() -> None:
    """At most 0.1 % of resources over 1 MiB, at most 64 bytes for each small one."""
    _, table, ref = written([noise(n, 64 * 1024) for n in range(64)])
    recipe_bytes = 4 * 64 + 44
    assert len(table) + recipe_bytes < ref.pack.size / 1000
    _, table, _ = written([noise(n, 2_000) for n in range(400)])
    assert len(table) / 400 < 64


def test_a_group_is_proved_before_it_is_decoded() -> None:
    data, table, _ = written([text(1, 5000)])
    group = decode_table(table).groups[0]
    stored = bytearray(data[group.offset :])
    assert open_group(group, bytes(stored), what="x") == text(1, 5000)
    stored[20] ^= 1
    with pytest.raises(ProofFailed, match="pack 9: "):
        open_group(group, bytes(stored), what="pack 9")


def test_a_proved_group_that_is_no_frame_is_refused() -> None:
    group = replace(
        decode_table(written([text(1, 5000)])[1]).groups[0], digest=sha256(b"no frame"), stored=8
    )
    with pytest.raises(FormatError, match="broken zstd"):
        open_group(group, b"no frame", what="x")


HEADER = struct.Struct("<7sB32sQIIIII")
GROUP = struct.Struct("<32sIIB")


def table_of(  # the pieces of a table, each of which a test can falsify
    *,
    magic: bytes = b"KXTABL\n",
    version: int = 1,
    pack_size: int = 11,
    counts: tuple[int, ...] = (1, 1, 0, 1, 2),
    groups: tuple[tuple[int, int, int], ...] = ((3, 1, 0),),
    lengths: tuple[int, ...] = (3,),
    recipes: tuple[tuple[int, int], ...] = ((6, 2),),
    steps: tuple[int, ...] = (0, 0),
) -> bytes:
    digest = hashlib.sha256(b"abc").digest()
    return b"".join(
        [
            HEADER.pack(magic, version, digest, pack_size, *counts),
            *(GROUP.pack(digest, *group) for group in groups),
            *(struct.pack("<16sI", digest[:16], length) for length in lengths),
            *(struct.pack("<32sQI", digest, *recipe) for recipe in recipes),
            struct.pack(f"<{len(steps)}I", *steps),
        ]
    )


def test_the_layout_is_the_documented_one() -> None:
    table = decode_table(table_of())
    assert table.groups[0].offset == 8
    assert table.recipes[0].size == 6


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"magic": b"<html><"}, "starts with"),
        ({"version": 2}, "starts with"),
        ({"counts": (2, 1, 0, 1, 2)}, "header promises"),
        ({"counts": (2**32 - 1,) * 5}, "header promises"),
        ({"counts": (1, 0, 1, 1, 2)}, "do not add up"),
        ({"pack_size": 12}, "do not add up"),
        ({"pack_size": 7}, "its pack has 7"),
        ({"pack_size": pack.MAX_PACK + 1}, "its pack has"),
        ({"groups": ((3, 1, 2),)}, "unknown codec 2"),
        ({"groups": ((2, 1, 0),)}, "group at 8"),
        ({"groups": ((3, 1, 1),)}, "group at 8"),
        ({"groups": ((0, 1, 1),)}, "group at 8"),
        ({"groups": ((0, 0, 0),)}, "group at 8"),
        ({"groups": ((3, 2, 0),)}, "do not add up"),
        ({"groups": ((3, 2**32 - 1, 0),)}, "do not add up"),
        ({"lengths": (0,)}, "a chunk is empty"),
        ({"lengths": (MAX_CHUNK + 1,)}, "a chunk is empty"),
        ({"recipes": ((7, 2),)}, "add up to 6 bytes"),
        ({"recipes": ((3, 1),)}, "do not add up to its steps"),
        ({"recipes": ((6, 3),)}, "do not add up to its steps"),
        ({"steps": (0, 1)}, "beyond the 1"),
    ],
    ids=str,
)
def test_tables_that_contradict_themselves(changes: dict[str, object], fact: str) -> None:
    with pytest.raises(FormatError, match=fact) as caught:
        decode_table(table_of(**changes))  # type: ignore[arg-type]  # each change fits its field
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("changes", [{"version": 2}, {"groups": ((3, 1, 7),)}])
def test_what_a_newer_publisher_writes_asks_for_a_newer_box(changes: dict[str, object]) -> None:
    with pytest.raises(FormatError) as caught:
        decode_table(table_of(**changes))  # type: ignore[arg-type]  # as above
    assert "update its system" in caught.value.hint


def test_a_group_longer_than_a_mebibyte_is_refused() -> None:
    lengths = (MAX_CHUNK,) * 5
    data = table_of(
        pack_size=108, counts=(1, 5, 0, 0, 0), groups=((100, 5, 1),), lengths=lengths,
        recipes=(), steps=(),
    )  # fmt: skip
    with pytest.raises(FormatError, match="group at 8"):
        decode_table(data)


@given(st.integers(0, 300), st.integers(0, 255))
def test_any_changed_byte_gives_a_table_or_a_refusal(position: int, value: int) -> None:
    data = bytearray(table_of())
    data[position % len(data)] = value
    try:
        table = decode_table(bytes(data))
    except FormatError:
        return
    assert encode_table(table)


@pytest.mark.parametrize("length", [0, 1, 67, 68, 100])
def test_cut_tables_are_refused(length: int) -> None:
    with pytest.raises(FormatError):
        decode_table(table_of()[:length])


def test_a_table_too_long_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "MAX_TABLE", 100)
    with pytest.raises(FormatError, match="to 100 are allowed"):
        decode_table(table_of())


def test_compression_is_worth_it() -> None:
    data, _, _ = written([text(n, 200_000) for n in range(4)], level=compression.LEVEL)
    assert len(data) < 800_000 / 4
