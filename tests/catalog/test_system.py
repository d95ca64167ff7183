"""What a system collection says: read and written alike, broken refused, passed over by others."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.model import decode_lessons, encode_lessons
from catalog.system import System, decode_system, encode_system, is_system, parse_version
from sync import canonical
from sync.digest import sha256
from sync.errors import FormatError

GOLDEN = Path(__file__).parents[1] / "golden" / "system-1.jsonl"
SYSTEM = System(
    "kexia-amd64", "2026.11.26.1", "2026-11-26T00:00:00Z", sha256(b"bundle"), 143_389_944
)
VERSIONS = st.builds(
    "{:04}.{:02}.{:02}.{}".format,
    st.integers(0, 9999),
    st.integers(0, 99),
    st.integers(0, 99),
    st.integers(0, 9999),
)


def test_the_golden_block_is_read_and_written_byte_for_byte() -> None:
    data = GOLDEN.read_bytes()
    assert decode_system(data) == SYSTEM
    assert encode_system("43/system-amd64", "PC", SYSTEM) == data
    assert is_system(data)


def test_a_reader_of_lessons_passes_over_it() -> None:
    """So does a box of before: it has a collection without lessons."""
    lessons = decode_lessons(GOLDEN.read_bytes())
    assert (lessons.collection, lessons.title, lessons.lessons) == ("43/system-amd64", "PC", ())
    assert not is_system(encode_lessons(lessons))


@given(VERSIONS, st.integers(0, 2**40), st.binary(max_size=9))
def test_any_system_comes_back(version: str, size: int, bundle: bytes) -> None:
    system = replace(SYSTEM, version=version, size=size, bundle=sha256(bundle), built="")
    assert decode_system(encode_system("43/x", "", system)) == system


@given(VERSIONS, VERSIONS)
def test_versions_are_ordered_by_their_numbers(one: str, other: str) -> None:
    numbers = [tuple(map(int, each.split("."))) for each in (one, other)]
    assert (parse_version(one) < parse_version(other)) == (numbers[0] < numbers[1])


def test_the_tenth_of_a_day_is_newer_than_the_ninth() -> None:
    assert parse_version("2026.11.26.10") > parse_version("2026.11.26.9")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "2026.11.26",
        "2026.11.26.1 ",
        "2026.11.26.-1",
        "２０２６.11.26.1",
        "2026.11.26.12345",
    ],
)
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match="no version"):
        parse_version(text)


def changed(**fields: object) -> bytes:
    head, record = GOLDEN.read_bytes().splitlines()
    value = {**canonical.loads(record, what="record"), **fields}
    kept = {name: each for name, each in value.items() if each is not None}
    return head + b"\n" + canonical.dumps(kept) + b"\n"


@pytest.mark.parametrize(
    "fields",
    [
        {"bundle": "00"},
        {"bundle": None},
        {"size": -1},
        {"size": "1"},
        {"version": "../.."},
        {"compatible": "Kexia AMD"},
        {"compatible": ""},
        {"built": "today"},
        {"format": "kexia-system-2"},
        {"kind": "lesson"},
    ],
)
def test_a_block_that_breaks_a_rule_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(FormatError):
        decode_system(changed(**fields))


def test_later_fields_are_passed_over() -> None:
    assert decode_system(changed(hint="later")) == SYSTEM


def test_two_systems_or_none_are_no_system() -> None:
    head, record = GOLDEN.read_bytes().splitlines(keepends=True)
    for data in (head, head + record + record, b"", record[:-1]):
        with pytest.raises(FormatError):
            decode_system(data)


@given(st.binary(max_size=200))
def test_anything_else_is_refused_and_nothing_worse(data: bytes) -> None:
    assert not is_system(data)
