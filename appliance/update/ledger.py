"""The ledger: bytes that web servers gave, by day, so that a budget holds across syncs and kills.

A day goes from noon to noon (UTC), so that a night is one day. The clock may be wrong: then the
budget of another day is spent, but never more than one day's at a time.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from appliance.config import Uplink
from sync.files import write_durably
from sync.transport.allowance import Purse

KEPT = timedelta(days=62)
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Ledger:
    """``BOX/ledger.json``."""

    path: Path

    def purse(self, uplink: Uplink, clock: Callable[[], datetime]) -> Purse | None:
        """What may still be fetched now; None if the configuration sets no budget."""
        spent, today = self._read(), _day(clock())
        left: list[int] = []
        if uplink.night_mib:
            left.append(uplink.night_mib * MIB - spent.get(today, 0))
        if uplink.month_mib:
            first = today.replace(day=1)
            month = sum(size for day, size in spent.items() if day.replace(day=1) == first)
            left.append(uplink.month_mib * MIB - month)
        if not left:
            return None
        return Purse(max(0, min(left)), lambda count: self.add(clock(), count))

    def spent(self, now: datetime) -> int:
        """Bytes of the day ``now`` belongs to."""
        return self._read().get(_day(now), 0)

    def add(self, now: datetime, count: int) -> None:
        """Note that ``count`` bytes came."""
        spent, day = self._read(), _day(now)
        spent[day] = spent.get(day, 0) + count
        kept = {each.isoformat(): size for each, size in spent.items() if day - each < KEPT}
        write_durably(self.path, json.dumps(kept, sort_keys=True).encode())

    def _read(self) -> dict[date, int]:
        """Bytes by day; empty if the file is missing or damaged, as it only spares the line."""
        try:
            value = json.loads(self.path.read_bytes())
            return {date.fromisoformat(day): int(size) for day, size in value.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}


def _day(now: datetime) -> date:
    return (now.astimezone(UTC) - timedelta(hours=12)).date()
