"""After a start: what a power cut or a failing card left is made whole again, without any source.

The record of a damaged generation still says what it was made from, and the library and the feeds
still hold all of that; so its catalogue and index are built anew, as a new generation.
"""

from pathlib import Path

from appliance.config import BoxPaths
from appliance.generation import (
    Generation,
    GenerationDamaged,
    Survey,
    check_index,
    recover,
    survey,
)
from appliance.record import Kept, Record
from appliance.update.build import Bench, build, tidy
from appliance.update.decide import Content
from appliance.update.memory import readable_records, trust_folder
from catalog.errors import CatalogueError
from sync.errors import TrustRefused
from sync.library import Store
from sync.progress import Progress


def mend(paths: BoxPaths, store: Store, progress: Progress) -> tuple[str, ...]:
    """Recover, and rebuild what is damaged; only who holds the lease may. Returns warnings.

    What cannot be rebuilt here (a feed is lost too) is left to the next sync with a source; until
    then the other generation is served. Raises NoRoom or MediumFailing.
    """
    warnings = recover(paths)
    found = survey(paths)
    served = found.whole[0] if found.whole else None
    lost = next(iter(readable_records(found)), None)
    if lost is not None and (served is None or lost.number > served.number):
        return (*warnings, *_rebuild(paths, store, progress, lost, found))
    if served is not None and not _has_index(served):
        return (*warnings, *_rebuild_index(paths, store, progress, served, found))
    return warnings


def _rebuild(
    paths: BoxPaths, store: Store, progress: Progress, lost: Record, found: Survey
) -> tuple[str, ...]:
    bench = Bench(paths, store, None, progress)
    try:
        made = build(bench, _content(lost, lost.collections), _trust(lost, found))
    except (TrustRefused, CatalogueError) as error:
        return (f"generation {lost.number} cannot be rebuilt here: {error.fact}",)
    tidy(paths, store, ())
    return (f"generation {lost.number} was damaged and is rebuilt as {made.number}",)


def _rebuild_index(
    paths: BoxPaths, store: Store, progress: Progress, served: Generation, found: Survey
) -> tuple[str, ...]:
    bench = Bench(paths, store, served, progress)
    try:
        made = build(bench, _content(served.record, ()), _trust(served.record, found))
    except CatalogueError as error:
        return (f"the index of generation {served.number} cannot be rebuilt: {error.fact}",)
    tidy(paths, store, ())
    return (f"the index of generation {served.number} was damaged and is rebuilt: {made.number}",)


def _content(record: Record, replaced: tuple[Kept, ...]) -> Content:
    return Content(
        collections=record.collections,
        publishers=record.publishers,
        withdrawn=record.withdrawn,
        holds=record.holds,
        replaced=replaced,
        removed=(),
    )


def _trust(record: Record, found: Survey) -> dict[str, Path]:
    folders = {state.id: trust_folder(found, state.id) for state in record.publishers}
    return {key: folder for key, folder in folders.items() if folder is not None}


def _has_index(generation: Generation) -> bool:
    try:
        check_index(generation)
    except GenerationDamaged:
        return False
    return True
