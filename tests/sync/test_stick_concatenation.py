from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.digest import sha256
from sync.errors import FormatError
from sync.stick.concatenation import (
    MAGIC,
    MAX_CONCATENATION,
    MAX_ENTRIES,
    MAX_TABLE,
    Entry,
    decode_table,
    encode_table,
    places,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "concatenation-1.tab"


def sample() -> tuple[Entry, ...]:
    return tuple(Entry(sha256(data), len(data)) for data in (b"ab", b"", "课".encode(), b"x" * 300))


ENTRIES = st.lists(
    st.builds(Entry, st.binary(max_size=9).map(sha256), st.integers(0, MAX_CONCATENATION // 20)),
    max_size=20,
)


def test_golden_table_is_read_and_reproduced() -> None:
    data = GOLDEN.read_bytes()
    assert decode_table(data) == sample()
    assert encode_table(sample()) == data


def test_a_record_is_forty_bytes_big_endian() -> None:
    digest = sha256(b"ab")
    assert encode_table([Entry(digest, 258)]) == (
        b"KXCAT1\n" + bytes.fromhex(digest) + b"\0\0\0\0\0\0\1\2"
    )


@given(ENTRIES)
def test_what_was_written_is_read(entries: list[Entry]) -> None:
    assert decode_table(encode_table(entries)) == tuple(entries)


@given(ENTRIES)
def test_resources_follow_each_other_without_gaps(entries: list[Entry]) -> None:
    end = 0
    for entry, offset in places(entries):
        assert offset == end
        end = offset + entry.size
    assert end == sum(entry.size for entry in entries)


@given(st.binary(max_size=200))
def test_other_bytes_are_refused_or_read_one_way(data: bytes) -> None:
    try:
        entries = decode_table(MAGIC + data)
    except FormatError:
        return
    assert encode_table(entries) == MAGIC + data


@pytest.mark.parametrize(
    "data", [b"", MAGIC[:-1], b"KXCAT2\n", MAGIC + b"\0" * 39, MAGIC + b"\0" * 41]
)
def test_what_is_no_table_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match="not one, cut short, or of a version") as caught:
        decode_table(data)
    assert caught.value.hint


def test_nothing_beyond_the_limits_is_written_or_read() -> None:
    digest = sha256(b"")
    most = [Entry(digest, 0)] * MAX_ENTRIES
    assert len(encode_table(most)) == MAX_TABLE
    with pytest.raises(FormatError, match="more than 65536 resources"):
        encode_table([*most, Entry(digest, 0)])
    with pytest.raises(FormatError):
        decode_table(encode_table(most) + b"\0" * 40)
    assert decode_table(encode_table([Entry(digest, MAX_CONCATENATION)]))
    with pytest.raises(FormatError, match=r"1073741824 bytes"):
        decode_table(MAGIC + bytes(32) + (MAX_CONCATENATION + 1).to_bytes(8))
