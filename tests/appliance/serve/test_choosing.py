"""Choosing: rows within rows, remembered choices, addresses."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.serve import links
from appliance.serve.choosing import facets, settle
from catalog.tables.arrange import Place
from catalog.tables.shelves import Selection, Shelf, Shelves

SHELVES = Shelves(
    [
        Shelf(1, 3, (Place("primary", "g1", "music", "renjiao", "upper"),)),
        Shelf(2, 2, (Place("primary", "g2", "music", "renjiao", "upper"),)),
        Shelf(3, 4, (Place("primary", "g2", "math", "sujiao", "upper"),)),
        Shelf(4, 5, (Place("senior", "", "math", "renjiao-a", "required-1"),)),
    ]
)
CODES = st.sampled_from(["", "primary", "senior", "g1", "g2", "music", "math", "sujiao", "upper"])
SELECTIONS = st.builds(Selection, CODES, CODES, CODES, CODES, CODES)


def test_a_row_offers_what_there_is_within_the_rows_above() -> None:
    settled, rows = settle(Selection(stage="primary", grade="g2"), SHELVES.choices)
    assert settled == Selection(stage="primary", grade="g2")
    offered = {row.name: [option.code for option in row.options] for row in rows}
    assert offered["stage"] == ["primary", "senior"]
    assert offered["grade"] == ["g1", "g2"]
    assert offered["subject"] == ["math", "music"]
    assert "book" not in offered  # only one: nothing to choose


def test_what_a_tap_makes_impossible_is_dropped_and_the_rest_kept() -> None:
    wanted = Selection(stage="primary", grade="g1", subject="math", press="renjiao")
    settled, _ = settle(wanted, SHELVES.choices)
    assert settled == Selection(stage="primary", grade="g1", press="renjiao")


@given(SELECTIONS)
def test_whatever_is_wanted_something_is_shown(wanted: Selection) -> None:
    settled, rows = settle(wanted, SHELVES.choices)
    assert SHELVES.matching(settled)
    for row in rows:
        for option in row.options:
            tapped, _ = settle(option.selection, SHELVES.choices)
            assert getattr(tapped, row.name) == option.code


def test_a_chosen_facet_taps_away() -> None:
    selection = Selection(grade="g2")
    (row,) = [row for row in facets(selection, SHELVES.choices(selection)) if row.name == "grade"]
    ways = {option.code: option.selection for option in row.options}
    assert ways == {"g1": Selection(grade="g1"), "g2": Selection()}


@given(SELECTIONS)
def test_a_choice_survives_cookie_and_address(selection: Selection) -> None:
    assert links.recall(links.remember(selection)) == selection
    query = links.home(selection).partition("?")[2]
    fields = dict(pair.split("=") for pair in query.split("&"))
    assert links.read_selection(fields) == selection


@given(st.text())
def test_a_foreign_cookie_chooses_nothing_odd(cookie: str) -> None:
    for code in links.recall(cookie).chosen().values():
        assert code.isascii()
        assert all(char.isalnum() or char == "-" for char in code)


def test_an_empty_choice_is_said_too() -> None:
    assert links.home(Selection()) == "/?stage="


def test_addresses_stay_readable() -> None:
    assert links.lesson("43/music-1a/l1") == "/lesson/43/music-1a/l1"
    assert links.search("分数", Selection(grade="g3"), 2) == (
        "/search?q=%E5%88%86%E6%95%B0&grade=g3&page=2"
    )
