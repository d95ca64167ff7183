"""Before a PIN is proved: may whoever asks try at all? Limits guessing over the Wi-Fi. Pure.

An address that was wrong waits, each time twice as long; and all addresses together are wrong only
so often, because on a Wi-Fi anybody can take many addresses.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field

FREE = 5
"""Wrong PINs of one address before it waits."""
FIRST_WAIT, LONGEST_WAIT = 30.0, 900.0
"""Seconds; doubled with each further wrong PIN."""
TOGETHER, WINDOW = 30, 600.0
"""Wrong PINs of all addresses within so many seconds."""
_KNOWN = 1024
"""Addresses remembered; the longest unseen goes."""


@dataclass
class Attempts:
    """What was tried; times are seconds that never go back."""

    _wrong: OrderedDict[str, tuple[int, float]] = field(default_factory=OrderedDict)
    """By address: wrong PINs, and until when it waits."""
    _all: deque[float] = field(default_factory=deque)

    def wait(self, address: str, now: float) -> float:
        """Seconds until this address may try; 0: it may."""
        while self._all and self._all[0] <= now - WINDOW:
            self._all.popleft()
        together = self._all[0] + WINDOW - now if len(self._all) >= TOGETHER else 0.0
        _, until = self._wrong.get(address, (0, 0.0))
        return max(0.0, together, until - now)

    def was_wrong(self, address: str, now: float) -> None:
        """Count a wrong PIN."""
        count = self._wrong.pop(address, (0, 0.0))[0] + 1
        pause = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(20, count - FREE)) if count >= FREE else 0.0
        self._wrong[address] = count, now + pause
        self._all.append(now)
        while len(self._wrong) > _KNOWN:
            self._wrong.popitem(last=False)

    def was_right(self, address: str) -> None:
        """Whoever knows the PIN begins anew."""
        self._wrong.pop(address, None)
        if self._all:
            self._all.pop()
