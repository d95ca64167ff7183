from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import canonical, compression
from sync.digest import sha256
from sync.directory import FeedRef, PackRef, Stored, UpdateRef
from sync.errors import FormatError
from sync.plan.route import cheapest, direct
from sync.updates import routes
from sync.updates.routes import Routes, Stop, decode, encode, entry_at
from tests.kit.heads import entry_of, feed_of

GOLDEN = Path(__file__).parents[1] / "golden" / "routes-1.zst"


def stored(seed: str, size: int = 9) -> Stored:
    return Stored(sha256(seed.encode()), size)


def update(base: int, edition: int, size: int = 500) -> UpdateRef:
    return UpdateRef(base, stored(f"update {base} {edition}", size), stored(f"head {edition}", 40))


def stop(edition: int, *updates: UpdateRef) -> Stop:
    packs = (PackRef(stored("pack"), stored("table")),) * min(edition, 1)
    feed = FeedRef(stored(f"feed {edition}"), stored(f"plain {edition}"))
    return Stop(edition, feed, packs, updates)


def sample() -> Routes:
    return Routes(
        "43/music-1a",
        (stop(2), stop(3, update(2, 3)), stop(4, update(3, 4), update(1, 4), update(0, 4))),
    )


def test_golden_routes_are_read_and_reproduced() -> None:
    data = GOLDEN.read_bytes()
    assert decode(data) == sample()
    assert encode(sample()) == data


REFS = st.builds(update, st.integers(0, 9), st.integers(1, 9), st.integers(0, 2**40))


@given(st.lists(st.tuples(st.integers(0, 2**40), st.lists(REFS, max_size=3)), max_size=4))
def test_what_was_written_is_read(stops: list[tuple[int, list[UpdateRef]]]) -> None:
    once = dict(stops)
    value = Routes("43/a", tuple(stop(number, *refs) for number, refs in once.items()))
    assert decode(encode(value)) == value


def spelled(**changes: object) -> bytes:
    data = encode(sample())
    size = compression.content_size(data, limit=10**6, what="x")
    value = canonical.loads(compression.decompress(data, size=size, what="x"), what="x")
    return compression.compress(canonical.dumps({**value, **changes}))


def stops_with(**changes: object) -> list[object]:
    size = compression.content_size(encode(sample()), limit=10**6, what="x")
    plain = compression.decompress(encode(sample()), size=size, what="x")
    [first, *_] = canonical.as_list(canonical.loads(plain, what="x")["stops"])
    return [{**canonical.as_object(first), **changes}]


@pytest.mark.parametrize(
    "changes",
    [
        {"collection": 7},
        {"collection": None},
        {"stops": {}},
        {"stops": [None]},
        {"stops": stops_with() * 2},
        {"stops": stops_with(edition=-1)},
        {"stops": stops_with(edition="2")},
        {"stops": stops_with(feed={})},
        {"stops": stops_with(packs=[{}])},
        {"stops": stops_with(updates=[{}])},
        {"stops": stops_with(updates=[{"base": 1, "pack": ["ab", 1], "head": ["ab", 1]}])},
        {"stops": stops_with(updates=None)},
    ],
    ids=str,
)
def test_broken_fields_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(FormatError):
        decode(spelled(**changes))


def test_unknown_fields_are_ignored_and_an_unknown_format_asks_for_a_newer_box() -> None:
    value = decode(spelled(motto="x", stops=stops_with(shoe_size=43)))
    assert value.stops == sample().stops[:1]
    with pytest.raises(FormatError, match="kexia-routes-2") as caught:
        decode(spelled(format="kexia-routes-2"))
    assert "update" in caught.value.hint


def test_a_list_that_would_not_fit_in_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "MAX_PLAIN", 100)
    with pytest.raises(FormatError, match="at most 100"):
        decode(encode(sample()))


def way_of(found: tuple[object, ...]) -> list[tuple[int, int]]:
    return [(leg.update.base, leg.entry.edition) for leg in found]  # type: ignore[attr-defined]


ENTRY = replace(entry_of(feed_of([], edition=9)), updates=(update(8, 9), update(0, 9, 7000)))


def test_the_directory_names_the_usual_ways_itself() -> None:
    assert way_of(direct(ENTRY, 8)) == [(8, 9)]
    assert way_of(direct(ENTRY, 0)) == [(0, 9)]
    assert direct(ENTRY, 5) == ()


def test_the_cheapest_way_is_found_among_all_packs() -> None:
    listed = Routes(
        ENTRY.id,
        (
            stop(6, update(5, 6, 100)),
            stop(7, update(6, 7, 100), update(4, 7, 900)),
            stop(8, update(7, 8, 100), update(5, 8, 350)),
            stop(9, update(6, 9, 150)),
        ),
    )
    assert way_of(cheapest(ENTRY, listed, 5)) == [(5, 6), (6, 9)]
    assert way_of(cheapest(ENTRY, listed, 4)) == [(4, 7), (7, 8), (8, 9)]
    assert way_of(cheapest(ENTRY, listed, 3)) == [(0, 9)]
    assert way_of(cheapest(ENTRY, listed, 0)) == [(0, 9)]
    assert cheapest(ENTRY, listed, 9) == ()


def test_a_pack_from_nothing_counts_with_what_it_leaves_in_chunk_packs() -> None:
    film, newer = (PackRef(stored(name, 5000), stored("table")) for name in ("film", "newer"))
    entry = replace(ENTRY, updates=(update(8, 9, 3000), update(0, 9, 100)), packs=(film, newer))
    held = replace(stop(8), packs=(film,))
    assert way_of(cheapest(entry, Routes(entry.id, (held,)), 8)) == [(8, 9)]
    unchanged = replace(entry, packs=(film,))
    assert way_of(cheapest(unchanged, Routes(entry.id, (held,)), 8)) == [(0, 9)]
    early = replace(stop(8, update(0, 8, 50)), packs=(film,))
    assert way_of(cheapest(unchanged, Routes(entry.id, (early,)), 0)) == [(0, 9)]


def test_where_no_way_leads_there_is_none() -> None:
    alone = replace(ENTRY, updates=())
    assert cheapest(alone, Routes(ENTRY.id, ()), 3) == ()
    round_and_round = Routes(ENTRY.id, (stop(4, update(3, 4)), stop(3, update(4, 3))))
    assert cheapest(alone, round_and_round, 3) == ()


def test_an_earlier_entry_names_that_editions_files() -> None:
    at = entry_at(ENTRY, sample().stops[2])
    assert (at.edition, at.feed, at.routes) == (4, sample().stops[2].feed, None)
    assert at.id == ENTRY.id
    assert sample().stop(4) == sample().stops[2]
    assert sample().stop(5) is None


def graphs() -> st.SearchStrategy[list[tuple[int, int, int]]]:
    edges = st.tuples(st.integers(0, 6), st.integers(1, 7), st.integers(1, 50))
    return st.lists(edges, max_size=14, unique_by=lambda edge: edge[:2])


@given(graphs(), st.integers(0, 6))
def test_no_way_costs_less_than_the_cheapest(edges: list[tuple[int, int, int]], held: int) -> None:
    alone = replace(ENTRY, edition=7, updates=())
    listed = Routes(
        ENTRY.id,
        tuple(
            stop(
                edition, *(update(base, edition, size) for base, to, size in edges if to == edition)
            )
            for edition in range(1, 8)
        ),
    )
    least = {0: 0, held: 0}
    for _ in range(8):  # Bellman and Ford's way, slow and plain
        for base, edition, size in edges:
            if base in least:
                least[edition] = min(least.get(edition, 10**9), least[base] + size)
    way = cheapest(alone, listed, held)
    assert bool(way) == (7 in least)
    if way:
        assert sum(leg.update.pack.size for leg in way) == least[7]
        assert way[0].update.base in (0, held)
        assert way[-1].entry == alone
        assert all(one.entry.edition == other.update.base for one, other in pairwise(way))
