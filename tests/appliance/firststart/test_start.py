"""The first start: once for each site file, killed at any instant, always a box after it."""

import os
import stat
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from appliance import config
from appliance import pin as pins
from appliance.config import Listen
from appliance.firststart import note as notes
from appliance.firststart.card import Card
from appliance.firststart.decide import Step
from appliance.firststart.note import Note
from appliance.firststart.noted import read_note, read_site_of
from appliance.firststart.site import SitePublisher, read_site, write_site
from appliance.lan import keep
from appliance.lan.config import Mode, NetworkConfig
from appliance.night import Night
from appliance.state import open_state
from appliance.timetable import keep as timetables
from sync.errors import FormatError, MediumFailing
from sync.trust import DemoKeys
from tests.appliance.firststart.test_site import KEY
from tests.kit.sitecards import SITE, Blank, changed
from tests.kit.timetables import WEEK
from tests.kit.tufrepo import TufRepo

GOLDEN = Path(__file__).parents[2] / "golden" / "first-start-1.json"
NOTE = Note("a" * 64, "b" * 64, wiped=False, refused="c" * 64, problem="p", faults=("x: y → z",))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return TufRepo(tmp_path_factory.mktemp("43")).first_root


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return TufRepo(tmp_path_factory.mktemp("43-again")).first_root


@pytest.fixture
def blank(tmp_path: Path) -> Blank:
    return Blank(tmp_path)


def knows_pin(blank: Blank, pin: str) -> bool:
    with closing(open_state(blank.paths.state_db)) as state:
        return pins.matches(pin, pins.read_pin(state))


def is_set_up(blank: Blank, root: bytes) -> None:
    box = config.load(blank.paths)
    assert (box.name, box.demo, box.night) == ("青山教学点", False, Night("22:00", "06:00"))
    assert box.listen == Listen("0.0.0.0", 80, 8081)
    assert [(one.code, one.urls) for one in box.publishers] == [
        ("43", ("https://www.example.cn/kexia",))
    ]
    assert box.subscriptions == ("43/math-1a", "43/system")
    assert box.system == "43/system"
    assert (blank.paths.root / "roots/43.root.json").read_bytes() == root
    assert keep.load(blank.paths) == SITE.network
    assert stat.S_IMODE(blank.paths.network.stat().st_mode) == 0o600
    assert knows_pin(blank, "204857")
    assert read_site_of(blank.paths) == SITE.without_secrets()
    assert blank.site_file.read_bytes() == write_site(SITE.without_secrets())
    assert read_note(blank.paths).wiped
    assert not any(b"204857" in data for data in blank.everything().values())
    assert [name for name, data in blank.everything().items() if b"mnbv2345cxzl" in data] == [
        "box/network.toml"
    ]


def test_a_new_card_becomes_the_box_its_site_file_describes(blank: Blank, root: bytes) -> None:
    blank.lay(SITE, r43=root)
    assert blank.start().step is Step.APPLY
    is_set_up(blank, root)
    before = blank.everything()
    assert blank.start().step is Step.NOTHING
    assert blank.everything() == before


def test_a_file_without_secrets_keeps_those_that_are_known(blank: Blank, root: bytes) -> None:
    blank.lay(SITE, r43=root)
    blank.start()
    blank.lay(replace(read_site(blank.site_file.read_bytes()), name="青山小学"))
    assert blank.start().step is Step.APPLY
    assert config.load(blank.paths).name == "青山小学"
    assert keep.load(blank.paths).passphrase == "mnbv2345cxzl"
    assert knows_pin(blank, "204857")


def test_a_later_file_is_applied_once_and_what_was_decided_since_stays(
    blank: Blank, root: bytes
) -> None:
    blank.lay(SITE, r43=root)
    blank.start()
    box = config.load(blank.paths).subscribed(["43/art-1a"])
    config.save(blank.paths, replace(box, sync_every_hours=6))
    blank.lay(changed(pin="918273", network=NetworkConfig(ssid="新", passphrase="12345678")))
    assert blank.start().step is Step.APPLY
    assert blank.start().step is Step.NOTHING
    box = config.load(blank.paths)
    assert box.subscriptions == ("43/art-1a", "43/math-1a", "43/system")
    assert box.sync_every_hours == 6
    assert knows_pin(blank, "918273")
    assert keep.load(blank.paths).ssid == "新"
    assert b"12345678" not in blank.site_file.read_bytes()


def test_the_week_a_box_was_told_stays_until_a_file_says_another(blank: Blank, root: bytes) -> None:
    blank.lay(changed(timetable=WEEK), r43=root)
    blank.start()
    assert timetables.load(blank.paths) == WEEK
    timetables.save(blank.paths, WEEK[1:])  # by the school
    blank.lay(changed(timetable=WEEK, night=Night("21:00", "05:00")), r43=root)
    blank.start()
    assert timetables.load(blank.paths) == WEEK[1:]
    blank.lay(changed(), r43=root)
    blank.start()
    assert timetables.load(blank.paths) == WEEK[1:]
    blank.lay(changed(timetable=WEEK[:1]), r43=root)
    blank.start()
    assert timetables.load(blank.paths) == WEEK[:1]


def test_another_school_s_week_goes(blank: Blank, root: bytes) -> None:
    blank.lay(changed(timetable=WEEK), r43=root)
    blank.start()
    blank.lay(changed(name="红星教学点", timetable=WEEK), r43=root)
    blank.start()
    assert timetables.load(blank.paths) == WEEK  # the one that its own file names
    blank.lay(changed(name="白云教学点"), r43=root)
    blank.start()
    assert timetables.load(blank.paths) == ()


def test_a_file_on_the_card_may_give_a_publisher_another_root(
    blank: Blank, root: bytes, other: bytes
) -> None:
    blank.lay(SITE, r43=root)
    blank.start()
    blank.lay(changed(serial="2"), r43=other)
    blank.start()
    assert (blank.paths.root / "roots/43.root.json").read_bytes() == other


def test_a_root_that_lies_on_the_card_alone_changes_nothing(
    blank: Blank, root: bytes, other: bytes
) -> None:
    blank.lay(SITE, r43=root)
    blank.start()
    (blank.esp / "roots/43.root.json").write_bytes(other)
    assert blank.start().step is Step.NOTHING
    assert (blank.paths.root / "roots/43.root.json").read_bytes() == root


def test_without_a_site_file_a_box_has_a_protected_network_of_its_own(blank: Blank) -> None:
    assert blank.start().step is Step.DEFAULTS
    network = keep.load(blank.paths)
    assert network.mode is Mode.ACCESS_POINT
    assert network.ssid.startswith("Kexia-")
    assert len(network.passphrase) == 12
    box = config.load(blank.paths)
    assert (box.name, box.publishers) == (network.ssid, ())
    assert not knows_pin(blank, "")
    assert blank.start().step is Step.NOTHING
    assert keep.load(blank.paths) == network


def test_a_box_with_defaults_takes_the_site_file_that_comes_later(
    blank: Blank, root: bytes
) -> None:
    blank.start()
    blank.lay(SITE, r43=root)
    assert blank.start().step is Step.APPLY
    is_set_up(blank, root)


def test_a_broken_file_costs_one_line_and_the_box_starts(blank: Blank, root: bytes) -> None:
    blank.esp.mkdir()
    blank.site_file.write_text("format = 1\n[site]\nname = ''\n")
    done = blank.start()
    assert done.step is Step.REFUSE
    assert "the site file is not as it must be" in done.note.problem
    assert any("[site] code" in fault for fault in done.note.faults)
    assert keep.load(blank.paths).ssid.startswith("Kexia-")
    before = blank.everything()
    assert blank.start().step is Step.REFUSE
    assert blank.everything() == before
    blank.lay(SITE, r43=root)
    assert blank.start().note.problem == ""
    is_set_up(blank, root)


def test_a_broken_file_leaves_a_box_as_it_was(blank: Blank, root: bytes) -> None:
    blank.lay(SITE, r43=root)
    blank.start()
    good, kept = blank.site_file.read_bytes(), config.load(blank.paths)
    blank.site_file.write_bytes(good.replace(b'code = "430121"', b'code = "=1"'))
    assert blank.start().step is Step.REFUSE
    assert config.load(blank.paths) == kept
    assert keep.load(blank.paths) == SITE.network
    blank.site_file.write_bytes(good)
    assert blank.start().note.problem == ""


@pytest.mark.parametrize(
    ("site", "words"),
    [
        (changed(publishers=(SitePublisher("roots/44.root.json"),)), "is missing"),
        (changed(publishers=(SitePublisher("roots/45.root.json"),)), "is the root of 43"),
        (
            changed(publishers=(SitePublisher("roots/43.root.json", (), ("44/art",)),)),
            "publishes nothing like 44/art",
        ),
    ],
)
def test_a_box_follows_nobody_without_a_root(
    blank: Blank, root: bytes, site: object, words: str
) -> None:
    blank.lay(site, r43=root, r45=root)  # type: ignore[arg-type]
    done = blank.start()
    assert done.step is Step.REFUSE
    assert words in " ".join(done.note.faults)
    assert config.load(blank.paths).publishers == ()


def test_an_altered_root_is_refused(blank: Blank, root: bytes) -> None:
    blank.lay(SITE, r43=root.replace(b"publisher 43", b"publisher 44"))
    assert "no root signed by its own keys" in " ".join(blank.start().note.faults)
    assert not (blank.paths.root / "roots").exists()


@pytest.mark.parametrize("demo", DemoKeys)
def test_demo_keys_count_on_a_demo_image_only(tmp_path: Path, demo: DemoKeys) -> None:
    marked = TufRepo(tmp_path / "43", demo=True).first_root
    blank = Blank(tmp_path, demo)
    blank.lay(SITE, r43=marked)
    step = blank.start().step
    assert step is (Step.APPLY if demo is DemoKeys.ACCEPT else Step.REFUSE)
    assert config.load(blank.paths).demo is (demo is DemoKeys.ACCEPT)


def test_ssh_keys_are_those_of_the_file_and_no_others(blank: Blank, root: bytes) -> None:
    blank.lay(changed(ssh_keys=(KEY,)), r43=root)
    blank.start()
    assert blank.ssh_keys.read_text() == KEY + "\n"
    assert stat.S_IMODE(blank.ssh_keys.stat().st_mode) == 0o600
    blank.lay(SITE)
    blank.start()
    assert blank.ssh_keys.read_text() == ""


@pytest.mark.parametrize("name", ["SITE.TOML", "site.toml.txt", "Site.Toml.txt"])
def test_windows_may_have_named_it(blank: Blank, root: bytes, name: str) -> None:
    blank.lay(SITE, r43=root)
    blank.site_file.rename(blank.esp / name)
    assert blank.start().step is Step.APPLY
    assert (blank.esp / name).read_bytes() == write_site(SITE.without_secrets())
    assert blank.start().step is Step.NOTHING


@pytest.mark.parametrize("left_is", ["site.toml", "site.toml.txt"])
def test_a_new_file_counts_beside_the_one_that_was_left(
    blank: Blank, root: bytes, left_is: str
) -> None:
    """Windows hides what follows the dot: who saves a new file may well make a second one."""
    blank.lay(SITE, r43=root)
    blank.start()
    laid = blank.esp / ({"site.toml", "site.toml.txt"} - {left_is}).pop()
    left = blank.site_file.read_bytes()
    blank.site_file.unlink()
    (blank.esp / left_is).write_bytes(left)
    new = changed(name="白云教学点", pin="918273")
    laid.write_bytes(write_site(new))
    assert blank.start().step is Step.APPLY
    assert config.load(blank.paths).name == "白云教学点"
    assert [path.name for path in Card(blank.esp).site_files()] == [laid.name]
    assert laid.read_bytes() == write_site(new.without_secrets())
    assert blank.start().step is Step.NOTHING


def test_a_broken_file_beside_the_one_that_was_left_is_told(blank: Blank, root: bytes) -> None:
    blank.lay(SITE, r43=root)
    blank.start()
    second = blank.esp / "site.toml.txt"
    second.write_text("format = 1")
    assert blank.start().step is Step.REFUSE
    assert second.exists()
    second.unlink()
    assert blank.start().note.problem == ""


def test_a_folder_or_link_of_that_name_is_no_site_file(blank: Blank) -> None:
    (blank.esp / "site.toml").mkdir(parents=True)
    assert blank.start().step is Step.DEFAULTS


def test_secrets_that_cannot_be_wiped_are_told_and_tried_again(
    blank: Blank, root: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: Card, left: bytes) -> None:
        raise MediumFailing("the card is read-only")

    blank.lay(SITE, r43=root)
    with monkeypatch.context() as broken:
        broken.setattr(Card, "wipe", fails)
        assert "still lie on the card" in blank.start().note.problem
        assert blank.start().step is Step.WIPE
    assert blank.start().step is Step.WIPE
    is_set_up(blank, root)


@pytest.mark.parametrize("zeros", [1, 60, 700, 10_000])
def test_a_wipe_cut_short_is_ended(blank: Blank, root: bytes, zeros: int) -> None:
    data = blank.lay(SITE, r43=root)
    blank.start()
    note = read_note(blank.paths)
    blank.paths.first_start.write_bytes(notes.encode(replace(note, wiped=False)))
    blank.site_file.write_bytes(bytes(min(zeros, len(data))) + data[zeros:])
    assert blank.start().step is Step.WIPE
    is_set_up(blank, root)


def test_a_new_file_laid_after_a_cut_counts(blank: Blank, root: bytes) -> None:
    blank.lay(SITE, r43=root)
    blank.start()
    note = read_note(blank.paths)
    blank.paths.first_start.write_bytes(notes.encode(replace(note, wiped=False)))
    blank.lay(changed(name="白云教学点"))
    assert blank.start().step is Step.APPLY
    assert config.load(blank.paths).name == "白云教学点"


def test_a_lost_note_changes_nothing(blank: Blank, root: bytes) -> None:
    blank.lay(SITE, r43=root)
    blank.start()
    for damage in (b"", b"{}", b"\xff" * 9):
        blank.paths.first_start.write_bytes(damage)
        blank.start()
        is_set_up(blank, root)


def killed_at(number: int, work: Callable[[], object]) -> bool:
    """Run ``work`` in a process that ends without warning before its ``number``-th deed.

    Deeds are what Python's audit hooks and ``os.fsync`` see: opens, renames, removals, databases.
    False if it ended by itself.
    """
    child = os.fork()
    if child == 0:
        left = number
        sync = os.fsync

        def deed(name: str, _: object = ()) -> None:
            nonlocal left
            if name in ("open", "os.rename", "os.remove", "os.mkdir", "sqlite3.connect", "sync"):
                left -= 1
                if left < 0:
                    os._exit(9)

        def synced(descriptor: int) -> None:
            deed("sync")
            sync(descriptor)

        sys.addaudithook(deed)
        os.fsync = synced  # type: ignore[assignment]
        try:
            work()
        except BaseException:  # noqa: BLE001 - the parent asserts on the code
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9), "the first start failed by itself"
    return code == 9


@pytest.mark.thorough
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("before", "every"),
    [
        ("blank", 4),
        *(
            pytest.param(name, 1, marks=pytest.mark.slow)
            for name in ("blank", "defaults", "another")
        ),
    ],
)
def test_killed_before_any_deed_it_goes_on(
    tmp_path: Path, root: bytes, before: str, every: int
) -> None:
    number, alive = 0, True
    while alive:
        blank = Blank(tmp_path / str(number))
        if before == "defaults":
            blank.start()
        if before == "another":
            blank.lay(changed(name="白云教学点", pin="918273"), r43=root)
            blank.start()
        blank.lay(SITE, r43=root)
        alive = killed_at(number, blank.start)
        if blank.paths.config_file.exists():
            config.load(blank.paths)
            assert keep.load(blank.paths).passphrase
        blank.start()
        is_set_up(blank, root)
        number += every
    assert number > 20


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_killed_twice_it_goes_on(tmp_path: Path, root: bytes) -> None:
    for first in range(0, 60, 7):
        for second in range(0, 60, 5):
            blank = Blank(tmp_path / f"{first}-{second}")
            blank.lay(SITE, r43=root)
            killed_at(first, blank.start)
            killed_at(second, blank.start)
            blank.start()
            is_set_up(blank, root)


@pytest.mark.thorough
@pytest.mark.timeout(600)
def test_killed_while_it_makes_defaults(tmp_path: Path) -> None:
    number = 0
    while killed_at(number, Blank(tmp_path / str(number)).start):
        blank = Blank(tmp_path / str(number))
        blank.start()
        assert config.load(blank.paths).name == keep.load(blank.paths).ssid
        number += 1
    assert number > 8


def test_the_golden_note_is_read_and_written_byte_for_byte() -> None:
    assert notes.decode(GOLDEN.read_bytes()) == NOTE
    assert notes.encode(NOTE) == GOLDEN.read_bytes()


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", GOLDEN.name.encode()])
def test_no_note_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        notes.decode(data)
