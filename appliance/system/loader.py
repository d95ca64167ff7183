"""The boot loader's files on the EFI partition, and RAUC: where a verdict on the slot is carried out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from appliance.system.health import Verdict
from appliance.system.slots import (
    SIZE,
    Booted,
    booted_slot,
    is_good,
    is_proven,
    mended,
    read_block,
    remembered,
    uncounted,
    write_block,
)
from sync.errors import FormatError, KexiaError
from sync.files import disk_errors, sync_file, write_durably
from sync.run import run

GRUB = Path("/boot/efi/grub")
COMMAND_LINE = Path("/proc/cmdline")
MACHINE_ID = Path("/etc/machine-id")
_SECONDS = 120.0
"""RAUC is started by its first call, and a card may be slow."""
Call = Callable[[list[str]], object]


def _call(arguments: list[str]) -> object:
    return run(arguments, timeout=_SECONDS)


def running(command_line: Path, version: str) -> Booted | None:
    """What was booted; None where it was no box's image."""
    slot = booted_slot(command_line.read_text(errors="replace"))
    return None if slot is None else Booted(slot, version)


@dataclass(frozen=True, slots=True)
class Loader:
    """``grubenv`` and ``spare``; ``call`` runs a program, ``machine`` is the machine id to keep."""

    booted: Booted
    machine: str
    folder: Path = GRUB
    call: Call = _call

    def mend(self) -> bool:
        """Make grubenv anew if it is lost or torn; True if it was. RAUC refuses to work without it."""
        if self._read("grubenv") is not None:
            return False
        self._write("grubenv", mended(self._read("spare") or {}, self.booted))
        return True

    @property
    def proven(self) -> bool:
        """This version was confirmed here before."""
        return is_proven(self._read("spare") or {}, self.booted)

    @property
    def other_good(self) -> bool:
        """GRUB would start the other slot."""
        return is_good(self._read("grubenv") or {}, self.booted.slot.other)

    def carry_out(self, verdict: Verdict) -> None:
        """Do what was decided; raises KexiaError if RAUC or the partition refuses."""
        if verdict is Verdict.CONFIRM:
            self.call(["rauc", "status", "mark-good"])
            self._remember()
        elif verdict is Verdict.GIVE_UP:
            self.call(["rauc", "status", "mark-bad"])
            self.call(["systemctl", "reboot"])
        elif verdict is Verdict.UNCOUNT:
            self._write("grubenv", uncounted(self._read("grubenv") or {}, self.booted.slot))

    def _remember(self) -> None:
        spare = self._read("spare") or {}
        wanted = remembered(self._read("grubenv") or {}, spare, self.booted, self.machine)
        if wanted != spare:
            self._write("spare", wanted)

    def _read(self, name: str) -> dict[str, str] | None:
        try:
            with (self.folder / name).open("rb") as file:
                return read_block(file.read(64 * SIZE))
        except (OSError, FormatError):
            return None

    def _write(self, name: str, values: dict[str, str]) -> None:
        """Over the old bytes where it can be: on FAT nothing but two sectors changes then."""
        path, data = self.folder / name, write_block(values)
        try:
            with disk_errors(path), path.open("r+b") as file:
                if file.seek(0, 2) == SIZE:
                    file.seek(0)
                    file.write(data)
                    sync_file(file)
                    return
        except KexiaError:
            if path.exists():
                raise
        write_durably(path, data)
