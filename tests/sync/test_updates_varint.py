import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import FormatError
from sync.updates import varint
from sync.updates.varint import Reader

NUMBERS = st.integers(0, 2**63 - 1)


def reader(data: bytes) -> Reader:
    return Reader(data, what="x")


@given(st.lists(NUMBERS, max_size=9))
def test_numbers_come_back(numbers: list[int]) -> None:
    data = b"".join(map(varint.write, numbers))
    found = reader(data)
    assert [found.number() for _ in numbers] == numbers
    assert found.left == 0


@given(NUMBERS)
def test_a_number_takes_as_few_bytes_as_there_are_sevens_of_bits(number: int) -> None:
    assert len(varint.write(number)) == max(1, -(-number.bit_length() // 7))


@given(NUMBERS.filter(lambda number: number < 2**56), st.integers(1, 8))
def test_every_overlong_spelling_is_refused(number: int, zeros: int) -> None:
    *start, last = varint.write(number)
    for more in range(1, zeros + 1):
        spelled = bytes([*start, last | 0x80, *[0x80] * (more - 1), 0])
        with pytest.raises(FormatError, match="x: a number has no lawful spelling"):
            reader(spelled).number()


def test_the_longest_number_has_nine_bytes() -> None:
    assert reader(b"\xff" * 8 + b"\x7f").number() == 2**63 - 1
    with pytest.raises(FormatError, match="no lawful"):
        reader(b"\xff" * 9 + b"\x01").number()
    with pytest.raises(FormatError, match="no lawful"):
        reader(b"\x80" * 10_000).number()


@given(st.binary(max_size=12))
def test_what_is_read_as_a_number_is_its_only_spelling(data: bytes) -> None:
    found = reader(data)
    try:
        number = found.number()
    except FormatError:
        return
    assert varint.write(number) == data[: len(data) - found.left]


@given(st.integers(-(2**40), 2**40))
def test_signed_numbers_come_back_and_small_ones_stay_small(number: int) -> None:
    assert varint.unfold(varint.fold(number)) == number
    assert varint.fold(number) <= 2 * abs(number)


@given(st.integers(0, 2**40))
def test_every_folded_number_means_something(number: int) -> None:
    assert varint.fold(varint.unfold(number)) == number


def test_bytes_beyond_the_end_are_refused() -> None:
    with pytest.raises(FormatError, match="ends 1 bytes too early"):
        reader(b"ab").take(3)
    with pytest.raises(FormatError, match="middle of a number"):
        reader(b"\x80").number()
    with pytest.raises(FormatError, match="middle of a number"):
        reader(b"").number()


def test_a_record_cannot_be_read_beyond_its_end() -> None:
    outer = reader(b"\x02abc")
    inner = outer.inner()
    assert inner.take(2) == b"ab"
    with pytest.raises(FormatError, match="too early"):
        inner.take(1)
    assert outer.take(1) == b"c"
    with pytest.raises(FormatError, match="too early"):
        reader(b"\x03ab").inner()


def test_no_more_records_are_promised_than_there_are_bytes_for() -> None:
    assert reader(b"\x02abcd").count(each=2) == 2
    with pytest.raises(FormatError, match="promises 2 records"):
        reader(b"\x02abc").count(each=2)
    with pytest.raises(FormatError, match="promises"):
        reader(varint.write(2**63 - 1)).count()
