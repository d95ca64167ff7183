"""The next generation's folder: ingest → index → switch.

Written beside; what did not change is hard-linked. Whatever fails before ``commit`` leaves the
generation being served as it was.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

from appliance.config import BoxPaths
from appliance.decide import Content, code_of
from appliance.generation import Draft, Generation, abandon, begin, commit, retire
from appliance.record import Kept, Record
from catalog.errors import CatalogueError, IndexDamaged
from catalog.index import build_index
from catalog.ingest import Changes, EditionContent, ingest
from catalog.model import decode_lessons
from sync.errors import TrustRefused
from sync.feed import Feed
from sync.feed import decode as decode_feed
from sync.files import make_folder
from sync.library import Store
from sync.progress import Progress
from sync.prune import Keep, Pruned, Staging, prune


@dataclass(frozen=True, slots=True)
class Bench:
    """Where generations are made: the box's folders, what is served, whom to tell."""

    paths: BoxPaths
    store: Store
    served: Generation | None
    progress: Progress


def build(bench: Bench, content: Content, trust: Mapping[str, Path]) -> Generation:
    """Make, seal and switch to the generation that holds ``content``.

    ``trust``: the folder of each publisher's new trust state; it becomes the box's with the switch.
    """
    draft = begin(bench.paths)
    try:
        _write_meaning(bench, content, draft)
        _write_trust(bench.served, content, trust, draft)
        return commit(bench.paths, draft, _record(draft, content))
    except BaseException:
        abandon(draft)
        raise


def tidy(paths: BoxPaths, store: Store, staging: Staging) -> Pruned | None:
    """Remove old generations, and what the kept ones do not need; None if a feed is damaged."""
    try:
        keep = _needed(store, retire(paths), staging)
    except TrustRefused:
        return None  # what it needs is unknown, so nothing goes; the next sync fetches the feed
    return prune(store, keep)


def read_feed(store: Store, kept: Kept) -> Feed:
    """The feed of an edition the box keeps; raises ProofFailed or FormatError."""
    stored = kept.entry.feed.stored
    return decode_feed(store.feeds.read(stored.digest, limit=stored.size), kept.entry.feed)


def _write_meaning(bench: Bench, content: Content, draft: Draft) -> None:
    served = bench.served
    if served is not None and not content.replaced and not content.removed:
        _link(served, draft)
        return
    try:
        _ingest_and_index(bench, content, draft, content.replaced)
    except (CatalogueError, IndexDamaged):
        if served is None:
            raise
        # The old catalogue or index is damaged: all of it from the feeds the box holds.
        nothing = Bench(bench.paths, bench.store, None, bench.progress)
        _ingest_and_index(nothing, content, begin(bench.paths), content.collections)


def _ingest_and_index(
    bench: Bench, content: Content, draft: Draft, replaced: Sequence[Kept]
) -> None:
    served = bench.served
    bench.progress.step("catalogue", total=len(replaced), unit="collections")
    changes = Changes(
        replaced=[_edition(bench, kept) for kept in replaced],
        removed=content.removed,
        withdrawn=content.withdrawn,
    )
    done = ingest(served.catalog if served else None, draft.catalog, changes)
    bench.progress.step("index", total=len(done.changed), unit="collections")
    build_index(draft.catalog, served.index if served else None, draft.index, done.changed)


def _edition(bench: Bench, kept: Kept) -> EditionContent:
    lessons = decode_lessons(read_feed(bench.store, kept).lessons)
    bench.progress.advance(1)
    return EditionContent(
        publisher=code_of(kept.entry.id),
        edition=kept.entry.edition,
        lessons=lessons,
        title=kept.entry.title,
    )


def _link(served: Generation, draft: Draft) -> None:
    draft.catalog.hardlink_to(served.catalog)
    for path in sorted(served.index.rglob("*")):
        target = draft.index / path.relative_to(served.index)
        if path.is_file():
            make_folder(target.parent)
            target.hardlink_to(path)


def _write_trust(
    served: Generation | None, content: Content, trust: Mapping[str, Path], draft: Draft
) -> None:
    for state in content.publishers:
        folder = trust.get(state.id) or (served.trust(state.id) if served else None)
        if folder is not None and folder.is_dir():
            copytree(folder, draft.trust(state.id))


def _record(draft: Draft, content: Content) -> Record:
    return Record(
        number=draft.number,
        publishers=content.publishers,
        collections=content.collections,
        withdrawn=content.withdrawn,
        holds=content.holds,
    )


def _needed(store: Store, kept: Iterable[Generation], staging: Staging) -> Keep:
    entries = {
        item.entry.feed: item for generation in kept for item in generation.record.collections
    }
    feeds = [read_feed(store, item) for item in entries.values()]
    return Keep(
        resources=frozenset(resource.digest for feed in feeds for resource in feed.resources),
        feeds=frozenset(item.entry.feed.stored.digest for item in entries.values()),
        tables=frozenset(
            ref.table.digest
            for generation in kept
            for item in generation.record.collections
            for ref in item.entry.packs
        ),
        staging=staging,
    )
