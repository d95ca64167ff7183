"""The lessons block: what is written is read back, and nothing else passes."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.model import (
    Chapter,
    Lesson,
    LessonResource,
    Lessons,
    Role,
    Textbook,
    decode_lessons,
    encode_lessons,
)
from sync.digest import Digest, sha256
from sync.errors import FormatError

GOLDEN = Path(__file__).parents[1] / "golden" / "lessons-1.jsonl"

BOOK = Textbook(
    id="43-music-renjiao-g1-upper",
    title="人教版 音乐 一年级上册",
    stage="primary",
    subject="music",
    press="renjiao",
    grade="g1",
    book="upper",
    syllabus="new",
)
UNIT = Chapter(id="unit-1", textbook=BOOK.id, parent=None, title="第一单元", order=0)
SONG = Chapter(id="song-1", textbook=BOOK.id, parent=UNIT.id, title="1 国旗国旗真美丽", order=1)
VIDEO = LessonResource(
    digest=sha256(b"video"),
    size=5,
    role=Role.VIDEO,
    format="mp4",
    title="微课",
    duration="PT3M20S",
    licence="CC-BY-4.0",
    provider="示范小学",
    authorised_scope="all",
    reviewed_by="王老师",
)
SUBTITLE = LessonResource(
    digest=sha256(b"subtitle"),
    size=8,
    role=Role.SUBTITLE,
    format="vtt",
    language="ug",
    subtitle_of=VIDEO.digest,
)
LESSON = Lesson(
    id="flag",
    title="国旗国旗真美丽",
    chapters=(SONG.id,),
    stage=("primary",),
    grades=("g1", "g2"),
    subject="music",
    class_hour=1,
    package_type="elite_lesson",
    program="elite",
    teacher="李老师",
    school="示范小学",
    province="湖南",
    summary="学唱歌曲",
    keywords=("国旗", "歌唱"),
    resources=(VIDEO, SUBTITLE),
    extra={"备注": "2026 年录制"},
)
UYGHUR = Lesson(id="anthem", title="دۆلەت شېئىرى", language="ug")
LESSONS = Lessons("43/music-1a", "音乐 一年级上册", (BOOK,), (UNIT, SONG), (LESSON, UYGHUR))


def test_golden_block_is_read_and_reproduced() -> None:
    block = GOLDEN.read_bytes()
    assert decode_lessons(block) == LESSONS
    assert encode_lessons(LESSONS) == block


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAME = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,8}", fullmatch=True)
DIGEST = st.binary(min_size=32, max_size=32).map(lambda data: Digest(data.hex()))
RESOURCE = st.builds(
    LessonResource,
    digest=DIGEST,
    size=st.integers(0, 2**63 - 1),
    role=st.sampled_from(Role),
    format=st.sampled_from(["mp4", "pdf", "vtt", "site"]),
    title=TEXT,
    language=TEXT,
    duration=st.sampled_from(["", "PT1S", "PT3M20S", "PT1H", "PT1H2M3S"]),
    licence=TEXT,
    provider=TEXT,
    authorised_scope=TEXT,
    reviewed_by=TEXT,
    subtitle_of=st.none() | DIGEST,
)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)


@st.composite
def any_lessons(draw: st.DrawFn) -> Lessons:
    books = tuple(
        draw(st.builds(Textbook, st.just(name), TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT))
        for name in draw(st.lists(NAME, max_size=3, unique=True))
    )
    chapters: list[Chapter] = []
    for name in draw(st.lists(NAME, max_size=5 if books else 0, unique=True)):
        book = draw(st.sampled_from(books)).id
        parents = [None, *(chapter.id for chapter in chapters if chapter.textbook == book)]
        parent = draw(st.sampled_from(parents))
        chapters.append(Chapter(name, book, parent, draw(TEXT), draw(st.integers(0, 9))))
    ids = [chapter.id for chapter in chapters]
    lesson = st.builds(
        Lesson,
        id=st.just(""),
        title=TEXT,
        chapters=(st.lists(st.sampled_from(ids)) if ids else st.just([])).map(tuple),
        stage=TEXTS,
        grades=TEXTS,
        subject=TEXT,
        class_hour=st.none() | st.integers(0, 99),
        package_type=TEXT,
        program=TEXT,
        teacher=TEXT,
        school=TEXT,
        province=TEXT,
        language=st.sampled_from(["zh-Hans", "zh-Hant", "bo", "mn-Mong-CN"]),
        summary=TEXT,
        keywords=TEXTS,
        resources=st.lists(RESOURCE, max_size=3).map(tuple),
        extra=st.dictionaries(TEXT, TEXT, max_size=2),
    )
    names = draw(st.lists(NAME, max_size=4, unique=True))
    lessons = tuple(replace(draw(lesson), id=name) for name in names)
    return Lessons(draw(NAME), draw(TEXT), books, tuple(chapters), lessons)


@given(any_lessons())
def test_any_lessons_come_back_as_they_were(lessons: Lessons) -> None:
    block = encode_lessons(lessons)
    assert decode_lessons(block) == lessons
    assert encode_lessons(decode_lessons(block)) == block


@given(st.data())
def test_a_damaged_block_is_refused_or_still_lessons(data: st.DataObject) -> None:
    block = bytearray(encode_lessons(LESSONS))
    for _ in range(data.draw(st.integers(1, 4))):
        block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
    with suppress(FormatError):
        assert isinstance(decode_lessons(bytes(block)), Lessons)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_as_a_format_error(data: bytes) -> None:
    with pytest.raises(FormatError):
        decode_lessons(data)


def _line(number: int, old: bytes, new: bytes) -> bytes:
    lines = encode_lessons(LESSONS).splitlines(keepends=True)
    assert old in lines[number - 1]
    lines[number - 1] = lines[number - 1].replace(old, new, 1)
    return b"".join(lines)


@pytest.mark.parametrize(
    ("number", "old", "new"),
    [
        pytest.param(1, b"kexia-lessons-1", b"kexia-lessons-9", id="other-format"),
        pytest.param(1, b'"kind":"collection"', b'"kind":"chapter"', id="no-collection-first"),
        pytest.param(2, b'"id":"43-', b'"id":"../', id="textbook-id-escapes"),
        pytest.param(2, b'"title":"', b'"title": "', id="not-canonical"),
        pytest.param(2, b'"kind":"textbook"', b'"kind":1', id="kind-is-no-text"),
        pytest.param(3, b'"order":0', b'"order":-1', id="negative-order"),
        pytest.param(3, b'"order":0', b'"order":"0"', id="order-is-text"),
        pytest.param(3, b'"order":0,', b"", id="order-missing"),
        pytest.param(3, b'"textbook":"43-', b'"textbook":"44-', id="unknown-textbook"),
        pytest.param(4, b'"parent":"unit-1"', b'"parent":"song-1"', id="parent-is-itself"),
        pytest.param(4, b'"id":"song-1"', b'"id":"unit-1"', id="chapter-twice"),
        pytest.param(5, b'"song-1"', b'"song-2"', id="unknown-chapter"),
        pytest.param(5, b'"id":"flag"', b'"id":"Flag"', id="upper-case-lesson-id"),
        pytest.param(5, b'"format":"mp4"', b'"format":"mp4/.."', id="suffix-escapes"),
        pytest.param(5, b'"PT3M20S"', b'"3:20"', id="duration-is-no-iso-8601"),
        pytest.param(5, b'"size":5', b'"size":true', id="size-is-a-boolean"),
        pytest.param(5, b'"keywords":[', b'"keywords":[1,', id="keyword-is-a-number"),
        pytest.param(5, b'"title":"\xe5\x9b', b'"title":"\xe5', id="broken-utf-8"),
        pytest.param(6, b'"id":"anthem"', b'"id":"flag"', id="lesson-twice"),
    ],
)
def test_a_broken_line_is_refused_and_named(number: int, old: bytes, new: bytes) -> None:
    with pytest.raises(FormatError, match=f"lessons line {number}|kexia-lessons-9"):
        decode_lessons(_line(number, old, new))


def test_a_second_collection_record_is_refused() -> None:
    block = encode_lessons(LESSONS)
    head = block[: block.index(b"\n") + 1]
    with pytest.raises(FormatError, match="lessons line 7"):
        decode_lessons(block + head)


def test_an_unended_or_endless_line_is_refused() -> None:
    with pytest.raises(FormatError, match="lessons line 6"):
        decode_lessons(encode_lessons(LESSONS)[:-1])
    with pytest.raises(FormatError, match="lessons line 7: no end"):
        decode_lessons(encode_lessons(LESSONS) + b'{"kind":"x' + b"y" * 2**20 + b'"}\n')


def test_what_a_newer_publisher_adds_is_ignored() -> None:
    block = _line(5, b'"grades"', b'"future":{"a":[1]},"grades"')
    block += b'{"kind":"quiz","questions":[1,2]}\n'
    assert decode_lessons(block) == LESSONS
    newer = block.replace(b'"role":"subtitle"', b'"role":"hologram"')
    kept = decode_lessons(newer).lessons[0].resources
    assert kept == (VIDEO,)
