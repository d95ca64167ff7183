import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.search.query import MAX_QUERY, Vocabulary
from catalog.tables.shelves import Selection

VOCABULARY = Vocabulary(
    {
        "stage": {"primary"},
        "grade": {"g3", "g7"},
        "subject": {"math", "music", "chinese"},
        "press": {"renjiao", "某某版"},
        "book": {"upper"},
    }
)


@pytest.mark.parametrize(
    ("query", "selection", "topic"),
    [
        ("三年级数学分数", Selection(grade="g3", subject="math"), "分数"),
        ("分数三年级数学", Selection(grade="g3", subject="math"), "分数"),
        ("分式方程 七年级 数学", Selection(grade="g7", subject="math"), "分式方程"),
        ("初一数学 分数", Selection(grade="g7", subject="math"), "分数"),
        ("三年級數學上冊 分數", Selection(grade="g3", subject="math", book="upper"), "分数"),
        ("人教版，三年级，分数", Selection(grade="g3", press="renjiao"), "分数"),
        ("音乐 小星星", Selection(subject="music"), "小星星"),
        ("数学广角", Selection(), "数学广角"),
        ("物理 力", Selection(), "物理 力"),
        ("某某版 分数", Selection(press="某某版"), "分数"),
        ("三年级 七年级", Selection(grade="g3"), "七年级"),
        ("小学三年级 分数", Selection(grade="g3"), "分数"),
        ("3 年级", Selection(), "3 年级"),
        ("", Selection(), ""),
    ],
)
def test_names_are_read_out_of_a_query(query: str, selection: Selection, topic: str) -> None:
    understood = VOCABULARY.understand(query)
    assert understood.selection == selection
    assert understood.topic.folded == topic


def test_the_whole_stays_known() -> None:
    assert VOCABULARY.understand("三年级数学分数").whole.compact == "三年级数学分数"


def test_letters_are_those_of_pinyin() -> None:
    assert VOCABULARY.understand("Luo Yang").topic.letters == "luoyang"
    assert VOCABULARY.understand("ph值").topic.letters == ""
    assert VOCABULARY.understand("a").topic.letters == ""


def test_a_query_is_read_to_a_bound() -> None:
    assert len(VOCABULARY.understand("数" * 10_000).whole.folded) <= MAX_QUERY


@given(st.text())
def test_anything_may_be_asked(query: str) -> None:
    understood = VOCABULARY.understand(query)
    assert (
        set(understood.topic.units) <= set(understood.whole.units) or understood.selection.chosen()
    )
