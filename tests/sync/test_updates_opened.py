"""Spans whose streams are opened: one pass, whatever lies in what."""

import random
import tracemalloc
from collections.abc import Iterator
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.deflate import Parameters, Wrap, deflate
from sync.digest import sha256
from sync.errors import FormatError
from sync.updates.opened import given as given_bytes
from sync.updates.parts import Differenced, Inflated, Span
from sync.updates.steps import steps
from tests.kit.packed import noise, text

RAW = Parameters(Wrap.RAW, 9, 9)


def stream(plain: bytes, wrap: Wrap = Wrap.RAW) -> bytes:
    return b"".join(deflate([plain], Parameters(wrap, 6, 8)))


def opened(data: bytes, *streams: Inflated, block: int = 1000) -> bytes:
    span = Span(sha256(data), 0, len(data), streams)
    blocks = (data[at : at + block] for at in range(0, len(data), block))
    found = b"".join(given_bytes(span, blocks))
    assert len(found) == span.size
    return found


@st.composite
def nests(draw: st.DrawFn, depth: int = 3) -> tuple[bytes, tuple[Inflated, ...], bytes]:
    """Bytes with streams in them, those streams, and the bytes with the streams opened."""
    data = plain = b""
    streams = []
    for _ in range(draw(st.integers(0, 3)) if depth else 0):
        before = draw(st.binary(max_size=40))
        held, inner, inner_plain = draw(nests(depth - 1))
        wrap = draw(st.sampled_from(Wrap))
        made = stream(held, wrap)
        streams.append(Inflated(len(data + before), len(made), wrap, len(held), inner))
        data += before + made
        plain += before + inner_plain
    after = draw(st.binary(max_size=40))
    return data + after, tuple(streams), plain + after


@given(nests(), st.integers(1, 50))
def test_streams_are_replaced_by_what_they_hold(
    nest: tuple[bytes, tuple[Inflated, ...], bytes], block: int
) -> None:
    data, streams, plain = nest
    assert opened(data, *streams, block=block) == plain


def test_steps_and_plain_bytes() -> None:
    data = b"\0\0\0\5\0\0\0\7"
    whole = Span(sha256(data), 0, len(data))
    assert b"".join(given_bytes(whole, [data])) == data
    listed = Span(sha256(data), 0, len(data), Differenced())
    assert b"".join(given_bytes(listed, [data[:3], data[3:]])) == steps(data)


HELD = text(1, 9_000)
INNER = stream(HELD, Wrap.ZLIB)
OUTER = stream(b"<" + INNER + b">")
FALSE = {
    "shorter outside": Inflated(0, len(OUTER), Wrap.RAW, len(INNER) + 1),
    "longer outside": Inflated(0, len(OUTER), Wrap.RAW, len(INNER) + 3),
    "cut outside": Inflated(0, len(OUTER) - 1, Wrap.RAW, len(INNER) + 2),
    "other wrap": Inflated(0, len(OUTER), Wrap.ZLIB, len(INNER) + 2),
}
INSIDE = {
    "elsewhere": Inflated(0, len(INNER), Wrap.ZLIB, 9_000),
    "shorter": Inflated(1, len(INNER), Wrap.ZLIB, 8_999),
    "longer": Inflated(1, len(INNER), Wrap.ZLIB, 9_001),
    "cut": Inflated(1, len(INNER) - 1, Wrap.ZLIB, 9_000),
    "beyond": Inflated(1, len(INNER) + 2, Wrap.ZLIB, 9_000),
    "other wrap": Inflated(1, len(INNER), Wrap.RAW, 9_000),
}
FALSE |= {
    f"{name} inside": Inflated(0, len(OUTER), Wrap.RAW, len(INNER) + 2, (one,))
    for name, one in INSIDE.items()
}


def test_the_good_one_opens() -> None:
    inner = Inflated(1, len(INNER), Wrap.ZLIB, 9_000)
    good = Inflated(0, len(OUTER), Wrap.RAW, len(INNER) + 2, (inner,))
    assert opened(OUTER, good) == b"<" + HELD + b">"


@pytest.mark.parametrize("name", FALSE)
def test_streams_that_are_not_what_was_said(name: str) -> None:
    with pytest.raises(FormatError):
        opened(OUTER, FALSE[name])


def test_a_file_that_ends_too_early() -> None:
    good = Inflated(0, len(OUTER) + 1, Wrap.RAW, len(INNER) + 2)
    with pytest.raises(FormatError):
        opened(OUTER, good)
    with pytest.raises(FormatError, match="too early"):
        opened(OUTER, Inflated(len(OUTER) + 1, 0, Wrap.RAW, 0))


@given(st.integers(0, 10**6))
def test_a_flipped_file_is_refused_or_gives_as_much(seed: int) -> None:
    rng = random.Random(seed)
    changed = bytearray(OUTER)
    changed[rng.randrange(len(OUTER))] ^= 1 << rng.randrange(8)
    inner = Inflated(1, len(INNER), Wrap.ZLIB, 9_000)
    try:
        opened(bytes(changed), Inflated(0, len(OUTER), Wrap.RAW, len(INNER) + 2, (inner,)))
    except FormatError as error:
        assert error.fact  # noqa: PT017 - either outcome is right


def bomb() -> tuple[bytes, bytes]:
    """64 MiB of zeros as a stream of some 65 KB, and that as one of some hundred bytes."""
    inner = b"".join(deflate([bytes(64 * 2**20)], RAW))
    return inner, b"".join(deflate([inner], RAW))


def test_a_nested_bomb_takes_no_memory_and_gives_no_more_than_was_said() -> None:
    inner, outer = bomb()
    assert len(outer) < 1000
    said = Inflated(0, len(outer), Wrap.RAW, len(inner), (Inflated(0, len(inner), Wrap.RAW, 500),))
    span = Span(sha256(outer), 0, len(outer), (said,))
    tracemalloc.start()
    got: list[int] = []
    try:
        with pytest.raises(FormatError, match="does not hold the 500 bytes"):
            got.extend(map(len, given_bytes(span, [outer])))
        assert tracemalloc.get_traced_memory()[1] < 2 * 2**20
    finally:
        tracemalloc.stop()
    assert sum(got) <= 500


def test_a_long_nest_is_never_whole_in_memory() -> None:
    """32 MiB within a stream within a stream, and only blocks of them at a time."""
    held = 32 * 2**20
    inner = b"".join(deflate(repeat(noise(1, 2**10) * 2**10, 32), Parameters(Wrap.RAW, 1, 8)))
    outer = stream(inner)

    def blocks() -> Iterator[bytes]:
        for at in range(0, len(outer), 2**16):
            yield outer[at : at + 2**16]

    said = Inflated(0, len(outer), Wrap.RAW, len(inner), (Inflated(0, len(inner), Wrap.RAW, held),))
    span = Span(sha256(outer), 0, len(outer), (said,))
    tracemalloc.start()
    try:
        assert sum(map(len, given_bytes(span, blocks()))) == held
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()
