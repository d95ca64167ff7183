from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import canonical, compression, directory
from sync.digest import sha256
from sync.directory import CollectionEntry, FeedRef, PackRef, Stored, UpdateRef
from sync.errors import FormatError
from sync.plan.route import cheapest, direct
from sync.updates import routes
from sync.updates.routes import (
    Routes,
    Stop,
    decode,
    divided,
    encode,
    encode_all,
    entry_at,
    joined,
    read_all,
)
from tests.kit.heads import entry_of, feed_of

GOLDEN = Path(__file__).parents[1] / "golden"
FIRST, OLDER = GOLDEN / "routes-1.zst", GOLDEN / "routes-1.older.zst"


def stored(seed: str, size: int = 9) -> Stored:
    return Stored(sha256(seed.encode()), size)


def update(base: int, edition: int, size: int = 500) -> UpdateRef:
    return UpdateRef(base, stored(f"update {base} {edition}", size), stored(f"head {edition}", 40))


def packed(name: str) -> PackRef:
    return PackRef(stored(f"pack {name}"), stored(f"table {name}"))


PACKS = tuple(map(packed, "abcd"))


def stop(edition: int, *updates: UpdateRef, packs: tuple[PackRef, ...] | None = None) -> Stop:
    feed = FeedRef(stored(f"feed {edition}"), stored(f"plain {edition}"))
    return Stop(edition, feed, PACKS[:1] if packs is None else packs, updates)


def entry_for(newest: Stop, count: int) -> CollectionEntry:
    """The entry of the newest stop, which names ``count`` of its update packs itself."""
    return CollectionEntry(
        "43/music-1a",
        "音乐",
        {},
        newest.edition,
        1,
        0,
        newest.feed,
        newest.packs,
        newest.updates[:count],
    )


def sample() -> Routes:
    gone = packed("gone")
    return Routes(
        "43/music-1a",
        (
            stop(2, packs=(gone, PACKS[0])),
            stop(3, update(2, 3), packs=(*PACKS[:3], gone)),
            stop(4, update(3, 4), update(0, 4), update(1, 4), packs=PACKS),
        ),
    )


NEWEST = entry_for(sample().stops[-1], 2)


def lists(routes: Routes, entry: CollectionEntry) -> tuple[CollectionEntry, dict[str, bytes]]:
    """The entry that names the first list, and all lists by their names."""
    first, *older = encode_all(routes, entry)
    entry = replace(entry, routes=Stored(sha256(first), len(first)))
    assert entry.routes is not None
    named = {directory.routes_name(entry.routes): first}
    for data in older:
        named[directory.older_routes_name(Stored(sha256(data), len(data)))] = data
    return entry, named


def whole(routes: Routes, entry: CollectionEntry) -> Routes:
    """What is read of lists that were written."""
    entry, named = lists(routes, entry)
    found = read_all(entry, lambda name, proof: named[name][: proof.size])
    assert len(found.older) == len(named) - 1
    return replace(found, older=())


def test_golden_routes_are_read_and_reproduced() -> None:
    first, older = FIRST.read_bytes(), OLDER.read_bytes()
    assert encode_all(sample(), NEWEST) == (first, older)
    found = decode(first, NEWEST)
    assert found.stops == sample().stops[2:]
    assert found.older == (Stored(sha256(older), len(older)),)
    assert joined(found, decode(older, NEWEST)).stops == sample().stops


REFS = st.builds(update, st.integers(0, 9), st.integers(1, 9), st.integers(0, 2**40))
NAMED = st.lists(st.sampled_from(list(map(packed, "abcdefgh"))), max_size=9).map(tuple)
STOPS = st.lists(
    st.builds(
        lambda edition, refs, packs: stop(edition, *refs, packs=packs),
        st.integers(0, 40),
        st.lists(REFS, max_size=4, unique=True),
        NAMED,
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda one: one.edition,
).map(lambda stops: sorted(stops, key=lambda one: one.edition))


@given(STOPS, st.integers(0, 4))
def test_what_was_written_is_read(stops: list[Stop], direct: int) -> None:
    value = Routes("43/music-1a", tuple(stops))
    assert whole(value, entry_for(stops[-1], direct)) == value


@given(STOPS)
def test_every_stop_is_in_one_list_and_few_lists_are_needed(stops: list[Stop]) -> None:
    found = divided(stops, stops[-1].edition)
    assert sorted((one for each in found for one in each), key=lambda one: one.edition) == stops
    assert found[0] == (stops[-1],)
    assert len(found) <= routes.MAX_LISTS
    bases = {one.base for one in stops[-1].updates}
    near = {one.edition for one in stops[:-1]} & bases | {one.edition for one in stops[-4:-1]}
    assert near == {one.edition for each in found[1:2] for one in each}


def editions(count: int, back: Sequence[int] = (1, 3, 10, 30)) -> Routes:
    """A collection of which every edition has an update pack from each of ``back`` before."""
    return Routes(
        "43/music-1a",
        tuple(
            stop(
                number,
                *(update(number - far, number, 1000) for far in back if far < number),
                packs=tuple(packed(str(each)) for each in range(number)),
            )
            for number in range(1, count + 1)
        ),
    )


def test_the_first_list_stays_small_and_few_lists_are_needed() -> None:
    listed = editions(31)
    newest = entry_for(listed.stops[-1], 1)
    sizes = [len(data) for data in encode_all(listed, newest)]
    assert sizes[0] < 500
    assert sizes[1] < 1_800
    assert sum(sizes) < 13_000
    found = [[one.edition for one in each] for each in divided(listed.stops, 31)]
    assert found == [[31], [1, 21, 28, 29, 30], list(range(22, 28)), list(range(2, 21))]
    assert [len(each) for each in divided(listed.stops[:2], 2)] == [1, 1]
    assert [len(each) for each in divided(listed.stops[:1], 1)] == [1]


def fields_of(data: bytes) -> dict[str, object]:
    size = compression.content_size(data, limit=10**6, what="x")
    return canonical.loads(compression.decompress(data, size=size, what="x"), what="x")


def spelled(**changes: object) -> bytes:
    return compression.compress(
        canonical.dumps({**fields_of(encode_all(sample(), NEWEST)[1]), **changes})
    )


def stops_with(**changes: object) -> list[object]:
    [first, *_] = canonical.as_list(fields_of(encode_all(sample(), NEWEST)[1])["stops"])
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
        {"stops": stops_with(packs=[[0]])},
        {"stops": stops_with(packs=[[-1, 1]])},
        {"stops": stops_with(packs=[[0, "1"]])},
        {"stops": stops_with(packs=[[4, 2]])},
        {"stops": stops_with(packs=[[0, 2**62]])},
        {"stops": stops_with(updates=[{}])},
        {"stops": stops_with(updates=[{"base": 1, "pack": ["ab", 1], "head": ["ab", 1]}])},
        {"stops": stops_with(updates=None)},
        {"packs": [{}]},
        {"packs": None},
        {"older": None},
        {"older": [["ab", 1]]},
        {"older": [[sha256(b"x"), 1]] * routes.MAX_LISTS},
    ],
    ids=str,
)
def test_broken_fields_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(FormatError):
        decode(spelled(**changes), NEWEST)


def test_unknown_fields_are_ignored_and_an_unknown_format_asks_for_a_newer_box() -> None:
    value = decode(spelled(motto="x", stops=stops_with(shoe_size=43)), NEWEST)
    assert value.stops == sample().stops[:1]
    with pytest.raises(FormatError, match="kexia-routes-2") as caught:
        decode(spelled(format="kexia-routes-2"), NEWEST)
    assert "update" in caught.value.hint


def test_lists_that_would_not_fit_in_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FormatError, match="packs are named"):
        decode(spelled(stops=stops_with(packs=[[0, 4]] * (2**18 + 1))), NEWEST)
    monkeypatch.setattr(routes, "MAX_PLAIN", 100)
    with pytest.raises(FormatError, match="at most 100"):
        decode(encode(sample(), NEWEST), NEWEST)


def test_lists_that_share_an_edition_are_refused() -> None:
    with pytest.raises(FormatError, match="twice"):
        joined(sample(), Routes(sample().collection, (stop(3),)))


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
    assert way_of(cheapest(entry, Routes(entry.id, (held,)), 8, held.packs)) == [(8, 9)]
    unchanged = replace(entry, packs=(film,))
    assert way_of(cheapest(unchanged, Routes(entry.id, ()), 8, held.packs)) == [(0, 9)]
    assert way_of(cheapest(unchanged, Routes(entry.id, ()), 8)) == [(8, 9)]
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
    way = cheapest(alone, listed, held, PACKS[:1])
    assert bool(way) == (7 in least)
    if way:
        assert sum(leg.update.pack.size for leg in way) == least[7]
        assert way[0].update.base in (0, held)
        assert way[-1].entry == alone
        assert all(one.entry.edition == other.update.base for one, other in pairwise(way))
