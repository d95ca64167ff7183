"""Seeds: which resources, and through the kept tables which chunks, the library already holds."""

from collections.abc import Iterable

from sync.errors import FormatError, MediumFailing, ProofFailed
from sync.library import Store
from sync.pack import MAX_TABLE, Table, decode_table
from sync.plan import Have


def survey(store: Store, tables: Iterable[Table], *, deflates: bool = True) -> Have:
    """What the library and staging hold; ``tables``: every known one, of old editions too.

    Only names and sizes are read: a library file has its name because it was proved. ``deflates``:
    whether this machine makes deflate streams again bit for bit.
    """
    return Have(store.library.sizes(), tuple(tables), store.groups.sizes(), deflates)


def kept_tables(store: Store) -> tuple[Table, ...]:
    """Every table the box keeps and can read.

    A damaged one is removed, as it is fetched again if needed; one of a format we do not know,
    left by a newer system before a rollback, stays for when that comes back.
    """
    tables: list[Table] = []
    for digest in sorted(store.tables.digests()):
        try:
            tables.append(decode_table(store.tables.read(digest, limit=MAX_TABLE)))
        except (ProofFailed, MediumFailing):
            store.tables.remove(digest)
        except FormatError:
            continue
    return tuple(tables)
