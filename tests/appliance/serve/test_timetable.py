"""The week on the pages: what is on, what there is for it, and a file that changes or breaks."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.timetable import keep
from appliance.timetable.week import Period, Taught
from tests.kit import served
from tests.kit.served import ServedBox
from tests.kit.visiting import Visit, visiting

WEEK = (
    Period(1, "08:30", "09:10", (Taught("g1", "music"), Taught("g3", "math"))),
    Period(2, "09:20", "10:00", (Taught("g2", "labour"),)),
    Period(6, "08:30", "09:10", (Taught("g3", "math"),)),
)


@pytest.fixture
def box(tmp_path: Path) -> ServedBox:
    box = served.box(tmp_path / "box")
    box.publish(served.music(box), served.math(box))
    return box


def periods(page: str) -> list[tuple[str, ...]]:
    return re.findall(r'data-day="(\d)" data-from="([\d:]+)" data-to="([\d:]+)" hidden', page)


async def test_home_has_the_week_for_the_tablet_to_choose_from(box: ServedBox) -> None:
    keep.save(box.paths, WEEK)
    async with visiting(box.paths.root) as visit:
        page = (await visit.get("/")).text
    assert periods(page) == [(str(one.day), one.begin, one.end) for one in WEEK]
    assert 'href="/textbook/43/music-1a/t1">一年级 音乐</a>' in page
    assert 'href="/textbook/43/math-3a/t1">三年级 数学</a>' in page
    assert '<span class="pill dot s-labour off">二年级 劳动</span>' in page  # nothing for it here


async def test_several_textbooks_are_chosen_from(box: ServedBox) -> None:
    lower = replace(served.math(box), collection="43/math-3b")
    box.publish(served.music(box), served.math(box), lower)
    keep.save(box.paths, WEEK)
    async with visiting(box.paths.root) as visit:
        page = (await visit.get("/")).text
    assert 'href="/?grade=g3&amp;subject=math">三年级 数学</a>' in page


async def test_the_whole_week_is_a_page(box: ServedBox) -> None:
    keep.save(box.paths, WEEK)
    async with visiting(box.paths.root) as visit:
        page = (await visit.get("/timetable")).text
        english = (await visit.get("/timetable", Cookie="language=en")).text
    assert re.findall(r'<th scope="col" data-column="(\d)">(\S+?)</th>', page) == [
        (str(day), f"星期{name}") for day, name in enumerate("一二三四五六", start=1)
    ]
    assert re.findall(r'<th scope="row">(.*?)<br>(.*?)</th>', page) == [
        ("08:30", "09:10"),
        ("09:20", "10:00"),
    ]
    assert page.count(">三年级 数学</a>") == 2
    assert "Saturday" in english


async def test_a_box_without_one_says_nothing_of_it(box: ServedBox) -> None:
    async with visiting(box.paths.root) as visit:
        assert "/timetable" not in (await visit.get("/")).text
        assert (await visit.get("/timetable")).status == 404


async def test_a_change_is_seen_at_once_and_damage_costs_the_week_alone(box: ServedBox) -> None:
    async with visiting(box.paths.root) as visit:
        await _sees(visit, 0)
        keep.save(box.paths, WEEK)
        await _sees(visit, 3)
        keep.save(box.paths, WEEK[:1])
        await _sees(visit, 1)
        box.paths.timetable.write_bytes(b"\0" * 300)
        await _sees(visit, 0)
        keep.save(box.paths, WEEK)
        os.utime(box.paths.timetable, (0, 0))  # a clock that was set back
        await _sees(visit, 3)
        keep.forget(box.paths)
        await _sees(visit, 0)


async def _sees(visit: Visit, count: int) -> None:
    answer = await visit.get("/")
    assert answer.status == 200
    assert len(periods(answer.text)) == count
