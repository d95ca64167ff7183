from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import shortened
from sync.digest import sha256
from sync.directory import Stored
from sync.errors import FormatError
from sync.shortened import Delta, Shortened, custom_value, parse_custom, read_delta, read_frame
from tests.kit.packed import noise, text

GOLDEN = Path(__file__).parents[1] / "golden"
PLAIN = (GOLDEN / "directory-1.json").read_bytes()
EARLIER = PLAIN.replace(b'"edition":3', b'"edition":2')


def stored(data: bytes) -> Stored:
    return Stored(sha256(data), len(data))


def test_the_golden_frame_and_delta_are_read_and_reproduced() -> None:
    frame = (GOLDEN / "directory-1.zst").read_bytes()
    delta = (GOLDEN / "directory-1.delta").read_bytes()
    assert read_frame(frame, size=len(PLAIN)) == PLAIN
    assert read_delta(EARLIER, delta, size=len(PLAIN)) == PLAIN
    assert sorted(shortened.shorten(PLAIN, [EARLIER])[1].values()) == sorted([frame, delta])


@given(st.lists(st.binary(max_size=400), max_size=4), st.binary(min_size=1, max_size=400))
def test_every_form_gives_the_directory_again(earlier: list[bytes], tail: bytes) -> None:
    plain = text(1, 2000) + tail
    bases = [text(1, 1900) + each for each in earlier]
    forms, files = shortened.shorten(plain, bases)
    assert shortened.shorten(plain, bases) == (forms, files)
    assert parse_custom(custom_value(forms), size=len(plain)) == forms
    assert dict(forms.names()) == {name: stored(data) for name, data in files.items()}
    for name, data in files.items():
        if name.endswith(".zst"):
            assert read_frame(data, size=len(plain)) == plain
    for base in bases:
        found = forms.delta_from(base)
        if found is not None:
            data = files[f"targets/{shortened.delta_path(found)}"]
            assert read_delta(base, data, size=len(plain)) == plain


def test_a_delta_is_made_once_and_only_where_it_saves_much() -> None:
    plain, near = text(1, 5000), text(1, 4900)
    forms, files = shortened.shorten(plain, [near, near, noise(1, 5000), plain])
    assert len(forms.deltas) == 1
    assert forms.delta_from(near) is not None
    assert forms.delta_from(plain) is None
    assert len(files) == 2


def test_what_does_not_shorten_is_not_taken() -> None:
    """The frame of noise is longer than the noise: a reader has no use for it."""
    plain = noise(2, 3000)
    forms, _ = shortened.shorten(plain, [])
    assert parse_custom(custom_value(forms), size=len(plain)) == Shortened()


FRAME = stored(b"frame")
DELTA = Delta("0" * 16, stored(b"delta"))
GOOD = custom_value(Shortened(FRAME, (DELTA,)))


@pytest.mark.parametrize(
    "changes",
    [
        {"zstd": None},
        {"zstd": []},
        {"zstd": ["ab", 5]},
        {"zstd": [FRAME.digest, "5"]},
        {"zstd": [FRAME.digest, -1]},
        {"zstd": [FRAME.digest, 100]},
        {"zstd": [FRAME.digest, 2**70]},
        {"zstd": {"digest": FRAME.digest}},
        {"zstd": [FRAME.digest, 5, 5]},
        {"zstd": [{}, 5]},
    ],
    ids=str,
)
def test_a_frame_that_cannot_be_is_left_out(changes: dict[str, object]) -> None:
    assert parse_custom({**GOOD, **changes}, size=100) == Shortened(None, (DELTA,))


@pytest.mark.parametrize(
    "deltas",
    [None, {}, "x", [None], [[]], [["0" * 16, DELTA.stored.digest]], [[1, DELTA.stored.digest, 5]],
     [["0" * 16, "ab", 5]], [["0" * 16, DELTA.stored.digest, 100]], [[["0"], {}, 5]]],
    ids=str,
)  # fmt: skip
def test_deltas_that_cannot_be_are_left_out(deltas: object) -> None:
    assert parse_custom({**GOOD, "deltas": deltas}, size=100) == Shortened(FRAME)


@pytest.mark.parametrize("custom", [None, [], "x", 7, {}, {"future": [1]}], ids=str)
def test_no_forms_are_none(custom: object) -> None:
    assert parse_custom(custom, size=100) == Shortened()


def test_a_list_of_deltas_without_end_is_cut() -> None:
    many = [["0" * 16, DELTA.stored.digest, 5]] * 10_000
    assert len(parse_custom({"deltas": many}, size=100).deltas) == shortened.MAX_DELTAS


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)


@given(st.fixed_dictionaries({"zstd": JSON, "deltas": JSON}), st.integers(0, 10**7))
def test_anything_signed_is_read(custom: dict[str, object], size: int) -> None:
    forms = parse_custom(custom, size=size)
    assert all(each.size < size for _, each in forms.names())


def test_another_base_gives_something_else_or_an_error() -> None:
    forms, files = shortened.shorten(PLAIN, [EARLIER])
    found = forms.delta_from(EARLIER)
    assert found is not None
    data = files[f"targets/{shortened.delta_path(found)}"]
    for other in (b"", EARLIER[:-1], replaced(EARLIER)):
        try:
            assert read_delta(other, data, size=len(PLAIN)) != PLAIN
        except FormatError as error:
            assert "directory's delta" in error.fact  # noqa: PT017 - either outcome is right


def replaced(data: bytes) -> bytes:
    return data.replace(b"math", b"arts")


def test_forms_find_by_the_beginning_of_the_digest_only() -> None:
    near = replace(DELTA, base=sha256(PLAIN)[:16])
    assert Shortened(None, (DELTA, near)).delta_from(PLAIN) == near.stored
    assert Shortened(None, (DELTA,)).delta_from(PLAIN) is None
