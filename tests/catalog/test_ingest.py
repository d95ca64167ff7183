import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.errors import CatalogueError
from catalog.model import Chapter, Lesson, Lessons, Textbook, decode_lessons, encode_lessons
from catalog.tables import arrange
from catalog.tables.browse import Catalogue, Selection, open_catalogue
from catalog.tables.ingest import Changes, EditionContent, Ingested, ingest
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
    without,
)


def edition(lessons: Lessons, number: int = 1) -> EditionContent:
    return EditionContent("43", number, lessons)


def three(target: Path) -> Path:
    ingest(None, target, Changes([edition(music()), edition(math()), edition(classroom())]))
    return target


def shown(path: Path) -> dict[str, object]:
    """Everything a reader can see, row numbers apart."""
    catalogue = open_catalogue(path)
    books = catalogue.textbooks(Selection())
    views = [catalogue.textbook(card.id) for card in books]
    keys = [row[0] for row in catalogue.query("SELECT code FROM lesson ORDER BY code")]
    found: dict[str, object] = {
        "choices": catalogue.choices(Selection()),
        "collections": catalogue.collections(),
        "counts": catalogue.counts(),
        "textbooks": sorted(views, key=lambda view: view.id),
        "lessons": [catalogue.lesson(key) for key in keys],
        "suggestions": catalogue.query(
            "SELECT key, code FROM suggestion JOIN lesson ON lesson.id = lesson ORDER BY 1, 2"
        ),
    }
    catalogue.close()
    return found


def rows(path: Path, collection: str) -> dict[str, int]:
    return dict(
        open_catalogue(path).query(
            "SELECT code, id FROM lesson WHERE code LIKE ?", f"{collection}/%"
        )
    )


def revisions(path: Path) -> dict[str, str]:
    return open_catalogue(path).revisions()


def test_a_feed_survives_the_block_and_the_tables(tmp_path: Path) -> None:
    content = edition(decode_lessons(encode_lessons(music())))
    ingested = ingest(None, tmp_path / "catalog.db", Changes([content]))
    assert ingested == Ingested(changed=(MUSIC,), lessons=3, left_out=0)
    assert open_catalogue(tmp_path / "catalog.db").lesson(f"{MUSIC}/l2").title == "拉勾勾"


def test_the_next_catalogue_shows_what_one_from_nothing_would(tmp_path: Path) -> None:
    first = three(tmp_path / "1.db")
    changed = replace(math(), lessons=(*math().lessons[1:], lesson("l9", "新课", "c2")))
    changes = Changes([edition(changed, 2)], removed=[CLASSROOM, "43/never-here"])
    ingested = ingest(first, tmp_path / "2.db", changes)
    assert ingested == Ingested(changed=(CLASSROOM, MATH), lessons=4, left_out=0)
    ingest(None, tmp_path / "new.db", Changes([edition(music()), edition(changed, 2)]))
    assert shown(tmp_path / "2.db") == shown(tmp_path / "new.db")


def test_unchanged_collections_keep_their_rows(tmp_path: Path) -> None:
    first = three(tmp_path / "1.db")
    ingest(first, tmp_path / "2.db", Changes([edition(without(math(), "l4"), 2)]))
    assert rows(tmp_path / "2.db", MUSIC) == rows(first, MUSIC)
    assert not set(rows(tmp_path / "2.db", MATH).values()) & set(rows(first, MATH).values())
    before, after = revisions(first), revisions(tmp_path / "2.db")
    assert {code for code in before if before[code] != after[code]} == {MATH}


def with_other_files(lessons: Lessons) -> Lessons:
    """The same lessons; of each the first file is another one, as after a correction."""
    changed = []
    for one in lessons.lessons:
        first, *others = one.resources
        news = replace(first, digest=digest(f"{one.id} anew"), size=first.size + 1)
        changed.append(replace(one, resources=(news, *others)))
    return replace(lessons, lessons=tuple(changed))


@pytest.mark.parametrize("lessons", [music(), math(), classroom()], ids=lambda one: one.collection)
def test_lessons_whose_files_changed_keep_their_rows(tmp_path: Path, lessons: Lessons) -> None:
    first = three(tmp_path / "1.db")
    changed = with_other_files(lessons)
    done = ingest(first, tmp_path / "2.db", Changes([edition(changed, 2)]))
    assert done == Ingested(changed=(), lessons=0, left_out=0)
    assert revisions(tmp_path / "2.db") == revisions(first)
    assert rows(tmp_path / "2.db", "43") == rows(first, "43")
    others = [one for one in (music(), math(), classroom()) if one.collection != lessons.collection]
    ingest(None, tmp_path / "new.db", Changes([edition(changed, 2), *map(edition, others)]))
    assert shown(tmp_path / "2.db") == shown(tmp_path / "new.db")


REWRITTEN: dict[str, Callable[[Lesson], Lesson]] = {
    "title": lambda one: replace(one, title="另一个"),
    "teacher": lambda one: replace(one, teacher="李明"),
    "keywords": lambda one: replace(one, keywords=("新",)),
    "place": lambda one: replace(one, grades=("g9",)),
    "summary": lambda one: replace(one, summary="新"),
    "piece's title": lambda one: replace(one, resources=(resource("new.mp4"), *one.resources[1:])),
}


@pytest.mark.parametrize("field", REWRITTEN)
def test_a_lesson_that_reads_otherwise_makes_other_rows(tmp_path: Path, field: str) -> None:
    first = three(tmp_path / "1.db")
    last = REWRITTEN[field](math().lessons[-1])
    changed = replace(math(), lessons=(*math().lessons[:-1], last))
    done = ingest(first, tmp_path / "2.db", Changes([edition(changed, 2)]))
    assert done.changed == (MATH,)
    assert revisions(tmp_path / "2.db")[MATH] != revisions(first)[MATH]


def test_lessons_in_another_order_make_other_rows(tmp_path: Path) -> None:
    turned = replace(math(), lessons=math().lessons[::-1])
    done = ingest(three(tmp_path / "1.db"), tmp_path / "2.db", Changes([edition(turned, 2)]))
    assert done.changed == (MATH,)


def test_a_chapter_that_is_renamed_makes_other_rows(tmp_path: Path) -> None:
    """Lessons are found by the titles of their chapters."""
    first, *others = math().chapters
    renamed = replace(math(), chapters=(replace(first, title="小数"), *others))
    done = ingest(three(tmp_path / "1.db"), tmp_path / "2.db", Changes([edition(renamed, 2)]))
    assert done.changed == (MATH,)


def test_textbooks_may_change_around_lessons_that_read_as_before(tmp_path: Path) -> None:
    """The order of reading is no text: rows stay, the tree is the new one."""
    turned = [replace(one, order=-one.order) for one in math().chapters]
    changed = replace(math(), chapters=tuple(turned), title="新书")
    done = ingest(three(tmp_path / "1.db"), tmp_path / "2.db", Changes([edition(changed, 2)]))
    assert done.changed == ()
    ingest(
        None,
        tmp_path / "new.db",
        Changes([edition(music()), edition(changed, 2), edition(classroom())]),
    )
    assert shown(tmp_path / "2.db") == shown(tmp_path / "new.db")


def test_the_previous_file_is_left_as_it_was(tmp_path: Path) -> None:
    first = three(tmp_path / "1.db")
    before = hashlib.sha256(first.read_bytes()).digest()
    ingest(first, tmp_path / "2.db", Changes([edition(without(math(), "l1"), 2)], removed=[MUSIC]))
    assert hashlib.sha256(first.read_bytes()).digest() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.db", "2.db"]


def test_withdrawn_lessons_are_left_out_and_come_back(tmp_path: Path) -> None:
    withdrawn = frozenset({(MUSIC, "l1"), (MATH, "l2"), (MATH, "never-there")})
    first = three(tmp_path / "1.db")
    ingested = ingest(first, tmp_path / "2.db", Changes([edition(math(), 2)], withdrawn=withdrawn))
    assert ingested == Ingested(changed=(MATH, MUSIC), lessons=3, left_out=2)
    ingest(
        None,
        tmp_path / "new.db",
        Changes(
            [
                edition(without(music(), "l1")),
                edition(without(math(), "l2"), 2),
                edition(classroom()),
            ]
        ),
    )
    assert shown(tmp_path / "2.db") == shown(tmp_path / "new.db")
    assert revisions(tmp_path / "2.db")[MUSIC] != revisions(first)[MUSIC]
    again = ingest(tmp_path / "2.db", tmp_path / "3.db", Changes([edition(music())]))
    assert again.changed == (MUSIC,)
    assert open_catalogue(tmp_path / "3.db").lesson(f"{MUSIC}/l1").next is not None


def test_withdrawals_already_applied_change_nothing(tmp_path: Path) -> None:
    withdrawn = frozenset({(MUSIC, "l1")})
    ingest(three(tmp_path / "1.db"), tmp_path / "2.db", Changes(withdrawn=withdrawn))
    again = ingest(tmp_path / "2.db", tmp_path / "3.db", Changes(withdrawn=withdrawn))
    assert again == Ingested(changed=(), lessons=0, left_out=0)
    assert revisions(tmp_path / "3.db") == revisions(tmp_path / "2.db")


def test_equal_editions_make_equal_revisions(tmp_path: Path) -> None:
    assert revisions(three(tmp_path / "1.db")) == revisions(three(tmp_path / "2.db"))
    ingest(None, tmp_path / "3.db", Changes([edition(without(music(), "l3"))]))
    assert revisions(tmp_path / "3.db")[MUSIC] != revisions(tmp_path / "1.db")[MUSIC]


def test_a_damaged_previous_catalogue_leaves_nothing_behind(tmp_path: Path) -> None:
    broken = tmp_path / "1.db"
    broken.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    with pytest.raises(CatalogueError):
        ingest(broken, tmp_path / "2.db", Changes([edition(music())]))
    assert [path.name for path in tmp_path.iterdir()] == ["1.db"]


def test_what_a_killed_run_left_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "catalog.db.partial").write_bytes(b"half a file")
    assert open_catalogue(three(tmp_path / "catalog.db")).counts().lessons == 12


def test_codes_with_any_character_keep_their_places_apart(tmp_path: Path) -> None:
    odd = [
        lesson("a", "a", stage=("x,y",), subject="z"),
        lesson("b", "b", stage=("x",), grades=("y,",), subject="z"),
        lesson("c", "c", stage=("x", "y"), subject="z"),
    ]
    ingest(None, tmp_path / "c.db", Changes([edition(Lessons("43/odd", "", (), (), tuple(odd)))]))
    choices = open_catalogue(tmp_path / "c.db").choices(Selection(stage="x"))
    assert [(choice.code, choice.lessons) for choice in choices["stage"]] == [
        ("x", 2),
        ("x,y", 1),
        ("y", 1),
    ]


TREES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=12)


@given(TREES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_every_chapter_is_read_once_parents_first(tree: list[tuple[int, int]]) -> None:
    """``tree``: for each chapter which earlier one is its parent (0: none), and its order."""
    chapters = [
        Chapter(f"c{at}", "t", f"c{at - up}" if 0 < up <= at else None, f"{at}", order)
        for at, (up, order) in enumerate(tree)
    ]
    lessons = tuple(lesson(f"l{at}", "x", f"c{at}") for at in range(len(tree)))
    book = Textbook("t", "", "", "", "", "", "")
    reading = arrange.readings(Lessons("43/t", "", (book,), tuple(chapters), lessons))["t"]
    order = [node.chapter.id for node in reading.nodes]
    assert sorted(order) == sorted(chapter.id for chapter in chapters)
    for node in reading.nodes:
        if node.chapter.parent is not None:
            assert order.index(node.chapter.parent) < order.index(node.chapter.id)
    assert [stop.chapter for stop in reading.stops] == order


def test_a_tree_a_thousand_deep_is_read(tmp_path: Path) -> None:
    chapters = tuple(
        Chapter(f"c{at}", "t", f"c{at - 1}" if at else None, f"{at}", 0) for at in range(1000)
    )
    book = Textbook("t", "深", "primary", "math", "", "g1", "")
    deep = Lessons("43/deep", "", (book,), chapters, (lesson("l", "x", "c999"),))
    ingest(None, tmp_path / "c.db", Changes([edition(deep)]))
    catalogue: Catalogue = open_catalogue(tmp_path / "c.db")
    assert len(catalogue.lesson("43/deep/l").chapters[0].titles) == 1000
