"""Several sources of the same repository with their costs: the cheapest healthy one gives.

A source that lacks a file is passed over for that file; one that is dead or lies is set aside for
as long as the pool lives (one sync), and said once.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sync.errors import FormatError, KexiaError, MediumFailing, NoSource, NotThere
from sync.transport.base import Transport

PATIENCE = 2
"""Failures one after the other that set a source aside; Retry inside it had its patience too."""


@dataclass(frozen=True, slots=True)
class Priced:
    """A source and what a byte from it costs."""

    transport: Transport
    cost: int
    """Relative to the others: a stick 0, a box in the building 1, a server far away 10."""
    has_raw: bool = False
    """It may have whole resources, at so little cost that they are taken without planning."""

    @property
    def label(self) -> str:
        """What messages call it."""
        return self.transport.label


class Pool:
    """Reads each file from the cheapest healthy source; equal costs keep the order given.

    When every source fails raises the most telling error; NoSource if all are set aside.
    May be used from several threads.
    """

    def __init__(self, sources: Sequence[Priced]) -> None:
        if not sources:
            raise ValueError("Pool needs a source")
        self._sources = tuple(sorted(sources, key=lambda source: source.cost))
        self._lock = threading.Lock()
        self._failures = dict.fromkeys((source.label for source in self._sources), 0)
        self._dropped: dict[str, str] = {}

    @property
    def label(self) -> str:
        """All labels, the cheapest first."""
        return ", ".join(source.label for source in self._sources)

    @property
    def dropped(self) -> tuple[tuple[str, str], ...]:
        """Label and reason of every source set aside, in the order it happened."""
        with self._lock:
            return tuple(self._dropped.items())

    def healthy(self) -> tuple[Priced, ...]:
        """The sources still asked, the cheapest first."""
        with self._lock:
            return tuple(item for item in self._sources if item.label not in self._dropped)

    def blame(self, label: str, error: KexiaError) -> None:
        """Set a source aside at once: what it gave did not hold."""
        with self._lock:
            self._drop(label, error)

    def read(self, name: str, *, limit: int) -> bytes:
        """The whole file; a source whose file is too long is set aside once another one's is not.

        Until then the limit may as well be wrong: raises FormatError if no source keeps it.
        """
        errors: list[KexiaError] = []
        liars: list[tuple[str, FormatError]] = []
        for source in self.healthy():
            try:
                data = source.transport.read(name, limit=limit)
            except FormatError as error:
                liars.append((source.label, error))
            except (NoSource, MediumFailing) as error:
                self._failed(source, error)
                errors.append(error)
            else:
                self._succeeded(source)
                for label, lie in liars:
                    self.blame(label, lie)
                return data
        raise liars[0][1] if liars else self._conclusion(errors)

    def stream(self, name: str, *, offset: int, length: int) -> "Stream":
        """``length`` bytes from ``offset``; where one source breaks off the next goes on."""
        stream = Stream()
        stream.blocks = self._blocks(stream, name, offset, length)
        return stream

    def _blocks(self, stream: "Stream", name: str, offset: int, length: int) -> Iterator[bytes]:
        errors: list[KexiaError] = []
        done = 0
        for source in self.healthy():
            if source not in self.healthy():  # blamed since this stream began
                continue
            blocks = source.transport.stream(name, offset=offset + done, length=length - done)
            try:
                for block in blocks:
                    done += len(block)
                    stream.came_from(source.label)
                    yield block
            except (NoSource, MediumFailing) as error:
                self._failed(source, error)
                errors.append(error)
            else:
                self._succeeded(source)
                return
        raise self._conclusion(errors)

    def _succeeded(self, source: Priced) -> None:
        with self._lock:
            self._failures[source.label] = 0

    def _failed(self, source: Priced, error: KexiaError) -> None:
        with self._lock:
            if isinstance(error, NotThere):  # an answer: the source is well
                self._failures[source.label] = 0
                return
            self._failures[source.label] += 1
            if self._failures[source.label] >= PATIENCE:
                self._drop(source.label, error)

    def _drop(self, label: str, error: KexiaError) -> None:
        if label in self._failures:
            self._dropped.setdefault(label, error.fact)

    def _conclusion(self, errors: list[KexiaError]) -> KexiaError:
        if errors:
            return most_telling(errors)
        reasons = "; ".join(reason for _, reason in self.dropped)
        return NoSource(f"every source was set aside: {reasons}", hint="sync again later")


def set_aside(transport: Transport, stream: Iterator[bytes], error: KexiaError) -> bool:
    """Blame the source whose bytes did not hold, if it is known and another one is left.

    True if so: then it is worth asking again.
    """
    if not (isinstance(transport, Pool) and isinstance(stream, Stream)):
        return False
    if len(stream.sources) != 1 or len(transport.healthy()) < 2:
        return False
    transport.blame(stream.source, error)
    return True


class Stream(Iterator[bytes]):
    """Bytes with their origin: whom to blame if they do not hold."""

    blocks: Iterator[bytes]

    def __init__(self) -> None:
        self.blocks = iter(())
        self._sources: list[str] = []

    @property
    def source(self) -> str:
        """Label of the source that gave the last block; empty before the first."""
        return self._sources[-1] if self._sources else ""

    @property
    def sources(self) -> tuple[str, ...]:
        """Labels of all that gave blocks of this range, in order."""
        return tuple(self._sources)

    def came_from(self, label: str) -> None:
        """The next block is of this source."""
        if self.source != label:
            self._sources.append(label)

    def __next__(self) -> bytes:
        return next(self.blocks)

    def close(self) -> None:
        """Leave early; the connection is given back."""
        self.blocks.close()  # type: ignore[attr-defined]  # a generator


def most_telling(errors: list[KexiaError]) -> KexiaError:
    """Of several sources' errors: a failing medium, else a silent source, else a missing file."""

    def weight(error: KexiaError) -> int:
        return 2 * isinstance(error, MediumFailing) + (not isinstance(error, NotThere))

    return max(errors, key=weight)
