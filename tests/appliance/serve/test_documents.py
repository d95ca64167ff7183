"""PDF pages as images."""

import asyncio
import os
import struct
import time
from pathlib import Path

import pytest

from appliance.serve import documents, poppler
from appliance.serve.documents import PageCache
from appliance.serve.poppler import CannotDraw, Sheet
from catalog.model import Lesson, Lessons, Role
from sync.digest import Digest, sha256
from tests.kit import served
from tests.kit.served import ServedBox, pdf
from tests.kit.visiting import Visit, visiting

SLIDES = pdf((f"Slide {n}" for n in range(1, 5)), width=960, height=540)
E2E = pytest.mark.e2e


def lesson_of(box: ServedBox, data: bytes) -> tuple[Lessons, Digest]:
    """A collection whose only lesson has ``data`` as its courseware."""
    resource = box.resource(data, Role.COURSEWARE, "pdf", title="课件")
    lesson = Lesson("l1", "一课", grades=("g1",), resources=(resource,))
    return Lessons("43/papers", "课件", (), (), (lesson,)), resource.digest


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Width and height from the frame header of a JPEG."""
    at = 2
    while data[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + int(struct.unpack(">H", data[at + 2 : at + 4])[0])
    height, width = struct.unpack(">HH", data[at + 5 : at + 9])
    return width, height


@E2E
async def test_a_page_is_drawn_at_the_widths_there_are(visit: Visit) -> None:
    path = f"/read/{sha256(SLIDES)}"
    answer = await visit.get(f"{path}/2-1280.jpg")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert "immutable" in answer.headers["Cache-Control"]
    assert jpeg_size(answer.body) == (1280, 720)
    again = await visit.get(f"{path}/2-1280.jpg", If_None_Match=answer.headers["ETag"])
    assert again.status == 304
    for wrong in ("2-1281", "5-1280", "0-1280", "2-99999"):
        assert (await visit.get(f"{path}/{wrong}.jpg")).status == 404
    assert (await visit.get(f"/read/{sha256(served.VIDEO)}/1-800.jpg")).status == 404


@E2E
async def test_the_reader_shows_one_page_and_the_way_on(visit: Visit) -> None:
    page = (await visit.get(f"/read/{sha256(SLIDES)}?page=2&lesson=43/music-1a/l3")).text
    assert f'src="/read/{sha256(SLIDES)}/2-1280.jpg"' in page
    assert 'width="1280" height="720"' in page
    assert f'rel="prev" href="/read/{sha256(SLIDES)}?lesson=43/music-1a/l3"' in page
    assert f'rel="next" href="/read/{sha256(SLIDES)}?page=3&amp;lesson=43/music-1a/l3"' in page
    assert "2 / 4" in page
    assert 'class="back" href="/lesson/43/music-1a/l3"' in page
    assert f'href="/r/{sha256(SLIDES)}.pdf" download' in page
    assert (await visit.get(f"/read/{sha256(SLIDES)}?page=5")).status == 404


@E2E
async def test_the_way_back_is_to_a_lesson_there_is(visit: Visit) -> None:
    page = (await visit.get(f"/read/{sha256(SLIDES)}?lesson=javascript:alert(1)")).text
    assert "javascript:" not in page
    assert 'class="back" href="/lesson/43/music-1a/l1"' in page


@E2E
async def test_forty_tablets_wait_for_one_drawing(
    fresh: ServedBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    lessons, digest = lesson_of(fresh, SLIDES)
    fresh.publish(lessons)
    drawn: list[int] = []
    draw = poppler.draw

    def counted(path: Path, page: int, width: int) -> bytes:
        drawn.append(page)
        return draw(path, page, width)

    monkeypatch.setattr(poppler, "draw", counted)
    async with visiting(fresh.paths.root) as visit:
        asked = (visit.get(f"/read/{digest}/1-800.jpg") for _ in range(40))
        answers = await asyncio.gather(*asked)
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
    assert drawn == [1]
    async with visiting(fresh.paths.root) as visit:  # a new process finds what was drawn
        assert (await visit.get(f"/read/{digest}/1-800.jpg")).body == answers[0].body
    assert drawn == [1]


@E2E
async def test_too_many_drawings_are_told_to_come_back(
    fresh: ServedBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "WAITING", 1)
    lessons, digest = lesson_of(fresh, SLIDES)
    fresh.publish(lessons)
    async with visiting(fresh.paths.root) as visit:
        await visit.get(f"/read/{digest}")
        asked = (visit.get(f"/read/{digest}/{page}-800.jpg") for page in (1, 2, 3))
        answers = await asyncio.gather(*asked)
    busy = [answer for answer in answers if answer.status == 503]
    assert busy
    assert busy[0].headers["Retry-After"] == "2"


@E2E
async def test_a_document_nobody_can_draw_is_offered_as_download(fresh: ServedBox) -> None:
    lessons, digest = lesson_of(fresh, b"%PDF-1.4\nbroken")
    fresh.publish(lessons)
    async with visiting(fresh.paths.root) as visit:
        answer = await visit.get(f"/read/{digest}")
        assert answer.status == 200
        assert "请下载后用其他应用打开" in answer.text
        assert f'href="/r/{digest}.pdf" download' in answer.text
        assert (await visit.get(f"/read/{digest}/1-800.jpg")).status == 500


async def test_without_poppler_the_reader_says_what_to_install(
    fresh: ServedBox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lessons, digest = lesson_of(fresh, SLIDES)
    fresh.publish(lessons)
    monkeypatch.setenv("PATH", str(tmp_path))
    async with visiting(fresh.paths.root) as visit:
        answer = await visit.get(f"/read/{digest}")
    assert answer.status == 200
    assert "apt install poppler-utils" in answer.text
    assert f'href="/r/{digest}.pdf" download' in answer.text


@E2E
def test_sizes_are_those_a_reader_sees(tmp_path: Path) -> None:
    path = tmp_path / "turned.pdf"
    path.write_bytes(pdf(["a", "b"]).replace(b"/Contents 5", b"/Rotate 90/Contents 5", 1))
    assert poppler.measure(path) == (Sheet(842, 595), Sheet(595, 842))
    assert Sheet(595, 842).height_at(800) == 1132


@E2E
def test_a_file_that_is_no_pdf_cannot_be_drawn(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(b"no PDF")
    with pytest.raises(CannotDraw):
        poppler.measure(path)
    with pytest.raises(CannotDraw):
        poppler.draw(path, 1, 800)


def keep(cache: PageCache, page: int, size: int = 100) -> Path:
    path = cache.path(sha256(b"a document"), page, 800)
    cache.keep(path, bytes([page]) * size)
    return path


def test_the_cache_is_bounded_and_drops_the_longest_unread(tmp_path: Path) -> None:
    cache = PageCache(tmp_path, room=300)
    paths = [keep(cache, page) for page in (1, 2, 3)]
    assert cache.read(paths[0]) == bytes([1]) * 100
    paths.append(keep(cache, 4))
    assert [path.exists() for path in paths] == [True, False, True, True]
    assert cache.read(paths[1]) is None


def test_the_cache_finds_and_bounds_what_an_earlier_process_left(tmp_path: Path) -> None:
    first = PageCache(tmp_path, room=1000)
    paths = [keep(first, page) for page in (1, 2, 3)]
    now = time.time()
    for age, path in enumerate(paths):
        os.utime(path, (now - age * 60, now - age * 60))
    (paths[0].parent / "9-800.jpg.partial").write_bytes(b"half")
    keep(PageCache(tmp_path, room=300), 4)
    assert sorted(path.name for path in tmp_path.rglob("*.jpg*")) == [
        "1-800.jpg",
        "2-800.jpg",
        "4-800.jpg",
    ]
