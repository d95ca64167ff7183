"""A box begins anew: what is this school's goes, lessons if wished; killed anywhere, it ends it."""

from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from appliance import config, pin, reset_wish
from appliance.box import factory
from appliance.box.identity import open_identity
from appliance.cli.main import app
from appliance.reset_wish import Keep
from appliance.state import open_state
from sync.errors import LeaseHeld
from sync.lease import hold
from tests.kit.boxes import BoxUnderTest
from tests.kit.phones import set_pin
from tests.kit.province import Province


@pytest.fixture
def box(tmp_path: Path) -> BoxUnderTest:
    province = Province.create(tmp_path / "province")
    province.publish({"43/a": {"l1.pdf": b"one", "l2.pdf": b"two"}})
    made = BoxUnderTest.create(tmp_path / "box", province.root).subscribe("43/a")
    made.sync(province.repository)
    set_pin(made)
    open_identity(made.paths)
    (made.paths.root / "network.toml").write_text('mode = "wired"\n')
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
