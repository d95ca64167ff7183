"""A school has lost its PIN: the county's stick brings a new one, once, to this box alone."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from appliance import pin
from appliance.box.identity import open_identity
from appliance.box.instructions import FOLLOWED, follow_instruction
from appliance.box.works import Works
from appliance.cli.main import app
from appliance.state import open_state
from appliance.technician.instruct import AHEAD, set_pin
from appliance.technician.lacking import read_have
from appliance.volumes.write_back import read_prepared
from sync.errors import FormatError, KexiaError, TrustRefused, UsageError
from sync.progress import Silent
from sync.publish import recipients as publisher
from sync.publish.keys import write_recipient_key
from sync.stick import instruction, sealing
from sync.stick.layout import BACK
from sync.stick.recipients import Recipient
from tests.kit.boxes import BoxUnderTest
from tests.kit.province import Province

COUNTY, STRANGER = bytes(range(32)), bytes(range(32, 64))
NOW = datetime(2026, 11, 26, tzinfo=UTC)


def office(private: bytes) -> Recipient:
    instructs = sealing.public_of(sealing.instruction_seed(private))
    return Recipient(sealing.recipient_of(private), "长沙县电教馆", instructs)


@pytest.fixture
def box(tmp_path: Path) -> BoxUnderTest:
    province = Province.create(tmp_path / "province")
    publisher.add(province.workspace, province.ring, office(COUNTY), province.now)
    province.publish({"43/a": {"l1.pdf": b"one"}})
    made = BoxUnderTest.create(tmp_path / "box", province.root).subscribe("43/a")
    made.sync(province.repository)
    return made


@pytest.fixture
def have(box: BoxUnderTest, tmp_path: Path) -> Path:
    """As `kexia stick collect` leaves it."""
    Works(box.paths, box.machine)({"command": "back"}, Silent())
    prepared = read_prepared(box.paths)
    assert prepared is not None
    file = tmp_path / "box.have"
    file.write_bytes(prepared.papers[0])
    return file


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


def opens(box: BoxUnderTest, number: str) -> bool:
    with closing(open_state(box.paths.state_db)) as state:
        return pin.matches(number, pin.read_pin(state))


def test_the_county_sets_a_pin(box: BoxUnderTest, have: Path, stick: Path) -> None:
    done = set_pin(stick, have, COUNTY, "246810", NOW)
    assert done.file == stick / BACK / done.box / instruction.NAME
    assert b"246810" not in done.file.read_bytes()
    assert follow_instruction(box.paths, stick)
    assert opens(box, "246810")


def test_an_old_stick_sets_nothing(box: BoxUnderTest, have: Path, stick: Path) -> None:
    set_pin(stick, have, COUNTY, "246810", NOW)
    assert follow_instruction(box.paths, stick)
    assert not follow_instruction(box.paths, stick)
    set_pin(stick, have, COUNTY, "135790", NOW + timedelta(hours=1))
    assert follow_instruction(box.paths, stick)
    set_pin(stick, have, COUNTY, "246810", NOW)
    assert not follow_instruction(box.paths, stick)
    assert opens(box, "135790")


def test_a_key_that_nobody_named_is_refused(box: BoxUnderTest, have: Path, stick: Path) -> None:
    set_pin(stick, have, STRANGER, "246810", NOW)
    with pytest.raises(TrustRefused, match="no publisher of this box names"):
        follow_instruction(box.paths, stick)
    assert not opens(box, "246810")


def test_another_boxes_instruction_is_refused(box: BoxUnderTest, stick: Path) -> None:
    own = open_identity(box.paths).box
    other = sealing.public_of(STRANGER)
    file = stick / BACK / own / instruction.NAME
    file.parent.mkdir(parents=True)
    file.write_bytes(instruction.encode("246810", box=other, county=COUNTY, made_at=NOW))
    with pytest.raises(TrustRefused, match="is for box"):
        follow_instruction(box.paths, stick)


def test_a_stick_that_tells_nothing_is_nothing(box: BoxUnderTest, stick: Path) -> None:
    assert not follow_instruction(box.paths, stick)
    open_identity(box.paths)
    assert not follow_instruction(box.paths, stick)
    (stick / BACK).mkdir(parents=True)
    assert not follow_instruction(box.paths, stick)


def test_links_are_not_followed(box: BoxUnderTest, have: Path, stick: Path, tmp_path: Path) -> None:
    done = set_pin(stick, have, COUNTY, "246810", NOW)
    done.file.rename(tmp_path / "elsewhere")
    done.file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KexiaError):
        follow_instruction(box.paths, stick)
    assert not opens(box, "246810")


@pytest.mark.parametrize("data", [b"", b"KXPAPER\n", b"x" * 5000])
def test_a_damaged_one_is_refused(box: BoxUnderTest, have: Path, stick: Path, data: bytes) -> None:
    set_pin(stick, have, COUNTY, "246810", NOW).file.write_bytes(data)
    with pytest.raises(FormatError):
        follow_instruction(box.paths, stick)


def test_a_lost_record_of_what_was_followed_follows_nothing(
    box: BoxUnderTest, have: Path, stick: Path
) -> None:
    set_pin(stick, have, COUNTY, "246810", NOW)
    (box.paths.identity / FOLLOWED).write_bytes(b"{")
    with pytest.raises(KexiaError, match="no instruction is followed"):
        follow_instruction(box.paths, stick)


def test_a_pin_that_anybody_tries_is_not_sent(have: Path, stick: Path) -> None:
    with pytest.raises(UsageError, match="first that anybody tries"):
        set_pin(stick, have, COUNTY, "123456", NOW)
    assert not list(stick.iterdir())


def test_a_clock_far_ahead_makes_none(box: BoxUnderTest, have: Path, stick: Path) -> None:
    """The box would follow it, and then none that is made with a right clock."""
    written = read_have(have).made_at
    assert written is not None
    with pytest.raises(UsageError, match="this computer's clock says 2099") as refused:
        set_pin(stick, have, COUNTY, "246810", datetime(2099, 1, 1, tzinfo=UTC))
    assert "set the clock right" in refused.value.hint
    assert not list(stick.iterdir())
    with pytest.raises(UsageError):
        set_pin(stick, have, COUNTY, "246810", written + AHEAD + timedelta(seconds=1))
    set_pin(stick, have, COUNTY, "246810", written + AHEAD)
    assert follow_instruction(box.paths, stick)


def test_the_command(box: BoxUnderTest, have: Path, stick: Path, tmp_path: Path) -> None:
    key, number = tmp_path / "county.pem", tmp_path / "pin"
    write_recipient_key(key, COUNTY, None)
    number.write_text("246810\n")
    words = f"stick pin {stick} --for {have} --keys {key} --pin-file {number} --json"
    told = CliRunner().invoke(app, words.split())
    assert told.exit_code == 0, told.output
    assert follow_instruction(box.paths, stick)
    assert opens(box, "246810")
