"""A switched generation: noticed, opened whole, all old or all new."""

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from appliance.config import BoxPaths, Listen
from appliance.serve import state as state_module
from appliance.serve.app import serving
from appliance.serve.state import NothingYet, State
from catalog.model import Lessons
from sync.errors import UsageError
from tests.kit import served
from tests.kit.served import ServedBox
from tests.kit.visiting import visiting


def edition(box: ServedBox, number: int) -> Lessons:
    """The mathematics textbook with titles, teachers and book of edition ``number``."""
    model = served.math(box)
    lessons = tuple(
        replace(lesson, title=f"分数 第{number}版", teacher=f"教师{number}")
        for lesson in model.lessons
    )
    (book,) = model.textbooks
    return replace(model, lessons=lessons, textbooks=(replace(book, title=f"数学 第{number}版"),))


async def test_a_switch_is_noticed_within_a_second(fresh: ServedBox) -> None:
    fresh.publish(edition(fresh, 1))
    async with visiting(fresh.paths.root) as visit:
        assert "第1版" in (await visit.get("/")).text
        fresh.publish(edition(fresh, 2))
        await asyncio.sleep(1)
        assert "第2版" in (await visit.get("/")).text
        assert json.loads((await visit.get("/api/v1/status")).body)["generation"] == 2


async def test_the_first_lessons_appear_by_themselves(fresh: ServedBox) -> None:
    async with visiting(fresh.paths.root) as visit:
        assert (await visit.get("/")).status == 503
        fresh.publish(edition(fresh, 1))
        await asyncio.sleep(1)
        assert (await visit.get("/")).status == 200


async def test_every_answer_is_all_old_or_all_new(fresh: ServedBox) -> None:
    """Pages, API and search asked without pause while generations change."""
    fresh.publish(edition(fresh, 1))
    paths = (
        "/textbook/43/math-3a/t1",
        "/api/v1/textbooks/43/math-3a/t1",
        f"/search?q={quote('分数')}",
        "/lesson/43/math-3a/l1",
    )
    seen: set[int] = set()
    async with visiting(fresh.paths.root) as visit:

        async def ask(path: str) -> None:
            while 3 not in seen:
                answer = await visit.get(path)
                assert answer.status == 200
                editions = {n for n in (1, 2, 3) if f"第{n}版" in answer.text}
                teachers = {n for n in (1, 2, 3) if f"教师{n}" in answer.text}
                assert len(editions) == 1
                assert teachers <= editions
                seen.update(editions)

        async def publish() -> None:
            for number in (2, 3):
                await asyncio.to_thread(fresh.publish, edition(fresh, number))
                await asyncio.sleep(0.7)

        await asyncio.wait_for(asyncio.gather(publish(), *map(ask, paths)), 30)
    assert seen >= {1, 3}


async def test_an_answer_that_began_on_the_old_generation_ends_on_it(fresh: ServedBox) -> None:
    fresh.publish(edition(fresh, 1))
    state = State(fresh.paths, grace=0.2)
    await state.refresh()
    old = state.snapshot
    fresh.publish(edition(fresh, 2))
    assert await state.refresh()
    assert state.snapshot is not old
    assert old.catalogue.textbook("43/math-3a/t1").title == "数学 第1版"
    results = await old.search.ask(lambda searcher: searcher.suggest("分"))
    assert isinstance(results, tuple)
    await asyncio.sleep(0.5)
    with pytest.raises(Exception, match="closed"):
        old.catalogue.counts()
    await state.close()


async def test_nothing_changes_while_nothing_changes(fresh: ServedBox) -> None:
    fresh.publish(edition(fresh, 1))
    state = State(fresh.paths)
    assert await state.refresh()
    assert not await state.refresh()
    await state.close()


async def test_a_box_without_a_generation_has_no_snapshot(tmp_path: Path) -> None:
    state = State(BoxPaths(tmp_path))
    assert not await state.refresh()
    with pytest.raises(NothingYet):
        _ = state.snapshot
    await state.close()


async def test_a_generation_that_will_not_open_leaves_the_old_one(
    fresh: ServedBox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(state_module, "AFTER_FAILURE", 0.1)
    fresh.publish(edition(fresh, 1))
    async with visiting(fresh.paths.root) as visit:
        broken = fresh.publish(edition(fresh, 2))
        size = broken.catalog.stat().st_size
        broken.catalog.chmod(0o644)
        broken.catalog.write_bytes(bytes(size))  # as long as sealed, and no SQLite file
        await asyncio.sleep(1)
        assert "第1版" in (await visit.get("/")).text
        assert "the old one stays" in caplog.text
        shutil.rmtree(broken.folder)
        fresh.publish(edition(fresh, 3))
        await asyncio.sleep(1.2)
        assert "第3版" in (await visit.get("/")).text


async def test_a_damaged_index_leaves_the_titles_to_search(
    fresh: ServedBox, caplog: pytest.LogCaptureFixture
) -> None:
    generation = fresh.publish(edition(fresh, 1))
    largest = max(generation.index.iterdir(), key=lambda path: path.stat().st_size)
    largest.chmod(0o644)
    largest.write_bytes(bytes(largest.stat().st_size))
    async with visiting(fresh.paths.root) as visit:
        page = (await visit.get(f"/search?q={quote('分数')}")).text
    assert "搜索索引正在重建" in page
    assert "/lesson/43/math-3a/l1" in page
    assert "titles are searched" in caplog.text


async def test_a_video_goes_on_while_its_lesson_is_replaced(fresh: ServedBox) -> None:
    fresh.publish(served.music(fresh))
    async with visiting(fresh.paths.root) as visit:
        clip = fresh.lessons["43/music-1a"].lessons[0].resources[0].digest
        async with visit.session.get(f"{visit.running.url}/r/{clip}") as response:
            first = await response.content.read(1000)
            fresh.publish(served.music(fresh, video=b"another video" * 1000))
            await visit.running.state.refresh()
            fresh.store.library.remove(clip)
            rest = await response.content.read()
        assert first + rest == served.VIDEO
        assert (await visit.get(f"/r/{clip}")).status == 404


async def test_a_taken_port_is_said_plainly(fresh: ServedBox) -> None:
    fresh.publish(edition(fresh, 1))
    async with visiting(fresh.paths.root) as visit:
        listen = Listen("127.0.0.1", int(visit.running.url.rpartition(":")[2]), 0)
        with pytest.raises(UsageError, match="cannot listen on"):
            async with serving(fresh.paths, listen):
                pass
