"""Code lists: what people type finds its code, and no two entries claim one name."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import codes
from catalog.model import NODE_ID, Role
from catalog.sheets.sheet import COLUMNS
from catalog.sheets.values import LICENCES

LISTS = (*codes.DIMENSIONS, "program", "package_type", "role")


@pytest.mark.parametrize("dim", LISTS)
def test_every_name_of_a_list_finds_its_own_entry(dim: str) -> None:
    for entry in codes.tags(dim):
        names = (entry.code, entry.name_zh, entry.name_en, entry.platform, *entry.aliases)
        for name in filter(None, names):
            assert codes.resolve(dim, name) == entry, name
        assert codes.tag(dim, entry.code) == entry
        assert NODE_ID.fullmatch(entry.code.replace("_", "-"))


@pytest.mark.parametrize("dim", LISTS)
def test_order_is_the_place_in_the_list(dim: str) -> None:
    assert [entry.order for entry in codes.tags(dim)] == list(range(len(codes.tags(dim))))


def test_roles_are_the_models_roles() -> None:
    assert [entry.code for entry in codes.tags("role")] == list(Role)


@pytest.mark.parametrize(
    ("dim", "text", "code"),
    [
        ("grade", " １年级 ", "g1"),
        ("grade", "高中一年级", "g10"),
        ("grade", "GRADE 3", "g3"),
        ("subject", "艺术•音乐", "music"),
        ("press", "人教版（PEP）（主编：吴欣）", "renjiao-pep"),
        ("press", "人教a版", "renjiao-a"),
        ("stage", "小学(五四学制)", "primary-54"),
        ("stage", "e7bbb2de-0590-11ed-9c79-92fc3b3249d5", "primary"),
        ("book", "必修1 分子与细胞", "required-1"),
        ("book", "选择性必修二", "elective-2"),
        ("book", "选择性必修　第十一册", "elective-11"),
        ("role", "微课", "video"),
    ],
)
def test_the_ways_people_write_it(dim: str, text: str, code: str) -> None:
    found = codes.resolve(dim, text)
    assert found is not None
    assert found.code == code


@pytest.mark.parametrize(
    ("dim", "text"),
    [
        ("book", "必修四十"),
        ("book", "必修 99"),
        ("grade", "十三年级"),
        ("press", ""),
        ("role", "ppt"),
    ],
)
def test_what_is_in_no_list_is_not_guessed(dim: str, text: str) -> None:
    assert codes.resolve(dim, text) is None


@pytest.mark.parametrize(
    ("text", "grades"),
    [
        ("一至三年级", "g1 g2 g3"),
        ("1-2年级", "g1 g2"),
        ("一年级～六年级", "g1 g2 g3 g4 g5 g6"),
        ("高一到高三", "g10 g11 g12"),
        ("三年级", "g3"),
        ("三至一年级", ""),
        ("一至十三年级", ""),
        ("全校", ""),
    ],
)
def test_a_range_of_grades_names_them_all(text: str, grades: str) -> None:
    assert " ".join(tag.code for tag in codes.resolve_all("grade", text)) == grades


def test_other_lists_have_no_ranges() -> None:
    assert codes.resolve_all("book", "上册至下册") == ()


def test_suggestions_are_the_nearest_names_or_a_whole_short_list() -> None:
    assert codes.suggest("press", "人教板")[0] == "人教版"
    assert codes.suggest("stage", "xyz") == tuple(tag.name_zh for tag in codes.tags("stage"))
    assert codes.suggest("press", "qqqqqqqq") == ()


def test_a_code_of_a_newer_publisher_stands_for_itself() -> None:
    assert codes.name("press", "renjiao") == "人教版"
    assert codes.name("press", "mars") == "mars"


@given(st.sampled_from(LISTS), st.text(max_size=20))
def test_any_text_resolves_or_does_not(dim: str, text: str) -> None:
    for found in codes.resolve_all(dim, text):
        assert found in codes.tags(dim)


DOCS = Path(__file__).parents[2] / "docs" / "metadata.md"


def test_the_documentation_lists_every_column_and_every_code() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for column in COLUMNS:
        assert f"| {column.key} | {column.heading} |" in text
        assert all(alias in text for alias in column.aliases)
    for dim in LISTS:
        for entry in codes.tags(dim):
            assert f"| {entry.code} | {entry.name_zh} | {entry.name_en} |" in text
            assert entry.platform in text
    for licence in LICENCES:
        assert f"`{licence}`" in text
