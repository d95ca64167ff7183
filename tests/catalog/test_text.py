import importlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import catalog
from catalog.pinyin import (
    initial_tokens,
    initials,
    readings,
    split_pinyin,
    syllable_tokens,
    syllable_units,
    syllables,
)
from catalog.suggest import suggestion_keys, typed_key
from catalog.text import (
    Script,
    Singles,
    chunks,
    compact,
    fold,
    han,
    index_tokens,
    names,
    query_units,
    runs,
)

CHINESE = st.text(alphabet="春眠不觉晓處聞啼鳥《》，：第1课时 pH", max_size=30)


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("靜夜思", "静夜思"),
        ("ＰＨ值", "ph值"),
        ("ｶﾞ", "ガ"),
        ("①", "1"),
        ("薴", "苎"),
        ("ᠮᠣᠩᠭᠣᠯ᠋", "ᠮᠣᠩᠭᠣᠯ"),
        ("كىـتاب", "كىتاب"),
        ("co\u00adoperate", "cooperate"),
    ],
)
def test_fold_gives_one_spelling(written: str, folded: str) -> None:
    assert fold(written) == folded


@given(st.text())
def test_fold_of_folded_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_runs_are_cut_by_script() -> None:
    assert [(run.script, run.text) for run in runs(fold("PH值 བོད་སྐད། c++课 ᠮᠣᠩᠭᠣᠯ ᠬᠡᠯᠡ"))] == [
        (Script.WORD, "ph"),
        (Script.HAN, "值"),
        (Script.TIBETAN, "བོད་སྐད"),
        (Script.WORD, "c++"),
        (Script.HAN, "课"),
        (Script.WORD, "ᠮᠣᠩᠭᠣᠯ"),
        (Script.WORD, "ᠬᠡᠯᠡ"),
    ]


def test_compact_keeps_one_space_between_words() -> None:
    assert compact(fold("Unit 2: My  Family《我的 家》")) == "unit 2 my family我的家"


def test_chunks_stand_between_spaces() -> None:
    assert chunks(fold("李明 《分数》 ！ ")) == ("李明", "分数")


def test_names_are_the_whole_and_what_follows_marks() -> None:
    assert names(fold("6 《长度单位》课后练习"))[:2] == ("6长度单位课后练习", "长度单位课后练习")
    assert "抓起红土当朱砂" in names(fold("歇后语积累：抓起红土当朱砂"))
    assert names("。") == ()


@given(CHINESE, st.integers(0, 29), st.integers(1, 30))
def test_a_piece_of_a_title_asks_only_for_tokens_the_title_has(
    title: str, start: int, length: int
) -> None:
    folded = fold(title)
    piece = compact(folded[start : start + length])
    stored = {*index_tokens(folded), *index_tokens(compact(folded))}
    inside = [unit for unit in query_units(piece) if han(unit)]
    assert set(inside) <= stored


def test_marks_between_han_characters_do_not_part_them() -> None:
    assert "思第" in index_tokens(fold("《静夜思》第一课时"))
    assert "思第" not in query_units(fold("静夜思 第一课时"))


def test_singles_are_dropped_on_demand_but_for_a_lone_character() -> None:
    assert index_tokens("分数 a 跋", Singles.DROP) == ["分数", "a", "跋"]
    assert index_tokens("分数") == ["分数", "分", "数"]


def test_tibetan_syllables_and_their_pairs() -> None:
    assert index_tokens("བོད་སྐད") == ["བོད", "སྐད", "བོད་སྐད"]
    assert query_units("བོད་སྐད་སློབ") == ("བོད་སྐད", "སྐད་སློབ")
    assert query_units("བོད") == ("བོད",)


def test_readings_by_character_and_by_phrase() -> None:
    assert syllables("三年级 a") == ("san", "nian", "ji")
    assert readings("重庆") == (("zhong", "qing"), ("chong", "qing"))
    assert readings("数学") == (("shu", "xue"),)
    assert syllables("绿") == ("lv",)


def test_syllable_tokens_are_pairs() -> None:
    assert syllable_tokens("重庆") == {"zhong qing", "chong qing"}
    assert syllable_units(("yu",)) == ("yu",)
    assert syllable_units(()) == ()


def test_initials_of_every_name() -> None:
    assert initials(fold("1 《长度单位》")) >= {"cddw", "zddw"}
    assert {"cd", "cdd", "cddw"} <= initial_tokens(fold("1 《长度单位》"))
    assert max(map(len, initial_tokens("一二三四五六七八九十一二三四"))) == 10


@pytest.mark.parametrize(
    ("letters", "best"),
    [
        ("sanhuaitangming", ("san", "huai", "tang", "ming")),
        ("xian", ("xian",)),
        ("nverlv", ("nv", "er", "lv")),
        ("lue", ("lve",)),
    ],
)
def test_pinyin_is_split(letters: str, best: tuple[str, ...]) -> None:
    assert split_pinyin(letters)[0] == best


def test_pinyin_may_be_split_in_several_ways_or_none() -> None:
    assert ("xi", "an") in split_pinyin("xian")
    assert split_pinyin("qgsf") == ()
    assert split_pinyin("") == ()


@given(st.lists(st.sampled_from(["yu", "man", "zhi", "shi", "dian", "a"]), min_size=1, max_size=12))
def test_what_is_split_is_what_was_typed(spoken: list[str]) -> None:
    for way in split_pinyin("".join(spoken)):
        assert "".join(way) == "".join(spoken)


def test_suggestion_keys_are_names_pinyin_and_initials() -> None:
    keys = suggestion_keys(fold("专递课堂：小星星"))
    assert {"小星星", "xiaoxingxing", "xxx", "专递课堂小星星"} <= keys


@pytest.mark.parametrize(
    ("typed", "key"),
    [(" 小 星", "小星"), ("Xiao Xing", "xiaoxing"), ("unit 2", "unit 2"), ("", "")],
)
def test_typed_key(typed: str, key: str) -> None:
    assert typed_key(typed) == key


def test_the_tables_are_what_their_maker_makes() -> None:
    maker = importlib.import_module("catalog.data.make_tables")
    folder = Path(catalog.__file__).parent / "data"
    for make in (maker.simplified, maker.pinyin, maker.phrases):
        assert folder.joinpath(f"{make.__name__}.txt").read_text("utf-8") == make()
