"""A box that updates its own system, as its technician's command line and its console show it."""

import json
from typing import Any

from tests.vm.image_machine import ImageMachine
from tests.vm.systems import PATIENCE

HEALTH = r"KEXIA-HEALTH (\w+) slot=(\w) version=(\S+)"


class Box:
    """The running box, as its technician's command line sees it."""

    def __init__(self, machine: ImageMachine) -> None:
        self.machine = machine

    def install(self, collection: str, *options: str) -> tuple[int, str]:
        """``kexia box system install`` of what this collection brings."""
        said = f"sed -i 's|^system = .*|system = \"{collection}\"|' /var/lib/kexia/kexia.toml"
        return self.machine.shell(
            f"{said}; kexia box system install /var/lib/kexia {' '.join(options)} 2>&1",
            seconds=PATIENCE,
        )

    def restart(self) -> int:
        """Start anew; the number of the console's first line after that."""
        begun = len(self.machine.lines)
        self.machine.shell("systemctl reboot", seconds=PATIENCE)
        return begun

    def health(self, since: int = 0) -> tuple[str, str, str]:
        """Word, slot and version of the next judgement."""
        found = self.machine.wait(HEALTH, PATIENCE, since=since)
        return found[1], found[2], found[3]

    def tried(self, slot: str, since: int) -> int:
        """How often GRUB has started that slot."""
        lines = self.machine.lines[since:]
        return sum(f"KEXIA-BOOT slot={slot} try=" in line.text for line in lines)

    def told(self) -> str:
        """Its account of updates."""
        return self.machine.shell("kexia box system status /var/lib/kexia", seconds=PATIENCE)[1]

    def state(self) -> dict[str, Any]:
        """The same for programs."""
        said = self.machine.shell("kexia box system status /var/lib/kexia --json", seconds=PATIENCE)
        value = json.loads(said[1])
        assert isinstance(value, dict)
        return value
