"""Small files of one kind that no codec shortens alone, but perhaps each other (icons). Pure."""

from dataclasses import dataclass, field

from sync import compression
from sync.publish.packs.items import WORTH, Item

SMALL = 256 * 1024
"""Larger files share too little with each other."""
MOST = 8 * 2**20
"""Bytes tried together."""
_TRIAL = 9


@dataclass(frozen=True, slots=True)
class Settled:
    """Items whose place is decided."""

    together: list[Item] = field(default_factory=list)
    """They shorten each other."""
    apart: list[Item] = field(default_factory=list)


class Alike:
    """Collects items of one kind until there are enough to try."""

    def __init__(self) -> None:
        self._kind = ""
        self._waiting: list[Item] = []
        self._size = 0

    def add(self, item: Item, kind: str) -> Settled:
        """One more of ``kind``; returns what is decided by now."""
        if len(item.payload) > SMALL:
            return Settled(apart=[item])
        full = self._size + len(item.payload) > MOST or kind != self._kind
        settled = self.end() if full else Settled()
        self._kind = kind
        self._waiting.append(item)
        self._size += len(item.payload)
        return settled

    def end(self) -> Settled:
        """Decide about those that wait."""
        waiting, self._waiting, self._size = self._waiting, [], 0
        payload = b"".join(item.payload for item in waiting)
        shortened = compression.compress(payload, level=_TRIAL)
        if len(shortened) <= WORTH * len(payload):
            return Settled(together=waiting)
        return Settled(apart=waiting)
