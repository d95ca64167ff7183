"""What a box sends back: who it is, what it holds, how it is, what its teachers made."""

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from appliance.box import identity as identities
from appliance.box import keepsake, papers
from appliance.box.daemon import UpdateProcess
from appliance.box.identity import Chance, IdentityDamaged, known_id, open_identity
from appliance.box.restore import open_backup, restore
from appliance.box.works import Works
from appliance.config import BoxPaths
from appliance.control import Event
from appliance.state import open_state
from appliance.volumes.write_back import read_prepared, write_back
from sync.digest import sha256
from sync.errors import FormatError, KexiaError, LeaseHeld, NoSource, TrustRefused, UsageError
from sync.lease import hold
from sync.progress import Silent
from sync.publish import recipients as publisher
from sync.stick import back, have, report, sealing
from sync.stick.layout import BACK, BACK_FILE
from sync.stick.recipients import Recipient
from sync.stick.sealing import Kind
from tests.kit.boxes import BoxUnderTest
from tests.kit.province import Province

PRIVATE, OTHER = bytes(range(32)), bytes(range(32, 64))
OFFICE = Recipient(sealing.recipient_of(PRIVATE), "长沙县电教馆")
LIMIT = 2**20
CONTENT = {"l1.pdf": b"one" * 500, "l2.pdf": b"two" * 500, "l3.pdf": b"three" * 500}


@pytest.fixture
def province(tmp_path: Path) -> Province:
    made = Province.create(tmp_path / "province")
    publisher.add(made.workspace, made.ring, OFFICE, made.now)
    made.publish({"43/a": CONTENT, "43/b": {"l1.pdf": b"other"}})
    return made


@pytest.fixture
def box(province: Province, tmp_path: Path) -> BoxUnderTest:
    return BoxUnderTest.create(tmp_path / "box", province.root)


def ask(box: BoxUnderTest, command: str, **fields: object) -> Event:
    return Works(box.paths, box.machine)({"command": command, **fields}, Silent())


def sent(box: BoxUnderTest) -> tuple[bytes, ...]:
    prepared = read_prepared(box.paths)
    assert prepared is not None
    assert prepared.box == known_id(box.paths)
    return prepared.papers


def listed(box: BoxUnderTest) -> have.HaveList:
    paper = sealing.open_paper(sent(box)[0], kind=Kind.HAVE, limit=LIMIT)
    found = have.decode(paper.body)
    assert (found.box, found.epoch, found.sequence) == (paper.box, paper.epoch, paper.sequence)
    return found


def reported(box: BoxUnderTest, paper: bytes) -> report.Report:
    outer = sealing.open_paper(paper, kind=Kind.SEALED_REPORT, limit=LIMIT)
    text = sealing.unseal(outer.body, PRIVATE)
    inner = sealing.open_paper(text, kind=Kind.REPORT, limit=LIMIT)
    sealing.check_same_writer(outer, inner)
    return report.decode(inner.body)


def feed_of(box: BoxUnderTest, collection: str) -> bytes:
    [entry] = (one.entry for one in box.generation.record.collections if one.entry.id == collection)
    return bytes.fromhex(entry.feed.plain.digest)[:16]


def teach(paths: BoxPaths, work: str = "三年级的课") -> None:
    """A class that a teacher made."""
    with closing(open_state(paths.state_db)) as state:
        state.execute("CREATE TABLE IF NOT EXISTS lesson_list (name TEXT) STRICT")
        state.execute("INSERT INTO lesson_list VALUES (?)", [work])


def taught(paths: BoxPaths) -> list[str]:
    with closing(open_state(paths.state_db)) as state:
        return [name for (name,) in state.execute("SELECT name FROM lesson_list")]


# Who a box is


def test_a_box_makes_its_key_once_and_for_itself_alone(box: BoxUnderTest) -> None:
    assert known_id(box.paths) is None
    first = open_identity(box.paths)
    assert open_identity(box.paths) == first
    assert known_id(box.paths) == first.box == sha256(first.public)[:16]
    key = box.paths.identity / identities.KEY
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700


def test_the_sequence_is_on_the_disk_before_it_is_used(box: BoxUnderTest) -> None:
    one = identities.next_number(box.paths, open_identity(box.paths))
    assert open_identity(box.paths).sequence == one.sequence == 1
    two = identities.next_number(box.paths, one)
    assert (two.sequence, two.epoch) == (2, one.epoch)


def test_a_copied_folder_keeps_its_key_and_shows_itself(box: BoxUnderTest, tmp_path: Path) -> None:
    mine = identities.next_number(box.paths, open_identity(box.paths))
    copy = box.copy(tmp_path / "copy")
    other = open_identity(copy.paths)
    assert (other.public, other.sequence) == (mine.public, mine.sequence)
    assert other.epoch != mine.epoch
    assert open_identity(copy.paths) == other
    assert open_identity(box.paths) == mine


@pytest.mark.parametrize("data", [b"", b"{}", b'{"epoch":1}', b"\xff" * 40])
def test_a_lost_history_takes_the_key_along(box: BoxUnderTest, data: bytes) -> None:
    mine = identities.next_number(box.paths, open_identity(box.paths))
    (box.paths.identity / identities.REPORTS).mkdir()
    (box.paths.identity / identities.HISTORY).write_bytes(data)
    other = open_identity(box.paths)
    assert other.public != mine.public
    assert (other.sequence, open_identity(box.paths)) == (0, other)
    assert not (box.paths.identity / identities.REPORTS).exists()


@pytest.mark.parametrize("data", [b"", b"kexia-box-key-1 00\n", b"x" * 40, b"kexia-box-key-1 zz\n"])
def test_a_damaged_key_is_never_replaced_in_silence(box: BoxUnderTest, data: bytes) -> None:
    open_identity(box.paths)
    (box.paths.identity / identities.KEY).write_bytes(data)
    with pytest.raises(IdentityDamaged, match="damaged"):
        open_identity(box.paths)
    status = ask(box, "status")
    assert status["box"] is None
    assert "damaged" in str(status["back"])
    with pytest.raises(IdentityDamaged):
        ask(box, "back")


def test_chance_is_what_it_is_given(box: BoxUnderTest) -> None:
    made = open_identity(box.paths, Chance(seed=lambda: bytes(32), epoch=lambda: 7))
    assert (made.seed, made.epoch, made.sequence) == (bytes(32), 7, 0)


# What it says


def test_a_box_without_lessons_says_what_it_wants(box: BoxUnderTest) -> None:
    box.subscribe("43/a").want("43/b/l1")
    told = ask(box, "back")
    found = listed(box)
    assert (found.subscriptions, found.wants, found.held) == (("43/a",), (("43/b", "l1"),), ())
    assert found.name == "课匣"
    assert found.made_at == box.wall
    assert len(found.publishers) == 1
    assert (told["papers"], told["reports"]) == (1, 0)
    assert "no report" in str(told["notes"])
    assert ask(box, "status")["back"] == {"recipients": [], "problem": ""}


def test_what_is_served_whole_and_in_part_is_told(box: BoxUnderTest, province: Province) -> None:
    box.subscribe("43/b").want("43/a/l2")
    box.sync(province.repository)
    ask(box, "back")
    held = {one.feed: one.missing for one in listed(box).held}
    assert held == {feed_of(box, "43/b"): None, feed_of(box, "43/a"): (0, 2)}


def test_a_clock_nobody_set_is_not_told(box: BoxUnderTest) -> None:
    box.wall_is_set = False
    ask(box, "back")
    assert listed(box).made_at is None
    box.wall_is_set, box.wall = True, datetime(2000, 1, 1, tzinfo=box.wall.tzinfo)
    ask(box, "back")
    assert listed(box).made_at is None


def test_the_report_is_health_and_sealed(box: BoxUnderTest, province: Province) -> None:
    box.subscribe("43/a")
    ask(box, "sync", **{"from": [str(province.repository)]})
    ask(box, "sync", **{"from": [str(province.folder / "nothing")]})
    teach(box.paths, "李老师的名单")
    told = ask(box, "back")
    assert told["recipients"] == [OFFICE.name]
    assert told["notes"] == []
    paper = sent(box)[1]
    found = reported(box, paper)
    assert (found.generation, found.editions) == (1, {"43/a": 1})
    assert [one.exit_code for one in found.syncs] == [4, 0]
    assert found.syncs[0].at == box.wall
    assert found.failures["43"] == 1
    assert found.versions["kexia"]
    assert len(paper) <= report.MAX_SEALED
    outer = sealing.open_paper(paper, kind=Kind.SEALED_REPORT, limit=LIMIT)
    with pytest.raises(TrustRefused, match="other recipients"):
        sealing.unseal(outer.body, OTHER)
    assert "课匣".encode() not in paper


def test_nothing_about_persons_is_in_a_report(box: BoxUnderTest, province: Province) -> None:
    box.subscribe("43/a")
    box.sync(province.repository)
    before = report.value(papers.health(box.box, open_identity(box.paths)))
    teach(box.paths, "李老师")
    after = report.value(papers.health(box.box, open_identity(box.paths)))
    assert {**after, "free": 0} == {**before, "free": 0}


def test_a_removed_recipient_reads_nothing_more(box: BoxUnderTest, province: Province) -> None:
    other = Recipient(sealing.recipient_of(OTHER), "别人")
    publisher.add(province.workspace, province.ring, other, province.now)
    box.subscribe("43/a").sync(province.repository)
    assert ask(box, "back")["recipients"] == [each.name for each in sorted([OFFICE, other])]
    publisher.remove(province.workspace, province.ring, other.id, province.now)
    box.sync(province.repository)
    assert ask(box, "back")["recipients"] == [OFFICE.name]
    newest = sealing.open_paper(sent(box)[1], kind=Kind.SEALED_REPORT, limit=LIMIT)
    with pytest.raises(TrustRefused):
        sealing.unseal(newest.body, OTHER)
    publisher.remove(province.workspace, province.ring, OFFICE.id, province.now)
    box.sync(province.repository)
    assert "no report" in str(ask(box, "back")["notes"])


def test_thirty_reports_are_kept_and_the_oldest_goes(
    box: BoxUnderTest, province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(papers, "KEPT_REPORTS", 3)
    box.subscribe("43/a").sync(province.repository)
    for _ in range(5):
        ask(box, "back")
    numbers = [reported(box, paper).sequence for paper in sent(box)[1:]]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) == 3
    assert numbers[0] > 9


def test_no_number_is_used_twice(box: BoxUnderTest, province: Province) -> None:
    box.subscribe("43/a").sync(province.repository)
    teach(box.paths)
    seen: set[int] = set()
    for _ in range(3):
        ask(box, "back")
        listed_at = sealing.open_paper(sent(box)[0], kind=Kind.HAVE, limit=LIMIT).sequence
        report_at = sealing.open_paper(sent(box)[1], kind=Kind.SEALED_REPORT, limit=LIMIT).sequence
        saved_at = sealing.open_paper(sent(box)[2], kind=Kind.SEALED_BACKUP, limit=LIMIT).sequence
        assert not seen & {listed_at, report_at, saved_at}
        seen |= {listed_at, report_at, saved_at}
    assert len(seen) == 9


# What teachers made


@pytest.fixture
def saved(box: BoxUnderTest, province: Province, tmp_path: Path) -> Path:
    box.subscribe("43/a").sync(province.repository)
    teach(box.paths)
    told = ask(box, "backup", to=str(tmp_path / "box.backup"))
    assert told["recipients"] == [OFFICE.name]
    return tmp_path / "box.backup"


@pytest.fixture
def card(province: Province, tmp_path: Path) -> BoxUnderTest:
    return BoxUnderTest.create(tmp_path / "card", province.root)


def test_what_teachers_made_comes_back_on_a_new_card(
    box: BoxUnderTest, card: BoxUnderTest, saved: Path
) -> None:
    before = open_identity(card.paths)
    done = restore(card.paths, saved, PRIVATE)
    assert taught(card.paths) == ["三年级的课"]
    assert done.came_from == known_id(box.paths)
    now = open_identity(card.paths)
    assert done.box == now.box
    assert now.box not in (before.box, known_id(box.paths))
    assert now.epoch != before.epoch


def test_the_backup_on_a_stick_is_the_same(
    box: BoxUnderTest, card: BoxUnderTest, province: Province, tmp_path: Path
) -> None:
    box.subscribe("43/a").sync(province.repository)
    teach(box.paths)
    ask(box, "back")
    file = tmp_path / "stick" / BACK / str(known_id(box.paths)) / BACK_FILE
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(back.DEFAULT_SIZE))
    assert write_back(box.paths, tmp_path / "stick").papers == 3
    data = file.read_bytes()
    [half] = back.whole_halves(lambda at, length: data[at : at + length], len(data))
    (tmp_path / "paper").write_bytes(back.unpack(half.papers)[2])
    restore(card.paths, tmp_path / "paper", PRIVATE)
    assert taught(card.paths) == ["三年级的课"]


def test_a_backup_is_whole_while_a_teacher_writes(box: BoxUnderTest, province: Province) -> None:
    box.subscribe("43/a").sync(province.repository)
    teach(box.paths, "confirmed")
    with closing(open_state(box.paths.state_db)) as state:
        state.execute("BEGIN IMMEDIATE")
        state.execute("INSERT INTO lesson_list VALUES ('half written')")
        ask(box, "back")
        state.execute("ROLLBACK")
    _, found = open_backup(sent(box)[2], PRIVATE)
    with closing(sqlite3.connect(":memory:")) as copy:
        copy.deserialize(found.database)
        assert copy.execute("SELECT name FROM lesson_list").fetchall() == [("confirmed",)]


def test_nothing_is_backed_up_where_nothing_was_made(
    box: BoxUnderTest, province: Province, tmp_path: Path
) -> None:
    box.subscribe("43/a").sync(province.repository)
    assert ask(box, "back")["papers"] == 2
    with pytest.raises(UsageError, match="nothing to back up"):
        ask(box, "backup", to=str(tmp_path / "x"))


def test_a_backup_for_nobody_is_not_made(box: BoxUnderTest, tmp_path: Path) -> None:
    teach(box.paths)
    with pytest.raises(UsageError, match="names recipients"):
        ask(box, "backup", to=str(tmp_path / "x"))
    assert not (tmp_path / "x").exists()


def test_a_backup_too_large_for_a_stick_is_said(
    box: BoxUnderTest, province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.subscribe("43/a").sync(province.repository)
    teach(box.paths, os.urandom(40_000).hex())
    monkeypatch.setattr(back, "MAX_SIZE", 2 * back.MIN_SIZE)
    told = ask(box, "back")
    assert told["papers"] == 2
    assert "more than the" in str(told["notes"])


def test_a_backup_that_only_a_phone_can_carry_is_said(
    box: BoxUnderTest, province: Province, tmp_path: Path
) -> None:
    box.subscribe("43/a").sync(province.repository)
    teach(box.paths, os.urandom(2_200_000).hex())
    told = ask(box, "back")
    assert told["papers"] == 3
    assert "no room" in str(told["notes"])
    assert ask(box, "status")["back"] == {
        "recipients": [OFFICE.name],
        "problem": "; ".join(told["notes"]) if isinstance(told["notes"], list) else "",
    }
    file = tmp_path / "stick" / BACK / str(known_id(box.paths)) / BACK_FILE
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(back.DEFAULT_SIZE))
    assert write_back(box.paths, tmp_path / "stick").left_out == 1
    box.paths.state_db.unlink()
    ask(box, "back")
    assert ask(box, "status")["back"] == {"recipients": [OFFICE.name], "problem": ""}


def test_damaged_work_costs_the_backup_alone(box: BoxUnderTest, province: Province) -> None:
    box.subscribe("43/a").sync(province.repository)
    box.paths.state_db.write_bytes(b"no database" * 1000)
    told = ask(box, "back")
    assert (told["papers"], told["reports"]) == (2, 1)
    assert listed(box).held
    assert "no backup is sent" in str(told["notes"])
    assert "no backup is sent" in str(ask(box, "status")["back"])


def test_a_card_with_work_of_its_own_is_not_overwritten(card: BoxUnderTest, saved: Path) -> None:
    teach(card.paths, "its own")
    before = open_identity(card.paths)
    with pytest.raises(UsageError, match="work of its own"):
        restore(card.paths, saved, PRIVATE)
    assert taught(card.paths) == ["its own"]
    assert open_identity(card.paths) == before


def test_a_card_in_use_is_not_overwritten(card: BoxUnderTest, saved: Path) -> None:
    with hold(card.paths.lease, holder="kexia box update"), pytest.raises(LeaseHeld):
        restore(card.paths, saved, PRIVATE)
    with closing(open_state(card.paths.state_db)) as serving:
        serving.execute("SELECT * FROM migration").fetchall()
        with pytest.raises(LeaseHeld, match="in use"):
            restore(card.paths, saved, PRIVATE)
    restore(card.paths, saved, PRIVATE)


def spoilt(data: bytes) -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "cut", data[: len(data) // 2]
    yield "flipped", data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]
    yield "a page", b"<html>" + data
    yield "something else", os.urandom(len(data))


def test_damaged_backups_change_nothing(card: BoxUnderTest, saved: Path, tmp_path: Path) -> None:
    before = card.paths.state_db.read_bytes()
    for name, data in spoilt(saved.read_bytes()):
        (tmp_path / "spoilt").write_bytes(data)
        with pytest.raises(KexiaError) as refused:
            restore(card.paths, tmp_path / "spoilt", PRIVATE)
        assert refused.value.exit_code == 5, name
        assert card.paths.state_db.read_bytes() == before
    with pytest.raises(TrustRefused, match="other recipients"):
        restore(card.paths, saved, OTHER)
    with pytest.raises(UsageError):
        restore(card.paths, tmp_path / "not there", PRIVATE)
    with pytest.raises(UsageError, match="is no box"):
        restore(BoxPaths(tmp_path / "no box"), saved, PRIVATE)


def test_what_is_no_database_is_not_put_back(tmp_path: Path) -> None:
    place = tmp_path / "state.db"
    for data in (b"", b"x" * 5000):
        with pytest.raises(FormatError):
            keepsake.put_back(data, place)
    newer = tmp_path / "newer.db"
    with closing(open_state(newer)) as state:
        state.execute("INSERT INTO migration VALUES ('from the future', 99)")
        state.execute("PRAGMA journal_mode = DELETE")
    with pytest.raises(FormatError, match="newer box"):
        keepsake.put_back(newer.read_bytes(), place)
    assert not place.exists()
    assert not list(tmp_path.glob("*.restored*"))


def test_another_boxes_sealed_paper_is_found_out(
    box: BoxUnderTest, saved: Path, tmp_path: Path
) -> None:
    stolen = sealing.open_paper(saved.read_bytes(), kind=Kind.SEALED_BACKUP, limit=LIMIT).body
    again = sealing.sign(Kind.SEALED_BACKUP, stolen, seed=bytes(32), epoch=1, sequence=1)
    with pytest.raises(TrustRefused, match="had sealed"):
        open_backup(again, PRIVATE)


def test_neither_key_nor_history_is_in_a_generation_or_backup(
    box: BoxUnderTest, saved: Path
) -> None:
    seed = open_identity(box.paths).seed
    _, found = open_backup(saved.read_bytes(), PRIVATE)
    assert seed not in found.database
    for path in box.paths.root.rglob("*"):
        if path.is_file() and box.paths.identity not in path.parents:
            data = path.read_bytes()
            assert seed not in data
            assert seed.hex().encode() not in data


def test_an_update_process_makes_the_key_at_its_first_start(box: BoxUnderTest) -> None:
    stop = threading.Event()
    stop.set()
    UpdateProcess(box.paths, box.machine, stop=stop).run()
    assert known_id(box.paths)


def test_a_sync_that_stops_is_told_too(box: BoxUnderTest) -> None:
    def fail(*_: object) -> None:
        raise NoSource("gone")

    works = Works(box.paths, box.machine)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("appliance.update.sync.sync", fail)
        with pytest.raises(NoSource):
            works({"command": "sync"}, Silent())
    ask(box, "back")
    assert papers.health(box.box, open_identity(box.paths)).syncs[0].exit_code == 4
