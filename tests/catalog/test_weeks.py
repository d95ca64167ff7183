"""In how many weeks a lesson's turn comes."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.model import Chapter, Lesson, Lessons, Textbook
from catalog.tables.weeks import weeks_until
from tests.kit.lessons import classroom, lesson, music

BOOK = Textbook("t", "数学 三年级", "primary", "math", "renjiao", "g3", "upper")
CHAPTERS = (Chapter("c2", "t", None, "二", 2), Chapter("c1", "t", None, "一", 1))
days = st.dates(date(2020, 1, 1), date(2050, 12, 31))


def book(volume: str, count: int) -> Lessons:
    """A textbook of ``count`` lessons, the second half of them listed first."""
    half = count // 2
    first = [lesson(f"l{number:02}", "x", "c1") for number in range(half)]
    second = [lesson(f"l{number:02}", "x", "c2") for number in range(half, count)]
    return Lessons("43/a", "", (replace(BOOK, book=volume),), CHAPTERS, (*second, *first))


def by_lesson(lessons: Lessons, today: date) -> dict[str, int]:
    """Weeks until each lesson of the only textbook."""
    return {lesson: weeks for (_, lesson), weeks in weeks_until(lessons, today).items()}


def test_the_first_volume_is_read_from_september() -> None:
    found = by_lesson(book("upper", 40), date(2026, 9, 2))
    assert [found[f"l{number:02}"] for number in range(40)] == [n // 2 for n in range(40)]


def test_the_second_volume_is_read_from_february() -> None:
    found = by_lesson(book("lower", 38), date(2027, 2, 22))
    assert [found[f"l{number:02}"] for number in range(38)] == [n // 2 for n in range(38)]


def test_a_single_volume_lasts_the_whole_year() -> None:
    found = by_lesson(book("full", 39), date(2026, 9, 1))
    assert [found[f"l{number:02}"] for number in (0, 19, 20, 38)] == [0, 19, 25, 43]


def test_what_was_read_before_comes_last() -> None:
    found = by_lesson(book("upper", 20), date(2026, 9, 1) + timedelta(weeks=10))
    first = min(found, key=lambda one: found[one])
    assert (first, found[first], found["l09"], found["l19"]) == ("l10", 0, 52, 9)


def test_next_terms_lessons_are_nearer_than_last_weeks() -> None:
    today = date(2027, 1, 25)
    upper, lower = by_lesson(book("upper", 20), today), by_lesson(book("lower", 20), today)
    assert max(lower.values()) < min(upper.values())


@pytest.mark.parametrize("volume", ["level-1", "elective-2", ""])
def test_other_volumes_do_not_say_when_they_are_read(volume: str) -> None:
    assert weeks_until(book(volume, 4), date(2026, 9, 1)) == {}


def test_lessons_outside_textbooks_have_no_week() -> None:
    assert weeks_until(classroom(), date(2026, 9, 1)) == {}


def test_a_lesson_of_two_chapters_counts_where_it_comes_first() -> None:
    both = Lesson("l3", "x", ("c1", "c2"))
    made = replace(music(), lessons=(both, *music().lessons[1:]))
    assert by_lesson(made, date(2026, 9, 1))["l3"] == 0


@pytest.mark.parametrize("today", [date(2026, 9, 1), date(2026, 9, 8), date(2026, 9, 29)])
def test_a_lesson_of_a_short_textbook_is_read_for_weeks(today: date) -> None:
    found = by_lesson(book("upper", 4), today)
    assert found["l00"] == 0
    assert found["l01"] == 5 - (today - date(2026, 9, 1)).days // 7


@given(days, st.sampled_from(["upper", "lower", "full"]), st.integers(2, 60))
def test_every_lesson_has_a_week_of_the_coming_year(today: date, volume: str, count: int) -> None:
    found = by_lesson(book(volume, count), today)
    assert len(found) == count
    assert all(0 <= weeks <= 52 for weeks in found.values())


@given(days, st.sampled_from(["upper", "lower", "full"]), st.integers(2, 60))
def test_the_order_of_reading_holds_but_where_the_year_begins_anew(
    today: date, volume: str, count: int
) -> None:
    found = by_lesson(book(volume, count), today)
    weeks = [found[f"l{number:02}"] for number in range(count)]
    assert sum(later < sooner for sooner, later in pairwise(weeks)) <= 1


@given(st.dates(date(2026, 9, 1), date(2027, 1, 18)), st.integers(2, 60))
def test_in_a_term_some_lesson_is_read_every_day(today: date, count: int) -> None:
    assert min(by_lesson(book("upper", count), today).values()) == 0
