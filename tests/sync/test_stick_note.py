from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import canonical
from sync.errors import FormatError
from sync.stick.note import MAX_NAMED, Carried, Note, Publisher, decode, encode, readme

GOLDEN = Path(__file__).parents[1] / "golden" / "stick-1.json"
MUSIC = Carried("43/music-1a", "音乐 一年级上册", 3, 12, 34_567_890)
SAMPLE = Note(
    made_at=datetime(2026, 11, 23, 6, tzinfo=UTC),
    made_for=("00112233445566ff",),
    publishers=(Publisher("0123456789abcdef", "43", "湖南省", (MUSIC,)),),
    complete=True,
    back=True,
)
IDS = st.text("0123456789abcdef", min_size=16, max_size=16)
NOTES = st.builds(
    Note,
    made_at=st.integers(0, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    made_for=st.lists(IDS, max_size=3).map(tuple),
    publishers=st.lists(
        st.builds(
            Publisher,
            IDS,
            st.just("43"),
            st.text(st.characters(exclude_categories=["Cs"])),
            st.lists(
                st.builds(Carried, st.just("43/a"), st.just("题"), *[st.integers(0, 2**60)] * 3)
            ).map(tuple),
        ),
        max_size=3,
    ).map(tuple),
    complete=st.booleans(),
    back=st.booleans(),
)


def test_golden_note_is_read_and_reproduced() -> None:
    assert decode(GOLDEN.read_bytes()) == SAMPLE
    assert encode(SAMPLE) == GOLDEN.read_bytes()
    assert SAMPLE.bytes == 34_567_890


@given(NOTES)
def test_what_was_written_is_read(note: Note) -> None:
    assert decode(encode(note)) == note


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", "kexia-stick-2"),
        ("made_at", "yesterday"),
        ("made_for", ["../../etc"]),
        ("made_for", ["0" * 16] * (MAX_NAMED + 1)),
        ("complete", "yes"),
        ("back", 1),
        ("publishers", [{"id": "x", "code": "43", "name": "", "collections": []}]),
        ("publishers", {}),
    ],
)
def test_wrong_fields_are_refused(field: str, value: object) -> None:
    fields = {**canonical.loads(GOLDEN.read_bytes(), what="note"), field: value}
    with pytest.raises(FormatError, match=r"stick\.json"):
        decode(canonical.dumps(fields))


def test_a_note_too_long_is_neither_read_nor_written() -> None:
    long = replace(SAMPLE.publishers[0], name="长" * 400_000)
    with pytest.raises(FormatError, match="at most 1048576"):
        encode(replace(SAMPLE, publishers=(long,)))


def test_the_text_for_people_can_be_read_by_old_windows() -> None:
    text = readme(SAMPLE)
    assert text.startswith(b"\xef\xbb\xbf")
    assert text.count(b"\n") == text.count(b"\r\n")
    words = text.decode("utf-8-sig")
    assert words.index("U 盘说明") < words.index("Kexia stick")
    assert words.count("音乐 一年级上册 (43/music-1a, 3)") == 2
    assert "2026-11-23" in words
