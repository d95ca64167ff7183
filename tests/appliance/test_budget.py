"""Too few bytes for a night, and single lessons: what comes first, what is served meanwhile."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from appliance.needs import Needs, needs_of
from appliance.timetable import keep as timetables
from appliance.timetable.week import Period, Taught
from appliance.update.build import read_feed
from catalog.model import encode_lessons
from tests.kit.boxes import BoxUnderTest
from tests.kit.packed import noise
from tests.kit.province import Edition, Province, plain_lessons
from tests.kit.server import FolderServer

SMALL, MIDDLE, LARGE = noise(1, 200_000), noise(2, 900_000), noise(3, 3_000_000)
FIRST = {"big.mp4": LARGE, "middle.mp4": MIDDLE, "small.mp4": SMALL, "small.vtt": b"WEBVTT"}
OVERHEAD = 20_000
"""Metadata and the cost of requests, at the most."""


def leveled(files: dict[str, bytes]) -> Edition:
    """A textbook of one level, which no term is for."""
    lessons = plain_lessons("43/a", Edition(files))
    books = tuple(replace(book, book="level-1") for book in lessons.textbooks)
    block = encode_lessons(replace(lessons, textbooks=books))
    return Edition(files, block=block, lesson_count=len(lessons.lessons))


@pytest.fixture
def province(tmp_path: Path) -> Province:
    made = Province.create(tmp_path)
    made.publish({"43/a": leveled(FIRST), "43/b": {"b1.mp4": noise(9, 50_000)}})
    return made


@pytest.fixture
def server(province: Province) -> Iterator[FolderServer]:
    with FolderServer(province.repository) as running:
        yield running


@pytest.fixture
def box(tmp_path: Path, province: Province, server: FolderServer) -> BoxUnderTest:
    return BoxUnderTest.create(tmp_path / "box", province.root, urls={0: server.url})


def test_the_smallest_lessons_come_first_and_are_served(box: BoxUnderTest) -> None:
    box.subscribe("43/a")
    box.budget = 600_000
    report = box.sync()
    assert (report.exit_code, report.is_new) == (9, True)
    assert box.lessons() == {"43/a/small"}
    assert report.bytes_fetched + report.metadata_bytes <= 600_000
    [shown] = box.status().collections
    assert (shown.lessons, shown.all_lessons) == (1, 3)


def book(number: int, grade: str = "g1") -> Edition:
    """A textbook of ten lessons, each for two weeks of the autumn term."""
    files = {f"l{place}.mp4": noise(100 * number + place, 700_000) for place in range(10)}
    lessons = plain_lessons(f"43/{number}", Edition(files))
    [textbook] = lessons.textbooks
    own = tuple(replace(lesson, grades=(grade,)) for lesson in lessons.lessons)
    lessons = replace(lessons, textbooks=(replace(textbook, grade=grade),), lessons=own)
    return Edition(files, block=encode_lessons(lessons), lesson_count=10)


@pytest.fixture
def books(box: BoxUnderTest, province: Province) -> BoxUnderTest:
    """A box in the 13th week of the term that wants two of them, and has bytes for five lessons."""
    province.publish({"43/1": book(1), "43/2": book(2, "g4")})
    box.subscribe("43/1", "43/2")
    box.budget = 5 * 700_000 + OVERHEAD
    return box


def test_what_the_classes_reach_next_comes_first_of_all_collections(books: BoxUnderTest) -> None:
    assert books.sync().exit_code == 9
    assert books.lessons() == {"43/1/l6", "43/2/l6", "43/1/l7", "43/2/l7", "43/1/l8"}


def test_lessons_of_the_points_own_grades_come_first(books: BoxUnderTest) -> None:
    books.paths.site.write_text(
        "format = 1\n[site]\nname = '青山'\ncode = '430121'\ngrades = [4]\n", "utf-8"
    )
    assert books.sync().exit_code == 9
    assert books.lessons() == {f"43/2/l{place}" for place in (6, 7, 8, 9, 0)}


def test_what_the_timetable_names_comes_first(books: BoxUnderTest) -> None:
    """Of the grades that it names it says all; a damaged one is as if there were none."""
    taught = (Taught("g4", "music"), Taught("g1", "math"))
    timetables.save(books.paths, [Period(1, "08:30", "09:10", taught)])
    assert books.sync().exit_code == 9
    assert books.lessons() == {f"43/2/l{place}" for place in (6, 7, 8, 9, 0)}


def test_a_damaged_timetable_costs_no_lesson(books: BoxUnderTest) -> None:
    books.paths.timetable.write_bytes(b"\0" * 100)
    assert books.sync().exit_code == 9
    assert {"43/1/l6", "43/2/l6"} <= books.lessons()


def test_a_clock_that_nobody_set_stands_at_the_newest_signature(books: BoxUnderTest) -> None:
    books.wall, books.wall_is_set = datetime(2000, 3, 1, tzinfo=UTC), False
    assert books.sync().exit_code == 9
    assert {"43/1/l6", "43/2/l6"} <= books.lessons()


def test_a_lesson_asked_for_by_name_comes_before_this_weeks(books: BoxUnderTest) -> None:
    books.want("43/2/l3").sync()
    assert "43/2/l3" in books.lessons()


def test_nights_go_on_until_all_is_there_and_fetch_nothing_twice(
    box: BoxUnderTest, server: FolderServer
) -> None:
    box.subscribe("43/a")
    box.budget = 600_000
    seen = []
    for _ in range(12):
        before = server.bytes
        code = box.sync().exit_code
        assert server.bytes - before <= 600_000, "the budget is kept to the byte"
        seen.append(len(box.lessons()))
        if code == 0:
            break
    assert seen == sorted(seen), "no lesson ever leaves again"
    assert {1, 2, 3} <= set(seen)
    assert box.editions() == {"43/a": 1}
    assert box.generation.record.collections[0].is_whole
    nights = len(seen)
    content = sum(map(len, FIRST.values()))
    assert server.bytes <= content + nights * OVERHEAD
    assert nights <= content // (600_000 - OVERHEAD) + 2


def test_an_updated_lesson_shows_its_old_state_until_the_new_one_is_whole(
    box: BoxUnderTest, province: Province
) -> None:
    box.subscribe("43/a").sync()
    old = box.served()
    province.publish({"43/a": {**FIRST, "big.mp4": noise(4, 3_000_000), "new.mp4": noise(5, 9000)}})
    box.budget = 300_000
    report = box.sync()
    assert report.exit_code == 9
    assert box.lessons() == {"43/a/small", "43/a/middle", "43/a/big", "43/a/new"}
    held = box.store.library
    [shown] = box.status().collections
    assert (shown.edition, shown.coming) == (1, 2)
    lessons = {one.lesson: one for kept in box.generation.record.collections for one in needs(box)}
    assert set(lessons) == {"small", "middle", "big", "new"}
    assert old.keys() & box.served().keys(), "what was served is still here"
    box.budget = None
    assert box.sync().exit_code == 0
    assert box.editions() == {"43/a": 2}
    assert box.sync().is_new is False
    assert held.root.is_dir()


def needs(box: BoxUnderTest) -> list[Needs]:
    [kept] = box.generation.record.collections
    assert kept.ahead is not None
    assert kept.ahead.entry.edition == 2
    return list(needs_of(read_feed(box.store, kept.ahead.entry)))


def test_an_older_whole_stick_is_welcome_while_a_newer_state_comes_in(
    box: BoxUnderTest, province: Province, tmp_path: Path
) -> None:
    box.subscribe("43/a").sync()
    province.publish({"43/a": {**FIRST, "two.mp4": noise(6, 40_000)}})
    stick = province.copy(tmp_path / "stick")
    province.publish(
        {"43/a": {**FIRST, "two.mp4": noise(6, 40_000), "big.mp4": noise(7, 2_000_000)}}
    )
    box.budget = 300_000
    assert box.sync().exit_code == 9
    box.follow(province.root)
    report = box.sync(stick)
    assert report.exit_code == 0
    assert box.editions() == {"43/a": 2}


def test_a_long_import_shows_lessons_while_it_goes_on(
    box: BoxUnderTest, server: FolderServer
) -> None:
    """Here the clock runs fast: a shift is over after the first request that brings a part."""
    box.subscribe("43/a", "43/b")
    seconds = count(0, 500)
    box.ticks = lambda: next(seconds)
    report = box.sync()
    assert (report.exit_code, report.problems) == (0, ())
    assert report.editions == {"43/a": 1, "43/b": 1}
    assert box.lessons() == {"43/a/small", "43/a/middle", "43/a/big", "43/b/b1"}
    assert box.generation.number >= 2
    all_of_it = sum(map(len, FIRST.values())) + 50_000
    assert all_of_it < server.bytes < all_of_it + 80_000, "nothing comes twice"


def test_one_lesson_comes_without_its_collection(box: BoxUnderTest, server: FolderServer) -> None:
    box.want("43/a/small")
    report = box.sync()
    assert report.exit_code == 0
    assert box.lessons() == {"43/a/small"}
    assert server.bytes < len(SMALL) + OVERHEAD
    assert box.sync().is_new is False


def test_a_wanted_lesson_follows_its_collection_and_leaves_when_no_longer_asked_for(
    box: BoxUnderTest, province: Province
) -> None:
    box.want("43/a/small", "43/b/b1").sync()
    assert box.lessons() == {"43/a/small", "43/b/b1"}
    province.publish({"43/a": {**FIRST, "small.mp4": noise(8, 30_000)}})
    assert box.sync().editions == {"43/a": 2}
    assert noise(8, 30_000) in [
        box.store.library.read(digest, limit=10**7) for digest in box.store.library.digests()
    ]
    box.no_longer_want("43/b/b1")
    box.sync()
    assert box.lessons() == {"43/a/small"}


def test_a_subscription_after_a_want_brings_the_rest(box: BoxUnderTest) -> None:
    box.want("43/a/small").sync()
    box.subscribe("43/a")
    assert box.sync().exit_code == 0
    assert box.lessons() == {"43/a/small", "43/a/middle", "43/a/big"}
    assert box.generation.record.collections[0].is_whole


def test_a_lesson_nobody_offers_is_no_harm(box: BoxUnderTest) -> None:
    box.want("43/a/none", "43/a/small")
    assert box.sync().exit_code == 0
    assert box.lessons() == {"43/a/small"}


def test_a_stick_comes_in_although_the_budget_is_spent(
    box: BoxUnderTest, province: Province, server: FolderServer, tmp_path: Path
) -> None:
    box.subscribe("43/a")
    box.budget = 0
    report = box.sync(province.copy(tmp_path / "stick"))
    assert report.exit_code == 0
    assert box.editions() == {"43/a": 1}
    assert server.requests == []
    assert box.sync().exit_code == 9, "nobody else may be asked"
