"""From what is wanted to what is held, by real update packs, and by chunk packs where they fail."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sync import files
from sync.apply import FLOOR, Applied
from sync.carry import Carrier
from sync.directory import CollectionEntry, update_name
from sync.errors import BudgetSpent, NoRoom, NoSource
from sync.fetch import Start, fetch_tables, fetch_wanted
from sync.library import ContentFolder, Store
from sync.plan import Plan, Wanted, make_plan
from sync.progress import Silent
from sync.seed import kept_tables, survey, survey_for
from sync.transport.allowance import Allowance, Purse
from sync.transport.meter import Meter
from sync.transport.pool import Pool, Priced
from sync.transport.volume import VolumeTransport
from tests.kit.packed import Packed, holds, noise, text
from tests.kit.series import Series

FIRST = {"l1.html": text(1, 60_000), "l1.bin": noise(1, 400_000), "l2.vtt": b"WEBVTT"}
SECOND = {
    **FIRST,
    "l1.html": FIRST["l1.html"][:30_000] + b"a better word" + FIRST["l1.html"][30_000:],
    "l1.bin": FIRST["l1.bin"][:300_000] + noise(2, 50_000) + FIRST["l1.bin"][300_000:],
    "l3.html": FIRST["l1.html"][20_000:] + b"the end",
}


class Scene:
    """A box that holds the first edition, and a repository with the second."""

    def __init__(self, folder: Path) -> None:
        self.source = Meter(VolumeTransport(folder / "repository"))
        self.store = Store(folder / "box")
        self.held: dict[str, CollectionEntry] = {}
        editions = Series(folder, folder / "repository")
        self.carry(editions.release(FIRST))
        self.second = editions.release(SECOND)
        self.root = editions.out

    def carrier(self) -> Carrier:
        return Carrier(self.source, self.store, Silent(), self.held)

    def carry(self, entry: CollectionEntry) -> Applied:
        done = self.carrier().carry([entry])
        self.held[entry.id] = entry
        return done

    @property
    def pack(self) -> Path:
        """The update pack from the first edition to the second."""
        [update] = [one for one in self.second.updates if one.base == 1]
        return self.root / update_name(update.pack)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_what_a_plan_says_is_reused_is_reused(scene: Scene) -> None:
    plan = scene.carrier().plan([scene.second], short=0)
    assert any(group.prefix for group in plan.groups)
    done = scene.carry(scene.second)
    assert holds(scene.store, SECOND.values())
    assert done.bytes_reused == plan.bytes_reused
    assert done.bytes_new == pytest.approx(done.bytes_reused + plan.bytes_to_fetch, rel=0.02)


def test_what_a_group_spares_is_counted_once_for_all_its_resources(scene: Scene) -> None:
    plan = scene.carrier().plan([scene.second])
    shared = [
        number
        for number, group in enumerate(plan.groups)
        if group.prefix and sum(number in one.groups for one in plan.assemblies) > 1
    ]
    assert shared, "two resources of one group"
    spared = sum(group.group.plain - group.group.stored for group in plan.groups if group.prefix)
    copied = sum(assembly.copied for assembly in plan.assemblies)
    assert spared > 50_000
    assert scene.carrier().execute(plan).bytes_reused == spared + copied


def test_a_new_box_reuses_nothing(tmp_path: Path) -> None:
    """What zstd saves alone, or with the new feed as context, is no merit of the box."""
    editions = Series(tmp_path, tmp_path / "repository")
    source = VolumeTransport(editions.out)
    carrier = Carrier(source, Store(tmp_path / "box"), Silent(), {})
    done = carrier.carry([editions.release({"l1.html": text(1, 60_000)})])
    assert (done.bytes_new, done.bytes_reused) == (60_000, 0)
    assert done.bytes_fetched < 60_000


def test_a_plan_alone_fetches_lists_and_no_content(scene: Scene) -> None:
    [update] = [one for one in scene.second.updates if one.base == 1]
    before = scene.source.bytes
    plan = scene.carrier().plan([scene.second], short=0)
    assert scene.source.bytes - before == update.head.size < update.pack.size
    assert scene.store.groups.sizes() == {}
    assert plan.bytes_to_fetch == update.pack.size - update.head.size
    assert scene.carry(scene.second).bytes_fetched == plan.bytes_to_fetch


def test_a_short_update_pack_is_one_request(scene: Scene) -> None:
    before = scene.source.requests
    done = scene.carry(scene.second)
    assert scene.source.requests - before == 1
    assert done.bytes_fetched == 0, "all of it came with its head"


@pytest.mark.parametrize("damage", ["head", "body", "missing"])
def test_a_broken_update_pack_costs_only_the_fallback(scene: Scene, damage: str) -> None:
    if damage == "missing":
        scene.pack.unlink()
    else:
        data = bytearray(scene.pack.read_bytes())
        data[20 if damage == "head" else -20] ^= 1
        scene.pack.write_bytes(data)
    scene.carry(scene.second)
    assert holds(scene.store, SECOND.values())


def test_without_its_update_pack_and_its_tables_an_edition_does_not_come(scene: Scene) -> None:
    scene.pack.unlink()
    for table in scene.root.glob("tables/*/*"):
        table.unlink()
    for digest in list(scene.store.tables.digests()):
        scene.store.tables.remove(digest)
    with pytest.raises(NoSource):
        scene.carry(scene.second)
    assert holds(scene.store, FIRST.values())


def test_an_update_looks_for_no_other_files_than_it_names(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its cost grows with what changed, not with the library."""

    def refuse(folder: ContentFolder) -> None:
        raise AssertionError(f"all of {folder.root} was listed")

    monkeypatch.setattr(ContentFolder, "sizes", refuse)
    scene.carry(scene.second)
    assert holds(scene.store, SECOND.values())


def test_a_plan_of_what_it_names_is_the_plan_of_all(scene: Scene) -> None:
    start = Start(scene.held[scene.second.id])
    wanted = fetch_wanted(scene.second, start, scene.source, scene.store)
    assert wanted.steps
    named = survey_for(scene.store, [wanted])
    everything = survey(scene.store, kept_tables(scene.store))
    assert named.resources.items() <= everything.resources.items()
    assert make_plan([wanted], named) == make_plan([wanted], everything)
    tables = fetch_tables(scene.second, scene.source, scene.store)
    alone = replace(wanted, steps=(), tables=tables)
    from_chunks = make_plan([alone], survey_for(scene.store, [alone]))
    assert from_chunks == make_plan([alone], survey(scene.store, kept_tables(scene.store)))
    assert from_chunks.bytes_reused > 200_000, "chunks of files that the box has"


def three_editions(folder: Path) -> tuple[list[CollectionEntry], list[bytes], VolumeTransport]:
    """Of three collections of 400,000 bytes each, with their contents and their source."""
    out, contents = folder / "repository", [noise(seed, 400_000) for seed in (11, 12, 13)]
    entries = [
        Series(folder, out, f"43/{name}").release({"l1.bin": data})
        for name, data in zip("abc", contents, strict=True)
    ]
    return entries, contents, VolumeTransport(out)


def test_many_editions_come_in_portion_by_portion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries, contents, source = three_editions(tmp_path)
    monkeypatch.setattr("sync.carry.PORTION", 2 * entries[0].feed.plain.size)
    planned: list[int] = []

    def noted(carrier: Carrier, wanted: Sequence[Wanted]) -> Plan:
        planned.append(len(wanted))
        return PLAN(carrier, wanted)

    monkeypatch.setattr(Carrier, "_plan", noted)
    done = Carrier(source, Store(tmp_path / "box"), Silent(), {}).carry(entries)
    assert planned == [2, 1, 2, 1], "once for the room, once to do it"
    assert (done.resources_new, done.bytes_new) == (3, 1_200_000)
    assert holds(Store(tmp_path / "box"), contents)


PLAN = Carrier._plan


def test_no_portion_begins_unless_there_is_room_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room for each alone does not suffice."""
    entries, _, source = three_editions(tmp_path)
    monkeypatch.setattr("sync.carry.PORTION", 1)
    monkeypatch.setattr(files, "free_space", lambda _: FLOOR + 1_500_000)
    store = Store(tmp_path / "box")
    with pytest.raises(NoRoom):
        Carrier(source, store, Silent(), {}).carry(entries)
    assert store.library.sizes() == {}
    monkeypatch.setattr(files, "free_space", lambda _: FLOOR + 2_500_000)
    Carrier(source, store, Silent(), {}).carry(entries)


def test_a_collection_on_a_stick_comes_in_though_the_line_has_no_bytes_left(tmp_path: Path) -> None:
    line, stick = Packed(tmp_path / "line"), Packed(tmp_path / "stick", collection="43/b")
    entries = [line.release([noise(1, 50_000)]), stick.release([noise(2, 50_000)])]
    store = Store(tmp_path / "box")
    spent = Allowance(VolumeTransport(line.root), Purse(100))
    pool = Pool([Priced(VolumeTransport(stick.root), 0), Priced(spent, 10)])
    with pytest.raises(BudgetSpent):
        Carrier(pool, store, Silent(), {}).carry(entries)
    assert holds(store, [noise(2, 50_000)])
    with pytest.raises(BudgetSpent):
        Carrier(pool, store, Silent(), {}).plan(entries)
