"""Every case of the decision on a slot."""

from itertools import product

import pytest

from appliance.system.health import Signs, Verdict, decide

SOUND = Signs(data=True, pages=True, index=True, update=True)
NO_DATA = Signs(data=False)
ALL_SIGNS = [Signs(*each) for each in product([True, False], repeat=4)]


def test_a_slot_is_confirmed_only_when_all_is_sound() -> None:
    for signs, proven, other in product(ALL_SIGNS, [True, False], [True, False]):
        verdict = decide(signs, proven=proven, other_good=other)
        assert (verdict is Verdict.CONFIRM) == (signs == SOUND)


@pytest.mark.parametrize("lost", ["pages", "index", "update"])
def test_a_slot_that_does_not_serve_is_given_up_only_for_a_good_one(lost: str) -> None:
    signs = Signs(**{"data": True, "pages": True, "index": True, "update": True, lost: False})
    assert signs.missing == (lost,)
    for proven in (True, False):
        assert decide(signs, proven=proven, other_good=True) is Verdict.GIVE_UP
        assert decide(signs, proven=proven, other_good=False) is Verdict.REMAIN


def test_dead_data_is_the_fault_of_a_version_that_never_served_at_most_once() -> None:
    assert decide(NO_DATA, proven=False, other_good=True) is Verdict.GIVE_UP
    # … in the other slot, which served before: no way back, and no try spent.
    assert decide(NO_DATA, proven=True, other_good=False) is Verdict.UNCOUNT
    assert decide(NO_DATA, proven=True, other_good=True) is Verdict.UNCOUNT
    assert decide(NO_DATA, proven=False, other_good=False) is Verdict.UNCOUNT


def test_without_data_nothing_else_is_missed() -> None:
    assert NO_DATA.missing == ("data",)
