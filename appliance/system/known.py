"""Which system a box runs and what became of its last update, for who only tells it. Reads only."""

from dataclasses import dataclass
from pathlib import Path

from appliance.system import image
from appliance.system.history import Outcome
from appliance.system.install import FOLDER, Desk
from sync.errors import KexiaError


@dataclass(frozen=True, slots=True)
class Known:
    """What is known; all empty on a machine that was started from no box's image."""

    version: str = ""
    pending: str = ""
    """Version that is installed or being written, and waits for a start."""
    failed: str = ""
    """Version of the last update, if it did not hold or was refused."""

    @property
    def versions(self) -> dict[str, str]:
        """For the report a box sends back."""
        told = {"system": self.version, "system-failed": self.failed}
        return {name: version for name, version in told.items() if version}

    def value(self) -> dict[str, object]:
        """For JSON."""
        return {"version": self.version, "pending": self.pending, "failed": self.failed}


def read_known(file: Path = image.FILE, folder: Path = FOLDER) -> Known:
    """What is known; what cannot be read counts as nothing: lessons do not depend on it."""
    try:
        version = image.read_image(file.read_bytes()).version
        history = Desk(folder).read()
    except (OSError, KexiaError):
        return Known()
    last = history.events[-1] if history.events else None
    failed = last.version if last and last.outcome is not Outcome.CONFIRMED else ""
    return Known(version, history.pending.version if history.pending else "", failed)
