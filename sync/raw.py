"""Raw: whole resources as they lie on a stick or at a neighbour, taken before anything is planned.

Their bytes cost no line, so nothing is weighed: what is there and proves itself by its own digest
goes in. What is damaged, missing or cut off costs that resource only; the plan finds it elsewhere.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import pairwise

from sync import files
from sync.apply import FLOOR, Applied
from sync.digest import Digest, sharded
from sync.errors import (
    FormatError,
    KexiaError,
    MediumFailing,
    NoRoom,
    NoSource,
    NotThere,
    ProofFailed,
)
from sync.feed import Resource
from sync.library import Batch, Store
from sync.progress import Progress
from sync.stick.concatenation import MAX_TABLE, decode_table
from sync.stick.layout import CONCATENATIONS, RESOURCES
from sync.transport.base import Transport
from sync.transport.pool import Pool

LONG = 2**20
"""Bytes from which on a resource is staged: a pull in the middle does not cost what came of it."""
MAX_GAP = 256 * 1024
"""Unwanted bytes of a concatenation read over rather than opened anew behind."""
LONGEST = 16 * 2**20
"""Bytes of a concatenation read at once: a long import stops between two reads."""
MAX_CONCATENATIONS = 1024
"""Read of one source; far more than any stick holds."""
MISSES = 64
"""Files asked for in vain, one after the other, after which a source has no more of them."""
MISSES_AT_HAND = 20_000
"""The same where asking costs nothing: of a mounted stick, a second's work."""
PATIENCE = 8
"""Files that could not be read, one after the other, after which a source is given up."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the bytes of a resource lie at a source."""

    resource: Resource
    name: str
    offset: int = 0

    @property
    def end(self) -> int:
        """Where they end in the file."""
        return self.offset + self.resource.size


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of one source's raw resources."""

    applied: Applied = field(default_factory=Applied)
    bad: tuple[KexiaError, ...] = ()
    """A line for each resource that could not be had, and for the source if it was given up."""


class RawSource:
    """The raw resources of one source."""

    def __init__(self, transport: Transport, *, misses: int = MISSES_AT_HAND) -> None:
        """``misses``: files asked for in vain, one after the other, before it has no more."""
        self.transport = transport
        self._misses = misses

    def places(self, wanted: Iterable[Resource]) -> tuple[Place, ...]:
        """Where those of ``wanted`` lie that are there, in the order to read them.

        Concatenations come first, each from its beginning to its end; then the files, in the order
        of ``wanted``. A source that cannot be read has nothing.
        """
        sought = {one.digest: one for one in wanted if one.size}
        try:
            listed = tuple(self._listed(sought))
            known = {place.resource.digest for place in listed}
            left = [one for digest, one in sought.items() if digest not in known]
            there = self._files(left)
        except (NoSource, MediumFailing):
            return ()
        return (*listed, *(Place(one, _file(one)) for one in left if one.digest in there))

    def _listed(self, sought: dict[Digest, Resource]) -> Iterator[Place]:
        """What the tables of concatenations name; each resource once."""
        seen: set[Digest] = set()
        for number in range(MAX_CONCATENATIONS if sought else 0):
            name = f"{CONCATENATIONS}/{number}"
            try:
                table = decode_table(self.transport.read(f"{name}.tab", limit=MAX_TABLE))
            except NotThere:
                return
            except (FormatError, MediumFailing):
                continue  # one damaged table costs what it lists
            offset = 0
            for entry in table:
                found = sought.get(entry.digest)
                if found and found.size == entry.size and found.digest not in seen:
                    seen.add(found.digest)
                    yield Place(found, f"{name}.cat", offset)
                offset += entry.size

    def _files(self, sought: Sequence[Resource]) -> set[Digest]:
        """Which of ``sought`` are files of their own; the longest are looked for first, as short
        ones are rather in concatenations.
        """
        found: set[Digest] = set()
        misses = 0
        for one in sorted(sought, key=lambda one: -one.size):
            if self._has(_file(one)):
                found.add(one.digest)
                misses = 0
            else:
                misses += 1
            if misses >= self._misses:
                break
        return found

    def _has(self, name: str) -> bool:
        try:
            self.transport.read(name, limit=0)
        except NotThere:
            return False
        except (FormatError, MediumFailing):  # longer than nothing: so it is there
            return True
        return False


def raw_sources(transport: Transport) -> tuple[RawSource, ...]:
    """Those of a pool that may have whole resources, the cheapest first."""
    if not isinstance(transport, Pool):
        return ()
    return tuple(
        RawSource(one.transport, misses=MISSES if one.cost else MISSES_AT_HAND)
        for one in transport.healthy()
        if one.has_raw
    )


def take(places: Sequence[Place], source: RawSource, store: Store, progress: Progress) -> Taken:
    """Bring the resources of ``places`` into the library, durably.

    Raises ShiftOver, NoRoom or what the box's own disk says; what came is kept. A source that fails
    is no error: the caller finds the rest elsewhere, or comes again.
    """
    check_room(places, store)
    progress.step("import", total=sum(place.resource.size for place in places))
    work = _Taking(source.transport, store, progress)
    with store.library.batch(named=lambda _: None) as batch:
        work.run(places, batch)
    return work.taken


def check_room(places: Sequence[Place], store: Store, *, besides: int = 0) -> None:
    """Raise NoRoom unless all of ``places`` fit on the disk with FLOOR bytes to spare.

    ``besides``: bytes that will have been taken by then.
    """
    files.make_folder(store.root)
    staged = store.raw.sizes()
    needed = besides + sum(
        place.resource.size - min(place.resource.size, staged.get(place.resource.digest, 0))
        for place in places
    )
    free = files.free_space(store.root)
    if places and needed + FLOOR > free:
        raise NoRoom(
            f"{store.root}: {needed // 2**20 + 1} MiB are needed and {FLOOR // 2**20} MiB must "
            f"stay free, but only {free // 2**20} MiB are free",
            hint="unpin collections that are no longer taught, or use a bigger disk",
        )


class _Taking:
    """One source's raw resources on their way."""

    def __init__(self, transport: Transport, store: Store, progress: Progress) -> None:
        self._transport = transport
        self._store = store
        self._progress = progress
        self._failures = 0
        self.taken = Taken()

    def run(self, places: Sequence[Place], batch: Batch) -> None:
        """Run by run; what fails is left out, and after PATIENCE failures in a row all the rest."""
        waiting = list(places)
        while waiting and self._failures < PATIENCE:
            run = _run(waiting)
            try:
                done = self._short(run, batch) if run[0].resource.size < LONG else self._long(run)
            except (ProofFailed, NotThere) as error:
                self._bad(error)
                done = 1
            except (NoSource, MediumFailing) as error:
                self._failures += 1
                self._bad(error)
                done = 1
            del waiting[:done]

    def _bad(self, error: KexiaError) -> None:
        self.taken = replace(self.taken, bad=(*self.taken.bad, error))

    def _came(self, resource: Resource, fetched: int) -> None:
        self._failures = 0
        more = Applied(resources_new=1, bytes_new=resource.size, bytes_fetched=fetched)
        self.taken = replace(self.taken, applied=self.taken.applied.plus(more))

    def _short(self, run: Sequence[Place], batch: Batch) -> int:
        """Take the resources of a run; how many of it are done with, damaged ones included."""
        first, last = run[0], run[-1]
        length = last.end - first.offset
        stream = self._transport.stream(first.name, offset=first.offset, length=length)
        position = first.offset
        done = 0
        with closing(_Blocks(stream)) as blocks:
            for place in run:
                try:
                    blocks.skip(place.offset - position)
                    with batch.receive(place.resource.digest) as write:
                        for block in blocks.take(place.resource.size):
                            write(block)
                            self._progress.advance(len(block))
                except ProofFailed:
                    self._bad(_damaged(self._transport, place))
                except (NoSource, MediumFailing):
                    if not done:
                        raise
                    return done  # the next run begins here, and says what is wrong
                else:
                    self._came(place.resource, place.resource.size)
                position = place.end
                done += 1
        return done

    def _long(self, run: Sequence[Place]) -> int:
        """Take one resource by way of staging, from where an earlier pull left it."""
        [place] = run
        held = self._store.raw.sizes().get(place.resource.digest, 0)
        at = held if held <= place.resource.size else 0
        try:
            self._rest(place, at)
        except ProofFailed as error:
            if not at:
                raise _damaged(self._transport, place) from error
            return 0  # what was staged may be what is damaged: once more, from the beginning
        self._came(place.resource, place.resource.size - at)
        return 1

    def _rest(self, place: Place, at: int) -> None:
        offset, length = place.offset + at, place.resource.size - at
        with self._store.raw.receive(place.resource.digest, at=at) as write:
            for block in self._transport.stream(place.name, offset=offset, length=length):
                write(block)
                self._progress.advance(len(block))


class _Blocks:
    """A stream taken in lengths of our choosing."""

    def __init__(self, stream: Iterator[bytes]) -> None:
        self._stream = stream
        self._rest = memoryview(b"")

    def take(self, length: int) -> Iterator[memoryview]:
        """The next ``length`` bytes; the stream itself raises if they fall short."""
        while length:
            if not self._rest:
                self._rest = memoryview(next(self._stream))
            taken, self._rest = self._rest[:length], self._rest[length:]
            length -= len(taken)
            yield taken

    def skip(self, length: int) -> None:
        """Read over ``length`` bytes."""
        for _ in self.take(length):
            pass

    def close(self) -> None:
        """Leave the stream, wherever it is."""
        close = getattr(self._stream, "close", None)
        if close is not None:
            close()


def _run(places: Sequence[Place]) -> Sequence[Place]:
    """As many of the first places as are read in one go."""
    first = places[0]
    count = 1
    if first.resource.size >= LONG:
        return places[:1]
    for before, place in pairwise(places):
        near = place.name == before.name and 0 <= place.offset - before.end <= MAX_GAP
        if not near or place.resource.size >= LONG or place.end - first.offset > LONGEST:
            break
        count += 1
    return places[:count]


def _file(resource: Resource) -> str:
    return f"{RESOURCES}/{sharded(resource.digest)}"


def _damaged(transport: Transport, place: Place) -> ProofFailed:
    return ProofFailed(
        f"{transport.label}: {place.name} is damaged (resource {place.resource.digest[:16]}…)",
        hint="everything else went in; copy the stick again, or sync over a line",
    )
