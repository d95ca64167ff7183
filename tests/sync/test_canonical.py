import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import canonical
from sync.errors import FormatError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), VALUES))
def test_what_was_written_is_read(value: dict[str, object]) -> None:
    data = canonical.dumps(value)
    assert canonical.loads(data, what="x") == value
    assert json.loads(data) == value


def test_one_spelling() -> None:
    assert (
        canonical.dumps({"b": [1, True, None], "a": "é\n"})
        == '{"a":"é\\n","b":[1,true,null]}'.encode()
    )
    assert canonical.dumps({"b": 1, "a": 2}) == canonical.dumps({"a": 2, "b": 1})


@pytest.mark.parametrize("value", [{"a": 1.5}, {"a": [0.0]}, {"a": {"b": float("nan")}}, {1: {2}}])
def test_what_has_no_one_spelling_is_not_written(value: object) -> None:
    with pytest.raises(TypeError):
        canonical.dumps(value)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1}\n',
        b'{"a":1.0}',
        b'{"a":NaN}',
        b'{"a":1e3}',
        b'{"a":"\\u00e9"}',
        b'{"a":"\\ud800"}',
        b'{"a":' + b"9" * 5000 + b"}",
        '{"a":1}'.encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b"[1]",
        b"",
        b"<html>",
        b"{" + b'"a":{' * 100_000,
    ],
)
def test_other_spellings_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match="rollout"):
        canonical.loads(data, what="rollout")


def test_fields_are_taken_by_kind() -> None:
    assert canonical.as_text("x") == "x"
    assert canonical.as_count(0) == 0
    assert canonical.as_count(2**63 - 1) == 2**63 - 1
    assert canonical.as_list([1]) == [1]
    assert canonical.as_object({"a": 1}) == {"a": 1}


@pytest.mark.parametrize("bad", [None, 1, True, [], {}])
def test_no_text(bad: object) -> None:
    with pytest.raises(TypeError, match="no text"):
        canonical.as_text(bad)


@pytest.mark.parametrize("bad", [None, -1, 2**63, True, "1", 1.0])
def test_no_count(bad: object) -> None:
    with pytest.raises(TypeError, match="no count"):
        canonical.as_count(bad)


@pytest.mark.parametrize("bad", [None, 1, "ab", {}, ()])
def test_no_list(bad: object) -> None:
    with pytest.raises(TypeError, match="no list"):
        canonical.as_list(bad)


@pytest.mark.parametrize("bad", [None, 1, "ab", []])
def test_no_object(bad: object) -> None:
    with pytest.raises(TypeError, match="no object"):
        canonical.as_object(bad)


@pytest.mark.parametrize("text", ["1.5", "-0.0", "1e3", "1E400", "NaN", "-Infinity"])
def test_floats_are_refused_wherever_they_stand(text: str) -> None:
    with pytest.raises(FormatError, match="no floats"):
        canonical.loads(f'{{"a":[{{"b":{text}}}]}}'.encode(), what="x")
