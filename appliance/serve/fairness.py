"""Before a neighbour gets a byte: how many at once, and how fast, so that no class waits. Pure.

Neighbours come after the tablets of this box: they share a few connections and a rate.
"""

from dataclasses import dataclass, field

CONNECTIONS = 16
"""Of all neighbours together."""
PER_CLIENT = 4
"""Of one address; a box asks for three ranges at once."""
PIECE = 128 * 1024
"""Bytes handed to the kernel at once: after each, the rate is looked at."""
BURST = 512 * 1024
"""Bytes that an idle time saves up, at most."""


@dataclass(slots=True)
class Doorkeeper:
    """Who is inside; one entry for each connection."""

    most: int = CONNECTIONS
    per_client: int = PER_CLIENT
    _inside: dict[str, int] = field(default_factory=dict)

    def enter(self, client: str) -> bool:
        """Let one more connection of ``client`` in, if there is room; ``leave`` must follow."""
        own = self._inside.get(client, 0)
        if own >= self.per_client or self.count >= self.most:
            return False
        self._inside[client] = own + 1
        return True

    def leave(self, client: str) -> None:
        """A connection of ``client`` has ended."""
        left = self._inside.get(client, 0) - 1
        if left > 0:
            self._inside[client] = left
        else:
            self._inside.pop(client, None)

    @property
    def count(self) -> int:
        """Connections inside."""
        return sum(self._inside.values())


@dataclass(slots=True)
class Pace:
    """A rate in bytes a second that all answers share; 0: none."""

    rate: int
    _free_at: float = 0.0

    def wait(self, count: int, now: float) -> float:
        """Seconds to wait before ``count`` more bytes go out at ``now``; they are counted."""
        if not self.rate:
            return 0.0
        begin = max(self._free_at, now - BURST / self.rate)
        self._free_at = begin + count / self.rate
        return max(0.0, begin - now)
