"""Short ranges, several under way at once: the wait for an answer is longer than the answer.

A long range fills the line by itself and streams as it comes. Short ones that follow each other
are asked for together, a flight of them; they are handed over in their order all the same.
"""

import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future
from typing import Protocol, TypeVar

from sync.errors import KexiaError
from sync.transport.base import Transport
from sync.transport.pool import Stream

WORKERS = 3
"""Ranges under way at once; below what one host is asked for (``web.PER_HOST``)."""
FLIGHT = 768 * 1024
"""Bytes of one flight, which are lost if the power goes before they are handed over."""


class Asked(Protocol):
    """A range of a file."""

    @property
    def name(self) -> str: ...  # noqa: D102 - the transport's name of the file
    @property
    def offset(self) -> int: ...  # noqa: D102 - its first byte
    @property
    def length(self) -> int: ...  # noqa: D102 - its bytes


R = TypeVar("R", bound=Asked)


def fly(
    transport: Transport, ranges: Sequence[R]
) -> Generator[tuple[R, Iterator[bytes]], None, None]:
    """Each range with the stream of its bytes, in order; raises nothing of its own.

    What stops a range is raised by its stream, after all bytes that came of it. Close this
    iterator (``closing``) if it is left early: ranges not begun yet are not asked for then.
    ``transport`` must allow several threads.
    """
    for flight in _flights(ranges):
        if len(flight) == 1:
            [part] = flight
            yield part, transport.stream(part.name, offset=part.offset, length=part.length)
            continue
        crew = _Crew(transport, flight)
        try:
            for part, landed in zip(flight, crew.landed, strict=True):
                yield part, landed.result()
        finally:
            crew.dismiss()


def _flights(ranges: Sequence[R]) -> Iterator[list[R]]:
    """Neighbours that are no longer than FLIGHT together."""
    flight: list[R] = []
    size = 0
    for part in ranges:
        if flight and size + part.length > FLIGHT:
            yield flight
            flight, size = [], 0
        flight.append(part)
        size += part.length
    if flight:
        yield flight


class _Crew:
    """Threads that fetch the ranges of one flight."""

    def __init__(self, transport: Transport, ranges: Sequence[Asked]) -> None:
        self.landed: list[Future[Stream]] = [Future() for _ in ranges]
        self._transport = transport
        self._waiting = deque(zip(ranges, self.landed, strict=True))
        for number in range(min(WORKERS, len(ranges))):
            # daemons: one that hangs in a dead line does not keep a stopped programme alive
            threading.Thread(target=self._work, name=f"range-{number}", daemon=True).start()

    def dismiss(self) -> None:
        """Begin no further range."""
        self._waiting.clear()

    def _work(self) -> None:
        while True:
            try:
                part, landed = self._waiting.popleft()
            except IndexError:
                return
            try:
                landed.set_result(_land(self._transport, part))
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                landed.set_exception(error)


def _land(transport: Transport, part: Asked) -> Stream:
    """All that comes of a range, to be read as if it came now."""
    blocks: deque[bytes] = deque()
    stopped: KexiaError | None = None
    stream = transport.stream(part.name, offset=part.offset, length=part.length)
    try:
        blocks.extend(stream)
    except KexiaError as error:
        stopped = error
    landed = Stream()
    for source in stream.sources if isinstance(stream, Stream) else ():
        landed.came_from(source)
    landed.blocks = _replay(blocks, stopped)
    return landed


def _replay(blocks: deque[bytes], stopped: KexiaError | None) -> Iterator[bytes]:
    while blocks:
        yield blocks.popleft()
    if stopped is not None:
        raise stopped
