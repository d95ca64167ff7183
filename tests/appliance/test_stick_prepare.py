"""A real province, a technician's desk, sticks as plain folders and as one file."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from appliance.technician import programmes
from appliance.technician.lacking import Measure
from appliance.technician.prepare import BACK_SIZE, Prepared
from appliance.technician.programmes import Request
from sync.digest import sha256
from sync.directory import feed_name
from sync.errors import (
    FormatError,
    InputRefused,
    KexiaError,
    NoRoom,
    NoSource,
    ProofFailed,
    TrustRefused,
    UsageError,
)
from sync.feed import Feed
from sync.feed import decode as decode_feed
from sync.progress import Silent
from sync.stick import have as haves
from sync.stick import note as notes
from sync.stick import sealing
from sync.stick.concatenation import decode_table, places
from sync.stick.have import HaveList, Held
from sync.transport.archive import ArchiveTransport
from sync.transport.subtree import Subtree
from sync.transport.volume import VolumeTransport
from sync.trust import DemoKeys, Trusted, parse_root, refresh
from tests.kit.province import Province
from tests.kit.whole import CLOCK

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
FILM = Random(1).randbytes(1_200_000)
FILM_2 = Random(2).randbytes(1_500_000)
FIRST = {"l1.mp4": FILM, "l1.pdf": b"sheet 1" * 500, "l2.vtt": b"words", "l3.docx": b"plan" * 99}
SECOND = FIRST | {"l2.vtt": b"better words", "l4.mp4": FILM_2, "l4.pdf": b"sheet 4" * 700}
OTHER = {"l1.mp3": Random(3).randbytes(90_000), "l2.mp3": Random(4).randbytes(70_000)}
SEED = bytes(range(32))


@pytest.fixture(scope="module")
def province(tmp_path_factory: pytest.TempPathFactory) -> Province:
    made = Province.create(tmp_path_factory.mktemp("province"))
    made.publish({"43/a": FIRST, "43/b": OTHER})
    made.publish({"43/a": SECOND})
    return made


def request_of(province: Province, to: Path, **changes: object) -> Request:
    plain = Request(
        sources=[province.repository],
        have=(),
        collections=(),
        to=to,
        measure=Measure.LACKING,
        roots=(),
        demo=DemoKeys.ACCEPT,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # of the fields' own kinds


def prepared(province: Province, to: Path, **changes: object) -> Prepared:
    return programmes.prepare_stick(request_of(province, to, **changes), NOW, Silent())


def publisher(province: Province) -> str:
    return parse_root(province.root).publisher_id


def resources_on(stick: Path, publisher_id: str) -> dict[str, bytes]:
    """Every resource on a stick by its digest, proved."""
    folder = stick / "KEXIA" / publisher_id
    found = {path.name: path.read_bytes() for path in folder.glob("resources/*/*")}
    assert all(name == sha256(data) for name, data in found.items())
    assert all(len(data) >= 2**20 for data in found.values())
    for table in folder.glob("concatenations/*.tab"):
        data = table.with_suffix(".cat").read_bytes()
        for entry, offset in places(decode_table(table.read_bytes())):
            found[entry.digest] = data[offset : offset + entry.size]
            assert sha256(found[entry.digest]) == entry.digest
    return found


def bytes_of(*contents: dict[str, bytes]) -> dict[str, bytes]:
    return {sha256(data): data for content in contents for data in content.values()}


def feed_of(province: Province, collection: str, edition: int) -> Feed:
    """A feed of any edition that the repository still has."""
    for path in (province.repository / "targets").glob("*.directory"):
        from sync.directory import decode

        entry = decode(path.read_bytes()).entry(collection)
        if entry is not None and entry.edition == edition:
            stored = (province.repository / feed_name(entry.feed)).read_bytes()
            return decode_feed(stored, entry.feed)
    raise AssertionError(f"no edition {edition} of {collection}")


def have_list(tmp_path: Path, province: Province, *held: Held, **fields: object) -> Path:
    """A have-list as a box signs it, in a file."""
    plain = HaveList(
        box=sealing.box_id(sealing.public_of(SEED)),
        name="青山教学点",
        made_at=NOW,
        epoch=1,
        sequence=7,
        publishers=(publisher(province),),
        subscriptions=("43/a",),
        held=held,
    )
    have = replace(plain, **fields)  # type: ignore[arg-type]  # of the fields' own kinds
    paper = sealing.sign(
        sealing.Kind.HAVE, haves.encode(have), seed=SEED, epoch=have.epoch, sequence=have.sequence
    )
    path = tmp_path / f"{have.box}-{have.sequence}.have"
    path.write_bytes(paper)
    return path


def half(province: Province, collection: str, edition: int) -> bytes:
    from sync.feed import plain_bytes

    return bytes.fromhex(sha256(plain_bytes(feed_of(province, collection, edition))))[:16]


def trusted_by_a_box(transport: object, scratch: Path, root: bytes) -> Trusted:
    return refresh(
        transport,  # type: ignore[arg-type]  # any transport
        scratch,
        root=parse_root(root),
        clock=CLOCK,
        demo=DemoKeys.ACCEPT,
    )


def test_a_stick_for_new_boxes_holds_whole_editions(province: Province, tmp_path: Path) -> None:
    done = prepared(province, tmp_path / "stick", collections=["43/a", "43/b"])
    found = resources_on(tmp_path / "stick", publisher(province))
    assert found == bytes_of(SECOND, OTHER)
    note = notes.decode((tmp_path / "stick/KEXIA/stick.json").read_bytes())
    assert note.complete
    assert not note.back
    assert note.bytes == sum(map(len, found.values()))
    assert [one.edition for one in note.publishers[0].collections] == [2, 1]
    assert done.files_written == done.files
    assert "43/a" in (tmp_path / "stick/说明.txt").read_text("utf-8-sig")
    assert not list((tmp_path / "stick").rglob("*.partial"))


def test_a_box_with_any_earlier_state_refreshes_from_the_stick_alone(
    province: Province, tmp_path: Path
) -> None:
    prepared(province, tmp_path / "stick", collections=["43/a"])
    below = Subtree(VolumeTransport(tmp_path / "stick"), f"KEXIA/{publisher(province)}")
    new = trusted_by_a_box(below, tmp_path / "trust", province.root)
    assert new.directory.entry("43/a") is not None
    for name in ("packs", "updates", "tables", "routes"):
        assert not (tmp_path / "stick/KEXIA" / publisher(province) / name).exists()


def test_for_a_box_only_what_it_lacks(province: Province, tmp_path: Path) -> None:
    have = have_list(tmp_path, province, Held(half(province, "43/a", 1)))
    done = prepared(province, tmp_path / "stick", have=[have])
    new = {name: data for name, data in SECOND.items() if FIRST.get(name) != data}
    assert resources_on(tmp_path / "stick", publisher(province)) == bytes_of(new)
    [box] = done.made_for
    back = tmp_path / "stick/KEXIA/back" / box / "back.kxb"
    assert back.read_bytes() == bytes(BACK_SIZE)
    assert back.stat().st_blocks * 512 >= BACK_SIZE, "no holes"
    assert notes.decode((tmp_path / "stick/KEXIA/stick.json").read_bytes()).back


def test_what_a_box_holds_in_part_is_completed(province: Province, tmp_path: Path) -> None:
    feed = feed_of(province, "43/a", 2)
    lacking = tuple(
        place for place, one in enumerate(feed.resources) if one.digest == sha256(FILM_2)
    )
    have = have_list(tmp_path, province, Held(half(province, "43/a", 2), lacking))
    prepared(province, tmp_path / "stick", have=[have])
    assert resources_on(tmp_path / "stick", publisher(province)) == bytes_of({"": FILM_2})


def test_a_lesson_asked_for_comes_without_its_collection(
    province: Province, tmp_path: Path
) -> None:
    have = have_list(tmp_path, province, subscriptions=(), wants=(("43/b", "l2"),))
    done = prepared(province, tmp_path / "stick", have=[have])
    assert resources_on(tmp_path / "stick", publisher(province)) == bytes_of(
        {"l2.mp3": OTHER["l2.mp3"]}
    )
    [carried] = done.publishers[0].collections
    assert (carried.id, carried.files) == ("43/b", 1)


def test_a_feed_the_repository_no_longer_has_counts_as_not_held(
    province: Province, tmp_path: Path
) -> None:
    have = have_list(tmp_path, province, Held(bytes(16)))
    prepared(province, tmp_path / "stick", have=[have])
    assert resources_on(tmp_path / "stick", publisher(province)) == bytes_of(SECOND)


def test_whole_editions_whatever_the_box_holds(province: Province, tmp_path: Path) -> None:
    have = have_list(tmp_path, province, Held(half(province, "43/a", 2)))
    prepared(province, tmp_path / "stick", have=[have], measure=Measure.WHOLE)
    assert resources_on(tmp_path / "stick", publisher(province)) == bytes_of(SECOND)


def test_a_second_run_writes_nothing_again(province: Province, tmp_path: Path) -> None:
    prepared(province, tmp_path / "stick", collections=["43/a"])
    before = {
        p: p.stat().st_mtime_ns for p in (tmp_path / "stick/KEXIA").rglob("*/*") if p.is_file()
    }
    done = prepared(province, tmp_path / "stick", collections=["43/a"])
    assert (done.files_written, done.files_removed) == (0, 0)
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_what_was_damaged_since_is_written_again(province: Province, tmp_path: Path) -> None:
    prepared(province, tmp_path / "stick", collections=["43/a"])
    [film, *_] = (tmp_path / "stick/KEXIA").rglob("resources/*/*")
    damaged = bytearray(film.read_bytes())
    damaged[700_000] ^= 1
    film.write_bytes(damaged)
    next((tmp_path / "stick/KEXIA").rglob("*.tab")).unlink()
    done = prepared(province, tmp_path / "stick", collections=["43/a"])
    assert resources_on(tmp_path / "stick", publisher(province)) == bytes_of(SECOND)
    assert done.files_written in (2, 3)


def test_another_order_removes_what_it_does_not_want_from_our_folder_only(
    province: Province, tmp_path: Path
) -> None:
    stick = tmp_path / "stick"
    prepared(province, stick, collections=["43/a"])
    (stick / "照片").mkdir()
    (stick / "照片/班级.jpg").write_bytes(b"photo")
    (stick / "KEXIA/notes from the driver.txt").write_bytes(b"call the school")
    (stick / "KEXIA/back/00112233445566ff").mkdir(parents=True)
    (stick / "KEXIA/back/00112233445566ff/back.kxb").write_bytes(b"not yet collected")
    done = prepared(province, stick, collections=["43/b"])
    assert resources_on(stick, publisher(province)) == bytes_of(OTHER)
    assert done.files_removed >= 3
    assert (stick / "照片/班级.jpg").exists()
    assert (stick / "KEXIA/notes from the driver.txt").exists()
    assert (stick / "KEXIA/back/00112233445566ff/back.kxb").read_bytes() == b"not yet collected"


def test_what_the_box_wrote_back_is_not_overwritten(province: Province, tmp_path: Path) -> None:
    have = have_list(tmp_path, province)
    [box] = prepared(province, tmp_path / "stick", have=[have]).made_for
    back = tmp_path / "stick/KEXIA/back" / box / "back.kxb"
    back.write_bytes(b"a report" + bytes(BACK_SIZE - 8))
    prepared(province, tmp_path / "stick", have=[have])
    assert back.read_bytes().startswith(b"a report")


def test_one_file_holds_the_same_tree(province: Province, tmp_path: Path) -> None:
    done = prepared(province, tmp_path / "hunan.kexia", collections=["43/a", "43/b"])
    prepared(province, tmp_path / "stick", collections=["43/a", "43/b"])
    archive = ArchiveTransport(tmp_path / "hunan.kexia")
    below = Subtree(archive, f"KEXIA/{publisher(province)}")
    assert trusted_by_a_box(below, tmp_path / "trust", province.root).code == "43"
    for name, member in archive.members.items():
        data = archive.read(name, limit=member.size)
        assert data == (tmp_path / "stick" / name).read_bytes()
    assert done.files == len(archive.members)
    again = prepared(province, tmp_path / "again.kexia", collections=["43/a", "43/b"])
    assert again.files == done.files
    assert (tmp_path / "again.kexia").read_bytes() == (tmp_path / "hunan.kexia").read_bytes()


@pytest.mark.parametrize("left", [0, 700, 300_000, 1_900_000])
def test_one_file_goes_on_where_an_earlier_try_ended(
    province: Province, tmp_path: Path, left: int
) -> None:
    prepared(province, tmp_path / "whole.kexia", collections=["43/a"])
    whole = (tmp_path / "whole.kexia").read_bytes()
    (tmp_path / "cut.kexia.partial").write_bytes(whole[:left] + b"x" * min(left, 10))
    done = prepared(province, tmp_path / "cut.kexia", collections=["43/a"])
    assert (tmp_path / "cut.kexia").read_bytes() == whole
    assert not (tmp_path / "cut.kexia.partial").exists()
    assert (done.files_written < done.files) is (left > 1_800_000)


def test_roots_that_were_given_are_what_counts(province: Province, tmp_path: Path) -> None:
    mine = tmp_path / "43.root.json"
    mine.write_bytes(province.root)
    assert prepared(province, tmp_path / "s", collections=["43/b"], roots=[mine]).vouched
    stranger = Province.create(tmp_path / "other")
    theirs = tmp_path / "theirs.root.json"
    theirs.write_bytes(stranger.root)
    with pytest.raises(TrustRefused, match="none of those given with --root"):
        prepared(province, tmp_path / "t", collections=["43/b"], roots=[theirs])
    assert not (tmp_path / "t").exists()


def test_a_mirrored_publisher_comes_from_the_mirror(tmp_path: Path) -> None:
    parent = Province.create(tmp_path / "p")
    child = Province.create(tmp_path / "c", "4301", "长沙市")
    child.publish({"4301/x": OTHER})
    child.copy(parent.repository / "mirrors" / publisher(child))
    done = prepared(parent, tmp_path / "stick", collections=["4301/x"])
    assert resources_on(tmp_path / "stick", publisher(child)) == bytes_of(OTHER)
    assert [one.code for one in done.publishers] == ["4301"], "nobody introduces it"


@pytest.mark.parametrize(
    ("changes", "error", "fact"),
    [
        ({"collections": ["43/none"]}, UsageError, "is not published by"),
        ({"collections": ["99/none"]}, NoSource, "no repository here is of publisher 99"),
        ({"collections": ["up/../../etc"]}, UsageError, "is no collection id"),
        ({}, UsageError, "nothing is asked for"),
        ({"collections": ["43/a"], "demo": DemoKeys.REFUSE}, TrustRefused, "demo keys"),
        ({"collections": ["43/a"], "sources": [Path("/nowhere")]}, UsageError, "no repository"),
        ({"have": [Path("/nowhere")]}, UsageError, "cannot be read"),
        ({"have": [Path(__file__)]}, FormatError, "no signed paper"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(
    province: Province,
    tmp_path: Path,
    changes: dict[str, object],
    error: type[KexiaError],
    fact: str,
) -> None:
    with pytest.raises(error, match=fact) as caught:
        prepared(province, tmp_path / "stick", **changes)
    assert caught.value.hint or error is FormatError
    assert not (tmp_path / "stick").exists()


def test_a_damaged_repository_makes_no_complete_stick(province: Province, tmp_path: Path) -> None:
    copy = province.copy(tmp_path / "copy")
    for pack in copy.rglob("packs/*/*.pack"):
        data = bytearray(pack.read_bytes())
        data[len(data) // 2] ^= 1
        pack.write_bytes(data)
    with pytest.raises(ProofFailed):
        prepared(province, tmp_path / "stick", collections=["43/a"], sources=[copy])
    assert not notes.decode((tmp_path / "stick/KEXIA/stick.json").read_bytes()).complete
    prepared(province, tmp_path / "stick", collections=["43/a"])
    assert resources_on(tmp_path / "stick", publisher(province)) == bytes_of(SECOND)


def test_a_stick_that_lays_links_in_our_way_is_refused(province: Province, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_bytes(b"keep")
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick/KEXIA").symlink_to(outside)
    with pytest.raises(InputRefused, match="is no folder"):
        prepared(province, tmp_path / "stick", collections=["43/b"])
    assert [path.name for path in outside.iterdir()] == ["precious"]


def test_links_in_place_of_files_are_replaced_not_followed(
    province: Province, tmp_path: Path
) -> None:
    stick = tmp_path / "stick"
    prepared(province, stick, collections=["43/a"])
    precious = tmp_path / "precious"
    precious.write_bytes(b"keep")
    [film, *_] = (stick / "KEXIA").rglob("resources/*/*")
    film.unlink()
    film.symlink_to(precious)
    film.with_name(film.name + ".partial").symlink_to(precious)
    (stick / "KEXIA/stick.json.partial").symlink_to(precious)
    prepared(province, stick, collections=["43/a"])
    assert precious.read_bytes() == b"keep"
    assert resources_on(stick, publisher(province)) == bytes_of(SECOND)


def test_room_is_looked_at_before_anything_is_written(
    province: Province, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from appliance.technician import room

    monkeypatch.setattr(
        "appliance.technician.room.room_on", lambda _: room.Room(1_000_000, 32_768, None)
    )
    with pytest.raises(NoRoom, match=r"bytes are needed in clusters of 32768, 1000000 are free"):
        prepared(province, tmp_path / "stick", collections=["43/a"])
    assert not list((tmp_path / "stick").iterdir())
    with pytest.raises(NoRoom):
        prepared(province, tmp_path / "x.kexia", collections=["43/a"])
    assert not (tmp_path / "x.kexia.partial").exists()
