"""The boot loader's files on the EFI partition, where a verdict on the slot is carried out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from appliance.system import image, rauc
from appliance.system.health import Verdict
from appliance.system.slots import (
    SIZE,
    Booted,
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
from sync.files import disk_errors, sync_file, write_durably
from sync.run import run

GRUB = Path("/boot/efi/grub")
COMMAND_LINE = Path("/proc/cmdline")
MACHINE_ID = Path("/etc/machine-id")


def reboot() -> None:
    """Start the machine anew, as systemd does it; raises KexiaError."""
    run(("systemctl", "reboot"), timeout=60)


@dataclass(frozen=True, slots=True)
class Acts:
    """What cannot be taken back."""

    mark_good: Callable[[], None] = rauc.mark_good
    mark_bad: Callable[[], None] = rauc.mark_bad
    reboot: Callable[[], None] = reboot


@dataclass(frozen=True, slots=True)
class Loader:
    """``grubenv`` and ``spare`` of what runs; ``machine`` is the machine id to keep."""

    booted: Booted
    machine: str
    folder: Path = GRUB
    acts: Acts = field(default_factory=Acts)

    def mend(self) -> bool:
        """Make grubenv anew if it is lost or torn, which RAUC would refuse; True if it was."""
        if self._read("grubenv") is not None:
            return False
        self._write("grubenv", mended(self._read("spare") or {}, self.booted))
        return True

    @property
    def proven(self) -> bool:
        """This version was confirmed here before."""
        return is_proven(self._read("spare") or {}, self.booted)

    @property
    def fallen_back(self) -> bool | None:
        """What runs is not what was to run; False after grubenv was mended; None: unreadable."""
        values = self._read("grubenv")
        return None if values is None else is_second(values, self.booted.slot)

    @property
    def other_good(self) -> bool:
        """GRUB would start the other slot."""
        return is_good(self._read("grubenv") or {}, self.booted.slot.other)

    def carry_out(self, verdict: Verdict) -> None:
        """Do what was decided; raises KexiaError if RAUC or the partition refuses."""
        if verdict is Verdict.CONFIRM:
            self.acts.mark_good()
            self._remember()
        elif verdict is Verdict.GIVE_UP:
            self.acts.mark_bad()
            self.acts.reboot()
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
        if path.is_file() and path.stat().st_size == SIZE:
            with disk_errors(path), path.open("r+b") as file:
                file.write(data)
                sync_file(file)
        else:
            write_durably(path, data)


def here() -> Loader | None:
    """The slot this machine runs from; None if it was started from no box's image."""
    slot = booted_slot(COMMAND_LINE.read_text(errors="replace"))
    if slot is None:
        return None
    version = image.read_image(image.FILE.read_bytes()).version
    return Loader(Booted(slot, version), MACHINE_ID.read_text().strip())
