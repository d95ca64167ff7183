"""Update packs from end to end: published for real, planned, applied, and all that can fail."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from sync import apply, carry, compression
from sync.apply import Applied
from sync.carry import Carrier
from sync.digest import Digest, sha256
from sync.directory import CollectionEntry, older_routes_name, routes_name, update_name
from sync.errors import NoSource
from sync.feed import Feed, plain_bytes
from sync.fetch import Start, fetch_tables, fetch_wanted
from sync.library import Store
from sync.plan import (
    Assembly,
    FromSeed,
    Piece,
    Plan,
    Remade,
    Share,
    Unplanned,
    make_plan,
)
from sync.progress import Silent
from sync.publish import stage
from sync.publish.packs import contents, documents, groups, items, routes, update
from sync.publish.packs.documents import Sent
from sync.publish.packs.items import Context
from sync.publish.packs.update import cut_update
from sync.publish.workspace import Shelf, routes_on
from sync.seed import kept_tables, survey
from sync.transport.volume import VolumeTransport
from sync.updates.head import Base, encode_head
from sync.updates.opened import given
from sync.updates.parts import Deflated, Span, UpdateGroup
from tests.kit.editions import (
    COLLECTION,
    Executed,
    Files,
    History,
    archive,
    feed_bytes,
    gzipped,
    publish,
    store_at,
    tarred,
)
from tests.kit.packed import holds, noise, text
from tests.kit.province import Province


@dataclass
class Published:
    """A repository with every edition of a history."""

    repository: Path
    editions: list[tuple[CollectionEntry, Files]]

    def store(self, folder: Path, back: int) -> tuple[Store, dict[str, CollectionEntry]]:
        """A box ``back`` editions behind the last, and what it holds; 0: a new box."""
        entry, files = self.editions[-1 - back] if back else (None, {})
        store = store_at(folder / f"box{back}", self.repository, entry, files)
        return store, {COLLECTION: entry} if entry else {}

    def carrier(self, store: Store, held: dict[str, CollectionEntry]) -> Carrier:
        return Carrier(VolumeTransport(self.repository), store, Silent(), held)

    def bring(self, folder: Path, back: int = 1) -> tuple[Store, Applied]:
        store, held = self.store(folder, back)
        done = self.carrier(store, held).carry([self.editions[-1][0]])
        assert holds(store, self.editions[-1][1].values())
        return store, done

    @property
    def update(self) -> Path:
        """The update pack from the edition before."""
        entry = self.editions[-1][0]
        [near] = [one for one in entry.updates if one.base == entry.edition - 1]
        return self.repository / update_name(near.pack)

    @property
    def head_size(self) -> int:
        entry = self.editions[-1][0]
        return next(one.head.size for one in entry.updates if one.base == entry.edition - 1)


def publish_all(folder: Path, editions: list[Files]) -> Published:
    province = Province.create(folder)
    found = [(publish(province, files), files) for files in editions]
    return Published(
        province.repository,
        list({entry.edition: (entry, files) for entry, files in found}.values()),
    )


@pytest.fixture
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    lower(monkeypatch)


def lower(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(items, "LARGE", 150_000)
    patch.setattr(items, "LARGE_MEDIA", 100_000)
    patch.setattr(contents, "IN_MEMORY", 120_000)


@pytest.mark.usefixtures("small_is_large")
@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 40))]
)
def test_any_history_comes_in_from_any_edition(tmp_path: Path, seed: int) -> None:
    history = History(seed)
    published = publish_all(tmp_path, [dict(history.files), *(history.step() for _ in range(4))])
    last, files = published.editions[-1]
    for back in range(len(published.editions)):
        store, held = published.store(tmp_path, back)
        check_plan(published, store, held)
        done = published.carrier(store, held).carry([last])
        assert holds(store, files.values())
        assert not done.unsound
        assert not done.refused


def check_order(plan: Plan, ranked: Sequence[Digest]) -> None:
    """No request comes before those that what ranks higher waits for."""
    makers = {one.resource.digest: one for one in plan.assemblies}
    needed: set[int] = set()
    for digest in filter(makers.__contains__, ranked):
        needed |= groups_of(digest, plan, makers)
        asked = [not needed.isdisjoint(part.groups) for part in plan.ranges]
        assert asked == sorted(asked, reverse=True)


def groups_of(digest: Digest, plan: Plan, makers: Mapping[Digest, Assembly]) -> set[int]:
    """The groups that a resource is made of, and what these and its copies need in turn."""
    found: set[int] = set()
    waiting, seen = [digest], {digest}
    while waiting:
        one = makers[waiting.pop()]
        found |= set(one.groups)
        spans = (span.digest for group in one.groups for span in plan.groups[group].prefix)
        copies = (piece.resource for piece in inside(one.pieces) if isinstance(piece, FromSeed))
        for other in {*spans, *copies} & makers.keys() - seen:
            seen.add(other)
            waiting.append(other)
    return found


def inside(pieces: Iterable[Piece]) -> Iterator[Piece]:
    for piece in pieces:
        yield from inside(piece.pieces) if isinstance(piece, Remade) else (piece,)


def check_plan(published: Published, store: Store, held: dict[str, CollectionEntry]) -> None:
    """A plan makes what is lacking from what it names alone, and never costs more than chunks."""
    last, files = published.editions[-1]
    transport = VolumeTransport(published.repository)
    wanted = fetch_wanted(last, Start(held.get(COLLECTION)), transport, store, short=0)
    tables = fetch_tables(last, transport, store)
    have = survey(store, kept_tables(store))
    declared = {digest: store.library.path(digest).read_bytes() for digest in have.resources}
    declared[last.feed.plain.digest] = feed_bytes(published.repository, last)
    both = make_plan([replace(wanted, tables=tables)], have)
    alone = make_plan([replace(wanted, tables=tables, steps=())], have)
    without = make_plan([replace(wanted, tables=tables)], replace(have, deflates=False))
    turns = tuple(Share((-turn,), (each,)) for turn, each in enumerate(wanted.resources))
    backwards = make_plan([replace(wanted, tables=tables, order=turns)], have)
    assert backwards.files == both.files
    check_order(backwards, [each.digest for each in reversed(wanted.resources)])
    plans = [both, alone, without, backwards]
    with suppress(Unplanned):
        plans.append(make_plan([replace(wanted, tables=())], have))
    assert both.bytes_to_fetch <= alone.bytes_to_fetch
    assert not any(isinstance(one, Remade) for each in without.assemblies for one in each.pieces)
    lacking = {sha256(data) for data in files.values()} - have.resources.keys()
    for plan in plans:
        made = Executed(plan, published.repository, declared).made()
        assert lacking <= made.keys()
        assert all(sha256(data) == digest for digest, data in made.items())


OLD_DOCX = {"a.xml": text(1, 30_000), "b.xml": text(2, 30_000)}
NEW_DOCX = {"a.xml": text(1, 30_000), "b.xml": text(2, 15_000) + b"<new/>" + text(3, 15_000)}
OLD: Files = {
    "l1.txt": text(4, 40_000),
    "l1.docx": archive(OLD_DOCX),
    "l2.bin": noise(5, 300_000) + text(6, 300_000),
}
NEW: Files = {
    "l1.txt": OLD["l1.txt"][:20_000] + b"one more exercise" + OLD["l1.txt"][20_000:],
    "l1.docx": archive(NEW_DOCX),
    "l2.bin": OLD["l2.bin"][:150_000] + noise(7, 900) + OLD["l2.bin"][150_000:],
    "l3.txt": text(8, 9_000),
    "l3.mp4": b"\0\0\0\x18ftyp" + noise(9, 70_000),
}


@pytest.fixture(scope="module")
def published_pair(tmp_path_factory: pytest.TempPathFactory) -> Published:
    with pytest.MonkeyPatch.context() as patch:
        lower(patch)
        return publish_all(tmp_path_factory.mktemp("pair"), [OLD, NEW])


@pytest.fixture
def pair(published_pair: Published, tmp_path: Path) -> Published:
    """A copy of the repository, to be spoilt."""
    copy = shutil.copytree(published_pair.repository, tmp_path / "repository")
    return Published(copy, published_pair.editions)


def test_an_update_costs_little(pair: Published, tmp_path: Path) -> None:
    assert pair.update.stat().st_size < 75_000  # 70,000 of them a new picture
    _, done = pair.bring(tmp_path)
    assert done.requests == 0  # all came with the head
    assert done.bytes_reused >= 600_000


def spoil(path: Path, at: int, *, keep: bool = False) -> None:
    """Turn one bit of a file, which may be read-only."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def cut_off(path: Path, size: int) -> None:
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:size])


SPOILT: dict[str, Callable[[Published], object]] = {
    "missing": lambda each: each.update.unlink(),
    "empty": lambda each: cut_off(each.update, 0),
    "head cut": lambda each: cut_off(each.update, 100),
    "head flipped": lambda each: spoil(each.update, 100),
    "group flipped": lambda each: spoil(each.update, each.head_size + 5),
    "all groups flipped": lambda each: flip_groups(each),
}


def flip_groups(published: Published) -> None:
    for at in range(published.head_size, published.update.stat().st_size, 50):
        spoil(published.update, at)


@pytest.mark.parametrize("fault", SPOILT)
def test_a_spoilt_update_pack_costs_only_the_fallback(
    pair: Published, tmp_path: Path, fault: str
) -> None:
    """A short one, which is read whole."""
    SPOILT[fault](pair)
    pair.bring(tmp_path)


@pytest.mark.parametrize("size", [0, 5])
def test_a_copy_that_is_not_complete_is_said_to_be_so(
    pair: Published, tmp_path: Path, size: int
) -> None:
    cut_off(pair.update, pair.head_size + size)
    with pytest.raises(NoSource, match="early") as caught:
        pair.bring(tmp_path)
    assert "copy it again" in caught.value.hint


@pytest.mark.parametrize("fault", ["missing", "head flipped", "group flipped", "head cut"])
def test_a_spoilt_long_update_pack_costs_only_the_fallback(
    pair: Published, tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long one, of which ranges are asked for."""
    monkeypatch.setattr("sync.carry.SHORT", 0)
    SPOILT[fault](pair)
    if fault == "head cut":
        with pytest.raises(NoSource, match="early"):
            pair.bring(tmp_path)
    else:
        pair.bring(tmp_path)


def test_an_update_pack_that_is_gone_when_it_is_wanted(
    pair: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its head is kept from yesterday; meanwhile the publisher removed it."""
    monkeypatch.setattr("sync.carry.SHORT", 0)
    store, held = pair.store(tmp_path, 1)
    carrier = pair.carrier(store, held)
    carrier.plan([pair.editions[-1][0]])
    pair.update.unlink()
    carrier.carry([pair.editions[-1][0]])
    assert holds(store, NEW.values())


def test_a_publisher_whose_groups_make_something_else(
    tmp_path: Path, small_is_large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = compression.compress_with

    def lying(prefix: bytes, data: bytes, *, level: int = 19) -> bytes:
        return real(prefix, data[:-1] + bytes([data[-1] ^ 1]), level=level)

    with monkeypatch.context() as patch:
        patch.setattr(compression, "compress_with", lying)
        patch.setattr(update, "encode_head", honest_head(real))
        published = publish_all(tmp_path, [OLD, NEW])
    _, done = published.bring(tmp_path)
    assert done.unsound == (f"updates/{published.update.stem[:2]}/{published.update.name}",)
    assert done.quarantined == ()


def honest_head(real: Callable[..., bytes]) -> Callable[..., bytes]:
    """The head's own delta is compressed as it should be."""

    def encode(*arguments: Any) -> bytes:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compression, "compress_with", real)
            return encode_head(*arguments)

    return encode


def test_a_pack_whose_groups_do_not_end_where_it_ends(
    tmp_path: Path, small_is_large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def longer(base: Base, new: Feed, found: Sequence[UpdateGroup]) -> bytes:
        group = replace(found[0].group, stored=found[0].group.stored + 1)
        return encode_head(base, new, [replace(found[0], group=group), *found[1:]])

    with monkeypatch.context() as patch:
        patch.setattr(update, "encode_head", longer)
        published = publish_all(tmp_path, [OLD, NEW])
    published.bring(tmp_path)


def test_a_damaged_seed_is_set_aside_and_the_edition_comes_in(
    pair: Published, tmp_path: Path
) -> None:
    for name in OLD:
        store, held = pair.store(tmp_path / name, 1)
        digest = sha256(OLD[name])
        spoil(store.library.path(digest), 20_000 if name != "l1.docx" else 60)
        done = pair.carrier(store, held).carry([pair.editions[-1][0]])
        assert holds(store, NEW.values())
        assert done.quarantined == (digest,)
        assert not store.library.has(digest)


def test_a_missing_seed_is_planned_around(pair: Published, tmp_path: Path) -> None:
    store, held = pair.store(tmp_path, 1)
    for data in OLD.values():
        store.library.remove(sha256(data))
    pair.carrier(store, held).carry([pair.editions[-1][0]])
    assert holds(store, NEW.values())


@pytest.mark.parametrize("damage", ["flipped", "missing"])
def test_a_damaged_feed_of_the_held_edition(pair: Published, tmp_path: Path, damage: str) -> None:
    store, held = pair.store(tmp_path, 1)
    path = store.feeds.path(held[COLLECTION].feed.plain.digest)
    spoil(path, 30) if damage == "flipped" else path.unlink()
    pair.carrier(store, held).carry([pair.editions[-1][0]])
    assert holds(store, NEW.values())


def test_staged_groups_damaged_by_a_power_cut_are_fetched_again(
    pair: Published, tmp_path: Path
) -> None:
    store, held = pair.store(tmp_path, 1)
    carrier = pair.carrier(store, held)
    carrier.plan([pair.editions[-1][0]])
    staged = list(store.groups.sizes())
    assert staged
    for digest in staged:
        spoil(store.groups.path(digest), 3)
    done = carrier.carry([pair.editions[-1][0]])
    assert holds(store, NEW.values())
    assert done.unsound == ()


def test_a_machine_whose_deflate_is_another_does_without(
    pair: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carry, "reproduces", lambda asked: not asked)
    _, done = pair.bring(tmp_path)
    assert done.unsound == ()


def test_a_machine_whose_deflate_lies_about_itself(
    pair: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apply, "deflate", lambda *_: iter([b"another stream"]))
    _, done = pair.bring(tmp_path)
    assert len(done.unsound) == 1


SCRIPTS = {f"{number}.js": text(number, 9_000) for number in range(5)}
CHANGED = SCRIPTS | {"2.js": SCRIPTS["2.js"][:4000] + b"// edited" + SCRIPTS["2.js"][4000:]}


def kit(scripts: Files) -> Files:
    """Compressed scripts beside their plain ones, in a compressed TAR, in a ZIP."""
    packed = {f"{name}.gz": gzipped(data, 9) for name, data in scripts.items()}
    cover = noise(1, 30_000)  # by which the old file is found: all else changes
    return {"l1.zip": archive({"cover.png": cover, "kit": gzipped(tarred(scripts | packed))})}


@pytest.mark.parametrize("payload", [2**24, 25_000, 4_000])
def test_streams_within_streams_come_in_over_any_number_of_groups(
    tmp_path: Path, payload: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "MAX_PAYLOAD", payload)
    published = publish_all(tmp_path, [kit(SCRIPTS), kit(CHANGED)])
    store, held = published.store(tmp_path, 1)
    plan = published.carrier(store, held).plan([published.editions[-1][0]])
    [one] = plan.assemblies
    assert depth(one.pieces) == 3
    assert (len(one.groups) > 1) == (payload < 2**24)
    done = published.carrier(store, held).execute(plan)
    assert holds(store, kit(CHANGED).values())
    assert not done.unsound
    if payload == 2**24:
        assert published.update.stat().st_size < 900


def test_what_several_groups_build_on_is_opened_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def counted(span: Span, data: Any) -> Any:
        opened.append(span)
        return given(span, data)

    monkeypatch.setattr(groups, "MAX_PAYLOAD", 25_000)
    monkeypatch.setattr("sync.context.given", counted)
    published = publish_all(tmp_path, [kit(SCRIPTS), kit(CHANGED)])
    published.bring(tmp_path)
    assert len(opened) == len(set(opened)) == 1


def depth(pieces: Sequence[Piece]) -> int:
    return max((1 + depth(one.pieces) for one in pieces if isinstance(one, Remade)), default=0)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_stream_that_does_not_come_out_as_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    """Another memory level than the publisher found: it is longer than it says, at any depth."""
    real = documents.Sent.put

    def lying(self: Sent, data: bytes, *arguments: Any) -> Any:
        opened = real(self, data, *arguments)
        if data == kit(CHANGED)["l1.zip"]:
            streams = [at for at, one in enumerate(self.segments) if isinstance(one, Deflated)]
            stream = self.segments[streams[place]]
            assert isinstance(stream, Deflated)
            how = replace(stream.parameters, memory=1)
            self.segments[streams[place]] = replace(stream, parameters=how)
        return opened

    monkeypatch.setattr(documents.Sent, "put", lying)
    published = publish_all(tmp_path, [kit(SCRIPTS), kit(CHANGED)])
    _, done = published.bring(tmp_path)
    assert len(done.unsound) == 1
    assert done.quarantined == ()


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> Published:
    editions = [{"l1.txt": text(1, 50_000), "l2.bin": noise(2, 20_000)}]
    for number in range(2, 9):
        before = editions[-1]["l1.txt"]
        edit = before[: number * 4000] + b"edition %d" % number + before[number * 4000 :]
        editions.append({"l1.txt": edit, "l2.bin": noise(2, 20_000), "l3.bin": noise(number, 5000)})
    return publish_all(tmp_path_factory.mktemp("eight"), editions)


@pytest.mark.parametrize("back", [1, 2, 3, 5, 7])
def test_boxes_that_are_behind_go_by_several_packs(
    eight: Published, tmp_path: Path, back: int
) -> None:
    store, held = eight.store(tmp_path, back)
    steps = fetch_wanted(
        eight.editions[-1][0], Start(held[COLLECTION]), VolumeTransport(eight.repository), store
    ).steps
    assert [step.entry.edition for step in steps][-1] == 8
    assert len(steps) == {1: 1, 2: 2, 3: 1, 5: 3, 7: 3}[back]
    done = eight.carrier(store, held).carry([eight.editions[-1][0]])
    assert holds(store, eight.editions[-1][1].values())
    assert done.bytes_fetched < 7_000
    assert done.unsound == ()


def test_a_gap_in_the_way_costs_only_the_fallback(eight: Published, tmp_path: Path) -> None:
    store, held = eight.store(tmp_path, 2)
    hidden = eight.update.rename(tmp_path / "hidden")
    try:
        eight.carrier(store, held).carry([eight.editions[-1][0]])
    finally:
        hidden.rename(eight.update)
    assert holds(store, eight.editions[-1][1].values())


def lists(published: Published) -> dict[str, Path]:
    """The lists of update packs: the first, and the next."""
    entry = published.editions[-1][0]
    assert entry.routes is not None
    known = routes_on(Shelf([published.repository]))(entry)
    older, *_ = known.older
    return {
        "first": published.repository / routes_name(entry.routes),
        "older": published.repository / older_routes_name(older),
    }


@pytest.mark.parametrize("fault", ["missing", "flipped", "cut"])
@pytest.mark.parametrize(("which", "back"), [("first", 3), ("older", 5), ("older", 3)])
def test_a_spoilt_list_of_update_packs_costs_only_the_fallback(
    eight: Published, tmp_path: Path, which: str, back: int, fault: str
) -> None:
    """And nothing at all where it is not needed."""
    path = lists(eight)[which]
    whole = path.read_bytes()
    path.chmod(0o644)
    if fault == "flipped":
        spoil(path, len(whole) // 2)
    else:
        cut_off(path, 9) if fault == "cut" else path.unlink()
    store, held = eight.store(tmp_path, back)
    carrier = eight.carrier(store, held)
    try:
        if fault == "cut" and (which, back) != ("older", 3):
            with pytest.raises(NoSource, match="early"):
                carrier.carry([eight.editions[-1][0]])
        else:
            done = carrier.carry([eight.editions[-1][0]])
            assert holds(store, eight.editions[-1][1].values())
            assert done.bytes_fetched < 7_000 or (which, back) != ("older", 3)
    finally:
        path.write_bytes(whole)


class Asked(VolumeTransport):
    """Remembers which files it was asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.names: list[str] = []

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        self.names.append(name)
        return super().stream(name, offset=offset, length=length)


@pytest.mark.parametrize(("back", "read"), [(1, 0), (3, 1), (2, 2), (5, 2), (7, 3)])
def test_only_the_lists_that_help_are_read(
    eight: Published, tmp_path: Path, back: int, read: int
) -> None:
    store, held = eight.store(tmp_path, back)
    source = Asked(eight.repository)
    start = Start(held[COLLECTION])
    steps = fetch_wanted(eight.editions[-1][0], start, source, store).steps
    assert len({name for name in source.names if name.startswith("routes/")}) == read
    assert steps


def test_two_groups_of_the_same_bytes_and_other_context(tmp_path: Path) -> None:
    """Two files of the same length get the same end: both frames say "all there is, then that"."""
    province = Province.create(tmp_path)
    names = ("43/music-1a", "43/music-1b")
    old = {name: b"<" + noise(number, 3000) for number, name in enumerate(names)}
    new = {name: data + b"the same end" for name, data in old.items()}
    entries = []
    for files in (old, new):
        province.publish({name: {"l1.bin": data} for name, data in files.items()})
        entries.append(stage.base(province.workspace, province.roles).directory.collections)
    store = Store(tmp_path / "box")
    for entry in entries[0]:
        plain = feed_bytes(province.repository, entry)
        store.feeds.put(entry.feed.plain.digest, plain)
        store.library.put(sha256(old[entry.id]), old[entry.id])
    held = {entry.id: entry for entry in entries[0]}
    carrier = Carrier(VolumeTransport(province.repository), store, Silent(), held)
    plan = carrier.plan(entries[1])
    assert len({planned.group.digest for planned in plan.groups}) == 1
    done = carrier.execute(plan)
    assert holds(store, new.values())
    assert done.unsound == ()


def test_a_feed_that_is_context_is_damaged(
    tmp_path: Path, small_is_large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A publisher may take the new feed as context; the box's copy of it can be damaged."""
    real = groups._pack

    with monkeypatch.context() as patch:
        entry_feed: list[bytes] = []

        def cut_with_feed(request: Any, *arguments: Any, **options: Any) -> Any:
            entry_feed[:] = [plain_bytes(request.new.feed)]
            return cut_update(request, *arguments, **options)

        def with_feed(draft: Any, effort: groups.Effort) -> Any:
            [plain] = entry_feed
            draft.put_before([Context(Span(sha256(plain), 0, len(plain)), plain)])
            return real(draft, effort)

        patch.setattr(routes, "cut_update", cut_with_feed)
        patch.setattr(groups, "_pack", with_feed)
        published = publish_all(tmp_path, [OLD, NEW])
    entry = published.editions[-1][0]
    published.bring(tmp_path / "sound")
    store, held = published.store(tmp_path, 1)
    carrier = published.carrier(store, held)
    plan = carrier.plan([entry])
    assert any(span.digest == entry.feed.plain.digest for one in plan.groups for span in one.prefix)
    cut_off(store.feeds.path(entry.feed.plain.digest), 40)
    carrier.execute(plan)
    assert holds(store, NEW.values())
