"""The decision: what comes in, stays, leaves; small cases by name, large ones by property."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.record import Kept, PublisherState, Record
from appliance.update.decide import (
    Answer,
    Content,
    Offer,
    Policy,
    code_of,
    compose,
    format_time,
    is_worth_keeping,
    parse_time,
    wish,
)
from sync.digest import sha256
from sync.directory import CollectionEntry, Directory, FeedRef, Stored

ID, OTHER = "0" * 16, "1" * 16
STATE = PublisherState(ID, "43", "湖南省", {"root": 1, "timestamp": 5}, "2026-11-23T06:00:00Z")


def entry(name: str, edition: int = 1) -> CollectionEntry:
    stored = Stored(sha256(f"{name} {edition}".encode()), edition)
    return CollectionEntry(name, name, {}, edition, 1, 1, FeedRef(stored, stored), ())


def offer(*entries: CollectionEntry, held: frozenset[str] = frozenset()) -> Offer:
    return Offer(ID, Directory("43", "湖南省", entries), held)


def served(*entries: CollectionEntry, **fields: object) -> Record:
    plain = Record(
        number=1,
        publishers=(STATE,),
        collections=tuple(Kept(ID, item) for item in entries),
        withdrawn=frozenset(),
        holds={},
    )
    return replace(plain, **fields)  # type: ignore[arg-type]  # test shorthand


def policy(*subscriptions: str, **holds: int) -> Policy:
    return Policy(subscriptions, {name.replace("_", "/"): number for name, number in holds.items()})


def answer(*entries: CollectionEntry, withdrawn: tuple[str, ...] = ()) -> Answer:
    hidden = frozenset(("43/a", lesson) for lesson in withdrawn)
    return Answer(STATE, tuple(Kept(ID, item) for item in entries), hidden)


def test_what_is_new_is_taken() -> None:
    got = wish(offer(entry("43/a"), entry("43/b")), policy("43/a"), None)
    assert (got.take, got.keep, got.drop) == ((entry("43/a"),), (), ())


def test_what_is_the_same_is_kept_as_it_is_listed_now() -> None:
    renamed = replace(entry("43/a"), title="新名")
    got = wish(offer(renamed), policy("43/a"), served(entry("43/a")))
    assert (got.take, got.keep) == ((), (Kept(ID, renamed),))


def test_what_the_publisher_holds_waits() -> None:
    held = offer(entry("43/a", 2), entry("43/b"), held=frozenset({"43/a", "43/b"}))
    got = wish(held, policy("43/a", "43/b"), served(entry("43/a")))
    assert (got.take, got.keep) == ((), (Kept(ID, entry("43/a")),))
    assert len(got.notes) == 2


@pytest.mark.parametrize(("edition", "comes"), [(2, False), (3, True)])
def test_what_was_rolled_back_waits_for_a_newer_edition(edition: int, *, comes: bool) -> None:
    listed = entry("43/a", edition)
    got = wish(offer(listed), policy("43/a", **{"43_a": 2}), served(entry("43/a")))
    assert (listed in got.take) is comes
    assert bool(got.notes) is not comes


def test_what_is_no_longer_listed_or_subscribed_leaves() -> None:
    before = served(entry("43/a"), entry("43/b"))
    got = wish(offer(entry("43/b")), policy("43/a"), before)
    assert set(got.drop) == {"43/a", "43/b"}
    assert len(got.notes) == 2


def test_other_publishers_collections_are_not_touched() -> None:
    before = replace(served(), collections=(Kept(OTHER, entry("cn/x")),))
    got = wish(offer(), policy("cn/x", "43/a"), before)
    assert (got.take, got.keep, got.drop) == ((), (), ())
    assert got.notes == ("43/a: its publisher does not offer it",)


def test_a_silent_publisher_keeps_everything() -> None:
    other = PublisherState(OTHER, "cn", "国家", {}, "2026-11-20T06:00:00Z")
    before = replace(
        served(entry("43/a")),
        publishers=(STATE, other),
        collections=(Kept(ID, entry("43/a")), Kept(OTHER, entry("cn/x"))),
        withdrawn=frozenset({("cn/x", "l1")}),
    )
    content = compose([answer(entry("43/a", 2))], policy("43/a", "cn/x"), before)
    assert [kept.entry.id for kept in content.collections] == ["43/a", "cn/x"]
    assert [kept.entry.id for kept in content.replaced] == ["43/a"]
    assert content.withdrawn == {("cn/x", "l1")}
    assert content.publishers == (STATE, other)
    assert content.removed == ()


def test_withdrawn_and_reinstated_lessons_are_read_again() -> None:
    before = served(entry("43/a"), withdrawn=frozenset({("43/a", "l1")}))
    same = compose([answer(entry("43/a"), withdrawn=("l1",))], policy("43/a"), before)
    assert same.replaced == ()
    for lessons in ((), ("l1", "l2")):
        content = compose([answer(entry("43/a"), withdrawn=lessons)], policy("43/a"), before)
        assert [kept.entry.id for kept in content.replaced] == ["43/a"]


def test_withdrawals_of_a_lost_newer_generation_hold_until_the_publisher_speaks() -> None:
    remembered = replace(policy("43/a"), withdrawn=frozenset({("43/a", "l1")}))
    before = served(entry("43/a"))
    assert compose([], remembered, before).withdrawn == {("43/a", "l1")}
    assert compose([answer(entry("43/a"))], remembered, before).withdrawn == frozenset()


def test_a_hold_ends_with_a_newer_edition_or_the_subscription() -> None:
    holding = policy("43/a", "43/b", **{"43_a": 2, "43_b": 2, "43_c": 1})
    content = compose([answer(entry("43/a", 3), entry("43/b", 1))], holding, served())
    assert content.holds == {"43/b": 2}


def content(**fields: object) -> Content:
    plain = Content((Kept(ID, entry("43/a")),), (STATE,), frozenset(), {}, (), ())
    return replace(plain, **fields)  # type: ignore[arg-type]  # test shorthand


def state(signed_at: str = STATE.signed_at, **versions: int) -> tuple[PublisherState, ...]:
    return (replace(STATE, versions={**STATE.versions, **versions}, signed_at=signed_at),)


@pytest.mark.parametrize(
    ("new", "worth"),
    [
        (content(), False),
        (content(publishers=state(timestamp=6, snapshot=9)), False),
        (content(publishers=state("2026-11-29T06:00:00Z", timestamp=6)), False),
        (content(publishers=state("2026-11-30T06:00:00Z", timestamp=6)), True),
        (content(publishers=state(root=2)), True),
        (content(publishers=state(withdraw=1)), True),
        (content(publishers=(*state(), replace(STATE, id=OTHER))), True),
        (content(replaced=(Kept(ID, entry("43/a")),)), True),
        (content(removed=("43/b",)), True),
        (content(withdrawn=frozenset({("43/a", "l1")})), True),
        (content(holds={"43/a": 2}), True),
        (content(mended=True), True),
    ],
)
def test_what_must_be_remembered(new: Content, *, worth: bool) -> None:
    assert is_worth_keeping(new, served(entry("43/a"))) is worth


def test_a_box_that_heard_nobody_makes_no_generation() -> None:
    assert not is_worth_keeping(compose([], policy("43/a"), None), None)
    assert is_worth_keeping(compose([answer()], policy("43/a"), None), None)


def test_times() -> None:
    assert format_time(parse_time("2026-11-23T06:00:00Z")) == "2026-11-23T06:00:00Z"
    assert code_of("43/a") == "43"
    assert code_of("nonsense") == ""


names = st.sampled_from([f"43/{letter}" for letter in "abcd"])
editions = st.dictionaries(names, st.integers(1, 3))


@given(
    before=editions,
    listed=editions,
    wanted=st.sets(names),
    held=st.sets(names),
    holds=editions,
)
def test_what_is_served_follows_from_the_rules(
    before: dict[str, int],
    listed: dict[str, int],
    wanted: set[str],
    held: set[str],
    holds: dict[str, int],
) -> None:
    record = served(*(entry(name, edition) for name, edition in before.items()))
    chosen = Policy(tuple(sorted(wanted)), holds)
    offered = offer(
        *(entry(name, edition) for name, edition in listed.items()), held=frozenset(held)
    )
    got = wish(offered, chosen, record)
    kept = (*got.keep, *(Kept(ID, item) for item in got.take))
    made = compose([Answer(STATE, kept, frozenset())], chosen, record)
    after = {item.entry.id: item.entry.edition for item in made.collections}
    for name in {*before, *listed, *wanted}:
        expected = None
        if name in wanted and name in listed:
            waits = name in held or listed[name] <= holds.get(name, 0)
            stays = listed[name] == before.get(name) or waits
            expected = before.get(name) if stays else listed[name]
        assert after.get(name) == expected
    assert set(made.removed) == set(before) - set(after)
    assert {item.entry.id for item in made.replaced} == {
        name for name in after if after[name] != before.get(name)
    }
