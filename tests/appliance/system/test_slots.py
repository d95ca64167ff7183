"""GRUB's environment file, read and written as GRUB's own tool does."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.system.slots import (
    HEADER,
    SIZE,
    Booted,
    Slot,
    booted_slot,
    is_good,
    is_proven,
    is_second,
    mended,
    read_block,
    remembered,
    uncounted,
    write_block,
)
from sync.errors import FormatError

GOLDEN = Path(__file__).parents[2] / "golden"
A2 = Booted(Slot.A, "2026.11.26.2")
B3 = Booted(Slot.B, "2026.12.01.1")
FRESH = {"ORDER": "A B", "A_OK": "1", "A_TRY": "1", "B_OK": "0", "B_TRY": "0"}
MACHINE = "0123456789abcdef0123456789abcdef"
names = st.from_regex(r"[A-Z][A-Z_]{0,9}", fullmatch=True)
texts = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="\\"))


def test_what_is_written_is_what_grub_editenv_writes(tmp_path: Path) -> None:
    file = tmp_path / "grubenv"
    subprocess.run(["grub-editenv", file, "create"], check=True)
    words = [f"{name}={value}" for name, value in FRESH.items()]
    subprocess.run(["grub-editenv", file, "set", *words], check=True)
    assert read_block(file.read_bytes()) == FRESH
    file.write_bytes(write_block(FRESH))
    listed = subprocess.run(["grub-editenv", file, "list"], check=True, capture_output=True)
    assert listed.stdout.decode().split("\n")[:-1] == words


def test_the_format_stays_as_it_is() -> None:
    spare = remembered(FRESH, {}, A2, MACHINE)
    assert write_block(spare) == (GOLDEN / "spare-1.env").read_bytes()
    assert read_block((GOLDEN / "spare-1.env").read_bytes()) == spare


@given(st.dictionaries(names, texts, max_size=8))
def test_whatever_fits_comes_back(values: dict[str, str]) -> None:
    try:
        data = write_block(values)
    except FormatError:
        assert sum(len(name) + len(text) + 2 for name, text in values.items()) > SIZE - len(HEADER)
    else:
        assert len(data) == SIZE
        assert read_block(data) == values


@pytest.mark.parametrize(
    "data", [b"", b"\0" * SIZE, HEADER[:-1], b"x" * SIZE, b"x" + write_block(FRESH)]
)
def test_what_is_no_environment_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        read_block(data)


@given(st.binary(max_size=SIZE))
def test_bytes_after_the_header_give_texts(data: bytes) -> None:
    assert all(name.isidentifier() for name in read_block(HEADER + data))


def test_a_line_break_never_gets_into_a_value() -> None:
    with pytest.raises(FormatError):
        write_block({"MACHINE": "a\nB_OK=1"})


@pytest.mark.parametrize(
    ("line", "slot"),
    [
        ("root=PARTLABEL=rootA rauc.slot=A quiet", Slot.A),
        ("rauc.slot=B", Slot.B),
        ("rauc.slot=C", None),
        ("xrauc.slot=A", None),
        ("", None),
    ],
)
def test_the_booted_slot_stands_in_the_command_line(line: str, slot: Slot | None) -> None:
    assert booted_slot(line) is slot


def test_a_slot_is_good_while_grub_would_start_it() -> None:
    assert is_good(FRESH, Slot.A)
    assert not is_good(FRESH, Slot.B)
    assert not is_good({**FRESH, "A_TRY": "3"}, Slot.A)
    assert not is_good({}, Slot.A)


def test_a_version_is_proven_only_in_its_slot() -> None:
    spare = remembered(FRESH, {}, A2, MACHINE)
    assert is_proven(spare, A2)
    assert not is_proven(spare, Booted(Slot.B, A2.version))
    assert not is_proven(spare, Booted(Slot.A, "2026.11.26.3"))
    assert not is_proven({}, A2)


def test_after_an_update_spare_knows_both_slots() -> None:
    first = remembered(FRESH, {}, A2, MACHINE)
    tried = {"ORDER": "B A", "A_OK": "1", "A_TRY": "0", "B_OK": "1", "B_TRY": "1"}
    second = remembered(tried, first, B3, MACHINE)
    assert (second["ORDER"], second["A_OK"], second["B_OK"]) == ("B A", "1", "1")
    assert is_proven(second, B3)
    assert is_proven(second, A2)
    # A slot that was given up is no longer proven: what lies in it is overwritten next.
    third = remembered({**tried, "A_OK": "0"}, second, B3, MACHINE)
    assert not is_proven(third, A2)


@pytest.mark.parametrize(("before", "after"), [("1", "0"), ("2", "1"), ("3", "2"), ("x", "0")])
def test_a_start_that_counts_as_none_gives_its_try_back(before: str, after: str) -> None:
    assert uncounted({**FRESH, "A_TRY": before}, Slot.A) == {**FRESH, "A_TRY": after}


def test_a_lost_environment_is_made_from_what_spare_remembers() -> None:
    tried = {"ORDER": "B A", "A_OK": "1", "A_TRY": "0", "B_OK": "1", "B_TRY": "1"}
    spare = remembered(tried, remembered(FRESH, {}, A2, MACHINE), B3, MACHINE)
    assert mended(spare, B3) == {
        "ORDER": "B A",
        "B_OK": "1",
        "B_TRY": "1",
        "A_OK": "1",
        "A_TRY": "0",
    }
    assert mended({}, A2)["B_OK"] == "0"


def test_a_slot_comes_second_only_if_the_other_is_named_first() -> None:
    assert is_second({"ORDER": "B A"}, Slot.A)
    assert not is_second({"ORDER": "B A"}, Slot.B)
    assert is_second({"ORDER": "X B"}, Slot.A)
    assert not any(is_second(values, Slot.A) for values in ({}, {"ORDER": ""}, {"ORDER": "X 7"}))
    assert not is_second(mended({}, A2), Slot.A)
