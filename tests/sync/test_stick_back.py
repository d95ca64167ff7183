import struct
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import FormatError
from sync.stick import back
from sync.stick.back import PAGE, Half, Place

GOLDEN = Path(__file__).parents[1] / "golden" / "back-1.kxb"
SIZE = back.MIN_SIZE
HALF = SIZE // 2


class Memory:
    """A file of a fixed length."""

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)

    def read_at(self, offset: int, length: int) -> bytes:
        return bytes(self.data[offset : offset + length])

    def put(self, papers: bytes) -> Place:
        place = back.next_place(self.read_at, len(self.data))
        start = place.start
        self.data[start + PAGE : start + PAGE + len(papers)] = papers
        self.data[start : start + PAGE] = back.first_page(place.sequence, papers)
        return place

    @property
    def halves(self) -> tuple[Half, ...]:
        return back.whole_halves(self.read_at, len(self.data))


def sample() -> Memory:
    memory = Memory(bytes(SIZE))
    for papers in ([b"first"], [b"second", b"report"]):
        memory.put(back.pack(papers, back.room(SIZE))[0])
    return memory


def test_the_golden_file_is_read_and_reproduced() -> None:
    data = GOLDEN.read_bytes()
    newest, older = Memory(data).halves
    assert (newest.sequence, back.unpack(newest.papers)) == (2, (b"second", b"report"))
    assert (older.sequence, back.unpack(older.papers)) == (1, (b"first",))
    assert sample().data == data


def test_the_halves_take_turns() -> None:
    memory = Memory(bytes(SIZE))
    places = [memory.put(bytes([number])) for number in range(5)]
    assert places == [Place(0, 1), Place(HALF, 2), Place(0, 3), Place(HALF, 4), Place(0, 5)]
    assert [half.papers for half in memory.halves] == [b"\x04", b"\x03"]


@given(st.integers(0, 8 * SIZE - 1))
def test_whatever_bit_breaks_one_half_stays_and_is_not_written_over(bit: int) -> None:
    memory = sample()
    memory.data[bit // 8] ^= 1 << bit % 8
    assert len(memory.halves) in (1, 2)
    left = memory.halves[0]
    memory.put(b"third")
    assert [half.papers for half in memory.halves] == [b"third", left.papers]


def test_an_empty_or_foreign_file_has_no_halves() -> None:
    for data in (bytes(SIZE), b"\xff" * SIZE, b"KXBACK1\n" * (SIZE // 8)):
        memory = Memory(data)
        assert memory.halves == ()
        assert memory.put(b"x") == Place(0, 1)


@pytest.mark.parametrize("size", [0, 1, back.MIN_SIZE - 1, back.MAX_SIZE + 1])
def test_files_of_no_use_are_refused(size: int) -> None:
    with pytest.raises(FormatError, match="a file for the way back has"):
        back.next_place(lambda *_: b"", size)


@given(st.integers(back.MIN_SIZE, back.MAX_SIZE))
def test_what_fits_never_reaches_beyond_its_half(size: int) -> None:
    start = Memory(bytes(SIZE))  # where the second half begins
    assert start.put(b"") == Place(0, 1)
    half = size // 2 // PAGE * PAGE
    assert PAGE + back.room(size) <= half
    assert 2 * half <= size


def forged(sequence: int, length: int, papers: bytes) -> bytes:
    head = struct.pack("<8sQQ32s", back.MAGIC, sequence, length, sha256(papers).digest())
    return head + sha256(head).digest()


@pytest.mark.parametrize(
    ("sequence", "length"), [(1, 2**63), (1, HALF - PAGE + 1), (2**64 - 1, 1), (2**62, 1)]
)
def test_a_page_that_says_absurd_things_is_none(sequence: int, length: int) -> None:
    page = forged(sequence, length, b"x")
    memory = Memory((page.ljust(PAGE, b"\0") + b"x").ljust(SIZE, b"\0"))
    assert memory.halves == ()


def test_a_file_whose_numbers_are_used_up_is_not_written_to() -> None:
    page = forged(2**62 - 1, 1, b"x")
    memory = Memory((page.ljust(PAGE, b"\0") + b"x").ljust(SIZE, b"\0"))
    assert len(memory.halves) == 1
    with pytest.raises(FormatError, match="used up"):
        memory.put(b"y")


@given(st.lists(st.binary(max_size=60), max_size=70), st.integers(0, 1500))
def test_papers_come_back_the_first_that_fit(papers: list[bytes], limit: int) -> None:
    data, left_out = back.pack(papers, limit)
    found = back.unpack(data)
    assert len(data) <= limit
    assert len(found) == len(papers) - left_out <= back.MAX_PAPERS
    left = iter(papers)
    assert all(any(paper == one for one in left) for paper in found)
    if papers and 4 + len(papers[0]) <= limit:
        assert found[0] == papers[0]


@pytest.mark.parametrize(
    "data", [b"\1", b"\1\0\0\0", b"\0\0\0\x80" + bytes(9), b"\0\0\0\0" * 65, b"\0\0\0\0\1"]
)
def test_papers_that_do_not_add_up_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        back.unpack(data)
