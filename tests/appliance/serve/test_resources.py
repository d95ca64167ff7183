"""Files by digest: ranges, preconditions, cages, and only what the generation knows."""

import asyncio
import logging
from pathlib import Path

import pytest

from appliance.serve.media_types import disposition, of_format, of_path
from appliance.serve.streaming import OpenFiles
from sync.digest import sha256
from tests.kit import served
from tests.kit.served import VIDEO, ServedBox
from tests.kit.visiting import Visit, visiting

CLIP = f"/r/{sha256(VIDEO)}"
TAG = f'"{sha256(VIDEO)}"'


async def test_a_file_is_whole_and_immutable(visit: Visit) -> None:
    answer = await visit.get(f"{CLIP}.mp4")
    assert (answer.status, answer.body) == (200, VIDEO)
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["ETag"] == TAG
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Security-Policy"] == "sandbox allow-scripts"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"].startswith("inline; ")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("field", "first", "last"),
    [
        ("bytes=0-99", 0, 99),
        ("bytes=500000-", 500_000, len(VIDEO) - 1),
        ("bytes=-10", len(VIDEO) - 10, len(VIDEO) - 1),
        ("bytes=10-900000", 10, 900_000),
    ],
)
async def test_a_part_of_a_file(visit: Visit, field: str, first: int, last: int) -> None:
    answer = await visit.get(CLIP, Range=field)
    assert answer.status == 206
    assert answer.body == VIDEO[first : last + 1]
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(VIDEO)}"
    assert answer.headers["Content-Length"] == str(last - first + 1)


async def test_parts_follow_each_other_on_one_connection(visit: Visit) -> None:
    for start in range(0, len(VIDEO), 150_000):
        answer = await visit.get(CLIP, Range=f"bytes={start}-{start + 149_999}")
        assert answer.body == VIDEO[start : start + 150_000]


async def test_a_range_behind_the_end(visit: Visit) -> None:
    answer = await visit.get(CLIP, Range=f"bytes={len(VIDEO)}-")
    assert answer.status == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(VIDEO)}"


@pytest.mark.parametrize("field", ["bytes=0-1,4-5", "bytes=9-1", "lines=1-2"])
async def test_what_is_no_single_range_gets_the_whole_file(visit: Visit, field: str) -> None:
    answer = await visit.get(CLIP, Range=field)
    assert (answer.status, len(answer.body)) == (200, len(VIDEO))


async def test_if_range(visit: Visit) -> None:
    same = await visit.get(CLIP, Range="bytes=0-9", If_Range=TAG)
    other = await visit.get(CLIP, Range="bytes=0-9", If_Range='"other"')
    assert (same.status, other.status) == (206, 200)


async def test_preconditions(visit: Visit) -> None:
    unchanged = await visit.get(CLIP, If_None_Match=TAG, Range="bytes=0-9")
    assert (unchanged.status, unchanged.body) == (304, b"")
    assert (await visit.get(CLIP, If_Match='"other"')).status == 412
    assert (await visit.get(CLIP, If_Match=TAG, Range="bytes=0-9")).status == 206


async def test_head_says_all_but_the_bytes(visit: Visit) -> None:
    answer = await visit.get(CLIP, method="HEAD", Range="bytes=0-9")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(VIDEO))
    assert answer.headers["ETag"] == TAG


async def test_only_get_and_head(visit: Visit) -> None:
    answer = await visit.get(CLIP, method="POST")
    assert answer.status == 405
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(
    "path", ["/r/" + "0" * 64, "/r/" + "0" * 63, "/r/../kexia.toml", CLIP + "/x", "/r/" + "A" * 64]
)
async def test_what_nobody_published_is_not_there(visit: Visit, path: str) -> None:
    assert (await visit.get(path)).status == 404


async def test_a_file_that_no_lesson_has_is_not_served(fresh: ServedBox) -> None:
    stray = fresh.put(b"left over from an older edition")
    fresh.publish(served.math(fresh))
    async with visiting(fresh.paths.root) as visit:
        assert (await visit.get(f"/r/{stray}")).status == 404


async def test_a_withdrawn_lessons_file_is_gone_at_once(fresh: ServedBox) -> None:
    lessons = served.music(fresh)
    sheet = lessons.lessons[0].resources[4].digest
    fresh.publish(lessons)
    async with visiting(fresh.paths.root) as visit:
        assert (await visit.get(f"/r/{sheet}")).status == 200
        fresh.publish(withdrawn=[("43/music-1a", "l1")])
        await visit.running.state.refresh()
        assert (await visit.get(f"/r/{sheet}")).status == 404
        assert (await visit.get(CLIP, Range="bytes=0-9")).status == 206  # another lesson has it


async def test_a_file_lost_from_the_library_is_a_404(fresh: ServedBox) -> None:
    lessons = served.math(fresh)
    fresh.publish(lessons)
    digest = lessons.lessons[0].resources[0].digest
    fresh.store.library.remove(digest)
    async with visiting(fresh.paths.root) as visit:
        assert (await visit.get(f"/r/{digest}")).status == 404


async def test_a_fault_nobody_foresaw_is_logged_and_told(
    fresh: ServedBox, caplog: pytest.LogCaptureFixture
) -> None:
    lessons = served.math(fresh)
    fresh.publish(lessons)
    path = fresh.store.library.path(lessons.lessons[0].resources[0].digest)
    path.unlink()
    path.mkdir()  # a folder where a file belongs: nothing we write does that
    async with visiting(fresh.paths.root) as visit:
        answer = await visit.get(f"/r/{path.name}")
    assert answer.status == 500
    assert "课匣出了点问题" in answer.text
    assert "IsADirectoryError" in caplog.text


async def test_cut_streams_end_quietly(
    fresh: ServedBox, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    big = served.VIDEO * 24
    fresh.publish(served.music(fresh, video=big))
    with caplog.at_level(logging.DEBUG):
        async with visiting(fresh.paths.root) as visit:
            for _ in range(12):
                await _cut(visit.running.url, f"/r/{sha256(big)}")
            whole = await visit.get(f"/r/{sha256(big)}")
            assert whole.body == big
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert len(recwarn) == 0


async def _cut(url: str, path: str) -> None:
    """Ask for a large file, read a little, and go."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    await reader.readexactly(5000)
    writer.transport.abort()
    await asyncio.sleep(0.01)


def test_open_files_are_bounded_and_never_closed_in_use(tmp_path: Path) -> None:
    paths = [tmp_path / str(number) for number in range(5)]
    for path in paths:
        path.write_bytes(path.name.encode())
    files = OpenFiles(limit=2)
    with files.borrow(paths[0]) as held:
        for path in paths[1:]:
            with files.borrow(path) as other:
                assert other.size == 1
        assert len(files) == 2
        files.close()
        assert held.file.read() == b"0"
    files.close()
    assert len(files) == 0
    assert held.file.closed


def test_the_same_file_is_opened_once(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a")
    files = OpenFiles()
    with files.borrow(path) as one, files.borrow(path) as two:
        assert one is two
    files.close()


def test_types_come_from_an_allow_list() -> None:
    assert of_format("pdf") == "application/pdf"
    assert of_format("html") == "application/octet-stream"
    assert of_path("a/b.HTML") == "text/html; charset=utf-8"
    assert of_path("noextension") == "application/octet-stream"


def test_a_download_keeps_its_title() -> None:
    assert disposition("docx", '课后/练习 "一"\n') == (
        "attachment; filename=\"kexia.docx\"; filename*=UTF-8''"
        "%E8%AF%BE%E5%90%8E%20%E7%BB%83%E4%B9%A0%20%E4%B8%80.docx"
    )
    assert disposition("mp4", "").endswith("''kexia.mp4")
