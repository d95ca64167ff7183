"""From one generation to the next the index goes along: as links, or built where lessons changed.

Where no lesson reads otherwise than before, the search engine is not even loaded: its import alone
costs more CPU than all else a sync does for the index.
"""

from collections.abc import Sequence
from pathlib import Path

from catalog.errors import IndexDamaged
from catalog.search.seal import FORMAT, SEAL, Seal, check_seal, link_file, new_folder
from catalog.tables.browse import open_catalogue
from sync.files import sync_tree


def bring_index(
    catalogue_path: Path, previous: Path | None, target: Path, changed: Sequence[str]
) -> None:
    """The index of a catalogue in the new folder ``target``; the rest as ``build_index``."""
    seal = _fitting(previous, catalogue_path) if previous and not changed else None
    if previous is not None and seal is not None:
        with new_folder(target):
            for name in (*seal.files, SEAL):
                link_file(previous / name, target / name)
            sync_tree(target)
        return
    from catalog.search.index import build_index

    build_index(catalogue_path, previous, target, changed)


def _fitting(index: Path, catalogue_path: Path) -> Seal | None:
    """The seal of an index that is whole and was made from the catalogue's rows; else None."""
    catalogue = open_catalogue(catalogue_path)
    try:
        seal = check_seal(index, FORMAT)
        return seal if seal.collections == catalogue.revisions() else None
    except (IndexDamaged, OSError):
        return None
    finally:
        catalogue.close()
