"""What the box serves now: a generation's layout, its seal, the switch to it and the way back.

A generation is a folder ``generations/<n>/`` written once, beside, under ``<n>.partial``::

    catalog.db · index/ · trust/<publisher-id>/ · generation.json (the record: seals the rest)

``commit`` syncs it, gives it its name and switches ``current``; whatever instant the power fails,
``current`` leads to a whole generation or ``recover`` finds the newest whole one. Numbers only
grow: even a rollback is a new generation.
"""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.config import BoxPaths
from appliance.record import FileSeal, Record, decode, encode
from sync.digest import Digest
from sync.errors import KexiaError
from sync.files import (
    PARTIAL,
    make_folder,
    rename_durably,
    switch,
    sync_tree,
    write_durably,
)

RECORD = "generation.json"
KEPT = 2
"""Generations that are kept: the one being served and the one to go back to."""
MAX_RECORD = 64 * 2**20
TRUST, INDEX = "trust", "index"


class GenerationDamaged(KexiaError):
    """A generation's files are not those its record seals; the box serves another one."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are in the folder of a generation, whole or being written."""

    number: int
    folder: Path

    @property
    def catalog(self) -> Path:
        """The catalogue (SQLite, opened immutable)."""
        return self.folder / "catalog.db"

    @property
    def index(self) -> Path:
        """The search index."""
        return self.folder / INDEX

    def trust(self, publisher_id: str) -> Path:
        """The trust state of that publisher (may not exist)."""
        return self.folder / TRUST / publisher_id


@dataclass(frozen=True, slots=True)
class Generation(Layout):
    """A whole generation, read-only."""

    record: Record


@dataclass(frozen=True, slots=True)
class Draft(Layout):
    """A generation being written: the number it will have and the folder to fill."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies in ``generations/``, newest first."""

    whole: tuple[Generation, ...]
    damaged: tuple[GenerationDamaged, ...]
    folders: tuple[Path, ...]
    """Of all of them, damaged ones too: their trust state may still hold a floor."""


def current(paths: BoxPaths) -> Generation | None:
    """What to serve: where ``current`` leads, or, if that is damaged, the newest whole one.

    None for a box that has taken nothing in yet. Reads only; ``recover`` mends the link.
    """
    led = _led_to(paths)
    for folder in sorted(_folders(paths), key=lambda item: (item.name != led, -int(item.name))):
        with suppress(GenerationDamaged):
            return open_generation(folder)
    return None


def survey(paths: BoxPaths) -> Survey:
    """Open every kept generation."""
    whole: list[Generation] = []
    damaged: list[GenerationDamaged] = []
    folders = tuple(_folders(paths))
    for folder in folders:
        try:
            whole.append(open_generation(folder))
        except GenerationDamaged as error:
            damaged.append(error)
    return Survey(tuple(whole), tuple(damaged), folders)


def open_generation(folder: Path) -> Generation:
    """Open one; raises GenerationDamaged unless its record holds and its catalogue has its size.

    Trust files and the index are left to ``prove_trust`` and ``check_index``: the pages need no
    trust, and titles can be found without an index. Digests of large files are for ``prove``.
    """
    record = read_record(folder)
    for seal in record.files:
        if not seal.path.startswith((f"{TRUST}/", f"{INDEX}/")):
            _check_size(folder, seal)
    return Generation(record.number, folder, record)


def check_index(generation: Generation) -> None:
    """Raise GenerationDamaged unless every file of the index has its size."""
    for seal in generation.record.files:
        if seal.path.startswith(f"{INDEX}/"):
            _check_size(generation.folder, seal)


def prove_catalogue(generation: Generation) -> None:
    """Read the whole catalogue, which the next one grows from; raises GenerationDamaged."""
    for seal in generation.record.files:
        if seal.path == generation.catalog.name:
            _check_digest(generation.folder, seal)


def prove_trust(generation: Generation, publisher_id: str) -> Path:
    """The publisher's trust state, every byte proved; raises GenerationDamaged.

    An empty or missing folder is a publisher the box had not met when it made the generation.
    """
    for seal in generation.record.files:
        if seal.path.startswith(f"{TRUST}/{publisher_id}/"):
            _check_digest(generation.folder, seal)
    return generation.trust(publisher_id)


def prove(generation: Generation) -> None:
    """Read every file of it; raises GenerationDamaged naming the first that was altered."""
    for seal in generation.record.files:
        _check_digest(generation.folder, seal)


def read_record(folder: Path) -> Record:
    """The record of the generation in ``folder``; raises GenerationDamaged."""
    path = folder / RECORD
    try:
        if path.stat().st_size > MAX_RECORD:
            raise GenerationDamaged(f"{path}: longer than any record")
        record = decode(path.read_bytes())
    except OSError as error:
        raise _damaged(path, error.strerror or "cannot be read") from error
    except KexiaError as error:
        raise _damaged(path, error.fact) from error
    if str(record.number) != folder.name:
        raise _damaged(path, f"is the record of generation {record.number}")
    return record


def begin(paths: BoxPaths) -> Draft:
    """An empty folder for the next generation; its number is above all the box remembers."""
    known = [0, *(int(folder.name) for folder in _folders(paths))]
    led = _led_to(paths)
    known += [int(led)] if led.isdecimal() else []
    number = max(known) + 1
    folder = paths.generations / f"{number}{PARTIAL}"
    if folder.exists():
        shutil.rmtree(folder)
    make_folder(folder)
    return Draft(number, folder)


def commit(
    paths: BoxPaths, draft: Draft, record: Record, *, before: Generation | None = None
) -> Generation:
    """Seal ``draft`` under ``record``, make it durable, switch ``current`` to it.

    ``before``: the generation of which files may be linked here; they keep their seals.
    Before the rename it does not exist, after the rename ``recover`` ends what was begun.
    """
    sealed = replace(record, number=draft.number, files=tuple(_seals(draft.folder, before)))
    write_durably(draft.folder / RECORD, encode(sealed))
    sync_tree(draft.folder)
    folder = paths.generations / str(draft.number)
    rename_durably(draft.folder, folder)
    switch(paths.current, f"{paths.generations.name}/{draft.number}")
    return Generation(draft.number, folder, sealed)


def abandon(draft: Draft) -> None:
    """Remove a draft that will not be committed."""
    shutil.rmtree(draft.folder, ignore_errors=True)


def recover(paths: BoxPaths) -> tuple[str, ...]:
    """After a start: remove what was half written, end a switch that was ready, leave a damaged
    generation for a whole one. Only who holds the lease may call it. Returns warnings.
    """
    if not paths.generations.is_dir():
        return ()
    for partial in paths.generations.glob(f"*{PARTIAL}"):
        shutil.rmtree(partial)
    found = survey(paths)
    warnings = [error.fact for error in found.damaged]
    if found.whole and _led_to(paths) != found.whole[0].folder.name:
        newest = found.whole[0]
        switch(paths.current, f"{paths.generations.name}/{newest.folder.name}")
        warnings.append(f"current now leads to generation {newest.number}")
    return tuple(warnings)


def retire(paths: BoxPaths) -> tuple[Generation, ...]:
    """Keep the newest whole generation and the one to go back to, remove the others.

    That is the newest with other editions: one that only wrote down newer trust state must not
    push the last good editions out. Returns the kept, newest first.
    """
    whole = survey(paths).whole
    newest, older = whole[:1], whole[1:]
    editions = newest[0].record.editions() if newest else frozenset()
    others = sorted(older, key=lambda item: (item.record.editions() == editions, -item.number))
    kept = (*newest, *others[: KEPT - 1])
    for folder in _folders(paths):
        if all(folder != generation.folder for generation in kept):
            condemned = folder.with_name(folder.name + PARTIAL)
            rename_durably(folder, condemned)
            shutil.rmtree(condemned)
    return kept


def _folders(paths: BoxPaths) -> list[Path]:
    if not paths.generations.is_dir():
        return []
    named = [path for path in paths.generations.iterdir() if _is_number(path.name)]
    return sorted(named, key=lambda path: int(path.name), reverse=True)


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal() and str(int(name)) == name


def _led_to(paths: BoxPaths) -> str:
    try:
        return paths.current.readlink().name
    except OSError:
        return ""


def _seals(folder: Path, before: Generation | None) -> Iterator[FileSeal]:
    """What each file was when it was written: a linked one, that may have suffered since, too."""
    known = {seal.path: seal for seal in before.record.files} if before else {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != RECORD:
            name = path.relative_to(folder).as_posix()
            if before and name in known and _is_same(path, before.folder / name):
                yield known[name]
            else:
                yield FileSeal(name, _digest(path), path.stat().st_size)


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except FileNotFoundError:
        return False


def _digest(path: Path) -> Digest:
    with path.open("rb") as file:
        return Digest(hashlib.file_digest(file, "sha256").hexdigest())


def _check_size(folder: Path, seal: FileSeal) -> None:
    path = folder / seal.path
    try:
        size = path.stat().st_size
    except OSError as error:
        raise _damaged(path, error.strerror or "is not there") from error
    if size != seal.size:
        raise _damaged(path, f"has {size} bytes instead of {seal.size}")


def _check_digest(folder: Path, seal: FileSeal) -> None:
    path = folder / seal.path
    try:
        digest = _digest(path)
    except OSError as error:
        raise _damaged(path, error.strerror or "cannot be read") from error
    if digest != seal.digest:
        raise _damaged(path, "was altered since it was written")


def _damaged(path: Path, what: str) -> GenerationDamaged:
    return GenerationDamaged(
        f"{path.name} of generation {_number(path)}: {what}",
        hint="the box goes on with its other generation; the next sync makes a new one",
    )


def _number(path: Path) -> str:
    return next((part for part in reversed(path.parts[:-1]) if _is_number(part)), "?")
