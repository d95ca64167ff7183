"""Generations: sealed, switched in one step, recovered after a cut at any instant, retired."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from appliance import generation
from appliance.config import BoxPaths
from appliance.generation import (
    Draft,
    Generation,
    GenerationDamaged,
    abandon,
    begin,
    check_index,
    commit,
    current,
    open_generation,
    prove,
    prove_trust,
    recover,
    retire,
    survey,
)
from appliance.record import Ahead, Kept, PublisherState, Record, decode, encode
from sync.digest import sha256
from sync.directory import CollectionEntry, FeedRef, PackRef, Stored, UpdateRef
from sync.errors import FormatError

GOLDEN = Path(__file__).parents[1] / "golden" / "generation" / "generation.json"
PUBLISHER = "0123456789abcdef"


def stored(text: str) -> Stored:
    return Stored(sha256(text.encode()), len(text))


def entry(name: str, edition: int = 1) -> CollectionEntry:
    feed = FeedRef(stored(f"{name} {edition}"), stored(f"plain {name} {edition}"))
    packs = (PackRef(stored(f"pack {name}"), stored(f"table {name}")),)
    return CollectionEntry(name, "音乐", {"grade": ("g1", "g2")}, edition, 3, 4096, feed, packs)


def record(*entries: CollectionEntry) -> Record:
    return Record(
        number=0,
        publishers=(
            PublisherState(PUBLISHER, "43", "湖南省", {"root": 1}, "2026-11-23T06:00:00Z"),
        ),
        collections=tuple(Kept(PUBLISHER, item) for item in entries),
        withdrawn=frozenset({("43/a", "l3"), ("43/a", "l1")}),
        holds={"43/b": 7},
    )


@pytest.fixture
def paths(tmp_path: Path) -> BoxPaths:
    return BoxPaths(tmp_path / "box")


def fill(draft: Draft) -> None:
    draft.catalog.write_bytes(b"catalogue %d" % draft.number)
    draft.index.mkdir()
    (draft.index / "one.seg").write_bytes(b"segment")
    draft.trust(PUBLISHER).mkdir(parents=True)
    (draft.trust(PUBLISHER) / "timestamp.json").write_bytes(b"{}")


def make(paths: BoxPaths, *entries: CollectionEntry) -> Generation:
    draft = begin(paths)
    fill(draft)
    return commit(paths, draft, record(*entries))


def numbers(paths: BoxPaths) -> list[str]:
    return sorted(path.name for path in paths.generations.iterdir())


def test_a_new_box_serves_nothing(paths: BoxPaths) -> None:
    assert current(paths) is None
    assert survey(paths).folders == ()
    assert recover(paths) == ()


def test_commit_makes_it_current_and_the_record_comes_back(paths: BoxPaths) -> None:
    made = make(paths, entry("43/a"), entry("43/b"))
    found = current(paths)
    assert found == made
    assert found is not None
    assert found.record.kept("43/a") == Kept(PUBLISHER, entry("43/a"))
    assert found.record.kept("43/c") is None
    assert {seal.path for seal in found.record.files} == {
        "catalog.db",
        "index/one.seg",
        f"trust/{PUBLISHER}/timestamp.json",
    }
    assert paths.current.readlink() == Path("generations/1")
    assert found.catalog.read_bytes() == b"catalogue 1"
    prove(found)
    assert prove_trust(found, PUBLISHER) == found.trust(PUBLISHER)


def linked(paths: BoxPaths, before: Generation) -> Generation:
    """The next generation, of the same catalogue and index."""
    draft = begin(paths)
    draft.catalog.hardlink_to(before.catalog)
    draft.index.mkdir()
    (draft.index / "one.seg").hardlink_to(before.index / "one.seg")
    return commit(paths, draft, before.record, before=before)


def test_a_linked_file_keeps_the_seal_it_was_written_with(paths: BoxPaths) -> None:
    """Read anew, what a failing card has spoilt since would be sealed as good."""
    first = make(paths, entry("43/a"))
    prove(linked(paths, first))
    first.catalog.write_bytes(b"CATALOGUE 1")
    second = linked(paths, first)
    assert second.catalog.samefile(first.catalog)
    with pytest.raises(GenerationDamaged, match="altered"):
        prove(second)


def test_a_file_of_the_same_name_has_its_own_seal(paths: BoxPaths) -> None:
    first = make(paths, entry("43/a"))
    draft = begin(paths)
    fill(draft)
    prove(commit(paths, draft, first.record, before=first))
    shutil.rmtree(first.folder)
    draft = begin(paths)
    fill(draft)
    prove(commit(paths, draft, first.record, before=first))


def test_numbers_only_grow_even_past_what_was_lost(paths: BoxPaths) -> None:
    make(paths, entry("43/a"))
    second = make(paths, entry("43/a", 2))
    shutil.rmtree(second.folder)
    assert begin(paths).number == 3


def test_an_abandoned_draft_leaves_nothing(paths: BoxPaths) -> None:
    draft = begin(paths)
    fill(draft)
    abandon(draft)
    assert numbers(paths) == []


def lose_link(paths: BoxPaths) -> None:
    paths.current.unlink()


def dangle(paths: BoxPaths) -> None:
    paths.current.unlink()
    paths.current.symlink_to("generations/9")


@pytest.mark.parametrize("damage", [lose_link, dangle])
def test_without_a_good_link_the_newest_is_served_and_recovered(
    paths: BoxPaths, damage: Callable[[BoxPaths], None]
) -> None:
    make(paths, entry("43/a"))
    second = make(paths, entry("43/a", 2))
    damage(paths)
    assert current(paths) == second
    assert recover(paths) == ("current now leads to generation 2",)
    assert paths.current.readlink() == Path("generations/2")
    assert recover(paths) == ()


@pytest.mark.parametrize("name", ["generation.json", "catalog.db"])
def test_a_truncated_file_gives_way_to_the_other_generation(paths: BoxPaths, name: str) -> None:
    first = make(paths, entry("43/a"))
    second = make(paths, entry("43/a", 2))
    path = second.folder / name
    path.write_bytes(path.read_bytes()[:-1])
    assert current(paths) == first
    with pytest.raises(GenerationDamaged, match="of generation 2"):
        open_generation(second.folder)
    assert len(survey(paths).damaged) == 1
    warnings = recover(paths)
    assert "generation 2" in warnings[0]
    assert paths.current.readlink() == Path("generations/1")
    third = make(paths, entry("43/a", 3))
    assert third.number == 3


def test_a_missing_file_is_damage(paths: BoxPaths) -> None:
    made = make(paths, entry("43/a"))
    made.catalog.unlink()
    with pytest.raises(GenerationDamaged, match=r"catalog\.db"):
        open_generation(made.folder)
    assert current(paths) is None


def test_lost_trust_does_not_stop_serving_but_is_noticed(paths: BoxPaths) -> None:
    made = make(paths, entry("43/a"))
    (made.trust(PUBLISHER) / "timestamp.json").write_bytes(b"[]")
    assert current(paths) == made
    with pytest.raises(GenerationDamaged, match=r"timestamp\.json of generation 1: was altered"):
        prove_trust(made, PUBLISHER)
    (made.trust(PUBLISHER) / "timestamp.json").unlink()
    with pytest.raises(GenerationDamaged):
        prove_trust(made, PUBLISHER)


def test_a_lost_index_does_not_stop_serving_but_is_noticed(paths: BoxPaths) -> None:
    made = make(paths, entry("43/a"))
    check_index(made)
    (made.index / "one.seg").write_bytes(b"seg")
    assert current(paths) == made
    with pytest.raises(GenerationDamaged, match="has 3 bytes instead of 7"):
        check_index(made)


def test_prove_reads_every_byte(paths: BoxPaths) -> None:
    made = make(paths, entry("43/a"))
    made.catalog.write_bytes(b"catalogue X")
    assert current(paths) == made
    with pytest.raises(GenerationDamaged, match="altered"):
        prove(made)


def test_the_record_of_another_generation_is_refused(paths: BoxPaths) -> None:
    first = make(paths, entry("43/a"))
    second = make(paths, entry("43/a", 2))
    shutil.copy(first.folder / "generation.json", second.folder / "generation.json")
    with pytest.raises(GenerationDamaged, match="is the record of generation 1"):
        open_generation(second.folder)


STEPS = ["write_durably", "sync_tree", "rename_durably", "switch"]


class PowerCut(Exception):
    """The power fails here."""


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_cut_at_every_step_of_commit(
    paths: BoxPaths, monkeypatch: pytest.MonkeyPatch, step: str, moment: str
) -> None:
    first = make(paths, entry("43/a"))
    real = getattr(generation, step)

    def cut(*arguments: object, **named: object) -> None:
        if moment == "after":
            real(*arguments, **named)
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr(generation, step, cut)
        with pytest.raises(PowerCut):
            make(paths, entry("43/a", 2))
    found = current(paths)
    assert found is not None
    assert found.record.editions() in (
        record(entry("43/a")).editions(),
        record(entry("43/a", 2)).editions(),
    )
    recover(paths)
    named = step == "switch" or (step == "rename_durably" and moment == "after")
    after = current(paths)
    assert after is not None
    assert after.number == (2 if named else 1)
    assert numbers(paths) == (["1", "2"] if named else ["1"])
    assert paths.current.resolve() == after.folder
    assert make(paths, entry("43/a", 3)).number == (3 if named else 2)
    assert first.number == 1


def test_retire_keeps_the_newest_and_the_one_to_go_back_to(paths: BoxPaths) -> None:
    for edition in (1, 2, 3):
        make(paths, entry("43/a", edition))
    make(paths, entry("43/a", 3))
    kept = retire(paths)
    assert [item.number for item in kept] == [4, 2]
    assert numbers(paths) == ["2", "4"]


def test_retire_keeps_two_of_the_same_when_there_is_no_other(paths: BoxPaths) -> None:
    for _ in range(3):
        make(paths, entry("43/a"))
    assert [item.number for item in retire(paths)] == [3, 2]


def test_retire_takes_damaged_ones_away(paths: BoxPaths) -> None:
    for edition in (1, 2, 3):
        make(paths, entry("43/a", edition))
    (paths.generations / "2" / "catalog.db").unlink()
    assert [item.number for item in retire(paths)] == [3, 1]
    assert numbers(paths) == ["1", "3"]


def test_recover_removes_what_was_half_written_or_half_removed(paths: BoxPaths) -> None:
    make(paths, entry("43/a"))
    fill(begin(paths))
    copied = Path(shutil.copytree(paths.generations / "1", paths.root / "copy"))
    copied.rename(paths.generations / "5.partial")
    assert recover(paths) == ()
    assert numbers(paths) == ["1"]


def golden() -> Record:
    """One collection that is whole, and one of which parts of two editions are here."""
    update = UpdateRef(1, stored("update"), stored("head"))
    newer = replace(entry("43/b", 3), updates=(update,), routes=stored("routes"))
    partly = Kept(PUBLISHER, entry("43/b", 2), ("l1", "l2"), Ahead(newer, ("l2",)))
    made = record(entry("43/a"))
    return replace(made, number=12, collections=(*made.collections, partly))


def test_the_golden_record_is_read_and_written_byte_for_byte() -> None:
    data = GOLDEN.read_bytes()
    assert decode(data) == golden()
    assert encode(decode(data)) == data


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data.replace(b'"number":12', b'"number":13'),
        lambda data: data.replace(b"l1", b"l2"),
        lambda _: b"{}",
        lambda _: b"",
    ],
)
def test_any_change_to_a_record_is_noticed(change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(FormatError):
        decode(change(GOLDEN.read_bytes()))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"format":"kexia-generation-1"', '"format":"kexia-generation-2"'),
        ('"holds":{"43/b":7}', '"holds":{"43/b":"7"}'),
        ('"id":"43/a"', '"id":"43"'),
        (f'"{PUBLISHER}":{{', '"nobody":{'),
        ('"withdrawn":[["43/a","l1"],["43/a","l3"]]', '"withdrawn":[["43/a"]]'),
        ('"files":{}', '"files":{"../x":["' + "0" * 64 + '",1]}'),
        ('"number":12,', ""),
    ],
)
def test_a_sealed_record_of_wrong_fields_is_refused(old: str, new: str) -> None:
    import json

    from sync import canonical

    value = json.loads(GOLDEN.read_text().replace(old, new))
    assert value != json.loads(GOLDEN.read_text())
    del value["seal"]
    value["seal"] = sha256(canonical.dumps(value))
    with pytest.raises(FormatError):
        decode(canonical.dumps(value))
