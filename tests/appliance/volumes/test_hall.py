"""Sticks beside a running box: a real update process, a real province; folders stand for media."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from appliance import sticks
from appliance.box.daemon import UpdateProcess
from appliance.config import Volumes
from appliance.control import Event, Server
from appliance.sticks import Phase, Stick, Word
from appliance.volumes import attend, hall
from appliance.volumes.attend import Attendance, Tools
from appliance.volumes.board import Board
from appliance.volumes.decide import Open
from appliance.volumes.device import Device
from appliance.volumes.errand import UpdateSocket
from appliance.volumes.hall import Hall
from appliance.volumes.leds import Leds
from appliance.volumes.mount import NotMounted
from appliance.volumes.unfinished import Unfinished
from appliance.volumes.write_back import Prepared, keep_prepared
from sync.errors import Incomplete, KexiaError, LeaseHeld, TrustRefused, UsageError
from sync.files import partial_of
from sync.progress import Progress
from sync.stick import back
from tests.kit.boxes import BoxUnderTest
from tests.kit.laid import lay_stick
from tests.kit.packed import noise
from tests.kit.province import Province
from tests.kit.slots import Hands, Slots, stick_device
from tests.kit.sticks import write_archive

CONTENT = {"l1.pdf": b"%PDF-1", "l1.bin": noise(1, 300_000), "l2.mp4": noise(2, 1_200_000)}
BOX_ID = "0123456789abcdef"
DEVICE = stick_device()


@pytest.fixture(scope="module")
def province(tmp_path_factory: pytest.TempPathFactory) -> Province:
    province = Province.create(tmp_path_factory.mktemp("province"))
    province.publish({"43/a": CONTENT})
    return province


@pytest.fixture
def box(tmp_path: Path, province: Province) -> BoxUnderTest:
    return BoxUnderTest.create(tmp_path / "box", province.root).subscribe("43/a")


@pytest.fixture
def lessons(tmp_path: Path, province: Province) -> Path:
    folder = tmp_path / "stick"
    lay_stick(folder, province.repository, CONTENT.values())
    return folder


def until(holds: Callable[[], bool], what: object = "it") -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


class Room:
    """The volumes process in a thread, beside an update process in another."""

    def __init__(self, box: BoxUnderTest, folder: Path) -> None:
        self.box, self.hands, self.slots = box, Hands(), Slots(folder / "mounts")
        lamps = folder / "leds"
        (lamps / "act").mkdir(parents=True)
        for name, text in (
            ("trigger", "none [mmc0]\n"),
            ("brightness", "0"),
            ("max_brightness", "1"),
        ):
            (lamps / "act" / name).write_text(text)
        for name in ("delay_on", "delay_off"):
            (lamps / "act" / name).write_text("")
        self.lamp = lamps / "act"
        self.stop = threading.Event()
        self.threads: list[threading.Thread] = []
        self.leds = Leds(["act", "missing"], lamps)

    def begin(self) -> "Room":
        paths = self.box.paths
        board = Board(paths.volumes, self.leds)
        tools = Tools(paths, self.slots, UpdateSocket(paths), board, Unfinished(paths.returning))
        self._run(Hall(self.hands, tools, Volumes().types, frozenset()).run, self.stop)
        return self

    def update(self) -> None:
        """Start the update process."""
        process = UpdateProcess(self.box.paths, self.box.machine, stop=self.stop)
        self._run(process.run)
        until(self.box.paths.socket.exists, "the update process")

    def said(self, name: str = "sdb1") -> Stick | None:
        found = sticks.read(self.box.paths.volumes).sticks
        return next((stick for stick in found if stick.name == name), None)

    def word(self, name: str = "sdb1") -> Word | None:
        stick = self.said(name)
        return stick.word if stick else None

    def until(self, word: Word | None, name: str = "sdb1") -> None:
        until(lambda: self.word(name) is word, (word, "but it is", self.said(name)))

    def end(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(20)
            assert not thread.is_alive()

    def _run(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)
        self.threads.append(thread)
        thread.start()


@pytest.fixture
def room(
    box: BoxUnderTest, tmp_path: Path, lessons: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Room]:
    monkeypatch.setattr(attend, "AGAIN", 0.05)
    monkeypatch.setattr(attend, "SETTLE", 0.3)
    monkeypatch.setattr("appliance.volumes.hall.os.geteuid", lambda: 0)
    made = Room(box, tmp_path)
    made.slots.media["sdb1"] = lessons
    yield made
    made.end()
    assert not made.slots.mounted


@pytest.fixture
def busy(room: Room) -> Room:
    """With an update process."""
    room.update()
    return room.begin()


def test_a_stick_is_imported_and_let_go(busy: Room) -> None:
    busy.hands.plug(DEVICE)
    busy.until(Word.DONE)
    assert busy.box.editions() == {"43/a": 1}
    stick = busy.said()
    assert stick is not None
    assert (stick.label, stick.phase) == ("教学U盘", Phase.DONE)
    assert busy.slots.log == ["mount sdb1 ro", "unmount sdb1"]
    until(lambda: (busy.lamp / "brightness").read_text().strip() == "1")
    busy.hands.pull(DEVICE)
    busy.until(None)
    until(lambda: (busy.lamp / "trigger").read_text().split()[0] == "mmc0", "the lamp as it was")


def test_again_it_has_nothing_new(busy: Room) -> None:
    busy.hands.plug(DEVICE)
    busy.until(Word.DONE)
    busy.hands.pull(DEVICE)
    busy.until(None)
    busy.hands.plug(DEVICE)
    busy.until(Word.DONE_NOTHING_NEW)


def test_an_event_without_another_medium_begins_nothing_anew(busy: Room) -> None:
    busy.hands.plug(DEVICE)
    busy.until(Word.DONE)
    busy.hands.change(DEVICE)
    busy.hands.plug(stick_device("sdc1"))
    busy.slots.media["sdc1"] = busy.slots.media["sdb1"]
    busy.until(Word.DONE_NOTHING_NEW, "sdc1")
    assert busy.word() is Word.DONE
    other = stick_device(uuid="other")
    busy.hands.change(other)
    busy.until(Word.DONE_NOTHING_NEW)


def test_several_sticks_take_their_turn(busy: Room) -> None:
    names = ["sdb1", "sdc1", "sdd1"]
    for name in names:
        busy.slots.media[name] = busy.slots.media["sdb1"]
    busy.hands.plug(*map(stick_device, names))
    good = {Word.DONE, Word.DONE_NOTHING_NEW}
    until(lambda: all(busy.word(name) in good for name in names), "all of them")
    assert sorted(busy.word(name) is Word.DONE for name in names) == [False, False, True]


def test_a_kexia_file_at_the_top_is_imported(busy: Room, tmp_path: Path, lessons: Path) -> None:
    files = {
        str(path.relative_to(lessons)): path.read_bytes()
        for path in sorted(lessons.rglob("*"))
        if path.is_file()
    }
    phone = tmp_path / "phone"
    phone.mkdir()
    write_archive(phone / "lessons.kexia", files)
    busy.slots.media["sdb1"] = phone
    busy.hands.plug(DEVICE)
    busy.until(Word.DONE)
    assert busy.box.editions() == {"43/a": 1}


def test_a_stick_without_lessons_is_left_alone(busy: Room, tmp_path: Path) -> None:
    holiday = tmp_path / "holiday"
    holiday.mkdir()
    (holiday / "photo.jpg").write_bytes(b"x")
    (holiday / "KEXIA").write_bytes(b"a file of that name")
    busy.slots.media["sdb1"] = holiday
    busy.hands.plug(DEVICE)
    busy.until(Word.NOT_OURS)
    stick = busy.said()
    assert stick is not None
    assert stick.phase is Phase.LEFT_ALONE


def test_a_part_without_lessons_is_not_spoken_of_beside_one_with(
    busy: Room, tmp_path: Path
) -> None:
    (tmp_path / "efi").mkdir()
    busy.slots.media |= {"sdb2": tmp_path / "efi"}
    busy.hands.plug(DEVICE, stick_device("sdb2"), stick_device("sdb3", fs_type=""))
    busy.until(Word.DONE)
    until(lambda: len(busy.slots.log) == 4, busy.slots.log)
    busy.until(None, "sdb2")
    busy.until(None, "sdb3")


def test_refused_devices_are_named(busy: Room) -> None:
    busy.hands.plug(stick_device(fs_type="BitLocker"), stick_device("sdc1", fs_type="ntfs"))
    busy.until(Word.BITLOCKER)
    busy.until(Word.NTFS, "sdc1")
    until(lambda: (busy.lamp / "delay_on").read_text().strip() == "100", "a fast lamp")
    busy.hands.pull(stick_device(fs_type="BitLocker"))
    busy.until(None)


def test_a_partition_that_comes_late_makes_its_disk_no_empty_one(busy: Room) -> None:
    disk = replace(stick_device("sdc", fs_type=""), disk="sdc", table="dos", partitions=0)
    busy.hands.plug(disk)
    busy.until(Word.NO_FILE_SYSTEM, "sdc")
    busy.hands.plug(replace(stick_device("sdc1", fs_type="ntfs"), disk="sdc", partitions=1))
    busy.until(Word.NTFS, "sdc1")
    busy.until(None, "sdc")


def test_what_cannot_be_mounted_says_why(busy: Room) -> None:
    busy.slots.refusing["sdb1"] = NotMounted(Word.NOT_IN_KERNEL, "unknown filesystem type")
    busy.hands.plug(DEVICE)
    busy.until(Word.NOT_IN_KERNEL)


def test_a_stick_somebody_still_reads_is_let_go_all_the_same(busy: Room) -> None:
    busy.slots.busy = True
    busy.hands.plug(DEVICE)
    busy.until(Word.DONE)
    assert busy.slots.log == ["mount sdb1 ro", "let go"]


def test_without_the_right_it_says_so(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.volumes.hall.os.geteuid", lambda: 1000)
    room.begin()
    room.hands.plug(DEVICE)
    room.until(Word.NO_RIGHT)


def test_a_stick_that_does_not_answer(busy: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attend, "LOOKING", 0.1)
    busy.slots.hold = threading.Event()
    busy.hands.plug(DEVICE)
    busy.until(Word.SLOW)
    busy.slots.hold.set()
    busy.until(Word.DONE)


def test_it_waits_for_an_update_process_that_is_not_there(room: Room) -> None:
    room.begin()
    room.hands.plug(DEVICE)
    room.until(Word.NO_UPDATE)
    room.update()
    room.until(Word.DONE)


def test_it_waits_while_a_class_has_the_line(busy: Room) -> None:
    update = UpdateSocket(busy.box.paths)
    from appliance.control import ask
    from sync.progress import Silent

    ask(busy.box.paths, {"command": "pause"}, Silent())
    assert update.is_paused()
    busy.hands.plug(DEVICE)
    busy.until(Word.PAUSED)
    ask(busy.box.paths, {"command": "resume"}, Silent())
    busy.until(Word.DONE)


def test_a_damaged_copy_is_named_and_the_rest_is_kept(busy: Room, lessons: Path) -> None:
    for path in lessons.rglob("*.cat"):
        path.write_bytes(b"\0" * path.stat().st_size)
    busy.hands.plug(DEVICE)
    until(lambda: busy.word() in (Word.INCOMPLETE, Word.REFUSED), busy.said())
    stick = busy.said()
    assert stick is not None
    assert stick.phase is Phase.PROBLEM
    assert stick.detail


def test_of_a_publisher_nobody_follows(busy: Room, tmp_path: Path) -> None:
    other = Province.create(tmp_path / "other", code="52")
    other.publish({"52/a": {"x.pdf": b"%PDF"}})
    folder = tmp_path / "foreign"
    lay_stick(folder, other.repository, [b"%PDF"])
    busy.slots.media["sdb1"] = folder
    busy.hands.plug(DEVICE)
    busy.until(Word.OF_NOBODY)
    assert busy.box.editions() == {}


class Slow:
    """An update process that imports as slowly as a test wants, on the real socket."""

    def __init__(self) -> None:
        self.go, self.began = threading.Event(), threading.Event()
        self.report: Event = {"new_generation": True, "problems": []}
        self.places: list[object] = []
        self.prepared = 0
        self.refusing: list[KexiaError] = []
        """What the next imports end with."""
        self.no_papers: KexiaError | None = None
        self.told: bool | KexiaError = False
        """Whether a county told the box something new, or why that was refused."""
        self.its_turn = threading.Event()
        """Of the papers for the way back."""
        self.its_turn.set()

    def __call__(self, message: Mapping[str, object], progress: Progress) -> Event:
        command = message["command"]
        if command == "status":
            return {"update": {"paused": False}}
        if command == "back":
            self.its_turn.wait(20)
            if self.no_papers:
                raise self.no_papers
            self.prepared += 1
            return {}
        if command == "instruct":
            if isinstance(self.told, KexiaError):
                raise self.told
            return {"done": self.told}
        if command != "sync":
            raise UsageError(f"unexpected {command}")
        places = message["from"]
        assert isinstance(places, list)
        self.places += places
        if self.refusing:
            raise self.refusing.pop()
        progress.step("fetch 43/a", total=1000)
        time.sleep(0.25)
        progress.advance(400)
        self.began.set()
        self.go.wait(20)
        return self.report


@pytest.fixture
def slow(room: Room) -> Iterator[Slow]:
    made = Slow()
    with Server(room.box.paths, made).listening():
        room.begin()
        yield made
        made.go.set()
        made.its_turn.set()
        room.end()


def test_progress_is_seen_while_it_runs(room: Room, slow: Slow) -> None:
    room.hands.plug(DEVICE)
    until(lambda: (stick := room.said()) is not None and stick.done == 400, "progress")
    stick = room.said()
    assert stick is not None
    assert (stick.phase, stick.total, stick.percent) == (Phase.IMPORTING, 1000, 40)
    until(lambda: (room.lamp / "delay_on").read_text().strip() == "500", "a blinking lamp")
    slow.go.set()
    room.until(Word.DONE)


def test_pulled_during_the_import_it_asks_for_the_stick_again(room: Room, slow: Slow) -> None:
    room.hands.plug(DEVICE)
    assert slow.began.wait(20)
    room.hands.pull(DEVICE)
    room.until(Word.PULLED)
    until(lambda: not room.slots.mounted, "let go at once, though the import has not ended")
    slow.go.set()
    elsewhere = stick_device("sdc1")
    room.slots.media["sdc1"] = room.slots.media["sdb1"]
    room.hands.plug(elsewhere)
    room.until(Word.DONE, "sdc1")
    room.until(None)


def test_an_error_that_comes_before_the_word_that_it_was_pulled(room: Room, slow: Slow) -> None:
    """A read fails at once; that the stick is gone is known a moment later."""
    place = room.slots.folder / "sdb1-0"
    slow.report = {"problems": [{"error": f"{place}: cannot be read", "exit_code": 8}]}
    room.hands.plug(DEVICE)
    assert slow.began.wait(20)
    slow.go.set()
    until(lambda: "unmount sdb1" in room.slots.log, "the end of the import")
    room.hands.pull(DEVICE)
    room.until(Word.PULLED)


def test_ended_during_an_import_nothing_stays_mounted(room: Room, slow: Slow) -> None:
    room.hands.plug(DEVICE)
    assert slow.began.wait(20)
    room.end()
    until(lambda: not room.slots.mounted, "let go")


@pytest.mark.parametrize("error", [Incomplete("the update process ends"), LeaseHeld("busy")])
def test_an_update_process_that_is_busy_or_ends_is_asked_again(
    room: Room, slow: Slow, error: KexiaError
) -> None:
    """It says so with an exit code: no fault of the stick."""
    slow.refusing.append(error)
    slow.go.set()
    room.hands.plug(DEVICE)
    until(lambda: (stick := room.said()) is not None and not stick.phase.is_working, room.said())
    assert room.word() is Word.DONE
    assert len(slow.places) == 2


def test_what_cannot_be_told_in_the_file_is_in_the_lamps(
    busy: Room, caplog: pytest.LogCaptureFixture
) -> None:
    """As on a disk that is full or failing: the import goes on, and is told when it can be."""
    told = busy.box.paths.volumes
    until(told.exists, "the first word")
    told.unlink()
    told.mkdir()
    busy.hands.plug(DEVICE)
    until(lambda: (busy.lamp / "brightness").read_text().strip() == "1", "a steady lamp")
    assert busy.box.editions() == {"43/a": 1}
    assert len([one for one in caplog.messages if "cannot be told" in one]) == 1
    told.rmdir()
    busy.until(Word.DONE)


def test_a_medium_that_is_let_go_just_when_the_box_ends(
    room: Room, lessons: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own thread forgets the place at the same moment."""
    places: list[Path] = [lessons]
    asked: list[Path] = []
    monkeypatch.setattr(
        Attendance,
        "_place",
        property(lambda _: places.pop() if places else None, lambda *_: None),
        raising=False,
    )
    monkeypatch.setattr(room.slots, "let_go", asked.append)
    paths = room.box.paths
    board = Board(paths.volumes, room.leds)
    tools = Tools(paths, room.slots, UpdateSocket(paths), board, Unfinished(paths.returning))
    Attendance(DEVICE, Open("vfat", ("ro",)), tools).end(1)
    assert asked == [lessons]


def test_trouble_with_a_server_is_no_fault_of_the_stick(room: Room, slow: Slow) -> None:
    away = {"publisher": "52", "error": "http://x: no answer", "exit_code": 4}
    slow.report = {"new_generation": False, "problems": [away]}
    slow.go.set()
    room.hands.plug(DEVICE)
    room.until(Word.DONE_NOTHING_NEW)


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (8, Word.FAILING),
        (5, Word.REFUSED),
        (6, Word.NO_ROOM),
        (9, Word.INCOMPLETE),
        (4, Word.OF_NOBODY),
        (1, Word.FAULT),
    ],
)
def test_what_a_sync_says_of_the_stick_becomes_one_word(
    room: Room, slow: Slow, code: int, word: Word
) -> None:
    slow.go.set()
    place = room.slots.folder / "sdb1-0"
    slow.report = {"problems": [{"error": f"{place}: what is wrong", "exit_code": code}]}
    room.hands.plug(DEVICE)
    room.until(word)
    stick = room.said()
    assert stick is not None
    assert stick.detail == f"{place}: what is wrong"


class TestTheWayBack:
    @pytest.fixture(autouse=True)
    def _expecting(self, room: Room, slow: Slow, lessons: Path) -> None:
        slow.go.set()
        own = lessons / "KEXIA" / "back" / BOX_ID
        own.mkdir(parents=True)
        (own / "back.kxb").write_bytes(bytes(back.MIN_SIZE))
        keep_prepared(room.box.paths, Prepared(BOX_ID, (b"the report",)))

    def papers(self, room: Room, name: str = "sdb1") -> list[bytes]:
        data = (room.slots.media[name] / f"KEXIA/back/{BOX_ID}/back.kxb").read_bytes()
        halves = back.whole_halves(lambda start, size: data[start : start + size], len(data))
        return [paper for half in halves[:1] for paper in back.unpack(half.papers)]

    def test_papers_are_on_the_stick_when_it_says_done(self, room: Room, slow: Slow) -> None:
        room.hands.plug(DEVICE)
        room.until(Word.DONE_FOR_BOTH)
        assert self.papers(room) == [b"the report"]
        assert room.slots.log[-1] == "unmount sdb1"
        assert room.slots.log.count("mount sdb1 rw") == 1
        assert slow.prepared == 1

    def test_a_county_that_set_a_pin_is_told_of(self, room: Room, slow: Slow) -> None:
        slow.told = True
        room.hands.plug(DEVICE)
        room.until(Word.DONE_PIN)
        assert self.papers(room) == [b"the report"]

    def test_an_instruction_that_is_refused_costs_no_lessons(self, room: Room, slow: Slow) -> None:
        slow.told = TrustRefused("not signed for it")
        room.hands.plug(DEVICE)
        room.until(Word.NOT_INSTRUCTED)
        assert slow.places
        assert "mount sdb1 rw" not in room.slots.log

    def test_a_stick_that_only_fetches_reports_is_not_imported(
        self, room: Room, slow: Slow, lessons: Path
    ) -> None:
        for path in (lessons / "KEXIA").iterdir():
            if path.name != "back":
                shutil.rmtree(path)
        room.hands.plug(DEVICE)
        room.until(Word.DONE_FOR_BOTH)
        assert slow.places == []
        assert self.papers(room) == [b"the report"]

    def test_nothing_is_written_to_a_stick_that_was_not_ejected(self, room: Room) -> None:
        room.slots.dirty.add("sdb1")
        room.hands.plug(DEVICE)
        room.until(Word.DONE_DIRTY)
        assert self.papers(room) == []
        assert "mount sdb1 rw" not in room.slots.log

    def test_nor_to_one_that_is_protected(self, room: Room) -> None:
        room.slots.protected.add("sdb1")
        room.hands.plug(DEVICE)
        room.until(Word.DONE_NOT_BACK)
        assert "mount sdb1 rw" not in room.slots.log

    def test_nor_to_one_that_waits_for_another_box(self, room: Room, lessons: Path) -> None:
        (lessons / "KEXIA/back" / BOX_ID).rename(lessons / "KEXIA/back" / ("f" * 16))
        room.hands.plug(DEVICE)
        room.until(Word.DONE)
        assert "mount sdb1 rw" not in room.slots.log

    @pytest.mark.parametrize("code", [5, 8])
    def test_nor_after_an_import_that_was_refused_or_failed(
        self, room: Room, slow: Slow, code: int
    ) -> None:
        place = room.slots.folder / "sdb1-0"
        slow.report = {"problems": [{"error": f"{place}: bad", "exit_code": code}]}
        room.hands.plug(DEVICE)
        until(lambda: room.word() in (Word.REFUSED, Word.FAILING), room.said())
        assert "mount sdb1 rw" not in room.slots.log

    def test_read_errors_count_more_than_what_is_missing_for_them(
        self, room: Room, slow: Slow
    ) -> None:
        place = room.slots.folder / "sdb1-0"
        slow.report = {
            "new_generation": True,
            "problems": [
                {"error": f"the state of {place} is not complete anywhere", "exit_code": 9},
                {"error": f"{place}/KEXIA: read errors", "exit_code": 8},
            ],
        }
        room.hands.plug(DEVICE)
        room.until(Word.FAILING)
        assert "mount sdb1 rw" not in room.slots.log

    def test_papers_that_wait_their_turn_are_no_import(self, room: Room, slow: Slow) -> None:
        slow.its_turn.clear()
        room.hands.plug(DEVICE)
        assert slow.began.wait(20)
        until(lambda: (it := room.said()) is not None and it.phase is not Phase.LOOKING)
        until(lambda: (it := room.said()) is not None and it.percent == 0, "the end of the import")
        room.until(Word.WAITING)
        slow.its_turn.set()
        room.until(Word.DONE_FOR_BOTH)

    def test_a_box_that_cannot_make_papers_says_so(self, room: Room, slow: Slow) -> None:
        slow.no_papers = KexiaError("identity/key is damaged")
        room.hands.plug(DEVICE)
        until(lambda: (it := room.said()) is not None and it.phase is Phase.DONE, room.said())
        stick = room.said()
        assert stick is not None
        assert (stick.word, stick.detail) == (Word.DONE_NOT_BACK, "identity/key is damaged")
        assert "mount sdb1 rw" not in room.slots.log

    def test_a_box_that_cannot_note_that_it_writes_does_not_write(self, room: Room) -> None:
        room.box.paths.returning.mkdir()
        room.hands.plug(DEVICE)
        room.until(Word.DONE_NOT_BACK)
        assert "mount sdb1 rw" not in room.slots.log

    def test_nor_does_it_matter_that_it_cannot_note_the_end(self, room: Room) -> None:
        returning = room.box.paths.returning
        room.slots.on_write = lambda _: partial_of(returning).mkdir()
        room.hands.plug(DEVICE)
        room.until(Word.DONE_FOR_BOTH)
        assert self.papers(room) == [b"the report"]
        assert Unfinished(returning).has(DEVICE.keepsake)

    def test_pulled_while_it_is_written_it_is_finished_next_time(self, room: Room) -> None:
        """The stick then looks as if no computer had ejected it; but it was the box itself."""
        writing, go = threading.Event(), threading.Event()

        def held(_place: Path) -> None:
            writing.set()
            go.wait(20)

        room.slots.on_write = held
        room.hands.plug(DEVICE)
        assert writing.wait(20)
        room.until(Word.RETURNING)
        room.hands.pull(DEVICE)
        room.until(Word.PULLED_RETURNING)
        go.set()
        until(lambda: not room.slots.mounted, "let go")
        assert "sdb1" in room.slots.dirty
        room.slots.on_write = lambda _: None
        room.hands.plug(DEVICE)
        room.until(Word.DONE_FOR_BOTH)
        assert self.papers(room) == [b"the report"]
        room.hands.pull(DEVICE)
        room.until(None)
        room.slots.dirty.add("sdb1")
        room.hands.plug(DEVICE)
        room.until(Word.DONE_DIRTY)

    def test_a_write_that_failed_is_finished_next_time(self, room: Room) -> None:
        """The error comes, and it is let go, before anybody says that it was pulled."""

        def broken(place: Path) -> None:
            (place / f"KEXIA/back/{BOX_ID}/back.kxb").unlink()
            (place / f"KEXIA/back/{BOX_ID}/back.kxb").symlink_to("/dev/null")
            room.slots.stays_dirty = True

        room.slots.on_write = broken
        room.hands.plug(DEVICE)
        room.until(Word.DONE_NOT_BACK)
        assert Unfinished(room.box.paths.returning).has(DEVICE.keepsake)

    def test_a_file_that_is_too_small_is_said(self, room: Room, lessons: Path) -> None:
        (lessons / f"KEXIA/back/{BOX_ID}/back.kxb").write_bytes(bytes(100))
        room.hands.plug(DEVICE)
        room.until(Word.DONE_NOT_BACK)
        stick = room.said()
        assert stick is not None
        assert "small" in stick.detail or "no use" in stick.detail
        assert stick.phase is Phase.DONE


def test_more_sticks_than_places_wait(
    room: Room, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hall, "MAX_VISITS", 2)
    names = ["sdb1", "sdc1", "sdd1"]
    for name in names:
        room.slots.media[name] = room.slots.media["sdb1"]
    room.hands.plug(*map(stick_device, names))
    room.until(Word.WAITING, "sdd1")
    slow.go.set()
    room.until(Word.DONE, "sdb1")
    room.hands.pull(stick_device("sdb1"))
    room.until(Word.DONE, "sdd1")


def test_a_device_that_goes_before_it_was_looked_at(room: Room, slow: Slow) -> None:
    gone: Device = stick_device("sdq1")
    room.hands.pull(gone)
    room.hands.plug(DEVICE)
    slow.go.set()
    room.until(Word.DONE)
