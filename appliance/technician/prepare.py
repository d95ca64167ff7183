"""Prepares a stick or a ``.kexia`` file: decides what goes in, checks the room, writes, reads back.

Ended or killed anywhere, the same command goes on: what is there as it must be is not written
again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from appliance.technician import room
from appliance.technician.folder import StickFolder, is_list
from appliance.technician.items import Item, items_of, whole_item
from appliance.technician.lacking import Load, Measure, loads_for, loads_of
from appliance.technician.origin import Origin, Origins
from appliance.technician.tar import write_tar
from sync.chunker import Buffer
from sync.errors import KexiaError, MediumFailing, NoRoom
from sync.files import make_folder
from sync.progress import Progress
from sync.stick import note as notes
from sync.stick.back import DEFAULT_SIZE
from sync.stick.have import HaveList
from sync.stick.layout import BACK, BACK_FILE, NOTE, README
from sync.stick.note import Carried, Note, Publisher

BACK_SIZE = DEFAULT_SIZE
"""Bytes preallocated for what a box sends back."""
SUFFIX = ".kexia"
_ZEROS = bytes(2**20)


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for: these boxes, or whole editions of these collections."""

    boxes: tuple[HaveList, ...]
    collections: tuple[str, ...]
    measure: Measure


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is on the stick now, and what of it this run wrote."""

    to: Path
    made_for: tuple[str, ...]
    publishers: tuple[Publisher, ...]
    files: int
    bytes: int
    files_written: int
    bytes_written: int
    files_removed: int
    vouched: bool
    """False if the roots were taken from the repository itself."""
    notes: tuple[str, ...]


Parts = Sequence[tuple[Origin, Sequence[Load]]]


def prepare(
    order: Order, origins: Origins, to: Path, now: datetime, progress: Progress
) -> Prepared:
    """Bring the stick at the folder ``to``, or the file ``to``, up to what was ordered.

    Raises NoSource or TrustRefused for a publisher that is not here, NoRoom before anything is
    written, MediumFailing if what was written reads back differently.
    """
    parts, lines = _parts(order, origins)
    back = bool(order.boxes) and not is_archive(to)
    publishers = tuple(_publisher(*part) for part in parts)
    note = Note(now, _boxes(order), publishers, complete=True, back=back)
    done = Filling(to, note, partial(_items, parts)).fill(progress)
    return replace(done, vouched=origins.vouched, notes=(*lines, *done.notes, *_held_back(parts)))


def is_archive(to: Path) -> bool:
    """Whether it is a ``.kexia`` file, there or to be made."""
    return to.suffix == SUFFIX and not to.is_dir()


def _parts(order: Order, origins: Origins) -> tuple[Parts, list[str]]:
    parts: list[tuple[Origin, list[Load]]] = []
    lines: list[str] = []
    if order.boxes:
        parts, lines = loads_for(origins, order.boxes, order.measure)
    if order.collections:
        parts = _joined(parts, loads_of(origins, order.collections))
    return parts, lines


def _joined(
    some: Iterable[tuple[Origin, list[Load]]], more: Iterable[tuple[Origin, list[Load]]]
) -> list[tuple[Origin, list[Load]]]:
    """By publisher; a collection that is in both comes whole."""
    found: dict[str, tuple[Origin, dict[str, Load]]] = {}
    for origin, loads in (*some, *more):
        _, known = found.setdefault(origin.root.publisher_id, (origin, {}))
        known |= {load.entry.id: load for load in loads}
    return [(origin, list(loads.values())) for _, (origin, loads) in sorted(found.items())]


def _boxes(order: Order) -> tuple[str, ...]:
    return tuple(sorted({box.box for box in order.boxes}))


def _publisher(origin: Origin, loads: Sequence[Load]) -> Publisher:
    carried = (
        Carried(load.entry.id, load.entry.title, load.entry.edition, len(load.resources), load.size)
        for load in loads
    )
    return Publisher(
        origin.root.publisher_id, origin.trusted.code, origin.root.name, tuple(carried)
    )


def _held_back(parts: Parts) -> Iterator[str]:
    for origin, loads in parts:
        for load in loads:
            if load.entry.id in origin.trusted.held:
                yield (
                    f"{load.entry.id}: its publisher holds edition {load.entry.edition} back; "
                    "boxes take it when it is let through"
                )


def _items(parts: Parts, stick: StickFolder | None) -> tuple[Item, ...]:
    return tuple(
        item
        for origin, loads in parts
        for item in items_of(origin, loads, stick.runs(origin.root.publisher_id) if stick else {})
    )


class Filling:
    """One preparation: everything is known, nothing is written yet.

    ``items``: what goes in, given the stick as it is (None for a file).
    """

    def __init__(
        self, to: Path, note: Note, items: Callable[[StickFolder | None], tuple[Item, ...]]
    ) -> None:
        self._to = to
        self._note = note
        self._items = items

    def fill(self, progress: Progress) -> Prepared:
        """Write it; raises NoRoom before anything is written, MediumFailing."""
        return self.archive(progress) if is_archive(self._to) else self.folder(progress)

    def folder(self, progress: Progress) -> Prepared:
        """Write it to a folder."""
        make_folder(self._to)
        stick = StickFolder(self._to)
        items = self._items(stick)
        stale = stick.stale(items)
        gone = frozenset(stale)
        missing = [item for item in items if item.name in gone or not stick.has(item)]
        empty = [name for name in self._back_files() if stick.size(name) is None]
        self._check_room(stick, missing, empty, stale)
        self._say(stick, complete=False)
        stick.remove(name for name in stale if not is_list(name))
        progress.step("write", total=sum(item.size for item in missing) + BACK_SIZE * len(empty))
        for item in missing:
            _write(stick, item, progress)
        for name in empty:
            stick.write(name, _zeros(progress))
        stick.remove(filter(is_list, stale))  # what they lead to may be gone; they were no harm
        rewritten = self._read_back(stick, items, progress)
        lines = (*self._explain(stick), *_own_disk(self._to))
        self._say(stick, complete=True)
        return replace(self._prepared(items, [*missing, *rewritten], len(stale)), notes=lines)

    def archive(self, progress: Progress) -> Prepared:
        """Write it to one file."""
        note = whole_item(NOTE, notes.encode(self._note))
        items = (*self._items(None), note)
        written = write_tar(self._to, items, progress)
        return self._prepared(items, written, 0)

    def _back_files(self) -> tuple[str, ...]:
        boxes = self._note.made_for if self._note.back else ()
        return tuple(f"{BACK}/{box}/{BACK_FILE}" for box in boxes)

    def _check_room(
        self,
        stick: StickFolder,
        missing: Iterable[Item],
        empty: Iterable[str],
        stale: Iterable[str],
    ) -> None:
        there = room.room_on(self._to)
        texts = ((NOTE, len(notes.encode(self._note))), (README, len(notes.readme(self._note))))
        files = [
            *((item.name, item.size) for item in missing),
            *((name, BACK_SIZE) for name in empty),
            *texts,
        ]
        freed = sum(there.taken(stick.size(name) or 0) for name in stale if not is_list(name))
        room.check(files, there, freed=freed, where=str(self._to))

    def _say(self, stick: StickFolder, *, complete: bool) -> None:
        stick.write_small(NOTE, notes.encode(replace(self._note, complete=complete)))

    def _explain(self, stick: StickFolder) -> tuple[str, ...]:
        """Write the text for people; what is in the way of its name must not cost the lessons."""
        try:
            stick.write_small(README, notes.readme(self._note))
        except (NoRoom, MediumFailing):
            raise
        except KexiaError as error:
            return (f"{error.fact}: boxes do not need it, but mount the stick with utf8 names",)
        return ()

    def _read_back(
        self, stick: StickFolder, items: Sequence[Item], progress: Progress
    ) -> list[Item]:
        """Prove every file on the medium; what was there before and is damaged is written again."""
        progress.step("read back", total=sum(item.size for item in items))
        again = [item for item in items if not stick.proves(item, progress.advance)]
        progress.step("write again", total=sum(item.size for item in again))
        for item in again:
            _write(stick, item, progress)
            if not stick.proves(item, lambda _: None):
                raise MediumFailing(
                    f"{self._to / item.name} reads back differently from what was written",
                    hint="the stick is failing, or smaller than it says; use another one",
                )
        return again

    def _prepared(self, items: Sequence[Item], written: Iterable[Item], removed: int) -> Prepared:
        new = {item.name: item.size for item in written}
        return Prepared(
            to=self._to,
            made_for=self._note.made_for,
            publishers=self._note.publishers,
            files=len(items),
            bytes=sum(item.size for item in items),
            files_written=len(new),
            bytes_written=sum(new.values()),
            files_removed=removed,
            vouched=False,
            notes=(),
        )


def _own_disk(folder: Path) -> tuple[str, ...]:
    """A word for whoever mistyped where the stick is mounted."""
    if folder.stat().st_dev != Path("/").stat().st_dev:
        return ()
    return (f"{folder} is on this computer's own disk; copy what is in it to the top of a stick",)


def _write(stick: StickFolder, item: Item, progress: Progress) -> None:
    def blocks() -> Iterator[Buffer]:
        for block in item.blocks():
            yield block
            progress.advance(len(block))

    stick.write(item.name, blocks())


def _zeros(progress: Progress) -> Iterator[bytes]:
    for _ in range(BACK_SIZE // len(_ZEROS)):
        yield _ZEROS
        progress.advance(len(_ZEROS))
