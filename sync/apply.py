"""Apply: executes a plan. Groups are fetched, proved and staged; resources are assembled from them
and from seeds, proved, and only then named in the library.

Whatever stops it, what was received is used by the next run: a killed transfer goes on within the
group it was in. Bytes of the box's own that turn out damaged are set aside and planned anew in
the same run. A group that comes damaged from the source costs the resources that need it; all
others still go in.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sync import files
from sync.digest import Digest, prove
from sync.directory import pack_name
from sync.errors import FormatError, NoRoom, NoSource, ProofFailed
from sync.library import BLOCK, Store
from sync.pack import Codec, decode_group
from sync.plan import FromGroup, FromSeed, Piece, Plan, Range, Schedule, make_plan
from sync.progress import Progress
from sync.seed import survey
from sync.transport.base import Transport

FLOOR = 64 * 2**20
"""Bytes that stay free on the disk whatever is fetched: the box must go on writing its state."""
DECODED = 4
"""Plain groups kept in memory, at most 1 MiB each."""
PATIENCE = 8
"""Damaged groups after which a source is given up."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply did. ``bytes_reused``: those of new resources that came from seeds."""

    resources_new: int = 0
    bytes_new: int = 0
    bytes_fetched: int = 0
    bytes_reused: int = 0
    requests: int = 0
    quarantined: tuple[Digest, ...] = ()
    """Library files that were found damaged and moved to quarantine."""


def apply(plan: Plan, transport: Transport, store: Store, progress: Progress) -> Applied:
    """Make every resource of ``plan``, durably, or raise with what is done kept.

    Raises NoRoom before anything is written; NoSource; ProofFailed naming the source and the pack
    whose group is not what was signed; FormatError if the signed files contradict each other.
    """
    done = Applied()
    while True:
        check_room(plan, store)
        progress.step("fetch", total=plan.bytes_to_fetch)
        work = _Work(plan, transport, store, progress, done)
        work.run()
        done = work.done
        if not work.damaged:
            break
        # Each turn removed damaged bytes of our own, so there is an end to it.
        plan = make_plan(plan.wanted, survey(store, plan.have.tables))
    if work.refused:
        raise work.refused[0]
    return done


def check_room(plan: Plan, store: Store) -> None:
    """Raise NoRoom unless the plan fits on the disk with FLOOR bytes to spare."""
    files.make_folder(store.root)
    free = files.free_space(store.root)
    if plan.files and plan.room_needed + FLOOR > free:
        raise NoRoom(
            f"{store.root}: {_mib(plan.room_needed)} MiB are needed and {_mib(FLOOR)} MiB must "
            f"stay free, but only {_mib(free)} MiB are free",
            hint="unpin collections that are no longer taught, or use a bigger disk",
        )


def _mib(count: int) -> int:
    return -(-count // 2**20)


class _Work:
    """One execution of one plan."""

    def __init__(
        self, plan: Plan, transport: Transport, store: Store, progress: Progress, done: Applied
    ) -> None:
        self._plan = plan
        self._transport = transport
        self._store = store
        self._progress = progress
        self._schedule = Schedule(plan.groups, plan.assemblies)
        self._plain: OrderedDict[int, bytes] = OrderedDict()
        self.done = done
        self.damaged = False
        """True if bytes of our own were found damaged: what needs them has to be planned anew."""
        self.refused: list[ProofFailed] = []
        """Groups the source delivered damaged."""

    def run(self) -> None:
        """Assemble what is here, then fetch range by range and assemble what becomes whole."""
        for number in self._schedule.ready():
            self._assemble(number)
        for part in self._plan.ranges:
            self._receive(part)

    def _receive(self, part: Range) -> None:
        name = pack_name(part.pack)
        stream = self._transport.stream(name, offset=part.offset, length=part.length)
        blocks = _Blocks(stream, what=f"{self._transport.label}: {name}")
        self.done = replace(self.done, requests=self.done.requests + 1)
        position = part.offset
        for number in part.groups:
            planned = self._plan.groups[number]
            for block in blocks.take(planned.start - position):
                self._count(block)
            self._stage(number, blocks)
            position = planned.end
        blocks.end()

    def _count(self, block: memoryview) -> None:
        self._progress.advance(len(block))
        self.done = replace(self.done, bytes_fetched=self.done.bytes_fetched + len(block))

    def _stage(self, number: int, blocks: "_Blocks") -> None:
        """Receive one group; assemble what it completes."""
        planned = self._plan.groups[number]
        digest = planned.group.digest
        with self._store.groups.append(digest, at=planned.staged) as file:
            for block in blocks.take(planned.end - planned.start):
                file.write(block)
                self._count(block)
        try:
            stored = self._store.groups.read(digest, size=planned.group.stored)
            prove(stored, digest, what=f"{blocks.what}, group at {planned.group.offset}")
        except ProofFailed as error:
            self._refuse(number, error)
            return
        ready = self._schedule.arrived(number)
        if ready:
            self._remember(number, stored)
        for assembly in ready:
            self._assemble(assembly)
        if self._store.groups.path(digest).exists():
            self._store.groups.keep(digest)

    def _refuse(self, number: int, error: ProofFailed) -> None:
        """A received group does not hold: blame the source only if all of it is the source's."""
        planned = self._plan.groups[number]
        self._store.groups.drop(planned.group.digest)
        if planned.staged:
            self.damaged = True
            return
        self.refused.append(error)
        if len(self.refused) >= PATIENCE:
            raise error

    def _assemble(self, number: int) -> None:
        assembly = self._plan.assemblies[number]
        try:
            with self._store.library.receive(assembly.resource.digest) as write:
                for piece in assembly.pieces:
                    for block in self._content(piece):
                        write(block)
        except ProofFailed:
            self._find_damage(number)
            return
        for group in self._schedule.finished(number):
            self._plain.pop(group, None)
            self._store.groups.drop(self._plan.groups[group].group.digest)
        self._report(number)

    def _report(self, number: int) -> None:
        assembly, done = self._plan.assemblies[number], self.done
        reused = sum(piece.length for piece in assembly.pieces if isinstance(piece, FromSeed))
        self.done = replace(
            done,
            resources_new=done.resources_new + 1,
            bytes_new=done.bytes_new + assembly.resource.size,
            bytes_reused=done.bytes_reused + reused,
        )

    def _content(self, piece: Piece) -> Iterator[bytes | memoryview]:
        match piece:
            case FromGroup(group, start, length):
                yield memoryview(self._decoded(group))[start : start + length]
            case FromSeed(resource, start, length):
                yield from _read(self._store, resource, start, length)

    def _decoded(self, number: int) -> bytes:
        """Plain bytes of a staged group, decoded once as long as it is among the last few.

        Staged bytes are proved again before a decoder sees them, as a power cut may have come
        between; raw ones are not decoded, and the resource's own digest proves them.
        """
        if number in self._plain:
            self._plain.move_to_end(number)
            return self._plain[number]
        group = self._plan.groups[number].group
        stored = self._store.groups.read(group.digest, size=group.stored)
        if group.codec is not Codec.RAW:
            prove(stored, group.digest, what=f"staged group {group.digest[:16]}…")
        return self._remember(number, stored)

    def _remember(self, number: int, proved: bytes) -> bytes:
        group = self._plan.groups[number].group
        plain = decode_group(group, proved, what=f"group {group.digest[:16]}…")
        self._plain[number] = plain
        if len(self._plain) > DECODED:
            self._plain.popitem(last=False)
        return plain

    def _find_damage(self, number: int) -> None:
        """An assembly failed its proof: set aside what is damaged of our own bytes.

        Raises FormatError if nothing is, as then the signed recipe itself is wrong.
        """
        assembly = self._plan.assemblies[number]
        store = self._store
        damaged = False
        for piece in assembly.pieces:
            if isinstance(piece, FromSeed) and not store.library.proves(piece.resource):
                self._set_aside(piece.resource)
                damaged = True
            elif isinstance(piece, FromGroup) and not self._holds(piece.group):
                store.groups.drop(self._plan.groups[piece.group].group.digest)
                self._plain.pop(piece.group, None)
                damaged = True
        if not damaged:
            raise FormatError(
                f"resource {assembly.resource.digest}: its recipe puts together something else",
                hint="the publisher's tables are wrong; it must release the collection again",
            )
        self.damaged = True

    def _set_aside(self, resource: Digest) -> None:
        self._store.set_aside(resource)
        known = (*self.done.quarantined, resource)
        self.done = replace(self.done, quarantined=tuple(dict.fromkeys(known)))

    def _holds(self, number: int) -> bool:
        group = self._plan.groups[number].group
        try:
            stored = self._store.groups.read(group.digest, size=group.stored)
            prove(stored, group.digest, what="staged group")
        except ProofFailed:
            return False
        return True


def _read(store: Store, resource: Digest, start: int, length: int) -> Iterator[bytes]:
    """Bytes of a seed in blocks; raises ProofFailed if the file cannot give them."""
    path = store.library.path(resource)
    try:
        with path.open("rb") as file:
            file.seek(start)
            while length:
                block = file.read(min(length, BLOCK))
                if not block:
                    raise ProofFailed(f"{path}: ends too early")
                length -= len(block)
                yield block
    except OSError as error:
        raise ProofFailed(f"{path}: {error.strerror}") from error


class _Blocks:
    """A stream that is taken in lengths of our choosing."""

    def __init__(self, stream: Iterator[bytes], *, what: str) -> None:
        self._stream = stream
        self._rest = memoryview(b"")
        self.what = what

    def take(self, length: int) -> Iterator[memoryview]:
        """The next ``length`` bytes in blocks; raises NoSource if the stream ends before."""
        while length:
            if not self._rest:
                block = next(self._stream, None)
                if block is None:
                    raise NoSource(f"{self.what}: ended {length} bytes too early")
                self._rest = memoryview(block)
            taken, self._rest = self._rest[:length], self._rest[length:]
            length -= len(taken)
            yield taken

    def end(self) -> None:
        """Let the transport see that all was taken, so that it can use its connection again."""
        next(self._stream, None)
