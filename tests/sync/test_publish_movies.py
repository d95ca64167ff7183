"""Videos: their lists of places are found, sent as steps, and made again."""

import struct
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.digest import sha256
from sync.errors import FormatError
from sync.feed import Resource
from sync.publish.packs.items import LARGE_MEDIA, Nature, Old, make_item
from sync.publish.packs.movies import MOST_BOXES, Places, find_places
from sync.updates.parts import Copy, Literal, Summed
from sync.updates.steps import steps, summed
from tests.kit.packed import noise


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def movie(places: list[int], media: bytes, title: bytes = b"") -> bytes:
    """An MP4 file with one list of places, as every writer lays it out."""
    listed = struct.pack(">II", 0, len(places)) + struct.pack(f">{len(places)}I", *places)
    track = box(b"stbl", box(b"stsd", b"x" * 30) + box(b"stco", listed))
    inside = box(b"trak", box(b"mdia", box(b"minf", track)))
    return box(b"ftyp", b"isom") + box(b"moov", inside + box(b"udta", title)) + box(b"mdat", media)


def test_the_places_are_found() -> None:
    data = movie([100, 250, 400], b"media")
    [found] = find_places(data)
    assert struct.unpack(">3I", data[found.start : found.start + found.length]) == (100, 250, 400)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no movie at all" * 10,
        movie([1], b"")[:60],
        box(b"ftyp", b"isom") + struct.pack(">I4s", 4, b"moov"),
        box(b"ftyp", b"isom") + struct.pack(">I4s", 2**31, b"moov"),
        box(b"ftyp", b"isom") + box(b"moov", box(b"stbl", box(b"stco", struct.pack(">II", 0, 9)))),
        box(b"ftyp", b"isom") + box(b"free", b"") * (MOST_BOXES + 5) + box(b"moov", b""),
    ],
)
def test_a_broken_or_other_file_has_none(data: bytes) -> None:
    assert find_places(data) == []


@given(st.binary(max_size=300))
def test_any_bytes_are_looked_through(tail: bytes) -> None:
    data = box(b"ftyp", b"isom") + tail
    for one in find_places(data):
        assert 0 <= one.start < one.start + one.length <= len(data)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=50))
def test_steps_and_numbers_make_each_other(numbers: list[int]) -> None:
    data = struct.pack(f">{len(numbers)}I", *numbers)
    assert summed(steps(data)) == data
    assert steps(summed(data)) == data


@pytest.mark.parametrize("data", [b"", b"123", b"12345"])
def test_what_is_no_row_of_numbers_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match="no 32-bit numbers"):
        steps(data)
    with pytest.raises(FormatError, match="no 32-bit numbers"):
        summed(data)


def cut_video(shift: int) -> bytes:
    """The same pictures; every place moved, as when the title became longer."""
    rng = Random(5)
    places, at = [], 1000 + shift
    for _ in range(5000):
        places.append(at)
        at += rng.randrange(500, 3000)
    return movie(places, noise(1, LARGE_MEDIA), b"t" * shift)


def test_a_recut_video_is_copies_and_small_steps() -> None:
    old, new = cut_video(10), cut_video(77)
    resource = Resource(sha256(new), len(new))
    olds = [Old(Resource(sha256(old), len(old)), old)]
    item = make_item(resource, new, Nature.MEDIA, olds)
    assert item is not None
    made, at = b"", 0
    for segment in item.segments:
        match segment:
            case Copy(span):
                made += old[span.start : span.start + span.length]
            case Literal(length):
                made += item.payload[at : at + length]
                at += length
            case Summed(length):
                made += summed(item.payload[at : at + length])
                at += length
            case _:
                pytest.fail("a video holds no streams")
    assert made == new
    assert any(isinstance(segment, Summed) for segment in item.segments)
    assert len(item.payload) < 30_000
    context = b"".join(one.data for one in item.builds_on)
    [places] = find_places(new)
    listed = steps(new[places.start : places.start + places.length])
    assert listed[4:] in context, "all but the first step stand in the old one"
    assert places == Places(places.start, 20_000)
