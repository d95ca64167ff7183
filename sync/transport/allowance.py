"""A budget on a metered line: so many bytes may come, and not one more.

Ranges are asked for no farther than the budget reaches, so nothing is sent in vain; what came is
staged, and the next night goes on from there.
"""

import threading
from collections.abc import Callable, Iterator

from sync.errors import BudgetSpent
from sync.transport.base import Transport

REQUEST = 512
"""Bytes a request costs beside what it brings: its own headers and the answer's."""
_EXACT = ("feeds/", "tables/", "routes/", "packs/", "updates/", "resources/")
"""Content, of which the limit of a read is its size; of metadata it is only the most allowed."""


NOTE = 2**20
"""Bytes after which spending is noted down again: a kill forgets no more."""


class Purse:
    """Bytes that may still be fetched, shared by all sources they are counted for.

    ``note`` is told what was spent since it was told last, in steps of NOTE bytes; call ``close``
    for the rest.
    """

    def __init__(
        self, size: int, note: Callable[[int], None] = lambda _: None, *, why: str = ""
    ) -> None:
        self.why = why
        """What makes this line a metered one, for people; empty if a person set the budget."""
        self._lock = threading.Lock()
        self._note = note
        self._noted = 0
        self._left = size
        self.spent = 0
        """Bytes fetched so far, with what the requests cost."""

    @property
    def left(self) -> int:
        """Bytes that nobody has spent or set aside."""
        return self._left

    def set_aside(self, count: int, *, least: int) -> int:
        """As many of ``count`` bytes as there are, for a transfer that begins; 0 below ``least``.

        So two transfers at once never promise the same bytes to their servers.
        """
        with self._lock:
            kept = min(count, self._left)
            if kept < least:
                return 0
            self._left -= kept
            return kept

    def put_back(self, count: int) -> None:
        """``count`` bytes that were set aside did not come."""
        with self._lock:
            self._left += count

    def pay(self, count: int) -> None:
        """``count`` bytes that were set aside came."""
        with self._lock:
            self.spent += count
            if self.spent - self._noted >= NOTE:
                self._tell()

    def close(self) -> None:
        """Note what was not noted yet."""
        with self._lock:
            self._tell()

    def _tell(self) -> None:
        if self.spent > self._noted:
            self._note(self.spent - self._noted)
            self._noted = self.spent


class Allowance:
    """Takes what ``inner`` gives out of ``purse``; raises BudgetSpent when it is empty."""

    def __init__(self, inner: Transport, purse: Purse) -> None:
        self._inner = inner
        self._purse = purse

    @property
    def label(self) -> str:
        """The inner source's."""
        return self._inner.label

    def read(self, name: str, *, limit: int) -> bytes:
        """The whole file, if the purse has enough for it."""
        least = limit if _is_content(name) else 1
        kept = self._open(limit, name, least=least)
        came = 0
        try:
            data = self._inner.read(name, limit=limit)
            came = len(data)
            self._purse.pay(came)
            return data
        finally:
            self._purse.put_back(kept - came)

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        """``length`` bytes from ``offset``, or as many as the purse has, and then BudgetSpent."""
        affordable = left = self._open(length, name, least=1)
        try:
            for block in self._inner.stream(name, offset=offset, length=affordable):
                left -= len(block)
                self._purse.pay(len(block))
                yield block
        finally:
            self._purse.put_back(left)
        if affordable < length:
            raise self._spent(name)

    def _open(self, count: int, name: str, *, least: int) -> int:
        """Pay for a request; how many of ``count`` bytes it may bring. Raises BudgetSpent."""
        kept = self._purse.set_aside(REQUEST + count, least=REQUEST + least)
        if not kept:
            raise self._spent(name)
        self._purse.pay(REQUEST)
        return kept - REQUEST

    def _spent(self, name: str) -> BudgetSpent:
        return BudgetSpent(
            f"{self.label}: the budget of bytes is spent ({self._purse.spent} fetched), "
            f"{name} waits",
            hint="what came is kept; the next sync goes on with it",
        )


def _is_content(name: str) -> bool:
    return any(f"/{start}" in f"/{name}" for start in _EXACT)
