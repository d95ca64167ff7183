"""A system update from the publisher's desk to the other slot: everything real but the slot itself.

``rauc install`` needs a machine that was started from a slot (tests/vm); what it would be given is
looked at here instead. Signatures, digests, packs, the judgement of ``rauc info`` are real.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance import config
from appliance.publisher import programmes
from appliance.publisher.systems import read_system
from appliance.system import programme, quiet
from appliance.system.history import Outcome, Phase, Running
from appliance.system.install import Desk, Doors
from appliance.system.known import Known, read_known
from appliance.system.offer import NothingReady, find_ready
from appliance.system.policy import DAY_LOOKS, RESERVE, Answer
from appliance.system.programme import Attendant, Machine
from appliance.system.rauc import InstallFailed, judge_bundle
from appliance.version import BUILD_TIME
from catalog.system import encode_system
from image_build.updates.authority import Authority, found
from sync.digest import sha256
from sync.directory import Directory
from sync.errors import InputRefused, ProofFailed, TrustRefused, UsageError
from sync.files import partial_of
from sync.progress import Silent
from sync.publish import promote
from sync.publish.workspace import Registration, SourceKind
from sync.trust import TrustClock
from tests.kit.boxes import BoxUnderTest, Forger
from tests.kit.bundles import COMPATIBLE, configuration, make
from tests.kit.province import Edition, Province

pytestmark = pytest.mark.thorough
COLLECTION = "43/system-amd64"
NIGHT = datetime(2026, 11, 25, 18, tzinfo=UTC)
"""Two in the morning, in China."""
DAY = datetime(2026, 11, 25, 3, tzinfo=UTC)


@dataclass
class Installed:
    """What rauc was given."""

    bundles: list[bytes] = field(default_factory=list)
    fails: Callable[[], None] = lambda: None

    def install(self, bundle: Path) -> None:
        self.fails()
        assert bundle.stat().st_mode & 0o777 == 0o600
        self.bundles.append(bundle.read_bytes())


@dataclass
class Scene:
    """A province that publishes systems, and a box that runs one."""

    folder: Path
    signer: Authority
    province: Province
    box: BoxUnderTest
    rauc: Installed = field(default_factory=Installed)
    running: Running = field(
        default_factory=lambda: Running(
            COMPATIBLE, "2026.11.01.1", "2026.01.01.1", "b1", True, False
        )
    )
    wall: datetime = NIGHT
    wall_is_set: bool = True
    looks: int = 1
    busy: bool = False
    restarts: int = 0

    def publish(self, version: str, *, compatible: str = COMPATIBLE) -> Path:
        bundle = make(self.folder / version, self.signer, version, compatible=compatible)
        root = self.province.workspace.root
        registration = Registration(COLLECTION, bundle, "", SourceKind.SYSTEM)
        programmes.add(root, registration, ca=self.signer.ca)
        self.province.now += timedelta(minutes=1)
        assert programmes.release(root, (), self.province.now, Silent()).candidate
        self.province.publish_all()
        return bundle

    def sync(self) -> int:
        report = self.box.sync(self.province.repository)
        assert not report.problems
        return report.bytes_fetched

    @property
    def attendant(self) -> Attendant:
        conf = configuration(self.folder / "box-conf", self.signer.ca)
        doors = Doors(lambda bundle: judge_bundle(bundle, conf), self.rauc.install)
        clock = TrustClock(self.wall, wall_is_set=self.wall_is_set, floor=BUILD_TIME)
        machine = Machine(
            self.running,
            "A",
            clock,
            busy=lambda: self.busy,
            looks=lambda: self.looks,
            restart=self._restart,
            desk=Desk(self.folder / "data-system", doors),
        )
        return Attendant(self.box.paths, config.load(self.box.paths), machine)

    def _restart(self) -> None:
        self.restarts += 1

    def run(self) -> Answer | None:
        answer = self.attendant.run(Silent()).answer
        return Answer(answer) if answer else None

    def reboot(self, version: str, *, fallen_back: bool = False) -> None:
        boot = self.running.boot + "'"
        self.running = replace(self.running, version=version, boot=boot, fallen_back=fallen_back)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    (tmp_path / "data-system").mkdir()
    province = Province.create(tmp_path)
    box = BoxUnderTest.create(tmp_path / "box", province.root).subscribe(COLLECTION)
    config.save(box.paths, replace(config.load(box.paths), system=COLLECTION))
    return Scene(tmp_path, found(tmp_path / "authority", "湖南省", None), province, box)


def test_an_update_comes_like_lessons_and_is_installed_at_night(scene: Scene) -> None:
    bundle = scene.publish("2026.11.26.1")
    scene.sync()
    assert scene.box.lessons() == set()
    assert scene.box.editions() == {COLLECTION: 1}
    assert scene.run() is Answer.RESTART
    assert scene.rauc.bundles == [bundle.read_bytes()]
    assert scene.restarts == 1
    assert not scene.attendant.machine.desk.copy.exists()
    state = scene.attendant.state()
    assert (state.ready, state.answer) == ("2026.11.26.1", "restart")
    scene.reboot("2026.11.26.1")
    state = scene.attendant.state()
    assert ([str(one.outcome) for one in state.events], state.pending) == (["confirmed"], "")
    assert scene.attendant.machine.desk.read().pending, "asking writes nothing"
    assert scene.run() is Answer.CURRENT
    assert [str(one.outcome) for one in scene.attendant.state().events] == ["confirmed"]
    assert len(scene.rauc.bundles) == 1


def test_the_next_one_costs_a_fraction(scene: Scene) -> None:
    first = scene.publish("2026.11.26.1")
    scene.sync()
    second = scene.publish("2026.11.27.1")
    fetched = scene.sync()
    assert fetched < second.stat().st_size / 4
    assert first.read_bytes() != second.read_bytes()
    assert scene.run() is Answer.RESTART
    assert scene.rauc.bundles == [second.read_bytes()]


def test_one_that_is_rolled_back_is_not_tried_again(scene: Scene) -> None:
    scene.publish("2026.11.26.1")
    scene.sync()
    scene.run()
    scene.reboot("2026.11.01.1", fallen_back=True)
    for _ in range(3):
        assert scene.run() is Answer.FAILED
    assert len(scene.rauc.bundles) == 1
    assert scene.attendant.state().failed == ("2026.11.26.1",)
    with pytest.raises(UsageError, match="did not hold"):
        scene.attendant.install(None, again=False, progress=Silent())
    scene.attendant.install(None, again=True, progress=Silent())
    assert len(scene.rauc.bundles) == 2


def test_what_a_power_cut_left_of_a_copy_takes_no_room_from_the_next(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = scene.publish("2026.11.26.1")
    scene.sync()
    monkeypatch.setattr(programme, "free_space", lambda _folder: RESERVE)
    assert scene.run() is Answer.NO_ROOM
    left = partial_of(scene.attendant.machine.desk.copy)
    left.touch(0o600)
    left.write_bytes(bytes(bundle.stat().st_size))
    assert scene.run() is Answer.RESTART
    assert not left.exists()


def test_one_that_a_torn_grubenv_kept_from_starting_is_installed_again(scene: Scene) -> None:
    scene.publish("2026.11.26.1")
    scene.sync()
    scene.run()
    scene.reboot("2026.11.01.1")
    assert scene.run() is Answer.RESTART
    assert len(scene.rauc.bundles) == 2
    assert scene.attendant.state().failed == ()


def test_an_older_one_is_never_installed_not_even_by_hand(scene: Scene) -> None:
    scene.publish("2026.10.01.1")
    scene.sync()
    for wall in (NIGHT, datetime(2000, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)):
        scene.wall = wall
        assert scene.run() is Answer.OLDER
        with pytest.raises(UsageError, match="older"):
            scene.attendant.install(None, again=True, progress=Silent())
    assert not scene.rauc.bundles


@pytest.mark.parametrize("year", [2000, 2026, 2099])
def test_a_good_one_is_installed_whatever_the_clock_says(scene: Scene, year: int) -> None:
    scene.publish("2026.11.26.1")
    scene.sync()
    scene.wall, scene.wall_is_set, scene.looks = datetime(year, 1, 1, tzinfo=UTC), False, DAY_LOOKS
    assert scene.run() is Answer.RESTART
    assert scene.restarts == 1


def test_one_of_another_authority_is_refused_and_not_copied_every_night(scene: Scene) -> None:
    ours = scene.signer
    scene.signer = found(scene.folder / "other", "湖南省", None)
    scene.publish("2026.11.26.1")
    scene.sync()
    scene.signer = ours
    with pytest.raises(TrustRefused):
        scene.run()
    assert scene.run() is Answer.FAILED
    with pytest.raises(TrustRefused, match="before"):
        scene.attendant.install(None, again=False, progress=Silent())
    with pytest.raises(TrustRefused) as judged:
        scene.attendant.install(None, again=True, progress=Silent())
    assert "before" not in judged.value.fact
    assert not scene.rauc.bundles
    assert [one.outcome for one in scene.attendant.machine.desk.read().failed] == [Outcome.REFUSED]


def test_a_publisher_does_not_take_a_bundle_of_another_authority(scene: Scene) -> None:
    bundle = make(scene.folder / "x", found(scene.folder / "other", "x", None), "2026.11.26.1")
    registration = Registration(COLLECTION, bundle, "", SourceKind.SYSTEM)
    with pytest.raises(TrustRefused):
        programmes.add(scene.province.workspace.root, registration, ca=scene.signer.ca)
    added = programmes.add(scene.province.workspace.root, registration)
    assert added.kind is SourceKind.SYSTEM  # without the CA at hand, boxes judge


def test_what_is_no_bundle_is_not_published(scene: Scene) -> None:
    root = scene.province.workspace.root
    nothing = scene.folder / "x.raucb"
    nothing.write_bytes(b"hsqs" + bytes(10_000))
    for path in (nothing, scene.folder / "is-not-there", scene.folder):
        with pytest.raises((InputRefused, TrustRefused)):
            programmes.add(root, Registration(COLLECTION, path, "", SourceKind.SYSTEM))
    odd = make(scene.folder / "odd", scene.signer, "2026.11.26.1", compatible="Teaching Point")
    with pytest.raises(InputRefused, match="no system update"):
        programmes.add(root, Registration(COLLECTION, odd, "", SourceKind.SYSTEM))


def test_an_altered_bundle_is_not_given_to_rauc(scene: Scene) -> None:
    scene.publish("2026.11.26.1")
    scene.sync()
    ready = find_ready(scene.box.paths, config.load(scene.box.paths), scene.attendant.machine.clock)
    data = ready.bundle.read_bytes()
    for altered in (data[:-1], data + b"x", data[:500] + b"x" + data[501:]):
        ready.bundle.chmod(0o600)
        ready.bundle.write_bytes(altered)
        with pytest.raises(ProofFailed):
            scene.run()
    assert not scene.rauc.bundles
    assert not scene.attendant.machine.desk.read().failed
    other = scene.folder / "whole.raucb"
    other.write_bytes(data)
    scene.attendant.install(other, again=False, progress=Silent())
    assert scene.rauc.bundles == [data]


def test_by_hand_only_what_a_signed_list_names(scene: Scene) -> None:
    scene.publish("2026.11.26.1")
    scene.sync()
    newer = make(scene.folder / "newer", scene.signer, "2026.12.01.1")
    with pytest.raises(ProofFailed, match="not the bundle that is signed"):
        scene.attendant.install(newer, again=False, progress=Silent())
    assert not scene.rauc.bundles


def test_nobody_is_disturbed(scene: Scene) -> None:
    scene.publish("2026.11.26.1")
    scene.sync()
    scene.looks = 0
    assert scene.run() is Answer.IN_USE
    scene.wall, scene.looks = DAY, DAY_LOOKS - 1
    assert scene.run() is Answer.IN_USE
    scene.looks, scene.busy = DAY_LOOKS, True
    assert scene.run() is Answer.BUSY
    scene.busy = False
    scene.running = replace(scene.running, confirmed=False)
    assert scene.run() is Answer.UNCONFIRMED
    assert not scene.rauc.bundles


def test_an_installed_one_waits_until_nobody_is_here(scene: Scene) -> None:
    """Somebody came while it was written: the restart waits, and is not forgotten."""
    scene.publish("2026.11.26.1")
    scene.sync()
    scene.rauc.fails = lambda: setattr(scene, "looks", 0)
    assert scene.run() is Answer.RESTART
    assert scene.restarts == 0
    assert scene.run() is Answer.RESTART
    assert scene.restarts == 0
    scene.looks = 1
    scene.run()
    assert scene.restarts == 1
    assert len(scene.rauc.bundles) == 1


def test_a_failing_installation_is_told_and_given_up_in_the_end(scene: Scene) -> None:
    scene.publish("2026.11.26.1")
    scene.sync()

    def fail() -> None:
        raise InstallFailed("the other slot cannot be written")

    scene.rauc.fails = fail
    for _ in range(5):
        with pytest.raises(InstallFailed):
            scene.run()
    assert scene.run() is Answer.FAILED
    assert scene.restarts == 0


def test_killed_while_it_is_written_it_goes_on(scene: Scene) -> None:
    scene.publish("2026.11.26.1")
    scene.sync()

    def kill() -> None:
        raise KeyboardInterrupt

    scene.rauc.fails = kill
    with pytest.raises(KeyboardInterrupt):
        scene.run()
    pending = scene.attendant.machine.desk.read().pending
    assert pending is not None
    assert pending.phase is Phase.INSTALLING
    scene.rauc.fails = lambda: None
    scene.reboot("2026.11.01.1")
    assert scene.run() is Answer.RESTART
    assert len(scene.rauc.bundles) == 1


def ready(scene: Scene) -> str:
    try:
        clock = scene.attendant.machine.clock
        return find_ready(scene.box.paths, config.load(scene.box.paths), clock).system.version
    except NothingReady as nothing:
        return nothing.fact


def test_only_what_is_signed_now_and_whole_lies_ready(scene: Scene) -> None:
    assert ready(scene) == f"{COLLECTION} has not come yet"
    scene.publish("2026.11.26.1")
    scene.sync()
    assert ready(scene) == "2026.11.26.1"
    config.save(scene.box.paths, replace(config.load(scene.box.paths), system=""))
    assert "follows no system" in ready(scene)


def test_one_that_its_publisher_holds_back_waits(scene: Scene, tmp_path: Path) -> None:
    publisher = Forger(tmp_path / "forged")
    bundle = make(tmp_path / "x", scene.signer, "2026.11.26.1")
    block = encode_system(COLLECTION, "PC", read_system(bundle, ca=scene.signer.ca))
    edition = Edition({"bundle.raucb": bundle.read_bytes()}, block=block)
    [entry] = publisher.cut({COLLECTION: edition})
    publisher.offer(Directory("43", "湖南省", (entry,)))
    publisher.publish()
    scene.box = BoxUnderTest.create(tmp_path / "other", publisher.first_root).subscribe(COLLECTION)
    config.save(scene.box.paths, replace(config.load(scene.box.paths), system=COLLECTION))
    assert not scene.box.sync(publisher.folder).problems
    assert ready(scene) == "2026.11.26.1"
    publisher.held = (COLLECTION,)
    publisher.publish()
    scene.box.sync(publisher.folder)
    assert ready(scene) == f"{COLLECTION} is held back by its publisher for now"


def test_a_trust_state_that_does_not_prove_installs_nothing(scene: Scene) -> None:
    scene.publish("2026.11.26.1")
    scene.sync()
    [timestamp] = scene.box.paths.generations.glob("*/trust/*/timestamp.json")
    timestamp.chmod(0o600)
    timestamp.write_bytes(timestamp.read_bytes().replace(b"2026", b"2027", 1))
    with pytest.raises(TrustRefused):
        scene.run()
    assert not scene.rauc.bundles


def test_a_state_that_cannot_be_read_stops_nothing(scene: Scene) -> None:
    scene.publish("2026.11.26.1")
    scene.sync()
    scene.attendant.machine.desk.state.write_bytes(b"\0" * 40)
    assert scene.run() is Answer.RESTART


def test_report_and_status_tell_which_system_runs(scene: Scene, tmp_path: Path) -> None:
    image = tmp_path / "image.json"
    assert read_known(image, scene.folder / "data-system") == Known()
    scene.publish("2026.11.26.1")
    scene.sync()
    said = Path(scene.folder / "2026.11.26.1" / "image.json").read_bytes()
    image.write_bytes(said.replace(b"2026.11.26.1", b"2026.11.01.1"))
    scene.run()
    known = read_known(image, scene.folder / "data-system")
    assert known == Known("2026.11.01.1", pending="2026.11.26.1")
    assert known.versions == {"system": "2026.11.01.1"}
    scene.reboot("2026.11.01.1", fallen_back=True)
    scene.run()
    known = read_known(image, scene.folder / "data-system")
    assert known.versions == {"system": "2026.11.01.1", "system-failed": "2026.11.26.1"}


TABLE = (
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000",
    "   1: 0A00000A:0050 0B00000A:C001 01 00000000:00000000 00:00000000 00000000",
    "   2: 0A00000A:0050 0B00000A:C002 06 00000000:00000000 00:00000000 00000000",
    "   3: 0100007F:0050 0100007F:C003 01 00000000:00000000 00:00000000 00000000",
    "   4: 0A00000A:0016 0B00000A:C004 01 00000000:00000000 00:00000000 00000000",
    "   5: 0000000000000000FFFF00000A00000A:0050 0000000000000000FFFF00000B00000A:C005 01 x",
    "   6: 0000000000000000FFFF00000100007F:0050 0000000000000000FFFF00000100007F:C006 01 x",
    "   7: 00000000000000000000000001000000:0050 00000000000000000000000001000000:C007 01 x",
    "broken",
)


def test_only_other_machines_on_the_pages_count() -> None:
    assert quiet.connections(TABLE, {80, 8081}) == 2
    assert quiet.connections(TABLE, {8081}) == 0


def test_looks_are_counted_until_somebody_comes(tmp_path: Path) -> None:
    count, table = tmp_path / "count", tmp_path / "tcp"
    table.write_text("header\n")
    assert [quiet.look({80}, count=count, tables=[table]) for _ in range(3)] == [1, 2, 3]
    table.write_text("header\n" + TABLE[1] + "\n")
    assert quiet.look({80}, count=count, tables=[table]) == 0
    table.write_text("header\n")
    assert quiet.look({80}, count=count, tables=[table, tmp_path / "tcp6"]) == 1
    count.write_bytes(b"\xff")
    assert quiet.look({80}, count=count, tables=[table]) == 1


def test_the_bundle_is_found_by_its_digest(scene: Scene) -> None:
    bundle = scene.publish("2026.11.26.1")
    scene.sync()
    assert sha256(bundle.read_bytes()) in scene.box.resources()
    assert promote.published(scene.province.workspace, scene.province.roles)[0].entry(COLLECTION)
