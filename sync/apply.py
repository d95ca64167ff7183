"""Apply: executes a plan. Groups are fetched, proved and staged; resources are assembled from them
and from seeds, proved, and only then named in the library.

Whatever stops it, what was received is used by the next run: a killed transfer goes on within the
group it was in. What cannot be made (bytes of the box's own turned out damaged, a group came
damaged from the source, an update pack makes something else than it says) costs the resources that
need it; all others go in, and the caller plans the rest anew (``sync.carry``).
"""

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain

from sync import files
from sync.context import Contexts
from sync.deflate import deflate, sized
from sync.digest import Digest, prove
from sync.errors import BudgetSpent, FormatError, NoRoom, NoSource, NotThere, ProofFailed
from sync.library import BATCH_BYTES, Batch, Store
from sync.plan import FromGroup, FromSeed, FromSteps, Piece, Plan, Range, Remade, Schedule
from sync.progress import Progress
from sync.transport.base import Transport
from sync.transport.flight import fly
from sync.transport.pool import set_aside
from sync.updates.steps import summed

FLOOR = 64 * 2**20
"""Bytes that stay free on the disk whatever is fetched: the box must go on writing its state."""
PATIENCE = 8
"""Damaged groups after which a source is given up."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply did.

    ``bytes_reused``: bytes of new resources that were not fetched, as the box had them or held what
    their groups are decoded with; after a whole apply as many as ``Plan.bytes_reused`` says.
    """

    resources_new: int = 0
    bytes_new: int = 0
    bytes_fetched: int = 0
    bytes_reused: int = 0
    requests: int = 0
    quarantined: tuple[Digest, ...] = ()
    """Library files that were found damaged and moved to quarantine."""
    unsound: tuple[str, ...] = ()
    """Update packs that make something else than they say."""
    refused: tuple[ProofFailed | NotThere, ...] = ()
    """Groups the source delivered damaged, and update packs it does not have (any more)."""
    damaged: bool = False
    """Bytes of our own were found damaged: what needs them has to be planned anew."""

    def plus(self, more: "Applied") -> "Applied":
        """Both together; ``damaged`` and ``refused`` as the later one says."""
        return Applied(
            self.resources_new + more.resources_new,
            self.bytes_new + more.bytes_new,
            self.bytes_fetched + more.bytes_fetched,
            self.bytes_reused + more.bytes_reused,
            self.requests + more.requests,
            tuple(dict.fromkeys((*self.quarantined, *more.quarantined))),
            tuple(dict.fromkeys((*self.unsound, *more.unsound))),
            more.refused,
            more.damaged,
        )


def apply(plan: Plan, transport: Transport, store: Store, progress: Progress) -> Applied:
    """Make every resource of ``plan`` that can be made, durably; the result says what could not.

    Raises NoRoom before anything is written; NoSource; ProofFailed if the source delivers one
    damaged group after the other; FormatError if the signed tables contradict each other. What is
    done is kept.
    """
    check_room(plan, store)
    progress.step("fetch", total=plan.bytes_to_fetch)
    work = _Work(plan, transport, store, progress)
    with store.library.batch(named=work.named) as batch:
        work.run(batch)
    return work.done


def check_room(plan: Plan, store: Store, *, besides: int = 0) -> None:
    """Raise NoRoom unless the plan fits on the disk with FLOOR bytes to spare.

    ``besides``: bytes that will have been taken by then.
    """
    files.make_folder(store.root)
    free = files.free_space(store.root)
    # groups stay until what was made of them is durable, which happens batch by batch
    needed = besides + plan.room_needed + min(BATCH_BYTES, plan.bytes_to_fetch)
    if plan.files and needed + FLOOR > free:
        raise NoRoom(
            f"{store.root}: {_mib(needed)} MiB are needed and {_mib(FLOOR)} MiB must "
            f"stay free, but only {_mib(free)} MiB are free",
            hint="unpin collections that are no longer taught, or use a bigger disk",
        )


def _mib(count: int) -> int:
    return -(-count // 2**20)


class _Work:
    """One execution of one plan."""

    def __init__(self, plan: Plan, transport: Transport, store: Store, progress: Progress) -> None:
        self._plan = plan
        self._transport = transport
        self._store = store
        self._progress = progress
        self._schedule = Schedule(plan.groups, plan.assemblies)
        self._spent: list[int] = []
        """Groups that go as soon as what was made of them is durable."""
        self._used: set[int] = set()
        """Groups some resource was made of; what each spared is counted once."""
        self.done = Applied()

    def run(self, batch: Batch) -> None:
        """Assemble what is here, then fetch range by range and assemble what becomes whole."""
        self._batch = batch
        self._context = Contexts(self._plan.groups, self._store, batch)
        self._assemble(self._schedule.ready())
        spent: BudgetSpent | None = None
        with closing(fly(self._transport, self._plan.ranges)) as flown:
            for part, stream in flown:
                try:
                    self._receive(part, stream)
                except BudgetSpent as error:  # a stick may still have what comes later
                    spent = spent or error
                except NotThere as error:
                    if not any(one.steps for one in self._plan.wanted):
                        raise
                    self.done = replace(self.done, refused=(*self.done.refused, error))
        if spent is not None:
            raise spent

    def named(self, _digests: object) -> None:
        """All that was assembled so far is durable: groups of no more use can go."""
        for group in self._spent:
            self._store.groups.drop(self._plan.groups[group].group.digest)
        self._spent.clear()

    def _receive(self, part: Range, stream: Iterator[bytes]) -> None:
        blocks = _Blocks(stream, what=f"{self._transport.label}: {part.name}")
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
            self._refuse(number, error, blocks.stream)
            return
        ready = self._schedule.arrived(number)
        if ready:
            self._context.came(number, stored)
        del stored
        self._assemble(ready)
        used_up = number in self._spent or not self._store.groups.path(digest).exists()
        if not used_up:
            self._store.groups.keep(digest)

    def _refuse(self, number: int, error: ProofFailed, stream: Iterator[bytes]) -> None:
        """A received group does not hold: blame the source only if all of it is the source's."""
        planned = self._plan.groups[number]
        self._store.groups.drop(planned.group.digest)
        if planned.staged or set_aside(self._transport, stream, error):
            self.done = replace(self.done, damaged=True)
            return
        self.done = replace(self.done, refused=(*self.done.refused, error))
        if len(self.done.refused) >= PATIENCE:
            raise error

    def _assemble(self, numbers: list[int]) -> None:
        """Put resources together, and those that waited for them."""
        waiting = deque(numbers)
        while waiting:
            number = waiting.popleft()
            if self._made(number):
                unused, more = self._schedule.finished(number)
                self._spent += unused
                for group in unused:
                    self._context.forget(group)
                waiting.extend(more)

    def _made(self, number: int) -> bool:
        assembly = self._plan.assemblies[number]
        try:
            with self._batch.receive(assembly.resource.digest) as write:
                for piece in assembly.pieces:
                    for block in self._content(piece):
                        write(block)
                        del block  # it may keep a group in memory while the next one is decoded
        except (ProofFailed, FormatError):
            self._find_damage(number)
            return False
        fresh = assembly.groups - self._used
        self._used |= fresh
        reused = assembly.copied + sum(self._plan.groups[group].spared for group in fresh)
        done = self.done
        self.done = replace(
            done,
            resources_new=done.resources_new + 1,
            bytes_new=done.bytes_new + assembly.resource.size,
            bytes_reused=done.bytes_reused + reused,
        )
        return True

    def _content(self, piece: Piece) -> Iterator[bytes | memoryview]:
        match piece:
            case FromGroup(group, start, length):
                yield memoryview(self._context.plain(group))[start : start + length]
            case Remade(pieces, size, parameters):
                plain = chain.from_iterable(map(self._content, pieces))
                yield from sized(deflate(plain, parameters), size)
            case FromSteps(group, start, length):
                yield summed(self._context.plain(group)[start : start + length])
            case FromSeed(resource, start, length):
                yield from self._context.read(resource, start, length)

    def _find_damage(self, number: int) -> None:
        """An assembly failed its proof: set aside what is damaged of our own bytes.

        If nothing is, what was signed is wrong: an update pack is left for the chunk packs, but if
        those are wrong there is nothing beneath them: raises FormatError.
        """
        assembly = self._plan.assemblies[number]
        damaged = [one for one in self._seeds(number) if self._context.is_damaged(one)]
        for resource in damaged:
            self._store.set_aside(resource)
        known = (*self.done.quarantined, *damaged)
        self.done = replace(self.done, quarantined=tuple(dict.fromkeys(known)))
        lost = [group for group in assembly.groups if not self._context.holds(group)]
        for group in lost:
            self._store.groups.drop(self._plan.groups[group].group.digest)
            self._context.forget(group)
        if damaged or lost:
            self.done = replace(self.done, damaged=True)
        elif assembly.update:
            self.done = replace(self.done, unsound=(*self.done.unsound, assembly.update))
        else:
            raise FormatError(
                f"resource {assembly.resource.digest}: its recipe puts together something else",
                hint="the publisher's tables are wrong; it must release the collection again",
            )

    def _seeds(self, number: int) -> set[Digest]:
        """Library files that go into an assembly, or into what its groups are decoded with.

        Not the new feed: without it the update pack is of no use, and the chunk packs need none.
        """
        pieces = self._plan.assemblies[number].pieces
        found = {piece.resource for piece in pieces if isinstance(piece, FromSeed)}
        for group in self._plan.assemblies[number].groups:
            found |= {span.digest for span in self._plan.groups[group].prefix}
        steps = (step for one in self._plan.wanted for step in one.steps)
        return found - {step.entry.feed.plain.digest for step in steps}


class _Blocks:
    """A stream that is taken in lengths of our choosing."""

    def __init__(self, stream: Iterator[bytes], *, what: str) -> None:
        self.stream = stream
        self._rest = memoryview(b"")
        self.what = what

    def take(self, length: int) -> Iterator[memoryview]:
        """The next ``length`` bytes in blocks; raises NoSource if the stream ends before."""
        while length:
            if not self._rest:
                block = next(self.stream, None)
                if block is None:
                    raise NoSource(f"{self.what}: ended {length} bytes too early")
                self._rest = memoryview(block)
            taken, self._rest = self._rest[:length], self._rest[length:]
            length -= len(taken)
            yield taken

    def end(self) -> None:
        """Let the transport see that all was taken, so that it can use its connection again."""
        next(self.stream, None)
