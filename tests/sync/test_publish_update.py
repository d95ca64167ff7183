"""The parts of cutting an update pack: copies, similar files, groups, foreign groups, contents."""

import mmap
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from random import Random
from tempfile import TemporaryFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.chunker import Buffer
from sync.digest import Digest, sha256
from sync.directory import pack_name
from sync.errors import FormatError, InputRefused
from sync.feed import Resource
from sync.pack import PackWriter, Table, decode_group, decode_table
from sync.publish.packs import contents, copies, groups, similar
from sync.publish.packs.contents import FileContents, PackedContents
from sync.publish.packs.copies import MIN_COPY, Run, find_runs
from sync.publish.packs.foreign import Foreign
from sync.publish.packs.groups import Drafted, Effort, fill, pack_groups
from sync.publish.packs.items import Context, Item, Nature, make_item
from sync.publish.packs.similar import most_similar, sketch
from sync.publish.packs.sketchbook import SketchBook
from sync.recipe import Chunk, Chunks, Recipe, chunk_id
from sync.updates.parts import Literal, Part, Skip, Span, UpdateGroup
from tests.kit.editions import archive, edited
from tests.kit.packed import noise, resource, text


def mapped(data: bytes) -> mmap.mmap:
    with TemporaryFile() as file:
        file.write(data)
        file.flush()
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def joined(runs: list[Run], new: Buffer, olds: list[Buffer]) -> bytes:
    """The runs put together; new ones from their place in the new file."""
    sources = [*olds, new]
    return b"".join(bytes(sources[run.source][run.start : run.start + run.length]) for run in runs)


def check_runs(new: Buffer, olds: list[Buffer]) -> list[Run]:
    runs = find_runs(new, olds)
    assert joined(runs, new, olds) == bytes(new)
    assert all(run.length > 0 for run in runs)
    assert all(run.length >= MIN_COPY for run in runs if run.source >= 0)
    at = 0
    for run in runs:
        assert run.source >= 0 or run.start == at
        at += run.length
    return runs


@settings(max_examples=30)
@given(st.integers(0, 2**30), st.sampled_from([text, noise]))
def test_runs_put_together_give_the_file(seed: int, make: object) -> None:
    rng = Random(seed)
    olds: list[Buffer] = [
        (text if make is text else noise)(seed + number, rng.randint(0, 60_000))
        for number in range(rng.randint(0, 3))
    ]
    new = bytes(edited(rng, b"".join(map(bytes, rng.sample(olds, len(olds))))))
    check_runs(new, olds)
    check_runs(new, [*olds, new])


@given(st.binary(max_size=600), st.binary(max_size=600), st.integers(1, 40))
def test_runs_of_what_repeats_itself(one: bytes, other: bytes, times: int) -> None:
    check_runs(one * times + other * times, [other * times, one])


def test_an_edit_costs_about_itself() -> None:
    old = noise(1, 500_000)
    new = old[:100_000] + b"an edit" + old[100_000:300_000] + old[310_000:]
    runs = check_runs(new, [old])
    assert runs == [
        Run(0, 0, 100_000),
        Run(-1, 100_000, 7),
        Run(0, 100_000, 200_000),
        Run(0, 310_000, 190_000),
    ]
    assert find_runs(mapped(new), [mapped(old)]) == runs


def test_what_is_new_is_new() -> None:
    assert find_runs(noise(1, 50_000), [noise(2, 50_000)]) == [Run(-1, 0, 50_000)]
    assert find_runs(noise(1, 50_000), []) == [Run(-1, 0, 50_000)]
    assert find_runs(b"x", [b"x"]) == [Run(-1, 0, 1)]


def test_a_file_of_zeros_is_followed_in_few_steps() -> None:
    runs = check_runs(bytes(3_000_000), [bytes(2_000_000)])
    assert len(runs) <= 3


def test_sketches_are_the_same_and_alike_for_alike() -> None:
    data = text(1, 200_000)
    near = data[:90_000] + b"an edit" + data[90_000:]
    assert sketch(data) == sketch(bytes(data)) == sketch(mapped(data))
    common = len(sketch(data) & sketch(near)) / len(sketch(data))
    assert common > 0.9
    assert not sketch(noise(1, 50_000)) & sketch(noise(2, 50_000))
    assert len(sketch(noise(1, 3_000_000))) < 3_000_000 / 512 / 40


def sketches(files: dict[str, bytes]) -> dict[Digest, similar.Sketch]:
    return {Digest(name): sketch(data) for name, data in files.items()}


def test_the_most_similar_come_first_whoever_asks() -> None:
    base = noise(1, 60_000)
    old = sketches({"a": base[:20_000] + noise(2, 40_000), "b": base, "c": noise(3, 60_000)})
    new = sketches({"x": base + b"tail", "y": noise(4, 9_000)})
    assert most_similar(new, old) == {"x": ["b", "a"], "y": []}
    back = most_similar(old, new)
    assert back == {"a": ["x"], "b": ["x"], "c": []}
    turned = dict(reversed(old.items()))
    assert most_similar(new, turned) == most_similar(new, old)


def test_what_all_files_share_leads_nowhere_and_costs_little() -> None:
    """Work grows with the files, not with their pairs."""
    shared = noise(1, 30_000)
    old = sketches({f"{n:04}": shared + noise(n + 2, 2_000) for n in range(similar.COMMON + 50)})
    found = most_similar(sketches({"x": shared}), old)
    assert found == {"x": []}


def test_sketches_are_kept_and_may_be_lost(tmp_path: Path) -> None:
    data = text(1, 9_000)
    (tmp_path / "file").write_bytes(data)
    held = FileContents({sha256(data): tmp_path / "file"})
    path = tmp_path / "cache" / "book"
    first = SketchBook(path)
    assert first.of(resource(data), held) == sketch(data)
    first.save([resource(data)])
    (tmp_path / "file").unlink()
    assert SketchBook(path).of(resource(data), held) == sketch(data)  # not read again
    kept = path.read_bytes()
    (tmp_path / "file").write_bytes(data)
    for damaged in (b"", b"other", kept[:-1], kept[:20]):
        path.write_bytes(damaged)
        assert SketchBook(path).of(resource(data), held) == sketch(data)


LIMIT = 5_000


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "MAX_PAYLOAD", LIMIT)
    monkeypatch.setattr(groups, "MAX_PREFIX", 2 * LIMIT)


def context(seed: int, size: int) -> Context:
    data = text(seed, size)
    return Context(Span(sha256(data), 0, len(data)), data)


def item(seed: int, size: int, builds_on: int = 0) -> Item:
    data = text(seed, size)
    old = tuple(context(seed + 1 + number, 3 + seed % 3000) for number in range(builds_on))
    one = resource(data)
    return Item(one, (Literal(size),), data, old, (Context(Span(one.digest, 0, size), data),))


ITEMS = st.lists(
    st.builds(item, st.integers(0, 10**6), st.integers(3, 3 * LIMIT), st.integers(0, 3)),
    max_size=8,
    unique_by=lambda one: one.resource.digest,
)


def check_drafts(items: list[Item], drafts: list[Drafted]) -> None:
    made: dict[Digest, bytes] = {}
    sizes = {one.resource.digest: one.resource.size for one in items}
    for draft in drafts:
        payload = b"".join(draft.payload)
        assert 0 < len(payload) == draft.payload_size <= LIMIT
        assert sum(map(len, draft.builds_on.values())) == draft.prefix_size <= 2 * LIMIT
        at = 0
        for part in draft.parts:
            digest = part.resource.digest
            made[digest] = made.get(digest, b"") + payload[at : at + part.payload]
            at += part.payload
        assert at == len(payload)
        for offered in draft.offers:  # only what is whole by now can be built on
            assert len(made[offered.span.digest]) == sizes[offered.span.digest]
    assert made == {one.resource.digest: one.payload for one in items}


@settings(max_examples=50)
@given(ITEMS)
def test_groups_stay_within_their_bounds(items: list[Item]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "MAX_PAYLOAD", LIMIT)
        patch.setattr(groups, "MAX_PREFIX", 2 * LIMIT)
        check_drafts(items, list(fill(items)))


@pytest.mark.usefixtures("small_groups")
def test_context_farther_away_fills_what_room_is_left() -> None:
    [draft] = fill([item(1, 3000, builds_on=2)])
    near = list(draft.builds_on)
    draft.put_before([context(90, 2 * LIMIT), context(91, 500), context(92, 700)])
    assert list(draft.builds_on) == [context(91, 500).span, context(92, 700).span, *near]
    assert draft.prefix_size <= 2 * LIMIT


@pytest.mark.usefixtures("small_groups")
def test_groups_come_out_in_order_and_decode() -> None:
    items = [item(number, 2000 + number, builds_on=1) for number in range(12)]
    drafts = list(fill(items))
    packed = list(pack_groups(drafts, Effort(3, 3)))
    assert packed == list(pack_groups(drafts, Effort(3, 3)))
    for draft, one in zip(drafts, packed, strict=True):
        prefix = b"".join(draft.builds_on.values()) if one.group.prefix else b""
        plain = decode_group(one.group.group, one.stored, prefix, what="x")
        assert plain == b"".join(draft.payload)
        assert one.group.group.digest == sha256(one.stored)


def test_noise_is_stored_as_it_is_without_prefix() -> None:
    data = noise(1, 9000)
    one = Item(resource(data), (Literal(9000),), data, (context(1, 50),), ())
    [packed] = pack_groups(fill([one]), Effort(3, 3))
    assert packed.stored == data
    assert packed.group.prefix == ()


class Cut:
    """Resources in chunk packs, as an edition has them."""

    def __init__(self, root: Path, *packs: list[list[bytes]]) -> None:
        """``packs``: of each the resources, of each its chunks."""
        self.root = root
        self.tables: list[Table] = []
        held: set[bytes] = set()
        for files in packs:
            out = BytesIO()
            writer = PackWriter(out, level=1)
            recipes = []
            for pieces in files:
                chunks = [Chunk(chunk_id(piece), len(piece)) for piece in pieces]
                for piece in pieces:
                    if piece not in held:
                        held.add(piece)
                        writer.add(piece)
                if len(pieces) > 1:
                    data = b"".join(pieces)
                    recipes.append(Recipe(sha256(data), len(data), Chunks.of(chunks)))
            table, ref = writer.finish(recipes)
            path = root / pack_name(ref.pack)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(out.getvalue())
            self.tables.append(decode_table(table))

    def find(self, name: str) -> Path:
        return self.root / name

    def made(self, found: Iterator[UpdateGroup]) -> dict[Digest, bytes]:
        """What groups yield, read out of their packs."""
        made: dict[Digest, bytes] = {}
        for one in found:
            pack = self.find(pack_name(self.tables[one.home - 1].pack)).read_bytes()
            stored = pack[one.group.offset : one.group.offset + one.group.stored]
            plain = decode_group(one.group, stored, what="x")
            assert sum(part.payload for part in one.parts) == len(plain)
            at = 0
            for part in one.parts:
                for segment in part.segments:
                    if isinstance(segment, Literal):
                        digest = part.resource.digest
                        piece = plain[at : at + segment.length]
                        made[digest] = made.get(digest, b"") + piece
                    at += segment.length  # type: ignore[union-attr]  # literals and skips only
        return made


def pieces(seed: int, count: int, size: int = 200_000) -> list[bytes]:
    return [noise(seed * 100 + number, size) for number in range(count)]


def test_media_are_taken_from_where_they_lie(tmp_path: Path) -> None:
    video, picture, gone = pieces(1, 12), pieces(2, 1), pieces(3, 1, 30_000)
    cut = Cut(tmp_path, [video[:5], gone], [video, picture])
    wanted = [resource(b"".join(one)) for one in (video, picture)]
    foreign = Foreign(cut.tables, wanted)
    assert all(map(foreign.take, wanted))
    made = cut.made(foreign.groups())
    assert made == {sha256(b"".join(one)): b"".join(one) for one in (video, picture)}


def test_a_small_picture_among_other_things_is_left(tmp_path: Path) -> None:
    """Its group would come whole: cheaper to send the picture again."""
    picture, others = pieces(1, 1, 50_000), pieces(2, 4)
    cut = Cut(tmp_path, [picture, *([one] for one in others)])
    one = resource(picture[0])
    assert not Foreign(cut.tables, [one]).take(one)
    assert Foreign(cut.tables, [one, *(resource(each) for each in others)]).take(one)


def test_small_pictures_of_one_group_all_come_one_way(tmp_path: Path) -> None:
    """Some with the group and some as items would come twice, as a group comes whole."""
    pictures = pieces(1, 6, 20_000)
    cut = Cut(tmp_path, [[one] for one in pictures])
    wanted = [resource(one) for one in pictures]
    size = sum(map(len, pictures))
    asked: list[int] = []

    def together(members: Sequence[Resource], cost: int) -> int:
        asked.append(len(members))
        return cost

    dear = Foreign(cut.tables, wanted)
    assert all(dear.settle(one, lambda members: together(members, size)) for one in wanted)
    assert len(cut.made(dear.groups())) == 6
    cheap = Foreign(cut.tables, wanted)
    assert not any(cheap.settle(one, lambda members: together(members, 1000)) for one in wanted)
    assert not any(cheap.take(one) for one in wanted), "a group that is refused stays refused"
    assert list(cheap.groups()) == []
    assert asked == [6, 6], "once for each group"


def test_a_picture_over_several_groups_is_no_matter_of_one(tmp_path: Path) -> None:
    parts = pieces(1, 12)
    cut = Cut(tmp_path, [parts])
    whole = resource(b"".join(parts))
    assert not Foreign(cut.tables, [whole]).settle(whole, lambda _: 10**9)


def test_chunks_out_of_order_taken_or_missing_are_left(tmp_path: Path) -> None:
    parts = pieces(1, 4)
    turned, twice = [parts[1], parts[0]], [parts[3], parts[3]]
    cut = Cut(tmp_path, [parts, turned, twice])
    whole = [resource(b"".join(one)) for one in (parts, turned, twice)]
    foreign = Foreign(cut.tables, whole)
    assert [foreign.take(one) for one in whole] == [True, False, False]
    again = Foreign(cut.tables, whole)
    assert not again.take(whole[1])
    assert not again.take(resource(noise(99, 500)))
    assert list(again.groups()) == []


def test_parts_say_what_is_whose(tmp_path: Path) -> None:
    one, other = pieces(1, 1, 60_000), pieces(2, 1, 60_000)
    filler = pieces(3, 1, 5_000)
    cut = Cut(tmp_path, [filler, one, other])
    wanted = [resource(one[0]), resource(other[0])]
    foreign = Foreign(cut.tables, wanted)
    assert foreign.take(wanted[1])
    assert foreign.take(wanted[0])
    [group] = foreign.groups()
    assert group.parts == (
        Part(wanted[0], (Skip(5_000), Literal(60_000))),
        Part(wanted[1], (Literal(60_000),)),
    )
    assert group.home == 1


def test_packed_contents_are_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "GROUPS", 1)
    files = [pieces(1, 45), pieces(2, 1), [noise(3, 100_000), b"tail"], [text(4, 9_000)]]
    cut = Cut(tmp_path, files[:2], [files[0][:2] + files[2]], files[2:])
    found = PackedContents(cut.tables, cut)
    for one in (*files, files[0][:2] + files[2]):
        data = b"".join(one)
        read = found.read(resource(data))
        assert bytes(read) == data
        assert isinstance(read, mmap.mmap) == (len(data) > contents.IN_MEMORY)
        assert data.startswith(found.start(resource(data)))
        assert len(found.start(resource(data))) >= 16
    assert found.read(Resource(sha256(b""), 0)) == found.start(Resource(sha256(b""), 0)) == b""


def test_contents_that_are_lost_are_told(tmp_path: Path) -> None:
    cut = Cut(tmp_path, [pieces(1, 1)])
    with pytest.raises(FormatError, match="no pack holds chunk") as caught:
        PackedContents(cut.tables, cut).read(resource(b"never published"))
    assert "mirror" in caught.value.hint


def test_long_files_are_mapped(tmp_path: Path) -> None:
    data = noise(1, contents.IN_MEMORY + 1)
    (tmp_path / "long").write_bytes(data)
    read = FileContents({sha256(data): tmp_path / "long"}).read(resource(data))
    assert isinstance(read, mmap.mmap)
    assert bytes(read) == data


@pytest.mark.parametrize("size", [9_000, contents.IN_MEMORY + 1])
@pytest.mark.parametrize("later", [b"", b"other", None], ids=["empty", "other", "gone"])
def test_a_file_that_changed_since_is_refused(
    tmp_path: Path, size: int, later: bytes | None
) -> None:
    data = noise(1, size)
    path = tmp_path / "file"
    held = FileContents({sha256(data): path})
    path.write_bytes(data)
    assert bytes(held.read(resource(data))) == data
    if later is None:
        path.unlink()
    else:
        path.write_bytes(later)
    with pytest.raises(InputRefused) as caught:
        held.read(resource(data))
    assert caught.value.faults[0].where == str(path)
    assert "release` again" in caught.value.faults[0].cure


def test_runs_are_found_in_steps_not_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparing grows in steps: following a match of a megabyte takes some twenty of them."""
    steps = 0
    real = copies._strides

    def counted(limit: int) -> Iterator[int]:
        nonlocal steps
        for size in real(limit):
            steps += 1
            yield size

    monkeypatch.setattr(copies, "_strides", counted)
    old = noise(1, 4_000_000)
    check_runs(old[:2_000_000] + b"x" + old[2_000_000:], [old])
    assert steps < 60


@pytest.mark.usefixtures("small_groups")
def test_only_a_whole_file_is_offered_to_later_groups() -> None:
    """A document that fills more than a group: no context until all of it is made."""
    document = archive({f"{number}.xml": text(number, 2_000) for number in range(4)})
    one = make_item(resource(document), document, Nature.DOCUMENT, [])
    assert one is not None
    drafts = list(fill([one]))
    assert [bool(draft.offers) for draft in drafts] == [False, True]
    assert {draft.parts[0].resource for draft in drafts} == {resource(document)}
