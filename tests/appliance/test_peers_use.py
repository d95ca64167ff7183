"""Taking from a box next door: an honest one spares the line, a lying one costs a line of text.

The neighbour is a real web server over what a box would pass on; where it is honest and real from
end to end is tested in ``test_peers_both``.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest

from appliance.announcement import BASE, marks
from appliance.holdings import Holdings
from appliance.onlink import PeerPolicy
from appliance.update.report import SyncReport
from appliance.update.sources import Neighbour, Neighbours
from sync.digest import sha256, sharded
from sync.trust import parse_root
from tests.kit import faults
from tests.kit.boxes import BoxUnderTest
from tests.kit.faults import Answer, Fault
from tests.kit.province import Province
from tests.kit.server import ALWAYS, FolderServer

pytestmark = pytest.mark.thorough
CAP = 1024 * 1024
ROOM = 512 * 1024
"""Bytes that may be on their way when a fault is seen: the cap is of bytes that were read."""
RNG = Random(11)
OLD = {"l1.mp4": RNG.randbytes(600_000), "l1.pdf": b"paper"}
LONG = RNG.randbytes(5 * CAP)
NEW = {**OLD, "l2.mp4": LONG, "l2.pdf": RNG.randbytes(300_000), "l3.vtt": b"words " * 300}
FRESH = sum(len(NEW[name]) for name in NEW if name not in OLD)


def lay_out(box: BoxUnderTest, folder: Path) -> Path:
    """What the box passes on, as files."""
    holdings = Holdings(box.paths, box.generation)
    for publisher in holdings.publishers:
        base = folder / BASE.lstrip("/") / "repositories" / publisher
        named = {
            **holdings.metadata(publisher),
            **dict(holdings.feeds()),
            **dict(holdings.tables()),
        }
        for digest in holdings.resources():
            name = f"resources/{sharded(digest)}"
            held = holdings.find(publisher, name)
            if held is not None:
                named[name] = held
        for name, held in named.items():
            (base / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(held.path, base / name)
    return folder


@dataclass
class Case:
    province: Province
    origin: FolderServer
    peer: FolderServer
    box: BoxUnderTest
    refused: list[str] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"kexia-peer/1/repositories/{parse_root(self.province.root).publisher_id}"

    def meet(self, *, marked: bool = False) -> None:
        """The neighbour is found from now on."""
        found = parse_root(self.province.root).publisher_id
        version = self.box.generation.record.publishers[0].versions["timestamp"]
        neighbour = Neighbour(
            "b" * 16,
            f"{self.peer.url}{BASE}",
            marks({found: version}) if marked else frozenset(),
            "127.0.0.1",
        )
        self.box.neighbours = Neighbours(
            lambda: [neighbour],
            lambda one, reason: self.refused.append(f"{one.box} {reason}"),
            cap=CAP,
            grace=1.0,
        )

    def sync(self) -> SyncReport:
        self.origin.reset()
        self.peer.reset()
        return self.box.sync()

    def is_current(self) -> bool:
        return set(self.box.resources().values()) == set(NEW.values())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Province, Path, Path]:
    """A province with a new edition, a box at the old one, a box next door with the new one."""
    folder = tmp_path_factory.mktemp("made")
    province = Province.create(folder)
    province.publish({"43/a": OLD})
    old = BoxUnderTest.create(folder / "old", province.root).subscribe("43/a")
    old.sync(province.repository)
    province.let_read("长沙县电教馆")
    province.publish({"43/a": NEW})
    other = BoxUnderTest.create(folder / "other", province.root).subscribe("43/a")
    other.set_peers(PeerPolicy(serve=True))
    other.sync(province.repository)
    return province, folder / "old", lay_out(other, folder / "peer")


@pytest.fixture
def case(made: tuple[Province, Path, Path], tmp_path: Path) -> Iterator[Case]:
    province, old, peer = made
    box = BoxUnderTest.create(tmp_path / "unused", province.root)
    shutil.copytree(old, tmp_path / "box", symlinks=True)
    box = BoxUnderTest(replace(box.paths, root=tmp_path / "box"))
    with FolderServer(province.repository) as origin, FolderServer(peer) as server:
        box.follow(province.root, origin.url)
        box.set_peers(PeerPolicy(use=True, fault_kib=CAP // 1024))
        found = Case(province, origin, server, box)
        found.meet()
        yield found


def lines_about(report: SyncReport) -> list[str]:
    return [note for note in report.notes if "neighbour" in note or "kexia-peer" in note]


def test_what_is_new_comes_from_next_door(case: Case) -> None:
    report = case.sync()
    assert report.problems == ()
    assert case.is_current()
    assert report.editions == {"43/a": 2}
    assert lines_about(report) == []
    assert case.peer.bytes >= FRESH
    together = case.peer.bytes + case.origin.bytes
    assert case.peer.bytes >= 0.95 * together, f"{case.origin.bytes} of {together} from the origin"
    assert report.peer_bytes >= FRESH


def test_without_a_line_next_door_is_enough(case: Case) -> None:
    case.origin.fail("*", faults.Status(500), times=ALWAYS)
    report = case.sync()
    assert report.problems == ()
    assert case.is_current()


def test_a_budget_counts_nothing_of_next_door(case: Case) -> None:
    case.box.budget = 200_000
    report = case.sync()
    assert report.problems == ()
    assert case.is_current()


def test_who_announces_our_own_state_is_asked_for_no_metadata(case: Case) -> None:
    case.meet(marked=True)
    report = case.sync()
    assert report.problems == ()
    assert case.is_current()
    assert not [name for name in case.peer.requests if "/metadata/" in name]


def test_next_door_alone_is_enough_though_a_lesson_was_withdrawn(tmp_path: Path) -> None:
    """Its files are not passed on, nor are they needed; let through again, it comes."""
    province = Province.create(tmp_path)
    province.publish({"43/a": OLD})
    province.withdraw("43/a/l1")
    province.publish({"43/a": NEW})
    giver = BoxUnderTest.create(tmp_path / "giver", province.root).subscribe("43/a")
    giver.set_peers(PeerPolicy(serve=True))
    giver.sync(province.repository)
    taker = BoxUnderTest.create(tmp_path / "taker", province.root).subscribe("43/a")
    with FolderServer(lay_out(giver, tmp_path / "peer")) as peer:
        taker.neighbours = Neighbours(lambda: [Neighbour("b" * 16, f"{peer.url}{BASE}")])
        first, second = taker.sync(), taker.sync()
    assert (first.problems, second.problems) == ((), ())
    assert (first.is_new, second.is_new) == (True, False)
    assert taker.lessons() == giver.lessons() == {"43/a/l2", "43/a/l3"}
    assert not taker.store.library.has(sha256(OLD["l1.mp4"]))
    taker.sync(province.repository)
    assert taker.store.library.has(sha256(OLD["l1.mp4"])), "the rest comes when it can be had"


@dataclass
class Endless(Fault):
    """Says that a gibibyte comes, and sends of it what is taken."""

    def spoil(self, answer: Answer) -> None:
        answer.status = 200
        answer.body = bytes(64 * 2**20)
        answer.headers = {"Content-Type": "application/octet-stream"}


@dataclass
class Drip(Fault):
    """A few bytes, and then none for as long as anybody waits."""

    def spoil(self, answer: Answer) -> None:
        answer.body = answer.body[: 65 * 1024]
        answer.headers["Content-Length"] = str(len(answer.whole))
        answer.pace = 20.0


@dataclass
class Altered(Fault):
    """Every byte of the answer another one, its length right."""

    def spoil(self, answer: Answer) -> None:
        answer.body = bytes(byte ^ 0xFF for byte in answer.body)


LONG_NAME = f"*{sha256(LONG)}"
LIES: dict[str, tuple[str, Fault]] = {
    "wrong bytes everywhere": ("*/resources/*", Altered()),
    "wrong bytes of a long file": (LONG_NAME, Altered()),
    "wrong feed": ("*/feeds/*", Altered()),
    "endless metadata": ("*/timestamp.json", Endless()),
    "endless file": ("*/resources/*", Endless()),
    "altered metadata": ("*/timestamp.json", Altered()),
    "dripping file": ("*/resources/*", Drip()),
    "busy": ("*/resources/*", faults.Busy({})),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_neighbour_costs_one_line_and_few_bytes(case: Case, lie: str) -> None:
    pattern, fault = LIES[lie]
    case.peer.fail(pattern, fault, times=ALWAYS)
    report = case.sync()
    assert report.exit_code == 0, report.problems
    assert case.is_current(), "the origin gave the rest"
    assert len(lines_about(report)) <= 1
    good = sum(len(data) for data in NEW.values())
    assert report.peer_bytes <= good + CAP + ROOM


@pytest.mark.parametrize("lie", ["wrong bytes everywhere", "wrong bytes of a long file"])
def test_bytes_in_vain_are_counted_and_remembered(case: Case, lie: str) -> None:
    pattern, fault = LIES[lie]
    case.peer.fail(pattern, fault, times=ALWAYS)
    for name in ("l2.pdf", "l3.vtt", "l2.mp4"):
        if "everywhere" not in lie:
            case.peer.fail(f"*{sha256(NEW[name])}", fault, times=ALWAYS)
    report = case.sync()
    assert case.is_current()
    assert len(lines_about(report)) == 1
    assert len(case.refused) == 1
    assert report.peer_bytes <= CAP + ROOM


def test_another_publisher_next_door_is_no_source(case: Case, tmp_path: Path) -> None:
    other = Province.create(tmp_path / "other", "44", "广东省")
    other.publish({"44/a": {"l1.pdf": b"foreign"}})
    shutil.copytree(other.repository, tmp_path / "lie" / case.base)
    with FolderServer(tmp_path / "lie") as liar:
        case.peer = liar
        case.meet()
        report = case.sync()
    assert report.exit_code == 0
    assert case.is_current()
    assert len(lines_about(report)) == 1
    assert report.peer_bytes <= CAP


def test_an_older_neighbour_is_no_alarm(case: Case, made: tuple[Province, Path, Path]) -> None:
    case.sync()
    older = lay_out(BoxUnderTest(replace(case.box.paths, root=made[1])), case.box.paths.root / "o")
    with FolderServer(older) as server:
        case.peer = server
        case.meet()
        report = case.sync()
    assert report.exit_code == 0
    assert lines_about(report) == []


def test_a_neighbour_that_is_gone_costs_one_line(case: Case) -> None:
    case.peer.fail("*", faults.Hangup(), times=ALWAYS)
    report = case.sync()
    assert report.exit_code == 0
    assert case.is_current()
    assert len(lines_about(report)) == 1
    assert case.refused == [], "silence is no lie: it is asked again next time"


def test_nobody_is_sent_elsewhere(case: Case) -> None:
    with FolderServer(case.province.repository) as elsewhere:
        case.peer.fail("*", faults.Redirect(elsewhere.url), times=ALWAYS)
        case.sync()
        assert elsewhere.requests == []
    assert case.is_current()
