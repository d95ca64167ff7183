"""What comes first while the bytes may not suffice."""

from dataclasses import replace
from datetime import date

import pytest

from appliance.needs import Needs
from appliance.update.matters import (
    ASKED,
    OTHER_CLASSES,
    REST,
    THIS_WEEK,
    WITHOUT_WEEK,
    Classes,
    shares,
    urgencies,
)
from catalog.model import Chapter
from sync.digest import sha256
from sync.feed import Resource
from sync.plan import Share
from tests.kit.lessons import classroom, math, music

SEPTEMBER = date(2026, 9, 1)
EVERYONE = Classes()
NOBODY = frozenset[str]()


def resource(name: str, size: int = 100) -> Resource:
    return Resource(sha256(name.encode()), size)


A, B, C, LIST = resource("a"), resource("b", 50), resource("c", 70), resource("list", 9)


def test_a_textbook_comes_in_the_order_it_is_read() -> None:
    urgent = urgencies(math(), EVERYONE, SEPTEMBER, NOBODY)
    assert urgent == {"l1": THIS_WEEK, "l2": 6, "l3": 11, "l4": 16}


def test_what_was_asked_for_by_name_comes_before_all() -> None:
    others, asked = Classes(frozenset({"g1"})), frozenset({"l4"})
    assert urgencies(math(), others, SEPTEMBER, asked)["l4"] == ASKED


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (Classes(grades=frozenset({"g3"})), THIS_WEEK),
        (Classes(grades=frozenset({"g1", "g2"})), OTHER_CLASSES),
        (Classes(subjects=frozenset({"math"})), THIS_WEEK),
        (Classes(subjects=frozenset({"music"})), OTHER_CLASSES),
        (Classes(frozenset({"g3"}), frozenset({"music"})), OTHER_CLASSES),
        (Classes(taught=frozenset({("g3", "math"), ("g1", "music")})), THIS_WEEK),
        (Classes(taught=frozenset({("g3", "music"), ("g1", "math")})), OTHER_CLASSES),
        (Classes(frozenset({"g1", "g3"}), taught=frozenset({("g1", "music")})), THIS_WEEK),
    ],
)
def test_other_classes_lessons_come_last(classes: Classes, expected: int) -> None:
    assert urgencies(math(), classes, SEPTEMBER, NOBODY)["l1"] == expected


def test_lessons_without_textbook_are_for_the_grades_they_name() -> None:
    urgent = urgencies(classroom(), Classes(frozenset({"g1"})), SEPTEMBER, NOBODY)
    assert urgent["s1"] == WITHOUT_WEEK
    urgent = urgencies(classroom(), Classes(frozenset({"g9"})), SEPTEMBER, NOBODY)
    assert urgent["s1"] == OTHER_CLASSES


def test_what_names_no_grade_is_for_every_class() -> None:
    assert Classes(frozenset({"g1"}), frozenset({"math"})).meet("", "")


def test_shares_come_by_ranks_new_lessons_before_known_ones_and_little_ones_first() -> None:
    needs = [Needs("old", (C,)), Needs("large", (A,)), Needs("little", (B,)), Needs("next", (A,))]
    urgent = {"old": 1, "large": 1, "little": 1, "next": 0}
    little, large, old = Share((1, False, 6), (B,)), Share((1, False, 7), (A,)), C
    assert shares(needs[:3], urgent, frozenset({"old"}), {}) == (
        little,
        large,
        Share((1, True, 7), (old,)),
    )
    assert [share.resources for share in shares(needs, urgent, NOBODY, {})] == [(A,), (B,), (C,)]


def test_what_is_here_already_makes_a_lesson_little() -> None:
    needs = [Needs("x", (B,)), Needs("y", (A, C))]
    held = {A.digest: A.size, C.digest: C.size}
    found = shares(needs, {"x": 1, "y": 1}, NOBODY, held)
    assert [share.resources for share in found] == [(A, C), (B,)]


def test_what_no_lesson_needs_comes_at_the_end_and_nothing_twice() -> None:
    found = shares([Needs("x", (A,))], {"x": 3}, NOBODY, {}, rest=(LIST, A))
    assert found == (Share((3, False, 7), (A,)), Share((REST,), (LIST,)))


def test_a_shared_lesson_comes_when_the_points_own_classes_read_it() -> None:
    """Grade 3 reads it in September, grade 5 in February."""
    third, fifth = math(), math().textbooks[0]
    fifth = replace(fifth, id="t5", grade="g5", book="lower")
    chapter = Chapter("c5", "t5", None, "复习", 1)
    first = replace(third.lessons[0], chapters=("c1", "c5"))
    both = replace(
        third,
        textbooks=(*third.textbooks, fifth),
        chapters=(*third.chapters, chapter),
        lessons=(first, *third.lessons[1:]),
    )
    grades = {"g3": THIS_WEEK, "g5": THIS_WEEK + 25}
    for grade, expected in grades.items():
        assert urgencies(both, Classes(frozenset({grade})), SEPTEMBER, NOBODY)["l1"] == expected


def test_grades_of_music_are_those_of_its_textbook() -> None:
    urgent = urgencies(music(), Classes(frozenset({"g1"}), frozenset({"music"})), SEPTEMBER, NOBODY)
    assert min(urgent.values()) == THIS_WEEK
