"""What is said of the sticks: read back as it was written, bounded, and nothing from the dead."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import sticks
from appliance.language import Language, speech
from appliance.sticks import SAYINGS, Phase, Stick, Sticks, Word, decode, encode
from sync.errors import FormatError

GOLDEN = Path(__file__).parents[2] / "golden" / "volumes-1.json"
SAMPLE = Sticks(
    321,
    (
        Stick("sdb1", Phase.IMPORTING, Word.IMPORTING, "教学U盘", 3_000_000, 9_000_000, 12),
        Stick("sdc1", Phase.PROBLEM, Word.BITLOCKER, detail="file system BitLocker"),
        Stick("sdd1", Phase.DONE, Word.DONE, "LESSONS", 5, 5),
    ),
)
COUNTS = st.integers(0, 2**63 - 1)
STICKS = st.builds(
    Stick,
    st.text(max_size=sticks.MAX_LABEL),
    st.sampled_from(Phase),
    st.sampled_from(Word),
    st.text(max_size=sticks.MAX_LABEL),
    COUNTS,
    COUNTS,
    st.none() | COUNTS,
    st.text(max_size=sticks.MAX_DETAIL),
)


def test_the_format_stays_as_it_is() -> None:
    assert encode(SAMPLE) == GOLDEN.read_bytes()
    assert decode(GOLDEN.read_bytes()) == SAMPLE


@given(st.builds(Sticks, COUNTS, st.lists(STICKS, max_size=sticks.MAX_STICKS).map(tuple)))
def test_what_is_written_is_read_back(found: Sticks) -> None:
    assert decode(encode(found)) == found


def test_the_longest_is_still_read() -> None:
    """Every character of three bytes, and one more stick than there is room for."""
    longest = Stick(
        "盘" * 99, Phase.PROBLEM, Word.TOO_MANY_PARTITIONS, "盘" * 99, detail="课" * 999
    )
    data = encode(Sticks(2**22, (longest,) * (sticks.MAX_STICKS + 1)))
    assert len(data) <= sticks.MAX_BYTES
    found = decode(data)
    assert len(found.sticks) == sticks.MAX_STICKS
    assert len(found.sticks[0].detail) == sticks.MAX_DETAIL


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"format":"kexia-volumes-2","process":1,"sticks":[]}',
        b'{"format":"kexia-volumes-1","process":-1,"sticks":[]}',
        b'{"format":"kexia-volumes-1","process":1,"sticks":{}}',
        encode(SAMPLE).replace(b"bitlocker", b"unheard-of"),
        encode(SAMPLE).replace(b'"name":"sdb1"', b'"name":"' + b"x" * 41 + b'"'),
        encode(SAMPLE) + b" " * sticks.MAX_BYTES,
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        decode(data)


def test_every_word_has_sentences_in_both_languages() -> None:
    assert set(SAYINGS) == set(Word)
    for language in Language:
        for saying in SAYINGS.values():
            assert speech(language).say(saying.what)
            assert speech(language).say(saying.do)
    assert speech(Language.CHINESE).say(SAYINGS[Word.DONE].do) == "可以拔出。"


def test_what_a_process_said_goes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "volumes.json"
    assert sticks.read(path) == Sticks()
    path.write_bytes(encode(Sticks(os.getpid(), SAMPLE.sticks)))
    assert sticks.read(path).sticks == SAMPLE.sticks
    path.write_bytes(encode(Sticks(2**22 + 1, SAMPLE.sticks)))
    assert sticks.read(path) == Sticks()
    path.write_bytes(b"half a li")
    assert sticks.read(path) == Sticks()


def test_percent_is_that_of_the_step() -> None:
    assert [item.percent for item in SAMPLE.sticks] == [33, 0, 100]
