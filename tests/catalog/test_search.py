from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.model import Lessons
from catalog.search.analysis import Postings
from catalog.search.index import build_index
from catalog.search.matching import Matcher, Term
from catalog.search.query import Vocabulary, ask
from catalog.search.ranking import nearly_in
from catalog.search.searcher import FallbackSearcher, Results, Searcher, open_searcher
from catalog.search.snippet import WIDTH, snippet
from catalog.tables.browse import Catalogue, Selection, open_catalogue
from catalog.tables.ingest import Changes, EditionContent, ingest
from catalog.tables.views import LessonText
from catalog.text import fold
from tests.kit.lessons import CLASSROOM, MATH, MUSIC, classroom, lesson, math, music

POEMS = "43/poems"
ANY = Selection()


def poems() -> Lessons:
    titles = {
        "p1": "《静夜思》第一课时 课件",
        "p2": "黃鶴樓送孟浩然之廣陵",
        "p3": "凸透镜成像",
        "p4": "静夜的小街",
        "p5": "守经达权",
        "p6": "重庆的桥",
        "p7": "PH值与酸碱性",
        "p8": "Unit 4 What can you do",
        "p9": "春",
        "p10": "春天的故事",
        "p11": "数学日记",
        "p12": "几分之几",
    }
    about: dict[str, dict[str, Any]] = {
        "p1": {"teacher": "上官雅浩", "keywords": ("李白", "唐诗")},
        "p2": {"summary": "故人西辞黄鹤楼，烟花三月下扬州。孤帆远影碧空尽，唯见长江天际流。" * 3},
        "p12": {"grades": ("g3",), "subject": "math"},
    }
    found = (lesson(id_, title, **about.get(id_, {})) for id_, title in titles.items())
    return Lessons(POEMS, "诗文", (), (), tuple(found))


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    path = tmp_path_factory.mktemp("search") / "catalog.db"
    content = (music(), math(), classroom(), poems())
    ingest(None, path, Changes([EditionContent("43", 1, lessons) for lessons in content]))
    build_index(path, None, path.parent / "index", [])
    opened = open_catalogue(path)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def searcher(catalogue: Catalogue) -> Iterator[Searcher]:
    opened = open_searcher(catalogue.path.parent / "index", catalogue)
    yield opened
    opened.close()


def keys(results: Results) -> list[str]:
    return [hit.card.key for hit in results.hits]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("静夜思 第一课时", f"{POEMS}/p1"),
        ("静夜思第一课时课件", f"{POEMS}/p1"),
        ("靜夜思", f"{POEMS}/p1"),
        ("黄鹤楼送孟浩然", f"{POEMS}/p2"),
        ("黃鶴樓", f"{POEMS}/p2"),
        ("孤帆远影", f"{POEMS}/p2"),
        ("jingyesi", f"{POEMS}/p1"),
        ("jing ye si", f"{POEMS}/p1"),
        ("jys", f"{POEMS}/p1"),
        ("chongqing", f"{POEMS}/p6"),
        ("cqdq", f"{POEMS}/p6"),
        ("凸透镜诚像", f"{POEMS}/p3"),
        ("守景达权", f"{POEMS}/p5"),
        ("凸秀镜成像", f"{POEMS}/p3"),
        ("ph 酸碱性", f"{POEMS}/p7"),
        ("what can", f"{POEMS}/p8"),
        ("wahtt 4", f"{POEMS}/p8"),
        ("上官雅浩 静夜思", f"{POEMS}/p1"),
        ("李白", f"{POEMS}/p1"),
        ("春", f"{POEMS}/p9"),
        ("春天", f"{POEMS}/p10"),
        ("三年级数学分数", f"{MATH}/l2"),
        ("小星星", f"{CLASSROOM}/s1"),
        ("ئۇيغۇر تىلى", f"{CLASSROOM}/s2"),
        ("བོད་སྐད", f"{CLASSROOM}/s3"),
        ("ᠮᠣᠩᠭᠣᠯ", f"{CLASSROOM}/s4"),
        ("你的名字叫什么", f"{MUSIC}/l1"),
        ("认识同学", f"{MUSIC}/l1"),
    ],
)
def test_what_is_looked_for_comes_first(searcher: Searcher, query: str, first: str) -> None:
    assert keys(searcher.search(query, selection=ANY))[:1] == [first]


def test_what_nobody_wrote_is_not_found(searcher: Searcher) -> None:
    assert searcher.search("量子色动力学", selection=ANY).total == 0


def test_names_in_a_query_are_applied_and_told(searcher: Searcher) -> None:
    found = searcher.search("三年级数学", selection=ANY)
    assert found.understood == Selection(grade="g3", subject="math")
    assert sorted(keys(found)) == [*(f"{MATH}/l{n}" for n in range(1, 5)), f"{POEMS}/p12"]


def test_the_name_of_a_subject_may_be_part_of_a_title(searcher: Searcher) -> None:
    found = searcher.search("数学 日记", selection=ANY)
    assert found.understood == Selection()
    assert keys(found) == [f"{POEMS}/p11"]


def test_a_selection_holds_hits_to_itself_but_shows_other_choices(searcher: Searcher) -> None:
    found = searcher.search("分", selection=Selection(subject="math", press="renjiao"))
    assert set(keys(found)) == {f"{MATH}/l1", f"{MATH}/l2", f"{MATH}/l3"}
    assert {c.code: c.lessons for c in found.facets["subject"]} == {"math": 3}
    wide = searcher.search("分", selection=ANY)
    assert {c.code: c.lessons for c in wide.facets["grade"]} == {"g3": 4}
    assert wide.total == 4


def test_a_selection_is_stronger_than_what_is_read(searcher: Searcher) -> None:
    found = searcher.search("三年级 音乐", selection=Selection(grade="g1"))
    assert {c.code for c in found.facets["grade"]} >= {"g1"}
    assert all(MUSIC in key or CLASSROOM in key for key in keys(found))
    assert found.total > 0


def test_pages_follow_one_another(searcher: Searcher) -> None:
    whole = keys(searcher.search("三年级", selection=ANY, limit=50))
    pages = [keys(searcher.search("三年级", selection=ANY, offset=o, limit=3)) for o in (0, 3, 6)]
    assert [key for page in pages for key in page] == whole[:9]
    assert searcher.search("三年级", selection=ANY, offset=99).hits == ()


def test_no_query_is_the_selection_or_nothing(searcher: Searcher) -> None:
    assert searcher.search(" ", selection=ANY).total == 0
    assert searcher.search("", selection=Selection(grade="g1")).total == 4
    assert searcher.search("！？", selection=Selection(grade="g1")).total == 0


def test_the_snippet_shows_what_matched(searcher: Searcher) -> None:
    (hit, *_) = searcher.search("孤帆远影", selection=ANY).hits
    assert ("孤帆远影", True) in hit.snippet
    assert sum(len(text) for text, _ in hit.snippet) <= WIDTH + 2


@pytest.mark.parametrize("typed", ["静夜", "jingye", "jys", "靜夜思", "Jing Ye"])
def test_suggestions_go_on_from_what_is_typed(searcher: Searcher, typed: str) -> None:
    assert "《静夜思》第一课时 课件" in searcher.suggest(typed)


def test_suggestions_are_few_different_and_shortest_first(searcher: Searcher) -> None:
    assert searcher.suggest("春") == ("春天的故事",)
    assert len(searcher.suggest("x", limit=1)) == 1
    assert searcher.suggest("") == ()
    assert searcher.suggest("无此") == ()


def test_without_an_index_titles_are_searched_and_that_is_told(catalogue: Catalogue) -> None:
    fallback = FallbackSearcher(catalogue)
    found = fallback.search("靜夜", selection=ANY)
    assert found.fallback
    assert keys(found) == [f"{POEMS}/p4", f"{POEMS}/p1"]
    assert keys(fallback.search("三年级数学分数", selection=ANY)) == [f"{MATH}/l2"]
    assert fallback.search("", selection=Selection(grade="g1")).total == 4
    assert fallback.search("", selection=ANY).total == 0
    assert fallback.search("数学日记", selection=ANY).hits[0].snippet == (("数学日记", True),)
    assert fallback.suggest("jys") == ("《静夜思》第一课时 课件",)
    fallback.close()


@given(st.text(max_size=40) | st.text(alphabet="静夜思三年级数学 jys4《》:'\"*%_()[]", max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_anything_may_be_searched(catalogue: Catalogue, searcher: Searcher, query: str) -> None:
    for one in (searcher, FallbackSearcher(catalogue)):
        found = one.search(query, selection=ANY, limit=50)
        assert len(found.hits) == min(50, found.total)
        assert len(set(keys(found))) == len(found.hits)
        one.suggest(query)


class Small:
    """An index of a few documents, for counting by hand."""

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        self.documents = documents

    @property
    def size(self) -> int:
        return len(self.documents)

    def frequency(self, field: str, token: str) -> int:
        return len(self.postings(field, token).documents)

    def postings(self, field: str, token: str) -> Postings:
        assert field in ("title", "body")
        having = [n for n, tokens in enumerate(self.documents) if token in tokens]
        return Postings(array("I", having), bytes(self.documents[n].count(token) for n in having))


WORDS = st.lists(st.lists(st.sampled_from("abcdef"), max_size=6), min_size=1, max_size=40)


@given(WORDS, st.lists(st.sampled_from("abcdefg"), unique=True, min_size=1, max_size=5), st.data())
def test_documents_found_are_those_that_have_enough(
    documents: list[list[str]], asked: list[str], data: st.DataObject
) -> None:
    need = data.draw(st.integers(1, len(asked)))
    units = [(Term("title", word), Term("body", word)) for word in asked]
    found = Matcher(Small(documents), {}).cover(units, need)
    assert set(found) == {
        n for n, tokens in enumerate(documents) if len(set(asked) & set(tokens)) >= need
    }
    assert all(score > 0 for score in found.values())


def test_few_documents_are_looked_up_in_many_postings() -> None:
    documents = ["ab" if number % 50 == 7 else "a" for number in range(300)]
    units = [(Term("title", "a"),), (Term("title", "b"),)]
    scores = Matcher(Small(documents), {}).cover(units, 2)
    assert sorted(scores) == [7, 57, 107, 157, 207, 257]


def test_more_rarer_and_shorter_is_better() -> None:
    lengths = array("f", [1, 1, 1, 9, 1, 1])
    documents = ["ab", "a", "aa", "a", "a", "ab"]
    matcher = Matcher(Small(documents), {"title": lengths})
    scores = matcher.cover([(Term("title", "a"),), (Term("title", "b"),)], 1)
    assert scores[0] > scores[2] > scores[1] > scores[3]


def text(title: str, summary: str = "", about: str = "") -> LessonText:
    return LessonText(1, "43/x", title, fold(title), "", "", "", about, "", "", summary)


@pytest.mark.parametrize(
    ("query", "found", "shown"),
    [
        ("静夜思", text("《靜夜思》课件"), (("《", False), ("靜夜思", True), ("》课件", False))),
        ("夜思课件", text("《静夜思》课件"), (("《静", False), ("夜思》课件", True))),
        ("李白", text("静夜思", about="唐诗 李白"), (("唐诗 ", False), ("李白", True))),
        ("jingye", text("听《静夜思》"), (("听《", False), ("静夜", True), ("思》", False))),
        ("jy", text("听《静夜思》"), (("听《", False), ("静夜", True), ("思》", False))),
        ("unit four", text("Unit 4"), (("Unit", True), (" 4", False))),
        ("ＰＨ", text("PH值"), (("PH", True), ("值", False))),
        ("༄", text("x"), (("x", False),)),
    ],
)
def test_marks(query: str, found: LessonText, shown: tuple[tuple[str, bool], ...]) -> None:
    assert snippet(ask(fold(query)), found) == shown


@given(st.text(max_size=200), st.text(max_size=10))
def test_a_snippet_is_a_piece_of_the_text(written: str, query: str) -> None:
    shown = snippet(ask(fold(query)), text("题", written))
    whole = "".join(piece for piece, _ in shown)
    assert whole.strip("…") in f"题\n{written}" or whole in written
    assert all(piece for piece, _ in shown)


def test_nearly_is_one_character_of_at_least_three() -> None:
    assert nearly_in("凸秀镜", "看凸透镜成像")
    assert not nearly_in("凸透镜", "凸透镜")
    assert not nearly_in("凸秀经", "看凸透镜成像")
    assert not nearly_in("秀镜", "透镜")


def test_a_vocabulary_of_nothing_understands_nothing() -> None:
    assert Vocabulary({}).understand("三年级").selection == Selection()


def test_a_searcher_opens_over_what_is_there(catalogue: Catalogue, tmp_path: Path) -> None:
    build_index(catalogue.path, catalogue.path.parent / "index", tmp_path / "again", [])
    opened = open_searcher(tmp_path / "again", catalogue)
    assert keys(opened.search("小星星", selection=ANY)) == [f"{CLASSROOM}/s1"]
    opened.close()
