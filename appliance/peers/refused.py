"""Which neighbours nothing is taken from for a while: a small file that outlives the sync."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sync.files import write_durably

FOR = timedelta(hours=24)
"""How long a fault is remembered."""
MOST = 64
"""Boxes and addresses remembered; of more, the latest."""
LONGEST = 200
"""Characters of a reason."""
_MAX_FILE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why, and until when."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """``BOX/refused-peers.json``: by peer id and by address, as either may be exchanged."""

    path: Path

    def now(self, at: datetime) -> dict[str, Refusal]:
        """What holds at ``at``. A file that is missing or damaged refuses nobody: it only spares.

        A clock that was wrong must not shut a neighbour out for ever: nothing lasts beyond FOR.
        """
        return {key: one for key, one in self._read().items() if at < one.until <= at + FOR}

    def add(self, keys: tuple[str, ...], reason: str, at: datetime) -> None:
        """Remember a fault under all of ``keys``."""
        kept = self.now(at)
        kept |= {key: Refusal(at + FOR, reason[:LONGEST]) for key in keys}
        latest = sorted(kept, key=lambda key: kept[key].until)[-MOST:]
        write_durably(self.path, _encode({key: kept[key] for key in latest}))

    def _read(self) -> Mapping[str, Refusal]:
        try:
            with self.path.open("rb") as file:
                value = json.loads(file.read(_MAX_FILE))
        except (OSError, ValueError, RecursionError):
            return {}
        found: dict[str, Refusal] = {}
        if isinstance(value, dict):
            for key, item in value.items():
                with suppress(ValueError, TypeError):
                    until, reason = item
                    found[key] = Refusal(datetime.fromisoformat(until).astimezone(UTC), str(reason))
        return found


def _encode(refused: Mapping[str, Refusal]) -> bytes:
    value = {key: [one.until.isoformat(), one.reason] for key, one in refused.items()}
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1).encode()
