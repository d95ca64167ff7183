"""Values as people write them, in the one spelling we keep."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.model import DURATION
from catalog.sheets import values


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("CC BY 4.0", "CC-BY-4.0"),
        ("cc-by-nc-sa-4.0", "CC-BY-NC-SA-4.0"),
        ("ＣＣ　BY-ND 3.0 cn", "CC-BY-ND-3.0-CN"),
        ("CC BY", "CC-BY"),
        ("CC0", "CC0-1.0"),
        ("mit", "MIT"),
        ("授权使用", "授权使用"),
        ("LicenseRef-Hunan-2026", "LicenseRef-Hunan-2026"),
        ("免费", ""),
        ("CC BY 9.0", ""),
        ("CC", ""),
        ("", ""),
    ],
)
def test_licences(text: str, licence: str) -> None:
    assert values.licence(text) == licence


def test_every_listed_licence_is_its_own_spelling() -> None:
    for licence in values.LICENCES:
        assert values.licence(licence.lower()) == licence


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("all", "all"),
        ("全部", "all"),
        ("province:43", "province:43"),
        ("省：43", "province:43"),
        ("City: 4301", "city:4301"),
        ("县:430121", "county:430121"),
        ("学校:4301-007", "school:4301-007"),
        ("province:4301", ""),
        ("province", ""),
        ("all:43", ""),
        ("school:", ""),
        ("village:1", ""),
        ("city:４３0x", ""),
    ],
)
def test_scopes(text: str, scope: str) -> None:
    assert values.scope(text) == scope


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("zh-hans", "zh-Hans"),
        ("ZH_HANT_tw", "zh-Hant-TW"),
        ("mn-mong-CN", "mn-Mong-CN"),
        ("ug", "ug"),
        ("es-419", "es-419"),
        ("de-1996-x-Test", "de-1996-x-test"),
        ("汉语", ""),
        ("chinese", ""),
        ("zh-", ""),
        ("ſh", ""),
    ],
)
def test_language_tags(text: str, tag: str) -> None:
    assert values.language(text) == tag


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("PT3M20S", "PT3M20S"),
        ("pt1h", "PT1H"),
        ("3:20", "PT3M20S"),
        ("0:03:20", "PT3M20S"),
        ("01:00:00", "PT1H"),
        ("3 分钟", ""),
        ("PT", ""),
        ("PT٣M", ""),
    ],
)
def test_durations(text: str, iso: str) -> None:
    assert values.duration(text) == iso


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("1", 1), ("第2课时", 2), ("第一课时", 1), ("十课时", 10), ("第十二课时", 12)),
        *(("二十", 20), ("二十一", 21), ("两", 0), ("十十", 0), ("一二", 0), ("0", 0), ("", 0)),
    ],
)
def test_class_hours(text: str, number: int) -> None:
    assert values.class_hour(text) == number


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("第一单元/1 观潮", ("第一单元", "1 观潮")),
        (" 第一单元　 爱国 / 1 观潮 ", ("第一单元 爱国", "1 观潮")),
        ("第一单元//1 观潮", ("第一单元", "", "1 观潮")),
        ("二年级/", ("二年级", "")),
        ("/第一单元", ("", "第一单元")),
        *((" / ", ()), ("//////////", ()), ("", ())),
    ],
)
def test_chapter_paths(text: str, titles: tuple[str, ...]) -> None:
    assert values.chapter(text) == titles


@given(st.floats(0, 10**7))
def test_a_length_in_seconds_is_a_lawful_duration(seconds: float) -> None:
    assert DURATION.fullmatch(values.iso_duration(seconds))


@given(st.text(max_size=30))
def test_what_was_put_in_one_spelling_stays_so(text: str) -> None:
    for parse in (values.licence, values.scope, values.language, values.duration):
        once = parse(text)
        assert not once or parse(once) == once
