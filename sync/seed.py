"""Seeds: which resources, and through the kept tables which chunks, the library already holds."""

from collections.abc import Iterable, Iterator

from sync.digest import Digest
from sync.errors import FormatError, MediumFailing, ProofFailed
from sync.library import Store
from sync.pack import MAX_TABLE, Table, decode_table
from sync.plan import Have, Wanted
from sync.recipe import ChunkId, whole


def survey(store: Store, tables: Iterable[Table], *, deflates: bool = True) -> Have:
    """What the library and staging hold; ``tables``: every known one, of old editions too.

    Only names and sizes are read: a library file has its name because it was proved. ``deflates``:
    whether this machine makes deflate streams again bit for bit.
    """
    return Have(store.library.sizes(), tuple(tables), store.groups.sizes(), deflates)


def survey_for(store: Store, wanted: Iterable[Wanted], *, deflates: bool = True) -> Have:
    """Of what ``survey`` finds, all that a plan of ``wanted`` can ask for.

    Update packs name the files they build on, so where they lead the cost grows with what is
    wanted. Chunks are looked for in the whole library, and of each the first file that holds it is
    enough.
    """
    sought = tuple(wanted)
    named = {digest for one in sought for digest in _named(one)}
    lacking = {chunk.id for one in sought for table in one.tables for chunk in table.chunks}
    tables: list[Table] = []
    if lacking:
        named.update(digest for digest in store.library.digests() if whole(digest) in lacking)
        for table in _each_table(store):
            holders = list(_holders(table, lacking, store))
            named.update(holders)
            tables += [table] if holders else []
    return Have(store.library.sizes_of(named), tuple(tables), store.groups.sizes(), deflates)


def _holders(table: Table, lacking: set[ChunkId], store: Store) -> Iterator[Digest]:
    """Files of the library in which chunks of ``lacking`` are; these are lacking no more."""
    for recipe in table.recipes:
        found = {chunk.id for chunk in recipe.chunks} & lacking
        if found and store.library.has(recipe.resource, size=recipe.size):
            lacking -= found
            yield recipe.resource


def _named(one: Wanted) -> Iterator[Digest]:
    """The files that are to be made, and those that its update packs build on."""
    yield from (resource.digest for resource in one.resources)
    for step in one.steps:
        for group in step.head.groups:
            yield from (span.digest for span in group.spans())
            yield from (part.resource.digest for part in group.parts)


def kept_tables(store: Store) -> tuple[Table, ...]:
    """Every table the box keeps and can read.

    A damaged one is removed, as it is fetched again if needed; one of a format we do not know,
    left by a newer system before a rollback, stays for when that comes back.
    """
    return tuple(_each_table(store))


def _each_table(store: Store) -> Iterator[Table]:
    for digest in sorted(store.tables.digests()):
        try:
            yield decode_table(store.tables.read(digest, limit=MAX_TABLE))
        except (ProofFailed, MediumFailing):
            store.tables.remove(digest)
        except FormatError:
            continue
