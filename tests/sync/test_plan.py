"""The planner alone: plans are checked by putting the resources together in memory."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from io import BytesIO
from itertools import accumulate, combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.chunker import cut
from sync.digest import Digest, sha256
from sync.directory import CollectionEntry, FeedRef, PackRef, Stored, pack_name
from sync.errors import FormatError
from sync.feed import Feed, Resource
from sync.pack import Codec, Group, PackWriter, Table, decode_group, decode_table
from sync.plan import (
    MAX_GAP,
    Assembly,
    FromGroup,
    FromSeed,
    Have,
    Piece,
    Plan,
    Range,
    Schedule,
    Share,
    Wanted,
    make_plan,
)
from sync.recipe import Chunk, ChunkId, Chunks, Recipe, chunk_id, whole
from tests.kit.packed import noise, resource, text

NOWHERE = Stored(Digest("0" * 64), 0)


@dataclass
class Shelf:
    """Packs in memory, by digest."""

    packs: dict[Digest, bytes] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    held: set[ChunkId] = field(default_factory=set)

    def cut(self, contents: Iterable[bytes]) -> Table:
        out = BytesIO()
        writer = PackWriter(out, level=1)
        recipes = []
        for data in contents:
            chunks = [Chunk(chunk_id(piece), len(piece)) for piece in cut(BytesIO(data))]
            for piece in cut(BytesIO(data)):
                if chunk_id(piece) not in self.held:
                    self.held.add(chunk_id(piece))
                    writer.add(piece)
            if len(chunks) > 1:
                recipes.append(Recipe(sha256(data), len(data), Chunks.of(chunks)))
        table, ref = writer.finish(recipes)
        self.packs[ref.pack.digest] = out.getvalue()
        self.tables.append(decode_table(table))
        return self.tables[-1]

    def wanted(self, contents: Iterable[bytes], collection: str = "43/a") -> Wanted:
        resources = tuple(dict.fromkeys(map(resource, contents)))
        packs = tuple(PackRef(table.pack, NOWHERE) for table in self.tables)
        nothing = FeedRef(NOWHERE, NOWHERE)
        entry = CollectionEntry(collection, "", {}, 1, 1, 0, nothing, packs)
        return Wanted(entry, Feed(collection, 1, resources, b""), tuple(self.tables))


def having(contents: Iterable[bytes], *tables: Table) -> Have:
    return Have({sha256(data): len(data) for data in contents}, tables)


def executed(plan: Plan, shelf: Shelf, seeds: Iterable[bytes]) -> list[bytes]:
    """The resources a plan makes, from the bytes it says it fetches and from seeds alone."""
    fetched = {number for part in plan.ranges for number in part.groups}
    files = {sha256(data): data for data in seeds}

    def piece(one: Piece) -> bytes:
        assert isinstance(one, FromGroup | FromSeed)
        if isinstance(one, FromSeed):
            return files[one.resource][one.start : one.start + one.length]
        planned = plan.groups[one.group]
        assert planned.is_staged or one.group in fetched
        data = shelf.packs[Digest(planned.name[-69:-5])][planned.group.offset : planned.end]
        return decode_group(planned.group, data, what="x")[one.start : one.start + one.length]

    return [b"".join(map(piece, assembly.pieces)) for assembly in plan.assemblies]


def test_a_new_box_fetches_every_pack_once() -> None:
    shelf = Shelf()
    contents = [noise(1, 3_000_000), text(2, 40_000), b"", b"x"]
    table = shelf.cut(contents)
    plan = make_plan([shelf.wanted(contents)], Have())
    assert executed(plan, shelf, []) == contents
    assert plan.requests == 1
    assert plan.bytes_to_fetch == table.pack.size - 8
    assert plan.bytes_reused == 0
    assert plan.files == 4
    assert [one.digest for one in plan.resources] == [sha256(data) for data in contents]


def test_an_update_fetches_what_changed_and_reuses_the_rest() -> None:
    shelf = Shelf()
    old = noise(1, 3_000_000)
    new = old[:1_500_000] + b"a new exercise" + old[1_500_000:]
    table = shelf.cut([old])
    shelf.cut([new])
    plan = make_plan([shelf.wanted([new])], having([old], table))
    assert executed(plan, shelf, [old]) == [new]
    assert plan.bytes_to_fetch < 500_000
    assert plan.bytes_to_fetch + plan.bytes_reused == pytest.approx(len(new), rel=0.01)
    assert plan.requests == 1


def test_a_file_without_known_table_is_no_seed() -> None:
    shelf = Shelf()
    old = noise(1, 1_000_000)
    shelf.cut([old])
    shelf.cut([old + b"more"])
    assert make_plan([shelf.wanted([old + b"more"])], having([old])).bytes_reused == 0
    assert make_plan([shelf.wanted([old + b"more"])], having([old], *shelf.tables)).bytes_reused


def test_a_library_file_of_another_length_is_lacking_and_no_seed() -> None:
    shelf = Shelf()
    data = noise(1, 1_000_000)
    table = shelf.cut([data])
    have = Have({sha256(data): 999_999}, (table,))
    assert make_plan([shelf.wanted([data])], have).files == 1
    assert make_plan([shelf.wanted([data])], have).bytes_reused == 0


def test_a_whole_small_file_is_a_seed_without_table() -> None:
    shelf = Shelf()
    data = noise(1, 1_000_000)
    shelf.cut([data])
    first = next(cut(BytesIO(data)))
    plan = make_plan([shelf.wanted([data])], having([first]))
    assert plan.assemblies[0].pieces[0] == FromSeed(sha256(first), 0, len(first))
    assert executed(plan, shelf, [first]) == [data]


def test_nothing_to_do() -> None:
    shelf = Shelf()
    shelf.cut([b"x"])
    plan = make_plan([shelf.wanted([b"x"])], having([b"x"]))
    assert (plan.files, plan.requests, plan.bytes_to_fetch, plan.room_needed) == (0, 0, 0, 0)


def test_what_two_collections_share_comes_once() -> None:
    one, other = Shelf(), Shelf()
    shared, own = noise(1, 300_000), noise(2, 300_000)
    one.cut([shared])
    other.cut([shared, own])
    plan = make_plan([one.wanted([shared]), other.wanted([shared, own], collection="43/b")], Have())
    assert [each.digest for each in plan.resources] == [sha256(shared), sha256(own)]


def test_one_group_in_two_packs_is_fetched_once() -> None:
    """Two collections with the same small file have groups of the same bytes."""
    one, other = Shelf(), Shelf()
    same, tail = noise(1, 1_000_000), noise(2, 300_000)
    parts = list(cut(BytesIO(same)))
    one.cut(parts)
    other.cut([*parts, tail])
    plan = make_plan([one.wanted([parts[0]]), other.wanted(parts, collection="43/b")], Have())
    assert len({planned.group.digest for planned in plan.groups}) == len(plan.groups)


def test_staged_groups_are_not_fetched_again() -> None:
    shelf = Shelf()
    data = noise(1, 5_000_000)
    table = shelf.cut([data])
    first, second = table.groups[:2]
    have = Have({}, (), {first.digest: first.stored, second.digest: 1000})
    plan = make_plan([shelf.wanted([data])], have)
    assert plan.ranges[0].offset == second.offset + 1000
    assert plan.bytes_to_fetch == table.pack.size - second.offset - 1000
    assert executed(plan, shelf, []) == [data]


def test_too_much_in_staging_counts_as_nothing() -> None:
    shelf = Shelf()
    data = noise(1, 500_000)
    table = shelf.cut([data])
    have = Have({}, (), {table.groups[0].digest: table.groups[0].stored + 1})
    assert make_plan([shelf.wanted([data])], have).bytes_to_fetch == table.pack.size - 8


def laid_out(*sizes: int, pack: str = "a") -> tuple[Table, tuple[Resource, ...]]:
    """A table of one-chunk groups of these sizes, and the resources that are these chunks."""
    digests = [sha256(f"{pack}{number}".encode()) for number in range(len(sizes))]
    chunks = Chunks.of(Chunk(whole(one), size) for one, size in zip(digests, sizes, strict=True))
    starts = accumulate(sizes, initial=8)
    groups = tuple(
        Group(digest, start, size, size, Codec.RAW, range(number, number + 1))
        for number, (digest, start, size) in enumerate(zip(digests, starts, sizes, strict=False))
    )
    table = Table(Stored(sha256(pack.encode()), 8 + sum(sizes)), groups, chunks, ())
    return table, tuple(map(Resource, digests, sizes))


def wanting(resources: Iterable[Resource], *tables: Table) -> Wanted:
    one = Shelf(tables=list(tables)).wanted([])
    return replace(one, feed=replace(one.feed, resources=tuple(resources)))


@pytest.mark.parametrize(("gap", "requests"), [(1, 1), (MAX_GAP, 1), (MAX_GAP + 1, 2)])
def test_a_small_gap_is_fetched_rather_than_asked_around(gap: int, requests: int) -> None:
    table, (first, _, last) = laid_out(1000, gap, 2000)
    plan = make_plan([wanting([first, last], table)], Have())
    assert plan.requests == requests
    assert plan.bytes_to_fetch == (3000 + gap if requests == 1 else 3000)
    assert [part.offset for part in plan.ranges] == [8, 1008 + gap][:requests]


def test_groups_of_different_packs_never_share_a_range() -> None:
    table, first = laid_out(1000, pack="a")
    other, second = laid_out(1000, pack="b")
    plan = make_plan([wanting([*first, *second], table, other)], Have())
    assert sorted(part.name for part in plan.ranges) == sorted(
        [pack_name(table.pack), pack_name(other.pack)]
    )


def test_ranges_come_in_the_order_of_the_lessons() -> None:
    table, resources = laid_out(1000, 100_000, 2000, 100_000, 3000)
    plan = make_plan([wanting([resources[4], resources[0], resources[2]], table)], Have())
    assert [part.length for part in plan.ranges] == [3000, 1000, 2000]


def test_pieces_that_follow_each_other_are_one() -> None:
    shelf = Shelf()
    data = noise(1, 900_000)
    table = shelf.cut([data])
    assert len(table.chunks) > 4
    fresh = make_plan([shelf.wanted([data])], Have())
    assert fresh.assemblies[0].pieces == (FromGroup(0, 0, len(data)),)
    tail = data + noise(2, 100)
    shelf.cut([tail])
    update = make_plan([shelf.wanted([tail])], having([data], table))
    kinds = [type(piece) for piece in update.assemblies[0].pieces]
    assert kinds == [FromSeed, FromGroup]


def test_a_resource_no_table_makes_is_refused() -> None:
    shelf = Shelf()
    shelf.cut([noise(1, 600_000)])
    with pytest.raises(FormatError, match="43/a, edition 1: no recipe makes") as caught:
        make_plan([shelf.wanted([noise(2, 600_000)])], Have())
    assert "release" in caught.value.hint


def test_a_recipe_for_another_size_is_refused() -> None:
    shelf = Shelf()
    data = noise(1, 600_000)
    shelf.cut([data])
    lying = Resource(sha256(data), len(data) - 1)
    with pytest.raises(FormatError, match="no recipe makes"):
        make_plan([wanting([lying], *shelf.tables)], Have())


@pytest.mark.parametrize("size", [2, 300_000])
def test_a_chunk_no_table_holds_is_refused(size: int) -> None:
    shelf = Shelf()
    shelf.held.update(chunk_id(piece) for piece in cut(BytesIO(noise(1, size))))
    shelf.cut([noise(1, size)])
    with pytest.raises(FormatError, match="no table holds chunk"):
        make_plan([shelf.wanted([noise(1, size)])], Have())


def test_a_chunk_of_another_length_is_refused() -> None:
    table, (one,) = laid_out(1000)
    with pytest.raises(FormatError, match="no table holds chunk"):
        make_plan([wanting([replace(one, size=999)], table)], Have())


def test_room_counts_resources_and_what_is_staged_at_the_worst_moment() -> None:
    table, resources = laid_out(100_000, 200_000)
    plan = make_plan([wanting(resources, table)], Have())
    # 25 and 49 blocks: the first is whole and its group gone when the second group is staged.
    assert plan.room_needed == (25 + 49 + 49) * 4096


def test_room_already_taken_by_staging_is_not_needed_again() -> None:
    table, resources = laid_out(100_000)
    have = Have(staged={table.groups[0].digest: 100_000})
    assert make_plan([wanting(resources, table)], have).room_needed == 25 * 4096


def test_the_schedule_says_what_is_whole_and_what_is_over() -> None:
    table, (one, two) = laid_out(1000, 2000)
    plan = make_plan([wanting([one, two], table)], Have())
    both = Assembly(Resource(sha256(b"both"), 3000), (FromGroup(1, 0, 9), FromGroup(0, 0, 9)))
    empty = Assembly(Resource(sha256(b""), 0), ())
    schedule = Schedule(plan.groups, (*plan.assemblies, both, empty))
    assert schedule.ready() == [3]
    assert schedule.finished(3) == ([], [])
    assert schedule.arrived(0) == [0]
    assert schedule.finished(0) == ([], [])
    assert schedule.arrived(1) == [1, 2]
    assert schedule.finished(2) == ([0], [])
    assert schedule.finished(1) == ([1], [])


SIZES = st.integers(0, 400_000)


@st.composite
def editions(draw: st.DrawFn) -> list[list[bytes]]:
    """Contents of one to three editions, each an edit of the one before."""
    contents = [noise(number, draw(SIZES)) for number in range(draw(st.integers(1, 4)))]
    series = [contents]
    for number in range(draw(st.integers(0, 2))):
        contents = list(contents)
        place = draw(st.integers(0, len(contents) - 1))
        data = contents[place]
        at = draw(st.integers(0, len(data)))
        contents[place] = data[:at] + b"edit %d" % number + data[at:]
        if draw(st.booleans()):
            contents.append(text(number, draw(SIZES)))
        series.append(contents)
    return series


@settings(max_examples=40, deadline=None)
@given(editions(), st.data())
def test_every_plan_makes_exactly_what_is_lacking(
    series: list[list[bytes]], data: st.DataObject
) -> None:
    shelf = Shelf()
    for contents in series:
        shelf.cut(contents)
    known = {sha256(each): each for contents in series for each in contents}
    kept = data.draw(st.sets(st.sampled_from(sorted(known))))
    tables = data.draw(st.lists(st.sampled_from(shelf.tables), unique_by=id))
    groups = [group for table in shelf.tables for group in table.groups]
    staged = {group.digest: data.draw(st.integers(0, group.stored)) for group in groups}
    have = Have({digest: len(known[digest]) for digest in kept}, tuple(tables), staged)

    plan = make_plan([shelf.wanted(series[-1])], have)

    lacking = [each for each in dict.fromkeys(series[-1]) if sha256(each) not in kept]
    assert executed(plan, shelf, [known[digest] for digest in kept]) == lacking
    assert plan.bytes_to_fetch <= sum(table.pack.size for table in shelf.tables)
    check_ranges(plan)


@settings(max_examples=40, deadline=None)
@given(editions(), st.data())
def test_lower_turns_come_first_whatever_collection_they_are_of(
    series: list[list[bytes]], data: st.DataObject
) -> None:
    shelf = Shelf()
    for contents in series:
        shelf.cut(contents)
    turns: dict[Digest, int] = {}

    def ordered(one: Wanted) -> Wanted:
        shares: dict[int, list[Resource]] = {}
        for each in one.feed.resources:
            turn = turns.setdefault(each.digest, data.draw(st.integers(0, 3)))
            shares.setdefault(turn, []).append(each)
        return replace(one, order=tuple(Share((turn,), tuple(shares[turn])) for turn in shares))

    wanted = [ordered(shelf.wanted(each, f"43/{name}")) for name, each in enumerate(series)]
    plan = make_plan(wanted, Have())
    made = [one.resource.digest for one in plan.assemblies]
    assert [turns[digest] for digest in made] == sorted(turns[digest] for digest in made)
    assert len(made) == len(set(made))
    assert set(executed(plan, shelf, [])) == {each for contents in series for each in contents}
    check_ranges(plan)


def check_ranges(plan: Plan) -> None:
    """Every missing group lies in exactly one range, in order; no two ranges overlap."""
    numbers = [number for part in plan.ranges for number in part.groups]
    missing = [number for number, group in enumerate(plan.groups) if not group.is_staged]
    assert sorted(numbers) == missing
    for part in plan.ranges:
        position = part.offset
        for number in part.groups:
            assert plan.groups[number].name == part.name
            assert plan.groups[number].start >= position
            position = plan.groups[number].end
        assert position == part.offset + part.length
    assert not any(overlap(one, other) for one, other in combinations(plan.ranges, 2))


def overlap(one: Range, other: Range) -> bool:
    apart = one.offset + one.length <= other.offset or other.offset + other.length <= one.offset
    return one.name == other.name and not apart
