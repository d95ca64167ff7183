"""Apply on real folders: what it makes, what it leaves when it is stopped, what it refuses."""

import multiprocessing
import os
import shutil
import signal
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sync import files, library
from sync.apply import FLOOR, PATIENCE, Applied, apply, check_room
from sync.digest import Digest, sha256
from sync.directory import CollectionEntry, pack_name
from sync.errors import BudgetSpent, FormatError, NoRoom, NoSource, NotThere, ProofFailed
from sync.library import Store
from sync.pack import MAX_GROUP
from sync.plan import MAX_GAP, Plan, make_plan
from sync.progress import Silent
from sync.recipe import Chunks
from sync.seed import survey
from sync.transport.allowance import REQUEST, Allowance, Purse
from sync.transport.meter import Meter
from sync.transport.pool import Pool, Priced
from sync.transport.volume import VolumeTransport
from sync.updates.parts import MAX_PAYLOAD
from tests.kit.packed import Packed, bring, execute, holds, noise, plan_for, text, want

CONTENTS = [noise(1, 2_500_000), text(2, 700_000), b"", b"small", noise(3, 1_200_000)]


@pytest.fixture
def packed(tmp_path: Path) -> Packed:
    return Packed(tmp_path / "repository")


@pytest.fixture
def source(packed: Packed) -> Meter:
    return Meter(VolumeTransport(packed.root))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "box")


def edited(contents: list[bytes]) -> list[bytes]:
    first = contents[0]
    return [first[:900_000] + b"a better example" + first[900_000:], *contents[1:], b"new"]


def staged(store: Store) -> int:
    return sum(store.groups.sizes().values())


def flip(path: Path, at: int) -> None:
    """Change one byte of a file."""
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


def test_a_new_box_gets_everything(packed: Packed, source: Meter, store: Store) -> None:
    entry = packed.release(CONTENTS)
    plan = plan_for([entry], source, store)
    done = execute(plan, source, store)
    assert holds(store, CONTENTS)
    assert done == Applied(
        resources_new=5,
        bytes_new=sum(map(len, CONTENTS)),
        bytes_fetched=plan.bytes_to_fetch,
        requests=plan.requests,
    )
    assert store.groups.sizes() == {}
    assert bring(entry, source, store) == Applied()


def test_an_update_reuses_what_is_there(packed: Packed, source: Meter, store: Store) -> None:
    bring(packed.release(CONTENTS), source, store)
    entry = packed.release(edited(CONTENTS))
    plan = plan_for([entry], source, store)
    before = source.bytes
    done = execute(plan, source, store)
    assert holds(store, edited(CONTENTS))
    assert (done.resources_new, done.requests) == (2, 1)
    assert done.bytes_reused == plan.bytes_reused > 2_000_000
    assert source.bytes - before == done.bytes_fetched == plan.bytes_to_fetch < 500_000


def test_progress_is_told(packed: Packed, source: Meter, store: Store) -> None:
    class Told(Silent):
        steps: list[tuple[str, int]] = []  # noqa: RUF012 - one instance, one test
        done = 0

        def step(self, name: str, *, total: int = 0, unit: str = "B") -> None:
            self.steps.append((f"{name} {unit}", total))

        def advance(self, count: int) -> None:
            self.done += count

    plan = plan_for([packed.release(CONTENTS)], source, store)
    told = Told()
    apply(plan, source, store, told)
    assert told.steps == [("fetch B", plan.bytes_to_fetch)]
    assert told.done == plan.bytes_to_fetch


class Watched:
    """A transport that calls ``look`` before each block."""

    def __init__(self, inner: Meter, look: Callable[[], None]) -> None:
        self._inner = inner
        self._look = look

    @property
    def label(self) -> str:
        return self._inner.label

    def read(self, name: str, *, limit: int) -> bytes:
        return self._inner.read(name, limit=limit)

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        for block in self._inner.stream(name, offset=offset, length=length):
            self._look()
            yield block


def on_disk(store: Store) -> int:
    paths = [path for path in store.root.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in paths)


def test_first_lessons_are_whole_before_the_last_bytes_come(
    packed: Packed, source: Meter, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "BATCH_FILES", 1)
    plan = plan_for([packed.release(CONTENTS)], source, store)
    seen: list[int] = []
    execute(plan, Watched(source, lambda: seen.append(len(store.library.sizes()))), store)
    assert (seen[0], seen[-1]) == (1, 4), seen


def test_the_plan_says_how_much_room_is_needed(packed: Packed, source: Meter, store: Store) -> None:
    plan = plan_for([packed.release(CONTENTS)], source, store)
    before = on_disk(store)
    most = [0]
    execute(plan, Watched(source, lambda: most.append(on_disk(store) - before)), store)
    rounding = 4096 * 12
    assert max(most) <= plan.room_needed + plan.bytes_to_fetch, "groups stay until a batch ends"
    assert plan.room_needed <= sum(map(len, CONTENTS)) + 4 * MAX_GROUP + rounding


def test_staging_stays_small(
    packed: Packed, source: Meter, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never more than a batch, the largest resource and a group, although one request has all."""
    monkeypatch.setattr(library, "BATCH_BYTES", 1)
    contents = [noise(seed, 1_500_000) for seed in range(6)]
    most = [0]
    entry = packed.release(contents)
    bring(entry, source, Store(store.root / "other"))
    plan = plan_for([entry], source, store)
    assert plan.requests == 1
    execute(plan, Watched(source, lambda: most.append(staged(store))), store)
    assert max(most) <= 2 * 1_500_000 + 2 * MAX_GROUP


def test_memory_does_not_grow_with_the_resource(
    packed: Packed, source: Meter, store: Store
) -> None:
    data = noise(1, 48_000_000)
    plan = plan_for([packed.release([data])], source, store)
    tracemalloc.start()
    try:
        execute(plan, source, store)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert store.library.proves(sha256(data))
    assert peak < MAX_PAYLOAD + 4 * MAX_GROUP


# --- no room ---------------------------------------------------------------------------------


def test_without_room_nothing_is_written(
    packed: Packed, source: Meter, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_for([packed.release(CONTENTS)], source, store)
    free = plan.room_needed + plan.bytes_to_fetch + FLOOR
    monkeypatch.setattr(files, "free_space", lambda _: free - 1)
    requests = source.requests
    with pytest.raises(NoRoom, match=r"9 MiB are needed and 64 MiB must stay free") as caught:
        execute(plan, source, store)
    assert caught.value.exit_code == 6
    assert caught.value.hint
    assert source.requests == requests
    assert store.library.sizes() == store.groups.sizes() == {}
    free += 1
    execute(plan, source, store)
    assert holds(store, CONTENTS)


def test_an_empty_plan_needs_no_room(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "free_space", lambda _: 0)
    check_room(make_plan([], survey(store, ())), store)


# --- stopped -----------------------------------------------------------------------------------


class Cut:
    """A source whose line breaks after ``left`` bytes."""

    def __init__(self, inner: Meter, left: int, stop: Callable[[], None]) -> None:
        self._inner = inner
        self._left = left
        self._stop = stop

    @property
    def label(self) -> str:
        return self._inner.label

    def read(self, name: str, *, limit: int) -> bytes:
        return self._inner.read(name, limit=limit)

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        for block in self._inner.stream(name, offset=offset, length=length):
            part = block[: self._left]
            self._left -= len(part)
            if part:
                yield part
            if not self._left:
                self._stop()


def break_line() -> None:
    raise NoSource("the line broke")


@pytest.mark.parametrize("cut", [1, 100_000, 1_048_000, 1_100_000, 2_600_000, 4_400_000])
def test_a_broken_transfer_goes_on_where_it_stopped(
    cut: int, packed: Packed, source: Meter, store: Store
) -> None:
    entry = packed.release([noise(1, 2_500_000), noise(2, 2_000_000)])
    plan = plan_for([entry], source, store)
    with pytest.raises(NoSource, match="the line broke"):
        execute(plan, Cut(source, cut, break_line), store)
    before = source.bytes
    done = bring(entry, source, store)
    assert holds(store, [noise(1, 2_500_000), noise(2, 2_000_000)])
    assert done.bytes_fetched == source.bytes - before == plan.bytes_to_fetch - cut
    assert store.groups.sizes() == {}


def test_a_source_that_ends_early_is_no_source(packed: Packed, source: Meter, store: Store) -> None:
    class Short(Watched):
        def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
            yield from self._inner.stream(name, offset=offset, length=length - 1)

    plan = plan_for([packed.release(CONTENTS)], source, store)
    with pytest.raises(NoSource, match="ended 1 bytes too early"):
        execute(plan, Short(source, lambda: None), store)


def test_a_missing_pack_is_named(packed: Packed, source: Meter, store: Store) -> None:
    entry = packed.release(CONTENTS)
    plan = plan_for([entry], source, store)
    (packed.root / pack_name(entry.packs[0].pack)).unlink()
    with pytest.raises(NotThere, match=entry.packs[0].pack.digest):
        execute(plan, source, store)


def killed_at(box: Path, repository: Path, entry: CollectionEntry, event: int) -> None:
    """Bring ``entry``, but die without warning at the ``event``-th touch of a file."""
    left = event

    def count(name: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if name in ("open", "os.rename", "os.remove", "os.mkdir", "os.truncate", "os.utime"):
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    store, source = Store(box), VolumeTransport(repository)
    sys.addaudithook(count)
    bring(entry, source, store)
    os._exit(0)


def killed_after(box: Path, repository: Path, entry: CollectionEntry, received: int) -> None:
    """Bring ``entry``, but die without warning when so many bytes have come."""
    store, source = Store(box), Meter(VolumeTransport(repository))
    plan = plan_for([entry], source, store)

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    execute(plan, Cut(source, received, die), store)


CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.kit.packed"])


def run(work: Callable[..., None], *arguments: object) -> int | None:
    process = CONTEXT.Process(target=work, args=arguments)
    process.start()
    process.join()
    return process.exitcode


@pytest.mark.parametrize("received", [1, 300_000, 1_300_000, 4_000_000])
def test_kill_9_costs_no_more_than_a_mebibyte(
    received: int, packed: Packed, source: Meter, store: Store
) -> None:
    entry = packed.release([noise(1, 2_500_000), noise(2, 2_000_000)])
    whole = plan_for([entry], source, store).bytes_to_fetch
    assert run(killed_after, store.root, packed.root, entry, received) == -signal.SIGKILL
    done = bring(entry, source, store)
    assert holds(store, [noise(1, 2_500_000), noise(2, 2_000_000)])
    assert whole - received <= done.bytes_fetched <= whole - received + MAX_GROUP


def test_kill_9_at_any_touch_of_a_file_leaves_a_whole_library(
    packed: Packed, source: Meter, tmp_path: Path
) -> None:
    contents = [noise(1, 1_300_000), text(2, 90_000), b"small"]
    first = packed.release(contents)
    second = packed.release(edited(contents))
    event, ended = 1, False
    while not ended:
        store = Store(tmp_path / f"box-{event}")
        bring(first, source, store)
        code = run(killed_at, store.root, packed.root, second, event)
        assert code in (0, -signal.SIGKILL)
        ended = code == 0
        assert all(store.library.proves(digest) for digest in store.library.digests())
        assert holds(store, contents), "what is served stays"
        bring(second, source, store)
        assert holds(store, edited(contents))
        assert staged(store) <= MAX_GROUP, "one group that was just used; prune clears it"
        event += 5
    assert event > 30, "the run was killed at many moments"


def test_a_half_received_group_of_other_bytes_is_fetched_anew(
    packed: Packed, source: Meter, store: Store
) -> None:
    """A power cut can leave anything in a staged file: it is our damage, not the source's."""
    entry = packed.release(CONTENTS)
    plan = plan_for([entry], source, store)
    for planned in plan.groups[:2]:
        with store.groups.append(planned.group.digest, at=0) as file:
            file.write(bytes(5000))
    done = bring(entry, source, store)
    assert holds(store, CONTENTS)
    assert done.bytes_fetched <= plan.bytes_to_fetch + 2 * MAX_GROUP


def test_whole_staged_groups_of_other_bytes_are_fetched_anew(
    packed: Packed, source: Meter, store: Store
) -> None:
    entry = packed.release(CONTENTS)
    plan = plan_for([entry], source, store)
    assert {planned.group.codec.name for planned in plan.groups} == {"RAW", "ZSTD"}
    for planned in plan.groups:
        with store.groups.append(planned.group.digest, at=0) as file:
            file.write(bytes(planned.group.stored))
    done = bring(entry, source, store)
    assert holds(store, CONTENTS)
    assert done.resources_new == len(CONTENTS)
    assert store.groups.sizes() == {}


def test_staged_groups_alone_are_enough(packed: Packed, source: Meter, store: Store) -> None:
    entry = packed.release(CONTENTS)
    plan = plan_for([entry], source, store)
    pack = (packed.root / pack_name(entry.packs[0].pack)).read_bytes()
    for planned in plan.groups:
        with store.groups.append(planned.group.digest, at=0) as file:
            file.write(pack[planned.group.offset : planned.end])
    done = bring(entry, source, store)
    assert holds(store, CONTENTS)
    assert (done.requests, done.bytes_fetched) == (0, 0)


# --- damaged -----------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["altered", "cut", "longer", "folder"])
def test_a_damaged_seed_is_set_aside_and_the_run_heals_itself(
    damage: str, packed: Packed, source: Meter, store: Store
) -> None:
    bring(packed.release(CONTENTS), source, store)
    entry = packed.release(edited(CONTENTS))
    plan = plan_for([entry], source, store)
    rotten = sha256(CONTENTS[0])
    path = store.library.path(rotten)
    if damage == "altered":
        flip(path, 100_000)
    elif damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        path.chmod(0o644)
        os.truncate(path, 2_000 if damage == "cut" else 3_000_000)
    if damage == "longer":
        flip(path, 100_000)
    done = execute(plan, source, store)
    assert holds(store, edited(CONTENTS))
    assert done.quarantined == (rotten,)
    assert not store.library.has(rotten)
    assert (store.quarantine / rotten).exists()


def test_a_seed_that_vanished_is_fetched(packed: Packed, source: Meter, store: Store) -> None:
    bring(packed.release(CONTENTS), source, store)
    plan = plan_for([packed.release(edited(CONTENTS))], source, store)
    store.library.remove(sha256(CONTENTS[0]))
    execute(plan, source, store)
    assert holds(store, edited(CONTENTS))


def test_a_damaged_resource_that_is_still_wanted_comes_back(
    packed: Packed, source: Meter, store: Store
) -> None:
    bring(packed.release(CONTENTS), source, store)
    plan = plan_for([packed.release([*CONTENTS, CONTENTS[0] + b"more"])], source, store)
    flip(store.library.path(sha256(CONTENTS[0])), 7)
    done = execute(plan, source, store)
    assert holds(store, [*CONTENTS, CONTENTS[0] + b"more"])
    assert done.quarantined == (sha256(CONTENTS[0]),)


def group_starts(plan: Plan) -> list[int]:
    return [planned.group.offset for planned in plan.groups]


def test_an_altered_group_is_refused_and_the_rest_goes_in(
    packed: Packed, source: Meter, store: Store
) -> None:
    entry = packed.release(CONTENTS)
    plan = plan_for([entry], source, store)
    name = pack_name(entry.packs[0].pack)
    good = (packed.root / name).read_bytes()
    flip(packed.root / name, group_starts(plan)[0] + 5)
    with pytest.raises(ProofFailed, match=f"{packed.root}: {name}, group at 8") as caught:
        execute(plan, source, store)
    assert caught.value.exit_code == 5
    assert not store.library.has(sha256(CONTENTS[0]))
    assert holds(store, CONTENTS[2:])
    assert plan.groups[0].group.digest not in store.groups.sizes()
    packed.write(name, good)
    done = bring(entry, source, store)
    assert holds(store, CONTENTS)
    assert done.bytes_fetched <= plan.groups[0].group.stored


def test_a_source_that_alters_everything_is_given_up(
    packed: Packed, source: Meter, store: Store
) -> None:
    entry = packed.release([noise(seed, 1_000_000) for seed in range(PATIENCE + 4)])
    plan = plan_for([entry], source, store)
    path = packed.root / pack_name(entry.packs[0].pack)
    for start in group_starts(plan):
        flip(path, start)
    before = source.bytes
    with pytest.raises(ProofFailed):
        execute(plan, source, store)
    assert source.bytes - before < (PATIENCE + 1) * MAX_GROUP
    assert store.groups.sizes() == store.library.sizes() == {}


def test_damage_on_both_sides_is_kept_apart(packed: Packed, source: Meter, store: Store) -> None:
    """Our rotten seed is replaced although the source has an altered group elsewhere."""
    bring(packed.release(CONTENTS), source, store)
    entry = packed.release([*edited(CONTENTS), noise(9, 1_500_000)])
    plan = plan_for([entry], source, store)
    path = packed.root / pack_name(entry.packs[1].pack)
    flip(path, group_starts(plan)[-1])
    flip(store.library.path(sha256(CONTENTS[0])), 7)
    with pytest.raises(ProofFailed, match="group at"):
        execute(plan, source, store)
    assert not store.library.has(sha256(CONTENTS[0]))
    assert holds(store, [CONTENTS[1]])


def test_a_recipe_that_makes_something_else_is_the_publishers_fault(
    packed: Packed, source: Meter, store: Store
) -> None:
    entry = packed.release([noise(1, 900_000)])
    one = want(entry, source, store)
    recipe = one.tables[0].recipes[0]
    turned = replace(recipe, chunks=Chunks.of(reversed(list(recipe.chunks))))
    wrong = replace(one, tables=(replace(one.tables[0], recipes=(turned,)),))
    plan = make_plan([wrong], survey(store, ()))
    with pytest.raises(FormatError, match="puts together something else") as caught:
        execute(plan, source, store)
    assert "publisher" in caught.value.hint
    assert store.library.sizes() == {}


def test_gaps_are_passed_over(packed: Packed, source: Meter, store: Store) -> None:
    """Groups fetched only because they lie between needed ones are not kept."""
    contents = [noise(1, 1_040_000), noise(2, 1000) * 1040, noise(3, 1_040_000)]
    entry = packed.release(contents)
    table = want(entry, source, store).tables[0]
    assert [group.stored < MAX_GAP for group in table.groups] == [False, True, False]
    other = Packed(packed.root.parent / "other", collection="43/b")
    bring(other.release([contents[1]]), VolumeTransport(other.root), store)
    plan = plan_for([entry], source, store)
    assert (plan.requests, len(plan.groups)) == (1, 2)
    done = execute(plan, source, store)
    assert holds(store, contents)
    assert done.bytes_fetched == table.pack.size - 8
    assert store.groups.sizes() == {}


def test_what_a_stick_has_comes_in_after_the_budget_of_the_line_is_spent(
    packed: Packed, source: Meter, store: Store, tmp_path: Path
) -> None:
    other = Packed(tmp_path / "other", collection="43/b")
    entries = [packed.release([noise(1, 900_000)]), other.release([noise(2, 900_000)])]
    shutil.copytree(other.root, packed.root, dirs_exist_ok=True)
    plan = plan_for(entries, source, store)
    stick = tmp_path / "stick" / pack_name(entries[1].packs[0].pack)
    stick.parent.mkdir(parents=True)
    shutil.copy(packed.root / pack_name(entries[1].packs[0].pack), stick)
    line = Allowance(VolumeTransport(packed.root), Purse(100_000))
    pool = Pool([Priced(VolumeTransport(tmp_path / "stick"), 0), Priced(line, 10)])
    with pytest.raises(BudgetSpent):
        apply(plan, pool, store, Silent())
    assert holds(store, [noise(2, 900_000)])
    assert staged(store) == 100_000 - REQUEST


def test_collections_share_resources(packed: Packed, store: Store, tmp_path: Path) -> None:
    shared = noise(1, 600_000)
    other = Packed(packed.root, collection="43/b")
    entries = [packed.release([shared, b"a"]), other.release([shared, b"b"])]
    source = VolumeTransport(packed.root)
    plan = plan_for(entries, source, store)
    done = execute(plan, source, store)
    assert done.resources_new == 3
    assert holds(store, [shared, b"a", b"b"])


def test_library_files_never_change_under_a_reader(
    packed: Packed, source: Meter, store: Store
) -> None:
    """What is served keeps its inode while its next edition comes in."""
    bring(packed.release(CONTENTS), source, store)
    served = {digest: inode(store, digest) for digest in store.library.digests()}
    bring(packed.release(edited(CONTENTS)), source, store)
    assert {digest: inode(store, digest) for digest in served} == served


def inode(store: Store, digest: Digest) -> int:
    return store.library.path(digest).stat().st_ino
