from hypothesis import given
from hypothesis import strategies as st

from catalog.tables.arrange import Place
from catalog.tables.shelves import DIMENSIONS, Selection, Shelf, Shelves, fits

CODES = {"stage": "primary", "grade": "g1 g2", "subject": "math music", "press": "x", "book": "y"}
PLACES = st.builds(Place, *(st.sampled_from(["", *CODES[dim].split()]) for dim in DIMENSIONS))
LESSONS = st.lists(st.frozensets(PLACES, min_size=1, max_size=3), max_size=12)
SELECTIONS = st.builds(
    Selection, *(st.sampled_from(["", *CODES[dim].split()]) for dim in DIMENSIONS)
)


def shelves_of(lessons: list[frozenset[Place]]) -> Shelves:
    different = dict.fromkeys(lessons)
    return Shelves(
        Shelf(number, lessons.count(places), tuple(places))
        for number, places in enumerate(different, start=1)
    )


@given(LESSONS, SELECTIONS)
def test_counts_are_those_of_lessons_one_by_one(
    lessons: list[frozenset[Place]], selection: Selection
) -> None:
    choices = shelves_of(lessons).choices(selection)
    for dim in DIMENSIONS:
        others = {d: code for d, code in selection.chosen().items() if d != dim}
        expected = {
            code: sum(
                any(fits(place, {**others, dim: code}) for place in places) for places in lessons
            )
            for code in CODES[dim].split()
        }
        assert {c.code: c.lessons for c in choices[dim]} == {
            code: count for code, count in expected.items() if count
        }


@given(LESSONS, SELECTIONS)
def test_matching_shelves_have_a_place_in_the_selection(
    lessons: list[frozenset[Place]], selection: Selection
) -> None:
    found = shelves_of(lessons).matching(selection)
    for number, places in enumerate(dict.fromkeys(lessons), start=1):
        assert (number in found) == any(fits(place, selection.chosen()) for place in places)


def test_choices_have_names_and_the_order_of_their_list() -> None:
    shelves = Shelves(
        [
            Shelf(1, 2, (Place("primary", "g10", "zz", "", ""),)),
            Shelf(2, 1, (Place("primary", "g2", "math", "", ""),)),
        ]
    )
    choices = shelves.choices(Selection())
    assert [(c.code, c.name) for c in choices["grade"]] == [("g2", "二年级"), ("g10", "高一")]
    assert [(c.code, c.name) for c in choices["subject"]] == [("math", "数学"), ("zz", "zz")]


def test_a_selection_is_joined_where_it_is_open() -> None:
    assert Selection(grade="g1").joined(Selection(grade="g2", book="upper")) == Selection(
        grade="g1", book="upper"
    )
