"""Several ranges under way at once, handed over in order: a line with long delays stays full."""

import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from sync.transport.base import Transport

WORKERS = 3
"""Ranges under way at once; below what one host is asked for (web.PER_HOST)."""
WINDOW = 4 * 1024 * 1024
"""Bytes held at most, but for one block of the range whose turn it is."""
MOST_AHEAD = 64
"""Ranges begun before their turn, at most: very small ones cost more than their bytes."""
JOIN = 5.0
"""Seconds to wait for a cancelled worker. One that hangs in a dead line ends by its timeout."""


@dataclass(frozen=True, slots=True)
class RangeRequest:
    """``length`` bytes from ``offset`` of the file ``name``."""

    name: str
    offset: int
    length: int


def ahead(
    transport: Transport,
    ranges: Sequence[RangeRequest],
    *,
    workers: int = WORKERS,
    window: int = WINDOW,
) -> Iterator[Iterator[bytes]]:
    """For each range, in order, an iterator of its bytes; those after it are under way already.

    An iterator that is not read to its end is given up when the next one is asked for. An error
    comes where it belongs: after all bytes received of its range; with it everything else under
    way is given up, and no further range comes. Keep the outer iterator: its end closes what it
    gave. Close the outer iterator (``closing``) if it is
    left early. ``transport`` must allow several threads.
    """
    transfer = _Transfer(transport, tuple(ranges), window)
    threads = [
        threading.Thread(target=transfer.work, name=f"range-{number}", daemon=True)
        for number in range(min(workers, len(ranges)))
    ]
    for thread in threads:
        thread.start()
    try:
        for number in range(len(ranges)):
            with closing(_bytes_of(transfer, number)) as blocks:
                yield blocks
            transfer.finish(number)
            if (error := transfer.failure) is not None:
                raise error
    finally:
        transfer.stop()
        for thread in threads:
            thread.join(JOIN)


@dataclass(slots=True)
class _Slot:
    """What has come of one range and was not handed over yet."""

    blocks: deque[bytes] = field(default_factory=deque)
    ended: bool = False
    error: BaseException | None = None


class _Transfer:
    """What the workers and the one reader share; everything under one lock."""

    def __init__(self, transport: Transport, ranges: tuple[RangeRequest, ...], window: int) -> None:
        self._transport = transport
        self._ranges = ranges
        self._window = window
        self._changed = threading.Condition()
        self._slots = {0: _Slot()} if ranges else {}
        self._next = 0
        self._turn = 0
        self._held = 0
        self._stopped = False
        self.failure: BaseException | None = None
        """The error that was handed to the reader; it ends the whole transfer."""

    # the workers' side

    def work(self) -> None:
        """Fetch one range after the other until there are none."""
        while (number := self._begin()) is not None:
            error: BaseException | None = None
            try:
                self._fetch(number)
            except BaseException as caught:  # noqa: BLE001 - handed to the reader, whatever it is
                error = caught
            self._end(number, error)

    def _begin(self) -> int | None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._next < self._turn + MOST_AHEAD)
            if self._stopped or self._next >= len(self._ranges):
                return None
            number = self._next
            self._next += 1
            self._slots.setdefault(number, _Slot())
            return number

    def _fetch(self, number: int) -> None:
        wanted = self._ranges[number]
        stream = self._transport.stream(wanted.name, offset=wanted.offset, length=wanted.length)
        try:
            for block in stream:
                if not self._put(number, block):
                    return
        finally:
            if (close := getattr(stream, "close", None)) is not None:
                close()

    def _put(self, number: int, block: bytes) -> bool:
        """Hand over a block when there is room; False if nobody wants it any more."""
        with self._changed:
            self._changed.wait_for(lambda: not self._wanted(number) or self._room(number, block))
            if not self._wanted(number):
                return False
            self._slots[number].blocks.append(block)
            self._held += len(block)
            self._changed.notify_all()
            return True

    def _wanted(self, number: int) -> bool:
        return not self._stopped and number >= self._turn

    def _room(self, number: int, block: bytes) -> bool:
        """The range whose turn it is always gets on, else a full window would be for ever."""
        if number == self._turn and not self._slots[number].blocks:
            return True
        return self._held + len(block) <= self._window

    def _end(self, number: int, error: BaseException | None) -> None:
        with self._changed:
            if (slot := self._slots.get(number)) is not None:
                slot.ended, slot.error = True, error
            self._changed.notify_all()

    # the reader's side

    def take(self, number: int) -> bytes | None:
        """The range's next block, waited for; None at its end; raises what its fetching raised."""
        with self._changed:
            slot = self._slots.setdefault(number, _Slot())
            self._changed.wait_for(lambda: slot.blocks or slot.ended or self._stopped)
            if slot.blocks:
                block = slot.blocks.popleft()
                self._held -= len(block)
                self._changed.notify_all()
                return block
            self.failure = slot.error
        if self.failure is not None:
            self.stop()
            raise self.failure
        return None

    def finish(self, number: int) -> None:
        """Give up what is left of a range; it is the next one's turn."""
        with self._changed:
            slot = self._slots.pop(number, _Slot())
            self._held -= sum(map(len, slot.blocks))
            self._turn = number + 1
            self._changed.notify_all()

    def stop(self) -> None:
        """Let the workers end: each closes its own stream at its next block."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()


def _bytes_of(transfer: _Transfer, number: int) -> Generator[bytes, None, None]:
    while (block := transfer.take(number)) is not None:
        yield block
