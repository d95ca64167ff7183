"""A box begins anew: what is this school's goes, lessons if wished; killed anywhere, it ends it."""

from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from appliance import config, pin, reset_wish
from appliance.box import factory
from appliance.box.identity import open_identity
from appliance.cli.main import app
from appliance.firststart.noted import read_note
from appliance.lan import keep as network
from appliance.reset_wish import Keep
from appliance.state import open_state
from sync.errors import LeaseHeld
from sync.lease import hold
from tests.appliance.firststart.test_site import KEY
from tests.kit.boxes import BoxUnderTest
from tests.kit.phones import set_pin
from tests.kit.province import Province
from tests.kit.sitecards import Blank, changed
from tests.kit.tufrepo import TufRepo


@pytest.fixture
def box(tmp_path: Path) -> BoxUnderTest:
    province = Province.create(tmp_path / "province")
    province.publish({"43/a": {"l1.pdf": b"one", "l2.pdf": b"two"}})
    made = BoxUnderTest.create(tmp_path / "box", province.root).subscribe("43/a")
    made.sync(province.repository)
    set_pin(made)
    open_identity(made.paths)
    (made.paths.root / "network.toml").write_text('mode = "wired"\n')
    for name in ("network.working.toml", "network.refused.toml", "classroom-address", "unknown"):
        (made.paths.root / name).write_text("old school")
    return made


def test_lessons_stay_if_wished(box: BoxUnderTest) -> None:
    served = box.served()
    gone = factory.reset(box.paths, Keep.LESSONS)
    assert {"identity", "state.db", "network.toml"} <= set(gone)
    assert box.served() == served
    kept = config.load(box.paths)
    assert kept.subscriptions == ("43/a",)
    assert kept.name == config.BoxConfig().name
    assert not box.paths.identity.exists()
    with closing(open_state(box.paths.state_db)) as state:
        assert pin.read_pin(state) == ""


def test_all_goes_if_wished(box: BoxUnderTest) -> None:
    factory.reset(box.paths, Keep.NOTHING)
    assert sorted(one.name for one in box.paths.root.iterdir()) == ["run"]


def test_a_box_at_work_is_left_alone(box: BoxUnderTest) -> None:
    with hold(box.paths.lease, holder="kexia box update"), pytest.raises(LeaseHeld):
        factory.reset(box.paths, Keep.NOTHING)
    assert box.paths.config_file.exists()
    assert reset_wish.wished(box.paths) is None


@pytest.mark.parametrize("keep", list(Keep))
def test_killed_at_any_step_the_next_start_ends_it(
    box: BoxUnderTest, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, left = factory._remove, 0

    def dying(path: Path) -> bool:
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        return real(path)

    monkeypatch.setattr(factory, "_remove", dying)
    for steps in range(4):
        left = steps
        with pytest.raises(KeyboardInterrupt):
            factory.reset(box.paths, keep)
        assert reset_wish.wished(box.paths) is keep
    monkeypatch.setattr(factory, "_remove", real)
    assert factory.fulfil(box.paths)
    assert reset_wish.wished(box.paths) is None
    assert not box.paths.identity.exists()
    assert factory.fulfil(box.paths) == ()


def test_a_damaged_wish_keeps_the_lessons(box: BoxUnderTest) -> None:
    (box.paths.root / reset_wish.NAME).write_bytes(b"{")
    assert reset_wish.wished(box.paths) is Keep.LESSONS


def test_the_command_asks(box: BoxUnderTest) -> None:
    run = CliRunner()
    told = run.invoke(app, ["box", "factory-reset", str(box.paths.root)], input="n\n")
    assert told.exit_code != 0
    assert box.paths.identity.exists()
    told = run.invoke(
        app, ["box", "factory-reset", str(box.paths.root), "--keep-lessons", "--yes", "--json"]
    )
    assert told.exit_code == 0, told.output
    assert not box.paths.identity.exists()
    assert box.paths.current.exists()


@pytest.fixture
def school(tmp_path: Path) -> Blank:
    """A box of a school, from its card's site file; teachers and the network left their traces."""
    blank = Blank(tmp_path / "machine")
    blank.lay(changed(ssh_keys=(KEY,)), r43=TufRepo(tmp_path / "43").first_root)
    blank.start()
    for name in ("network.working.toml", "network.refused.toml", "classroom-address"):
        (blank.paths.root / name).write_text("old school")
    return blank


def power_on(blank: Blank) -> int:
    words = ["box", "first-start", str(blank.paths.root), "--site", str(blank.esp)]
    more = ["--ssh-keys", str(blank.ssh_keys), "--owner", ""]
    return CliRunner().invoke(app, [*words, *more]).exit_code


@pytest.mark.parametrize("keep", list(Keep))
def test_a_wish_is_fulfilled_at_the_next_start_and_the_box_comes_back(
    school: Blank, keep: Keep
) -> None:
    old = network.load(school.paths)
    reset_wish.wish(school.paths, keep)
    assert power_on(school) == 0
    assert reset_wish.wished(school.paths) is None
    made, wifi = config.load(school.paths), network.load(school.paths)
    assert wifi.ssid.startswith("Kexia-")
    assert wifi.passphrase not in ("", old.passphrase)
    assert made.name == wifi.ssid
    assert bool(made.publishers) is (keep is Keep.LESSONS)
    with closing(open_state(school.paths.state_db)) as state:
        assert pin.read_pin(state) == ""
    assert not school.ssh_keys.exists()
    assert not school.site_file.exists()
    everything = b"".join(school.everything().values())
    assert b"old school" not in everything
    assert old.passphrase.encode() not in everything
    before = school.everything()
    assert power_on(school) == 0
    assert school.everything() == before


def test_a_site_file_laid_for_the_next_school_is_applied_after_a_reset(school: Blank) -> None:
    reset_wish.wish(school.paths, Keep.NOTHING)
    school.lay(changed(name="白云教学点", pin="918273"))
    assert power_on(school) == 0
    assert config.load(school.paths).name == "白云教学点"
    assert not school.ssh_keys.exists()


def test_a_lost_note_does_not_bring_the_old_school_back(school: Blank) -> None:
    school.paths.first_start.write_bytes(b"")
    reset_wish.wish(school.paths, Keep.NOTHING)
    assert power_on(school) == 0
    assert config.load(school.paths).publishers == ()


def test_a_wish_that_cannot_be_read_is_told_and_resets_nothing(school: Blank) -> None:
    (school.paths.root / reset_wish.NAME).mkdir()
    before = network.load(school.paths)
    assert power_on(school) == 8
    assert network.load(school.paths) == before
    assert "begin anew" in read_note(school.paths).problem
