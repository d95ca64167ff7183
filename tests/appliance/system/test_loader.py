"""The boot loader's files: mended, remembered, and written over in place."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from appliance.system.health import Verdict
from appliance.system.loader import Acts, Loader
from appliance.system.slots import SIZE, Booted, Slot, read_block, write_block

FACTORY = {"ORDER": "A B", "A_OK": "1", "A_TRY": "1", "B_OK": "0", "B_TRY": "0"}
BOTH = {**FACTORY, "B_OK": "1"}
MACHINE = "0123456789abcdef0123456789abcdef"


@dataclass
class Esp:
    """A folder as on the EFI partition; what RAUC and systemd would be told to do."""

    folder: Path
    done: list[str] = field(default_factory=list)

    def write(self, name: str, data: bytes) -> None:
        (self.folder / name).write_bytes(data)

    def values(self, name: str = "grubenv") -> dict[str, str]:
        return read_block((self.folder / name).read_bytes())

    def loader(self, slot: Slot = Slot.A, version: str = "1") -> Loader:
        acts = Acts(
            lambda: self.done.append("good"),
            lambda: self.done.append("bad"),
            lambda: self.done.append("reboot"),
        )
        return Loader(Booted(slot, version), MACHINE, self.folder, acts)


@pytest.fixture
def esp(tmp_path: Path) -> Esp:
    made = Esp(tmp_path)
    made.write("grubenv", write_block(FACTORY))
    made.write("spare", write_block(FACTORY))
    return made


def test_confirming_remembers_what_was_proven_and_the_machine(esp: Esp) -> None:
    assert not esp.loader().proven
    esp.loader().carry_out(Verdict.CONFIRM)
    assert esp.done == ["good"]
    assert esp.loader().proven
    assert esp.values("spare")["MACHINE"] == MACHINE


def test_spare_is_written_only_when_it_changes(esp: Esp) -> None:
    esp.loader().carry_out(Verdict.CONFIRM)
    spare = esp.folder / "spare"
    before = spare.stat().st_mtime_ns
    spare.chmod(0o444)
    esp.loader().carry_out(Verdict.CONFIRM)
    assert spare.stat().st_mtime_ns == before


def test_giving_up_starts_the_machine_anew_after_the_mark(esp: Esp) -> None:
    esp.loader().carry_out(Verdict.GIVE_UP)
    assert esp.done == ["bad", "reboot"]


def test_a_start_that_does_not_count_leaves_the_rest_as_it_was(esp: Esp) -> None:
    esp.loader().carry_out(Verdict.UNCOUNT)
    assert esp.values() == {**FACTORY, "A_TRY": "0"}
    assert esp.done == []


def test_remaining_changes_nothing(esp: Esp) -> None:
    esp.loader().carry_out(Verdict.REMAIN)
    assert esp.values() == FACTORY
    assert esp.done == []


def test_the_other_slot_is_good_while_grub_would_start_it(esp: Esp) -> None:
    assert not esp.loader().other_good
    esp.write("grubenv", write_block(BOTH))
    assert esp.loader().other_good
    assert esp.loader(Slot.B).other_good
    esp.write("grubenv", write_block({**BOTH, "B_TRY": "3"}))
    assert not esp.loader().other_good


@pytest.mark.parametrize("torn", [None, b"", b"\0" * SIZE, b"\xff" * 700, b"# GRUB"])
def test_a_torn_environment_is_made_anew_with_what_runs_first(esp: Esp, torn: bytes | None) -> None:
    esp.write("grubenv", write_block(BOTH))
    esp.loader().carry_out(Verdict.CONFIRM)
    if torn is None:
        (esp.folder / "grubenv").unlink()
    else:
        esp.write("grubenv", torn)
    loader = esp.loader(Slot.B, "2")
    assert loader.mend()
    assert not loader.mend()
    assert esp.values()["ORDER"] == "B A"
    assert loader.other_good
    assert (esp.folder / "grubenv").stat().st_size == SIZE


def test_a_whole_environment_is_left_alone(esp: Esp) -> None:
    assert not esp.loader().mend()
    assert esp.values() == FACTORY


def test_without_both_files_the_other_slot_is_not_called_good(esp: Esp) -> None:
    for name in ("grubenv", "spare"):
        (esp.folder / name).unlink()
    loader = esp.loader()
    loader.mend()
    assert not loader.other_good
    assert not loader.proven


def test_a_torn_grubenv_is_no_sign_that_the_other_slot_was_given_up(esp: Esp) -> None:
    esp.write("grubenv", write_block({**FACTORY, "ORDER": "B A"}))
    assert esp.loader().fallen_back
    esp.write("grubenv", b"")
    assert esp.loader().fallen_back is None
    assert esp.loader().mend()
    assert esp.loader().fallen_back is False
