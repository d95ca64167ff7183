"""The way back to the county: sticks from many hands, a registry that remembers, a hub by HTTP."""

import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from appliance.box.identity import known_id, open_identity
from appliance.box.works import Works
from appliance.cli.main import main
from appliance.config import BoxPaths
from appliance.technician.collect import County, collect, read_registry
from appliance.technician.expecting import expect
from appliance.technician.forward import KEPT_SENT, forward, giver
from appliance.technician.reading import open_report
from appliance.volumes.write_back import (
    Prepared,
    keep_prepared,
    prepared_file,
    read_prepared,
    write_back,
)
from sync.errors import KexiaError, LeaseHeld, NoSource, UsageError
from sync.lease import hold
from sync.progress import Silent
from sync.stick import back, have, sealing
from sync.stick import registry as registries
from sync.stick.layout import BACK, BACK_FILE
from sync.stick.registry import Flag
from sync.stick.sealing import Kind
from tests.kit.boxes import WALL, BoxUnderTest
from tests.kit.listening import Listening, QuietHandler, QuietServer
from tests.kit.province import Province

Kexia = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def kexia(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Kexia:
    """Runs the command line in this process: exit code, JSON object, what people read."""

    def run(*words: object) -> tuple[int, dict[str, Any], str]:
        monkeypatch.setattr(sys, "argv", ["kexia", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        out, err = capsys.readouterr()
        value = json.loads(out.splitlines()[-1]) if "--json" in words else {}
        return code, value, out + err

    return run


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipient's pair, as the command makes it."""
    folder = tmp_path_factory.mktemp("office")
    (folder / "passphrase").write_text("correct horse\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            sys, "argv",
            ["kexia", "stick", "keys", str(folder), "--name", "长沙县电教馆",
             "--passphrase-file", str(folder / "passphrase")],
        )  # fmt: skip
        with pytest.raises(SystemExit) as end:
            main()
    assert not end.value.code
    return folder


def private(key: Path) -> Path:
    return next(key.glob("*.pem"))


@pytest.fixture
def province(tmp_path: Path, key: Path, kexia: Kexia) -> Province:
    made = Province.create(tmp_path / "province")
    made.publish({"43/a": {"l1.pdf": b"one", "l2.pdf": b"two"}})
    words = ("publish", "recipients", made.workspace.root)
    code, named, _ = kexia(*words, "add", next(key.glob("*.pub")), "--json")
    assert code == 0
    assert kexia(*words, "list", "--json")[1] == named
    return made


@pytest.fixture
def box(province: Province, tmp_path: Path) -> BoxUnderTest:
    made = BoxUnderTest.create(tmp_path / "box", province.root)
    made.subscribe("43/a").sync(province.repository)
    return made


@pytest.fixture
def county(tmp_path: Path) -> County:
    return County(tmp_path / "county")


@pytest.fixture
def stick(box: BoxUnderTest, tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    expect(folder, [open_identity(box.paths).box])
    return folder


def visit(box: BoxUnderTest, stick: Path) -> None:
    """The stick comes to the box."""
    Works(box.paths, box.machine)({"command": "back"}, Silent())
    assert write_back(box.paths, stick).is_done


def flags(county: County, *sticks: Path) -> set[Flag]:
    done = collect(sticks, county, WALL, Silent())
    assert done.refused == ()
    return {flag for one in done.boxes for flag in one.flags}


def file_of(stick: Path, box: str) -> Path:
    return stick / BACK / box / BACK_FILE


# What comes home


def test_the_round_trip(
    box: BoxUnderTest, stick: Path, county: County, key: Path, kexia: Kexia
) -> None:
    box.want("43/b/l9")
    visit(box, stick)
    words = ("stick", "collect", stick, "--to", county.root, "--keys", private(key))
    code, told, _ = kexia(*words, "--passphrase-file", key / "passphrase", "--json")
    assert code == 0
    [news] = told["boxes"]
    assert (news["box"], news["name"], news["flags"]) == (known_id(box.paths), "课匣", ["new-box"])
    paper = sealing.open_paper(
        county.have(str(known_id(box.paths))).read_bytes(), kind=Kind.HAVE, limit=2**20
    )
    listed = have.decode(paper.body)
    assert listed.wants == (("43/b", "l9"),)
    assert listed.subscriptions == ("43/a",)
    [opened] = told["reports"]
    assert opened["report"]["editions"] == {"43/a": 1}
    code, _, text = kexia(*words[:5])
    assert code == 0
    assert "nothing new" in text
    assert "seen" in text


def test_only_a_recipient_opens_reports(
    box: BoxUnderTest, stick: Path, county: County, key: Path, kexia: Kexia, tmp_path: Path
) -> None:
    visit(box, stick)
    collect([stick], county, WALL, Silent())
    [report] = county.outbox.glob("*.report")
    words = ("stick", "open", report, "--passphrase-file", key / "passphrase")
    code, told, _ = kexia(*words, "--keys", private(key), "--json")
    assert (code, told["reports"][0]["report"]["box"]) == (0, known_id(box.paths))
    make = ("stick", "keys", tmp_path / "other", "--name", "x")
    assert kexia(*make, "--passphrase-file", key / "passphrase")[0] == 0
    code, told, _ = kexia(*words, "--keys", private(tmp_path / "other"), "--json")
    assert code == 5
    assert "other recipients" in told["reports"][0]["problem"]
    (tmp_path / "wrong").write_text("wrong\n")
    code, _, text = kexia(
        "stick", "open", report, "--keys", private(key), "--passphrase-file", tmp_path / "wrong"
    )
    assert code == 2
    assert "wrong passphrase" in text


def test_each_visit_brings_what_is_new(box: BoxUnderTest, stick: Path, county: County) -> None:
    visit(box, stick)
    assert flags(county, stick) == {Flag.NEW_BOX}
    visit(box, stick)
    done = collect([stick], county, WALL, Silent())
    [news] = done.boxes
    assert news.flags == ()
    assert len(news.reports) == 1
    assert flags(county, stick) == {Flag.SEEN}
    assert len(list(county.outbox.glob("*.report"))) == 2


def test_an_old_stick_shown_again_is_flagged_and_changes_nothing(
    box: BoxUnderTest, stick: Path, county: County, tmp_path: Path
) -> None:
    visit(box, stick)
    old = Path(shutil.copytree(stick, tmp_path / "old"))
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    expect(fresh, [str(known_id(box.paths))])
    visit(box, fresh)
    flags(county, fresh)
    newest = county.have(str(known_id(box.paths))).read_bytes()
    done = collect([old], county, WALL, Silent())
    assert Flag.REPLAYED in done.boxes[0].flags
    assert done.exit_code == 5
    assert county.have(str(known_id(box.paths))).read_bytes() == newest


def test_a_copied_box_is_flagged(
    box: BoxUnderTest, stick: Path, county: County, tmp_path: Path
) -> None:
    visit(box, stick)
    flags(county, stick)
    copy = box.copy(tmp_path / "copy")
    visit(copy, stick)
    assert flags(county, stick) == {Flag.NEW_EPOCH}
    visit(box, stick)
    assert Flag.CLONED in flags(county, stick)


def test_a_box_that_was_moved_before_it_was_known_is_no_clone(
    box: BoxUnderTest, stick: Path, county: County, tmp_path: Path
) -> None:
    visit(box, stick)
    moved = box.copy(tmp_path / "moved")
    visit(moved, stick)
    assert flags(county, stick) == {Flag.NEW_BOX, Flag.NEW_EPOCH}
    for _ in range(2):
        visit(moved, stick)
        assert flags(county, stick) == set()


def test_a_card_copied_block_by_block_is_flagged(
    box: BoxUnderTest, stick: Path, county: County, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.box.identity.place_of", lambda _: "the same")
    open_identity(box.paths)
    copy = box.copy(tmp_path / "copy")
    visit(box, stick)
    assert flags(county, stick) == {Flag.NEW_BOX}
    visit(copy, stick)
    done = collect([stick], county, WALL, Silent())
    assert Flag.CLONED in done.boxes[0].flags
    assert done.exit_code == 5


def test_a_new_key_under_a_known_name_is_flagged(
    box: BoxUnderTest, stick: Path, county: County, province: Province, tmp_path: Path
) -> None:
    visit(box, stick)
    flags(county, stick)
    other = BoxUnderTest.create(tmp_path / "other", province.root)
    expect(stick, [open_identity(other.paths).box])
    visit(other, stick)
    assert {Flag.NEW_BOX, Flag.NEW_KEY} <= flags(county, stick)
    assert len(read_registry(county).boxes) == 2


def test_a_phone_brings_the_same_papers(
    box: BoxUnderTest, stick: Path, county: County, tmp_path: Path, kexia: Kexia
) -> None:
    Works(box.paths, box.machine)({"command": "back"}, Silent())
    phone = Path(shutil.copy(prepared_file(box.paths), tmp_path / "papers"))
    assert flags(county, phone) == {Flag.NEW_BOX}
    assert write_back(box.paths, stick).is_done
    assert flags(county, stick) == {Flag.SEEN}
    phone.write_bytes(b"<html>")
    assert kexia("stick", "collect", phone, "--to", county.root)[0] == 5
    assert kexia("stick", "collect", stick, "--to", "http://x/y")[0] == 2


# What hostile hands bring


def put(stick: Path, box: str, papers: list[bytes], size: int = back.MIN_SIZE) -> Path:
    file = file_of(stick, box)
    file.parent.mkdir(parents=True, exist_ok=True)
    data = bytearray(size)
    packed, left_out = back.pack(papers, back.room(size))
    assert not left_out
    data[back.PAGE : back.PAGE + len(packed)] = packed
    data[: back.PAGE] = back.first_page(1, packed)
    file.write_bytes(data)
    return file


def test_foreign_and_unsigned_papers_are_never_parsed(
    box: BoxUnderTest, stick: Path, county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit(box, stick)
    prepared = read_prepared(box.paths)
    assert prepared is not None
    listed, report = prepared.papers
    flipped = bytearray(listed)
    flipped[-1] ^= 1
    stranger = sealing.sign(Kind.HAVE, b"not even zstd", seed=bytes(32), epoch=1, sequence=1)
    inner = sealing.sign(Kind.REPORT, b"plain", seed=bytes(32), epoch=1, sequence=1)
    mine = str(known_id(box.paths))
    put(stick, mine, [bytes(flipped), stranger, inner, b"", b"<html>", os.urandom(500), report])
    parsed: list[bytes] = []
    monkeypatch.setattr(have, "decode", parsed.append)
    done = collect([stick], county, WALL, Silent())
    assert len(done.refused) == 6
    assert parsed == []
    assert done.exit_code == 5
    assert [len(one.reports) for one in done.boxes] == [1]
    assert not county.have(mine).exists()


def test_a_list_that_lies_about_its_box_is_refused(stick: Path, county: County) -> None:
    seed = bytes(32)
    mine = sealing.box_id(sealing.public_of(seed))
    for other in (
        have.HaveList("0" * 16, "x", None, 1, 1),
        have.HaveList(mine, "x", None, 2, 1),
        have.HaveList(mine, "x", None, 1, 2),
    ):
        paper = sealing.sign(Kind.HAVE, have.encode(other), seed=seed, epoch=1, sequence=1)
        put(stick, mine, [paper])
        [refused] = collect([stick], county, WALL, Silent()).refused
        assert "another box or moment" in refused.why


def strangers(stick: Path, count: int, papers: int = 1) -> None:
    """Boxes that somebody made up, each with a key of its own."""
    for number in range(count):
        seed = number.to_bytes(32, "big")
        box = sealing.box_id(sealing.public_of(seed))
        signed = [
            sealing.sign(Kind.SEALED_REPORT, b"x", seed=seed, epoch=1, sequence=sequence)
            for sequence in range(1, papers + 1)
        ]
        put(stick, box, signed)


def test_a_flood_of_boxes_is_taken_in_parts(
    stick: Path, county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registries, "MAX_NEW", 3)
    strangers(stick, 7)
    for known, left in ((3, 4), (6, 1)):
        done = collect([stick], county, WALL, Silent())
        assert done.exit_code == 5
        [refused] = done.refused
        assert f"{left} more boxes that are new" in refused.why
        assert len(read_registry(county).boxes) == known
        assert len(list(county.outbox.iterdir())) == known
    assert collect([stick], county, WALL, Silent()).refused == ()
    assert len(read_registry(county).boxes) == 7


def test_a_full_memory_takes_no_more_and_stays_readable(
    box: BoxUnderTest, stick: Path, county: County, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit(box, stick)
    flags(county, stick)
    monkeypatch.setattr(registries, "MAX_SIZE", county.registry.stat().st_size + 700)
    strangers(stick, 9, papers=5)
    done = collect([stick], county, WALL, Silent())
    assert done.exit_code == 5
    [refused] = done.refused
    assert "is full" in refused.why
    assert county.registry.stat().st_size <= registries.MAX_SIZE
    boxes = read_registry(county).boxes.values()
    remembered = sum(len(epoch.papers) for known in boxes for epoch in known.epochs)
    assert len(list(county.outbox.iterdir())) == remembered, "what is kept is remembered"
    assert 1 < len(boxes) < 10
    assert Flag.SEEN in {flag for one in done.boxes for flag in one.flags}, "the others are judged"


@pytest.mark.parametrize("number", ["epoch", "sequence"])
def test_a_number_too_high_does_not_spoil_the_memory(
    stick: Path, county: County, number: str
) -> None:
    seed = bytes(32)
    numbers = {"epoch": 1, "sequence": 1, number: 2**63}
    paper = sealing.sign(Kind.SEALED_REPORT, b"x", seed=seed, **numbers)
    put(stick, sealing.box_id(sealing.public_of(seed)), [paper])
    for _ in range(2):
        [refused] = collect([stick], county, WALL, Silent()).refused
        assert "2^63" in refused.why


def test_two_boxes_of_one_name_are_told_once(
    box: BoxUnderTest, stick: Path, county: County, province: Province, tmp_path: Path
) -> None:
    other = BoxUnderTest.create(tmp_path / "other", province.root)
    expect(stick, [open_identity(other.paths).box])
    visit(box, stick)
    visit(other, stick)
    assert Flag.NEW_KEY in flags(county, stick)
    for again in (box, other):
        visit(again, stick)
    assert flags(county, stick) == set()


def test_what_else_lies_there_is_not_looked_at(
    box: BoxUnderTest, stick: Path, county: County, tmp_path: Path
) -> None:
    visit(box, stick)
    mine = str(known_id(box.paths))
    folder = stick / BACK
    (folder / "setup.exe").write_bytes(b"MZ")
    (folder / "fedcba9876543210").mkdir()
    (folder / "fedcba9876543210" / "other.kxb").write_bytes(b"x")
    os.mkfifo(folder / "aaaaaaaaaaaaaaaa")
    (folder / "bbbbbbbbbbbbbbbb").symlink_to(tmp_path)
    (folder / "cccccccccccccccc").mkdir()
    (folder / "cccccccccccccccc" / BACK_FILE).symlink_to(file_of(stick, mine))
    (folder / "dddddddddddddddd").mkdir()
    os.mkfifo(folder / "dddddddddddddddd" / BACK_FILE)
    (folder / "eeeeeeeeeeeeeeee").mkdir()
    (folder / "eeeeeeeeeeeeeeee" / BACK_FILE).write_bytes(b"short")
    done = collect([stick], county, WALL, Silent())
    assert [one.box for one in done.boxes] == [mine]
    assert {one.where.split("/")[2][0] for one in done.refused} == set("abcde")


def test_a_stick_pulled_while_it_was_written_gives_what_it_had(
    box: BoxUnderTest, stick: Path, county: County
) -> None:
    visit(box, stick)
    visit(box, stick)
    file = file_of(stick, str(known_id(box.paths)))
    data = bytearray(file.read_bytes())
    start = back.whole_halves(lambda at, length: bytes(data[at : at + length]), len(data))[0].start
    data[start + back.PAGE : start + back.PAGE + 512] = bytes(512)
    file.write_bytes(data)
    done = collect([stick], county, WALL, Silent())
    assert done.refused == ()
    assert [len(one.reports) for one in done.boxes] == [1]


def test_no_stick_of_ours_is_said(county: County, tmp_path: Path, kexia: Kexia) -> None:
    for place in (tmp_path / "nothing", tmp_path):
        with pytest.raises(UsageError, match="no stick on which boxes write"):
            collect([place], county, WALL, Silent())
    code, _, text = kexia("stick", "collect", tmp_path, "--to", county.root)
    assert code == 2
    assert "→" in text


def test_one_collection_at_a_time(stick: Path, county: County) -> None:
    with hold(county.root / "collect.lease", holder="another"), pytest.raises(LeaseHeld):
        collect([stick], county, WALL, Silent())


def test_a_damaged_registry_is_not_replaced(box: BoxUnderTest, stick: Path, county: County) -> None:
    visit(box, stick)
    flags(county, stick)
    county.registry.write_bytes(county.registry.read_bytes()[:-9])
    with pytest.raises(KexiaError, match="registry"):
        collect([stick], county, WALL, Silent())


# On to the hub


class Hub(Listening):
    """Takes what is put, unless it is told to answer otherwise."""

    def __init__(self) -> None:
        super().__init__(QuietServer(("127.0.0.1", 0), _Taking))
        self.taken: dict[str, bytes] = {}
        self.answers: list[int] = []
        self._http.hub = self  # type: ignore[attr-defined]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/papers"


class _Taking(QuietHandler):
    def do_PUT(self) -> None:
        hub = self.server.hub  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = hub.answers.pop(0) if hub.answers else 201
        if status < 300:
            hub.taken[self.path] = body
        answer: BaseHTTPRequestHandler = self
        answer.send_response(status)
        answer.send_header("Content-Length", "0")
        answer.end_headers()


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


def test_what_waits_is_put_to_a_hub_and_put_once(
    box: BoxUnderTest, stick: Path, county: County, hub: Hub, key: Path, kexia: Kexia
) -> None:
    visit(box, stick)
    words = ("stick", "collect", stick, "--to", county.root, "--forward", hub.url, "--json")
    code, told, _ = kexia(*words)
    assert (code, told["forwarded"], told["waiting"]) == (0, 2, 0)
    assert {Path(path).suffix for path in hub.taken} == {".have", ".report"}
    [report] = (data for path, data in hub.taken.items() if path.endswith(".report"))
    assert box.editions().keys() == {"43/a"}
    with pytest.raises(KexiaError):
        open_report(report, bytes(32))
    assert kexia(*words)[1]["forwarded"] == 0
    assert list(county.outbox.iterdir()) == []


def test_what_a_hub_does_not_take_waits(
    box: BoxUnderTest, stick: Path, county: County, hub: Hub, kexia: Kexia
) -> None:
    visit(box, stick)
    hub.answers = [201, 503]
    words = ("stick", "collect", stick, "--to", county.root, "--forward")
    code, told, _ = kexia(*words, hub.url, "--json")
    assert (code, told["forwarded"], told["waiting"]) == (4, 1, 1)
    assert "503" in str(told["problem"])
    code, told, _ = kexia(*words, hub.url, "--json")
    assert (code, told["forwarded"], told["waiting"]) == (0, 1, 0)
    assert len(hub.taken) == 2
    assert kexia(*words, "ftp://x", "--json")[0] == 2
    gone = giver("http://127.0.0.1:1/x")
    with pytest.raises(NoSource):
        gone("name", b"data")


def test_a_folder_is_as_good_as_a_hub(
    box: BoxUnderTest, stick: Path, county: County, tmp_path: Path
) -> None:
    visit(box, stick)
    flags(county, stick)
    names = {path.name: path.read_bytes() for path in county.outbox.iterdir()}
    assert forward(county, giver(str(tmp_path / "city")), Silent()).sent == 2
    assert {path.name: path.read_bytes() for path in (tmp_path / "city").iterdir()} == names


def test_what_was_sent_does_not_grow_for_ever(county: County) -> None:
    for number in range(KEPT_SENT + 9):
        county.outbox.mkdir(parents=True, exist_ok=True)
        (county.outbox / f"{'a' * 16}-{1:019}-{number:019}.have").write_bytes(b"x")
        (county.outbox / f"{'b' * 16}-{1:019}-{number:019}.have").write_bytes(b"x")
    forward(county, lambda *_: None, Silent())
    left = sorted(path.name for path in county.sent.iterdir())
    assert len(left) == 2 * KEPT_SENT
    assert left[0].endswith(f"{9:019}.have")


# A stick that waits


def test_a_stick_waits_for_boxes_and_keeps_what_they_wrote(
    box: BoxUnderTest, stick: Path, kexia: Kexia
) -> None:
    visit(box, stick)
    mine = str(known_id(box.paths))
    written = file_of(stick, mine).read_bytes()
    code, told, _ = kexia("stick", "expect", stick, mine, "0" * 16, "--json")
    assert code == 0
    assert len(told["files"]) == 2
    assert file_of(stick, mine).read_bytes() == written
    assert file_of(stick, "0" * 16).read_bytes() == bytes(back.DEFAULT_SIZE)
    for words in ((stick, "../x"), (stick / "not there", "0" * 16)):
        assert kexia("stick", "expect", *words)[0] == 2


def test_box_back_writes_and_says_so(box: BoxUnderTest, stick: Path, kexia: Kexia) -> None:
    paths = box.paths
    code, told, _ = kexia("box", "back", paths.root, "--to", stick, "--json")
    assert (code, told["written"], told["papers"]) == (0, "done", 2)
    shutil.rmtree(stick / BACK)
    code, told, _ = kexia("box", "back", paths.root, "--to", stick, "--json")
    assert (code, told["written"]) == (3, "not-expected")
    code, told, _ = kexia("box", "status", paths.root, "--json")
    assert (told["box"], told["back"]) == (
        known_id(paths), {"recipients": ["长沙县电教馆"], "problem": ""},
    )  # fmt: skip
    text = kexia("box", "status", paths.root)[2]
    assert str(known_id(paths)) in text
    assert "长沙县电教馆" in text


def test_backup_and_restore_by_command(
    box: BoxUnderTest, province: Province, key: Path, kexia: Kexia, tmp_path: Path
) -> None:
    with sqlite3.connect(box.paths.state_db) as state:
        state.execute("CREATE TABLE work (name TEXT)")
        state.execute("INSERT INTO work VALUES ('李老师的课')")
    state.close()
    file = tmp_path / "box.backup"
    assert kexia("box", "backup", box.paths.root, "--to", file, "--json")[0] == 0
    assert "李老师".encode() not in file.read_bytes()
    card = BoxUnderTest.create(tmp_path / "card", province.root).paths
    words = ("box", "restore", card.root, "--from", file, "--keys", private(key))
    code, told, _ = kexia(*words, "--passphrase-file", key / "passphrase", "--json")
    assert (code, told["from"], told["box"]) == (0, known_id(box.paths), known_id(card))
    with sqlite3.connect(card.state_db) as state:
        assert state.execute("SELECT name FROM work").fetchall() == [("李老师的课",)]
    state.close()
    code, _, text = kexia(*words, "--passphrase-file", key / "passphrase")
    assert code == 2
    assert text.count("\n") == 2


def test_nothing_prepared_for_another_box_is_written(box: BoxUnderTest, stick: Path) -> None:
    keep_prepared(box.paths, Prepared("f" * 16, (b"x",)))
    assert not write_back(BoxPaths(box.paths.root), stick).is_done
