from dataclasses import replace
from pathlib import Path

import pytest

from catalog.errors import CatalogueError, UnknownLesson
from catalog.model import Lesson, Lessons, Role
from catalog.tables.browse import Catalogue, Selection, open_catalogue
from catalog.tables.ingest import Changes, EditionContent, ingest
from catalog.tables.views import ChapterNode, Counts
from tests.kit.lessons import (
    CLASSROOM,
    MATH,
    MUSIC,
    classroom,
    digest,
    lesson,
    math,
    music,
    resource,
)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    path = tmp_path_factory.mktemp("browse") / "catalog.db"
    content = [EditionContent("43", 7, lessons) for lessons in (music(), math(), classroom())]
    ingest(None, path, Changes(content))
    return open_catalogue(path)


def chosen(catalogue: Catalogue, dim: str, **selection: str) -> dict[str, int]:
    choices = catalogue.choices(Selection(**selection))[dim]
    return {choice.code: choice.lessons for choice in choices}


def titles(nodes: tuple[ChapterNode, ...]) -> list[object]:
    return [
        [node.title, [card.title for card in node.lessons], titles(node.children)] for node in nodes
    ]


def alone(tmp_path: Path, *lessons: Lesson) -> Catalogue:
    content = EditionContent("43", 1, Lessons("43/alone", "", (), (), lessons))
    ingest(None, tmp_path / "alone.db", Changes([content]))
    return open_catalogue(tmp_path / "alone.db")


def test_choices_count_lessons_given_the_others(catalogue: Catalogue) -> None:
    assert chosen(catalogue, "grade") == {"g1": 4, "g2": 2, "g3": 8}
    assert chosen(catalogue, "grade", subject="music") == {"g1": 4, "g2": 2}
    assert chosen(catalogue, "grade", subject="music", grade="g1") == {"g1": 4, "g2": 2}
    assert chosen(catalogue, "subject", grade="g3") == {"chinese": 3, "math": 4, "english": 1}
    assert chosen(catalogue, "press", grade="g3", subject="math") == {"renjiao": 4}
    assert chosen(catalogue, "book", grade="g9") == {}


def test_a_combined_class_counts_in_each_grade(catalogue: Catalogue) -> None:
    assert chosen(catalogue, "stage", grade="g2") == {"primary": 2}
    assert [card.id for card in catalogue.textbooks(Selection(grade="g2"))] == [
        f"{MUSIC}/t1",
        CLASSROOM,
    ]


def test_textbooks_come_before_series_in_the_order_of_choosing(catalogue: Catalogue) -> None:
    cards = catalogue.textbooks(Selection())
    assert [(card.id, card.kind, card.lessons) for card in cards] == [
        (f"{MUSIC}/t1", "textbook", 3),
        (f"{MATH}/t1", "textbook", 4),
        (CLASSROOM, "series", 5),
    ]
    assert cards[0].press == "renyin"
    assert catalogue.textbooks(Selection(grade="g9")) == ()


def test_a_card_counts_the_lessons_of_the_selection(catalogue: Catalogue) -> None:
    assert [card.lessons for card in catalogue.textbooks(Selection(grade="g2"))] == [1, 1]


def test_a_textbook_shows_its_tree_in_order(catalogue: Catalogue) -> None:
    view = catalogue.textbook(f"{MUSIC}/t1")
    assert (view.title, view.grade, view.syllabus) == ("音乐 一年级 上册", "g1", "new")
    assert titles(view.chapters) == [
        [
            "第一单元 好朋友",
            [],
            [
                ["1 你的名字叫什么", ["你的名字叫什么"], []],
                ["2 拉勾勾", ["拉勾勾"], []],
            ],
        ],
        ["第二单元 快乐的一天", ["《快乐的一天》第一课时"], []],
    ]
    assert [node.depth for node in view.chapters[0].children] == [1, 1]


def test_a_series_is_one_node_without_title(catalogue: Catalogue) -> None:
    view = catalogue.textbook(CLASSROOM)
    assert view.kind == "series"
    assert [(node.title, len(node.lessons)) for node in view.chapters] == [("", 5)]
    assert view.chapters[0].lessons[0].chapter_title == ""


def test_a_textbook_without_lessons_is_no_choice_but_can_be_opened(tmp_path: Path) -> None:
    content = EditionContent("43", 1, replace(music(), lessons=()))
    ingest(None, tmp_path / "c.db", Changes([content]))
    catalogue = open_catalogue(tmp_path / "c.db")
    assert catalogue.textbooks(Selection()) == ()
    assert len(catalogue.textbook(f"{MUSIC}/t1").chapters) == 2


def test_a_card_says_where_the_lesson_stands(catalogue: Catalogue) -> None:
    (card,) = catalogue.cards([f"{MUSIC}/l3"])
    assert card.textbook_title == "音乐 一年级 上册"
    assert card.chapter_title == "第二单元 快乐的一天"
    assert (card.teacher, card.class_hour, card.duration) == ("王小红", 1, "PT3M")


def test_cards_come_as_asked_for(catalogue: Catalogue) -> None:
    keys = [f"{MATH}/l2", f"{MUSIC}/l1", "43/none/x", f"{MATH}/l1"]
    assert [card.key for card in catalogue.cards(keys)] == [keys[0], keys[1], keys[3]]
    assert catalogue.cards([]) == ()


def test_a_lesson_shows_its_pieces_in_their_order(catalogue: Catalogue) -> None:
    view = catalogue.lesson(f"{MUSIC}/l1")
    assert [piece.role for piece in view.pieces] == [
        Role.VIDEO,
        Role.LESSON_PLAN,
        Role.INTERACTIVE,
    ]
    assert view.roles == (Role.VIDEO, Role.LESSON_PLAN, Role.INTERACTIVE)
    assert [piece.entry for piece in view.pieces] == ["", "", "index.html"]
    assert view.pieces[0].language == "zh-Hans"
    assert view.pieces[0].provider == "示范学校"
    assert (view.summary, view.keywords) == ("学唱歌曲，认识同学。", ("歌曲", "节奏"))


def test_subtitles_stand_with_what_they_belong_to(catalogue: Catalogue) -> None:
    video, *others = catalogue.lesson(f"{MUSIC}/l1").pieces
    assert [(text.digest, text.language) for text in video.subtitles] == [
        (digest("zh.vtt"), "zh-Hans"),
        (digest("ug.vtt"), "ug"),
    ]
    assert all(piece.subtitles == () for piece in others)


def test_subtitles_of_nothing_are_not_shown(tmp_path: Path) -> None:
    plan = resource("p.pdf", Role.LESSON_PLAN, "pdf")
    subtitle = resource("a.vtt", Role.SUBTITLE, "vtt")
    view = alone(tmp_path, lesson("a", "a", resources=(plan, subtitle))).lesson("43/alone/a")
    assert [(piece.role, piece.subtitles) for piece in view.pieces] == [(Role.LESSON_PLAN, ())]


def test_neighbours_are_those_of_the_textbook(catalogue: Catalogue) -> None:
    for before, key, after in (
        (None, "l1", "l2"),
        ("l1", "l2", "l3"),
        ("l2", "l3", None),
    ):
        view = catalogue.lesson(f"{MUSIC}/{key}")
        around = [card and card.key.rpartition("/")[2] for card in (view.previous, view.next)]
        assert around == [before, after]


def test_a_lesson_in_two_chapters_has_each_path_and_other_neighbours(tmp_path: Path) -> None:
    twice = lesson("l1", "两处", "c1a", "c1b")
    content = replace(music(), lessons=(twice, lesson("l2", "末", "c2")))
    ingest(None, tmp_path / "c.db", Changes([EditionContent("43", 1, content)]))
    catalogue = open_catalogue(tmp_path / "c.db")
    view = catalogue.lesson(f"{MUSIC}/l1", textbook_id=f"{MUSIC}/t1")
    assert [path.titles for path in view.chapters] == [
        ("第一单元 好朋友", "1 你的名字叫什么"),
        ("第一单元 好朋友", "2 拉勾勾"),
    ]
    assert view.previous is None
    assert view.next is not None
    assert view.next.title == "末"
    assert catalogue.textbooks(Selection())[0].lessons == 2


@pytest.mark.parametrize("key", ["", "l1", "43/music-1a", "43/music-1a/none", "x' OR 1=1 --"])
def test_unknown_lessons_and_textbooks_are_told(catalogue: Catalogue, key: str) -> None:
    with pytest.raises(UnknownLesson):
        catalogue.lesson(key)
    if key != MUSIC:
        with pytest.raises(UnknownLesson):
            catalogue.textbook(key)


def test_a_resource_is_known_by_its_digest(catalogue: Catalogue) -> None:
    view = catalogue.resource(digest("zh.vtt"))
    assert view is not None
    assert (view.format, view.role, view.lesson) == ("vtt", Role.SUBTITLE, f"{MUSIC}/l1")
    assert view.lesson_title == "你的名字叫什么"
    assert catalogue.resource(digest("nothing")) is None


def test_the_same_resource_in_two_lessons_counts_once(tmp_path: Path) -> None:
    shared = resource("shared.mp4")
    both = [lesson(name, name, resources=(shared,)) for name in ("a", "b")]
    catalogue = alone(tmp_path, *both)
    assert catalogue.counts() == Counts(collections=1, textbooks=0, lessons=2, resources=1)
    view = catalogue.resource(shared.digest)
    assert view is not None
    assert view.lesson == "43/alone/a"


def test_collections_and_counts(catalogue: Catalogue) -> None:
    assert [
        (row.id, row.publisher, row.edition, row.lessons) for row in catalogue.collections()
    ] == [
        (CLASSROOM, "43", 7, 5),
        (MATH, "43", 7, 4),
        (MUSIC, "43", 7, 3),
    ]
    assert catalogue.counts() == Counts(collections=3, textbooks=2, lessons=12, resources=14)


def test_damage_found_while_reading_is_an_error_of_ours(catalogue: Catalogue) -> None:
    with pytest.raises(CatalogueError):
        catalogue.query("SELECT nothing FROM nowhere")
