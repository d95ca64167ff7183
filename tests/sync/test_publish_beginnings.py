"""New boxes: what their way to any edition costs, and what of a pack from nothing is kept."""

from pathlib import Path

import pytest

from sync.digest import Digest, sha256
from sync.directory import CollectionEntry, update_name
from sync.errors import ProofFailed
from sync.feed import Feed
from sync.fetch import Start, fetch_wanted
from sync.library import Store
from sync.pack import Codec, Group
from sync.plan import Have, Plan, make_plan
from sync.publish.packs.kept import keep
from sync.transport.volume import VolumeTransport
from sync.updates.head import Head
from sync.updates.parts import Literal, Part, Span, UpdateGroup
from tests.kit.editions import Executed, Files, archive, feed_bytes, publish
from tests.kit.heads import feed_of, named
from tests.kit.packed import noise, text
from tests.kit.province import Province

MP4 = b"\0\0\0\x18ftyp"


def film(seed: int) -> bytes:
    return MP4 + noise(seed, 300_000)


def page(seed: int) -> bytes:
    """Text that resembles no other page."""
    return noise(seed, 6_000).hex().encode() + text(seed, 4_000)


def first_plan(repository: Path, entry: CollectionEntry, box: Path) -> tuple[Plan, int]:
    """What a new box plans, and all bytes it costs but those of the lists it finds the way by."""
    wanted = fetch_wanted(entry, Start(), VolumeTransport(repository), Store(box), short=0)
    plan = make_plan([wanted], Have())
    return plan, plan.bytes_to_fetch + sum(step.head.size for step in wanted.steps)


def check_made(plan: Plan, repository: Path, entry: CollectionEntry, files: Files) -> None:
    known = {entry.feed.plain.digest: feed_bytes(repository, entry)}
    made = Executed(plan, repository, known).made()
    wanted = {sha256(data): data for data in files.values() if data}
    assert {digest: made[digest] for digest in wanted} == wanted


def series(editions: int) -> list[Files]:
    """Each edition replaces a third of the pages and one film of six."""
    files = {f"p{number}.txt": page(number) for number in range(24)}
    files |= {f"f{number}.mp4": film(number) for number in range(6)}
    found = [dict(files)]
    for edition in range(1, editions):
        for number in range(8):
            files[f"p{(edition * 8 + number) % 24}.txt"] = page(1000 * edition + number)
        files[f"f{edition % 6}.mp4"] = film(1000 * edition)
        found.append(dict(files))
    return found


def test_a_new_box_pays_little_for_what_was_replaced(tmp_path: Path) -> None:
    province = Province.create(tmp_path / "all")
    for number, files in enumerate(series(6)):
        entry = publish(province, files)
        plan, cost = first_plan(province.repository, entry, tmp_path / f"box{number}")
        check_made(plan, province.repository, entry, files)
        alone = Province.create(tmp_path / f"alone{number}")
        _, afresh = first_plan(alone.repository, publish(alone, files), tmp_path / f"fresh{number}")
        assert cost <= 1.05 * afresh


def test_a_replaced_film_is_not_fetched(tmp_path: Path) -> None:
    province = Province.create(tmp_path)
    publish(province, {"a.mp4": film(1), "b.mp4": film(2)})
    files = {"a.mp4": film(1), "b.mp4": film(3)}
    entry = publish(province, files)
    plan, cost = first_plan(province.repository, entry, tmp_path / "box")
    check_made(plan, province.repository, entry, files)
    assert cost < 2 * 300_000 + 4_000


def test_a_small_change_cuts_no_pack_from_nothing(tmp_path: Path) -> None:
    province = Province.create(tmp_path)
    files = {f"p{number}.txt": page(number) for number in range(24)}
    publish(province, files)
    entry = publish(province, {**files, "p3.txt": page(3) + b"a line more"})
    assert [one.base for one in entry.updates] == [1]


def test_a_document_builds_on_the_films_it_holds(tmp_path: Path) -> None:
    province = Province.create(tmp_path)
    files = {"a.mp4": film(1), "b.docx": archive({"film": film(1), "x": b"x"}, stored=True)}
    entry = publish(province, files)
    plan, cost = first_plan(province.repository, entry, tmp_path / "box")
    check_made(plan, province.repository, entry, files)
    assert cost < 320_000


A, B, C = (named(name, 10) for name in "abc")


def group(name: str, *parts: Part, prefix: tuple[Span, ...] = (), home: int = 0) -> UpdateGroup:
    size = sum(part.payload for part in parts)
    stored = Group(sha256(name.encode()), 0, size, size, Codec.ZSTD)
    return UpdateGroup(stored, home, prefix, parts)


def whole(one: object) -> Part:
    return Part(one, (Literal(10),))  # type: ignore[arg-type]


def kept(groups: list[UpdateGroup], feed: Feed) -> list[UpdateGroup]:
    return list(keep(Head(feed, tuple(groups)), Path(), feed).groups)


def test_groups_go_over_whose_files_are_all_there() -> None:
    alone, mixed = group("1", whole(A)), group("2", whole(B), whole(C))
    assert kept([alone, mixed], feed_of([A, B, C])) == [alone, mixed]
    assert kept([alone, mixed], feed_of([A, B])) == [alone]
    assert keep(Head(feed_of([A, B]), (alone, mixed)), Path(), feed_of([A])).resources == {A}


def test_what_builds_on_a_dropped_group_is_dropped_too() -> None:
    first = group("1", whole(A), whole(B))
    second = group("2", whole(C), prefix=(Span(A.digest, 0, 10),))
    assert kept([first, second], feed_of([A, B, C])) == [first, second]
    assert kept([first, second], feed_of([A, C])) == []


def test_half_a_file_is_not_kept() -> None:
    one = group("1", Part(A, (Literal(4),)))
    other = group("2", Part(A, (Literal(6),)), whole(B))
    assert kept([one, other], feed_of([A, B])) == [one, other]
    assert kept([one, other], feed_of([A])) == []


def test_what_lies_in_chunk_packs_stays_there() -> None:
    feed = feed_of([A, B])
    found = keep(Head(feed, (group("1", whole(A), home=1), group("2", whole(C)))), Path(), feed)
    assert found.groups == ()
    assert found.lying == {A.digest}


def test_kept_bytes_are_proved(tmp_path: Path) -> None:
    (tmp_path / "x.pack").write_bytes(bytes(10))
    found = keep(Head(feed_of([A]), (group("1", whole(A)),)), tmp_path / "x.pack", feed_of([A]))
    with pytest.raises(ProofFailed):
        list(found.stored())


def two_thirds_replaced() -> tuple[Files, Files]:
    """Pages of two editions, which share a third."""
    before = {f"p{number}.txt": page(50 + number) for number in range(9)}
    return before, before | {f"p{number}.txt": page(90 + number) for number in range(6)}


def test_unchanged_groups_are_the_same_bytes_in_the_next_pack(tmp_path: Path) -> None:
    province = Province.create(tmp_path)
    documents = {f"d{number}.docx": archive({"a.xml": page(number)}) for number in range(4)}
    pages = two_thirds_replaced()
    before = publish(province, documents | pages[0])
    after = publish(province, documents | pages[1])

    def groups(entry: CollectionEntry) -> set[Digest]:
        [first] = [one for one in entry.updates if not one.base]
        assert (province.repository / update_name(first.pack)).is_file()
        plan, _ = first_plan(province.repository, entry, tmp_path / f"box{entry.edition}")
        return {one.group.digest for one in plan.groups}

    assert len(groups(before) & groups(after)) == 1


def test_a_damaged_pack_from_nothing_is_cut_afresh(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    province = Province.create(tmp_path / "all")
    documents = {f"d{number}.docx": archive({"a.xml": page(number)}) for number in range(4)}
    pages = two_thirds_replaced()
    [first] = publish(province, documents | pages[0]).updates
    path = province.repository / update_name(first.pack)
    whole_pack = path.read_bytes()
    path.write_bytes(whole_pack[: first.head.size] + bytes(len(whole_pack) - first.head.size))
    files = documents | pages[1]
    entry = publish(province, files)
    assert [one.base for one in entry.updates if one.base == 0]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert path.name in caplog.text
    plan, _ = first_plan(province.repository, entry, tmp_path / "box")
    check_made(plan, province.repository, entry, files)
