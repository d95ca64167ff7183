"""Range, If-Range and ETag lists as RFC 9110 reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.serve.ranges import Part, Unsatisfiable, names, parse, still_the_same


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        ("bytes=0-499", Part(0, 500)),
        ("bytes=500-", Part(500, 500)),
        ("bytes=-100", Part(900, 100)),
        ("bytes=-5000", Part(0, 1000)),
        ("bytes=0-0", Part(0, 1)),
        ("bytes=999-5000", Part(999, 1)),
        ("BYTES = 1-2 ", Part(1, 2)),
        ("bytes=1000-", Unsatisfiable()),
        ("bytes=-0", Unsatisfiable()),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=0-1,5-6", None),
        ("items=0-1", None),
        ("bytes=" + "9" * 40 + "-", None),
        ("", None),
        (None, None),
    ],
)
def test_a_range_of_a_thousand_bytes(field: str | None, wanted: object) -> None:
    assert parse(field, 1000) == wanted


def test_an_empty_file_has_no_part() -> None:
    assert parse("bytes=0-", 0) == Unsatisfiable()
    assert parse("bytes=-5", 0) == Unsatisfiable()


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 40))
def test_a_part_is_the_slice_python_would_take(first: int, last: int, size: int) -> None:
    data = bytes(range(size))
    wanted = parse(f"bytes={first}-{last}", size)
    if last < first:
        assert wanted is None
    elif first >= size:
        assert wanted == Unsatisfiable()
    else:
        assert isinstance(wanted, Part)
        assert data[wanted.offset : wanted.offset + wanted.count] == data[first : last + 1]
        assert wanted.content_range(size) == f"bytes {first}-{min(last, size - 1)}/{size}"


def test_if_range_holds_only_for_the_same_strong_tag() -> None:
    assert still_the_same(None, '"a"')
    assert still_the_same('"a"', '"a"')
    assert not still_the_same('W/"a"', '"a"')
    assert not still_the_same("Mon, 23 Nov 2026 06:00:00 GMT", '"a"')


def test_if_none_match_compares_weakly() -> None:
    assert names('"x", W/"a"', '"a"')
    assert names("*", '"a"')
    assert not names('"x", "ab"', '"a"')
    assert not names(None, '"a"')
