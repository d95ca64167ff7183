"""What comes first while the bytes may not suffice."""

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
    in_turns,
    turns_of,
)
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
    turns = turns_of(math(), EVERYONE, SEPTEMBER, NOBODY)
    assert turns == {"l1": THIS_WEEK, "l2": 6, "l3": 11, "l4": 16}


def test_what_was_asked_for_by_name_comes_before_all() -> None:
    assert turns_of(math(), Classes(frozenset({"g1"})), SEPTEMBER, frozenset({"l4"}))["l4"] == ASKED


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (Classes(grades=frozenset({"g3"})), THIS_WEEK),
        (Classes(grades=frozenset({"g1", "g2"})), OTHER_CLASSES),
        (Classes(subjects=frozenset({"math"})), THIS_WEEK),
        (Classes(subjects=frozenset({"music"})), OTHER_CLASSES),
        (Classes(frozenset({"g3"}), frozenset({"music"})), OTHER_CLASSES),
    ],
)
def test_other_classes_lessons_come_last(classes: Classes, expected: int) -> None:
    assert turns_of(math(), classes, SEPTEMBER, NOBODY)["l1"] == expected


def test_lessons_without_textbook_are_for_the_grades_they_name() -> None:
    turns = turns_of(classroom(), Classes(frozenset({"g1"})), SEPTEMBER, NOBODY)
    assert turns["s1"] == WITHOUT_WEEK
    turns = turns_of(classroom(), Classes(frozenset({"g9"})), SEPTEMBER, NOBODY)
    assert turns["s1"] == OTHER_CLASSES


def test_what_names_no_grade_is_for_every_class() -> None:
    assert Classes(frozenset({"g1"}), frozenset({"math"})).meet("", "")


def test_shares_come_by_turns_new_lessons_before_known_ones_and_little_ones_first() -> None:
    needs = [Needs("old", (C,)), Needs("large", (A,)), Needs("little", (B,)), Needs("next", (A,))]
    turns = {"old": 1, "large": 1, "little": 1, "next": 0}
    assert in_turns(needs[:3], turns, frozenset({"old"}), {}) == (Share(1, (B, A, C)),)
    assert in_turns(needs, turns, NOBODY, {}) == (Share(0, (A,)), Share(1, (B, C)))


def test_what_is_here_already_makes_a_lesson_little() -> None:
    needs = [Needs("x", (B,)), Needs("y", (A, C))]
    held = {A.digest: A.size, C.digest: C.size}
    assert in_turns(needs, {"x": 1, "y": 1}, NOBODY, held) == (Share(1, (A, C, B)),)


def test_what_no_lesson_needs_comes_at_the_end_and_nothing_twice() -> None:
    shares = in_turns([Needs("x", (A,))], {"x": 3}, NOBODY, {}, rest=(LIST, A))
    assert shares == (Share(3, (A,)), Share(REST, (LIST,)))


def test_grades_of_music_are_those_of_its_textbook() -> None:
    turns = turns_of(music(), Classes(frozenset({"g1"}), frozenset({"music"})), SEPTEMBER, NOBODY)
    assert min(turns.values()) == THIS_WEEK
