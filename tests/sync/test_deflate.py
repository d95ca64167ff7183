import random
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import deflate as deflates
from sync.deflate import Parameters, Wrap, deflate, inflate, reproduces
from sync.errors import FormatError
from tests.kit.packed import noise, text

HOW = st.builds(
    Parameters,
    st.sampled_from(Wrap),
    st.integers(0, 9),
    st.integers(1, 9),
    st.integers(0, 4),
    st.integers(9, 15),
)


def stream(plain: bytes, how: Parameters) -> bytes:
    return b"".join(deflate([plain], how))


def opened(data: bytes, wrap: Wrap, size: int) -> bytes:
    return b"".join(inflate([data], wrap, size=size))


@given(st.binary(max_size=4000), HOW)
def test_what_was_deflated_is_inflated_and_made_again(plain: bytes, how: Parameters) -> None:
    made = stream(plain, how)
    assert opened(made, how.wrap, len(plain)) == plain
    assert stream(plain, how) == made


def test_a_stream_does_not_depend_on_the_blocks_it_is_fed_in() -> None:
    plain = text(1, 700_000) + noise(2, 300_000)
    for how in (
        Parameters(Wrap.ZLIB, 6, 8),
        Parameters(Wrap.RAW, 9, 9),
        Parameters(Wrap.RAW, 1, 8),
    ):
        maker = zlib.compressobj(how.level, zlib.DEFLATED, how.bits, how.memory, how.strategy)
        assert stream(plain, how) == maker.compress(plain) + maker.flush()


@pytest.mark.parametrize(
    "numbers",
    [(-1, 8), (10, 8), (6, 0), (6, 10), (6, 8, -1), (6, 8, 5), (6, 8, 0, 8), (6, 8, 0, 16)],
)
def test_parameters_zlib_does_not_know_are_refused(numbers: tuple[int, ...]) -> None:
    with pytest.raises(FormatError, match="no such parameters"):
        Parameters(Wrap.RAW, *numbers)


EVERY = [
    Parameters(wrap, level, memory, strategy, window)
    for wrap in Wrap
    for level in range(10)
    for memory in range(1, 10)
    for strategy in range(5)
    for window in (9, 15)
]


def test_this_machine_makes_streams_as_others_do() -> None:
    assert reproduces(EVERY)


def test_another_deflate_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As zlib-ng would: level 6 makes what level 5 makes here."""
    real = zlib.compressobj

    def other(level: int, *more: Any) -> object:
        return real(5 if level == 6 else level, *more)

    monkeypatch.setattr(zlib, "compressobj", other)
    monkeypatch.setattr(deflates, "_reproduces", deflates._reproduces.__wrapped__)
    six = [one for one in EVERY if one.level == 6]
    assert all(not reproduces([one]) for one in six)
    assert not reproduces(EVERY)
    assert reproduces(set(EVERY) - set(six))
    assert reproduces(())


GOOD = stream(text(1, 3000), Parameters(Wrap.ZLIB, 6, 8))


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (GOOD[:-1], 3000),
        (GOOD[:9], 3000),
        (GOOD + b"x", 3000),
        (GOOD, 2999),
        (GOOD, 3001),
        (b"", 0),
        (b"no stream", 9),
        (GOOD[:-1] + bytes([GOOD[-1] ^ 1]), 3000),
    ],
    ids=["cut", "short", "more", "longer", "shorter", "empty", "none", "checksum"],
)
def test_streams_that_are_not_what_was_said(data: bytes, size: int) -> None:
    with pytest.raises(FormatError, match=r"^deflate: "):
        opened(data, Wrap.ZLIB, size)


@given(st.binary(max_size=300), st.sampled_from(Wrap), st.integers(0, 400))
def test_any_bytes_are_inflated_or_refused(data: bytes, wrap: Wrap, size: int) -> None:
    try:
        assert len(opened(data, wrap, size)) == size
    except FormatError as error:
        assert error.fact.startswith("deflate: ")  # noqa: PT017 - either outcome is right


def test_a_bomb_takes_no_more_than_was_said() -> None:
    bomb = stream(bytes(64 * 2**20), Parameters(Wrap.RAW, 9, 9))
    assert len(bomb) < 70_000
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="does not hold the 1000 bytes"):
            opened(bomb, Wrap.RAW, 1000)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_flipped_stream_never_gives_another_size() -> None:
    rng = random.Random(5)
    for _ in range(300):
        changed = bytearray(GOOD)
        changed[rng.randrange(len(GOOD))] ^= 1 << rng.randrange(8)
        try:
            assert len(opened(bytes(changed), Wrap.ZLIB, 3000)) == 3000
        except FormatError:
            continue
