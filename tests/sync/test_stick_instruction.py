"""What a county tells one box: written once, read by that box alone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import canonical
from sync.errors import FormatError, KexiaError, TrustRefused, UsageError
from sync.stick import instruction, recipients, sealing
from sync.stick.recipients import Recipient
from sync.stick.sealing import Kind

GOLDEN = Path(__file__).parents[1] / "golden" / "instruction-1.bin"
BOX, OTHER, COUNTY = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
NOW = datetime(2026, 11, 26, tzinfo=UTC)


def made(pin: str = "246810", box: bytes = BOX) -> bytes:
    return instruction.encode(pin, box=sealing.public_of(box), county=COUNTY, made_at=NOW)


def test_the_golden_instruction_is_read() -> None:
    paper, told = instruction.open_instruction(GOLDEN.read_bytes())
    assert paper.public == sealing.public_of(sealing.instruction_seed(COUNTY))
    assert paper.sequence == int(NOW.timestamp())
    assert told.box == sealing.box_id(sealing.public_of(BOX))
    assert instruction.pin_of(told, BOX) == "246810"


def test_only_the_box_it_is_for_reads_the_pin() -> None:
    _, told = instruction.open_instruction(made())
    with pytest.raises(TrustRefused, match="another box"):
        instruction.pin_of(told, OTHER)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_whatever_is_altered_is_refused(place: int, by: int) -> None:
    data = bytearray(made())
    data[place % len(data)] ^= by
    with pytest.raises(KexiaError):
        instruction.open_instruction(bytes(data))


@given(st.binary(max_size=300))
def test_what_is_no_instruction_is_refused(data: bytes) -> None:
    with pytest.raises(KexiaError):
        instruction.open_instruction(data)


@pytest.mark.parametrize(
    "body",
    [
        {"format": "kexia-instruction-2", "box": "x", "pin": "00"},
        {"format": "kexia-instruction-1", "box": "x"},
        {"format": "kexia-instruction-1", "box": "x", "pin": "zz"},
        {"format": "kexia-instruction-1", "box": 7, "pin": "00"},
    ],
)
def test_a_signed_body_that_is_wrong_is_refused(body: dict[str, object]) -> None:
    data = sealing.sign(Kind.INSTRUCTION, canonical.dumps(body), seed=COUNTY, epoch=0, sequence=1)
    with pytest.raises(FormatError):
        instruction.open_instruction(data)


def test_a_pin_is_text_of_bounded_length() -> None:
    _, told = instruction.open_instruction(made("1" * 65))
    with pytest.raises(TrustRefused, match="64 characters"):
        instruction.pin_of(told, BOX)


def test_what_is_no_box_key_is_said() -> None:
    with pytest.raises(UsageError, match="no Ed25519 key"):
        sealing.seal_to_box(b"1", bytes(31))


def test_a_recipient_with_a_key_for_instructions_travels() -> None:
    public = sealing.public_of(sealing.instruction_seed(COUNTY))
    office = Recipient(sealing.recipient_of(COUNTY), "长沙县电教馆", public)
    assert recipients.decode(recipients.encode([office])) == (office,)
    line = recipients.line(office)
    assert line.startswith("kexia-recipient-2 ")
    assert recipients.parse_line(line) == office


@pytest.mark.parametrize("key", ["", "00", "g" * 64])
def test_a_wrong_key_for_instructions_is_refused(key: str) -> None:
    item = {"key": sealing.recipient_of(COUNTY).hex(), "name": "x", "instructs": key}
    value = {"format": recipients.FORMAT, "recipients": [item]}
    with pytest.raises(FormatError, match="instructions"):
        recipients.decode(canonical.dumps(value))


def test_keys_for_reading_and_for_instructing_are_not_the_same() -> None:
    assert sealing.instruction_seed(COUNTY) != COUNTY
    later = instruction.encode(
        "246810",
        box=sealing.public_of(BOX),
        county=COUNTY,
        made_at=NOW + timedelta(seconds=1),
    )
    assert instruction.open_instruction(later)[0].sequence == int(NOW.timestamp()) + 1
