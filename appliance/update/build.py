"""The next generation's folder: ingest → index → switch.

Written beside; what did not change is hard-linked. Whatever fails before ``commit`` leaves the
generation being served as it was.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import copytree

from appliance.config import BoxPaths
from appliance.generation import (
    Draft,
    Generation,
    GenerationDamaged,
    abandon,
    begin,
    commit,
    prove_catalogue,
    retire,
)
from appliance.record import Kept, Record
from appliance.update.decide import Content, code_of
from appliance.update.lessons import lessons_of, resources_of
from catalog.errors import CatalogueError, IndexDamaged
from catalog.search.linked import bring_index
from catalog.tables.ingest import Changes, EditionContent, ingest
from sync.digest import Digest
from sync.directory import CollectionEntry
from sync.errors import TrustRefused
from sync.feed import Feed, listed, parse_plain
from sync.library import Store
from sync.progress import Progress
from sync.prune import Keep, Staging, prune


@dataclass(frozen=True, slots=True)
class Bench:
    """Where generations are made: the box's folders, what is served, whom to tell."""

    paths: BoxPaths
    store: Store
    served: Generation | None
    progress: Progress


def build(bench: Bench, content: Content, trust: Mapping[str, Path]) -> Generation:
    """Make, seal and switch to the generation that holds ``content``.

    ``trust``: where each publisher's trust state lies; its copy becomes the box's with the switch.
    """
    draft = begin(bench.paths)
    try:
        _write_meaning(bench, content, draft)
        _write_trust(content, trust, draft)
        return commit(bench.paths, draft, _record(draft, content), before=bench.served)
    except BaseException:
        abandon(draft)
        raise


def tidy(paths: BoxPaths, store: Store, unfinished: Sequence[CollectionEntry]) -> None:
    """Remove old generations and what neither the kept ones nor ``unfinished`` editions need.

    Where a feed is damaged it is unknown what is needed, so nothing goes until it is whole again.
    """
    kept = retire(paths)
    with suppress(TrustRefused):
        prune(store, _needed(store, kept, unfinished))


def read_feed(store: Store, entry: CollectionEntry) -> Feed:
    """The feed of an edition the box keeps; raises ProofFailed or FormatError."""
    plain = entry.feed.plain
    return parse_plain(store.feeds.read(plain.digest, limit=plain.size))


def listed_in(store: Store, entry: CollectionEntry) -> frozenset[Digest]:
    """Digests of the files of an edition the box keeps; raises ProofFailed or FormatError."""
    plain = entry.feed.plain
    return listed(store.feeds.read(plain.digest, limit=plain.size))


def _write_meaning(bench: Bench, content: Content, draft: Draft) -> None:
    served = bench.served
    if served is not None and not content.replaced and not content.removed:
        _link(served, draft, bench.progress)
        return
    try:
        if served is not None:
            prove_catalogue(served)
        _ingest_and_index(bench, content, draft, content.replaced)
    except (CatalogueError, IndexDamaged, GenerationDamaged):
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
        replaced=(_edition(bench, kept) for kept in replaced),
        removed=content.removed,
        withdrawn=content.withdrawn,
    )
    done = ingest(served.catalog if served else None, draft.catalog, changes)
    bench.progress.step("index", total=len(done.changed), unit="collections")
    bring_index(draft.catalog, served.index if served else None, draft.index, done.changed)


def _edition(bench: Bench, kept: Kept) -> EditionContent:
    lessons = lessons_of(kept, partial(read_feed, bench.store))
    bench.progress.advance(1)
    return EditionContent(
        publisher=code_of(kept.entry.id),
        edition=(kept.ahead.entry if kept.ahead else kept.entry).edition,
        lessons=lessons,
        title=kept.entry.title,
    )


def _link(served: Generation, draft: Draft, progress: Progress) -> None:
    """Catalogue and index as they are; an index that is not whole is built anew."""
    draft.catalog.hardlink_to(served.catalog)
    progress.step("index", unit="collections")
    bring_index(draft.catalog, served.index, draft.index, ())


def _write_trust(content: Content, trust: Mapping[str, Path], draft: Draft) -> None:
    for state in content.publishers:
        if state.id in trust:
            copytree(trust[state.id], draft.trust(state.id))


def _record(draft: Draft, content: Content) -> Record:
    return Record(
        number=draft.number,
        publishers=content.publishers,
        collections=content.collections,
        withdrawn=content.withdrawn,
        holds=content.holds,
    )


def _entries(item: Kept) -> list[CollectionEntry]:
    return [item.entry, *([item.ahead.entry] if item.ahead else [])]


def _needed(
    store: Store, kept: Iterable[Generation], unfinished: Sequence[CollectionEntry]
) -> Keep:
    items = [item for generation in kept for item in generation.record.collections]
    entries = [entry for item in items for entry in _entries(item)]
    begun = [entry for entry in unfinished if store.feeds.has(entry.feed.plain.digest)]
    needed = {entry.feed: entry for entry in (*begun, *entries)}
    # most collections are whole and the same in both generations: their feeds are listed once
    whole = {entry.feed: entry for entry in begun}
    whole |= {item.entry.feed: item.entry for item in items if item.is_whole}
    resources = set[Digest]()
    for entry in whole.values():
        resources |= listed_in(store, entry)
    read = partial(read_feed, store)
    for item in items:
        if not item.is_whole:
            resources |= resources_of(item, read)
    return Keep(
        resources=resources,
        feeds=frozenset(entry.feed.plain.digest for entry in needed.values()),
        tables=frozenset(
            ref.table.digest for entry in (*unfinished, *entries) for ref in entry.packs
        ),
        heads=frozenset(ref.head.digest for entry in unfinished for ref in entry.updates),
        staging=Staging.KEEP if unfinished else Staging.CLEAR,
    )
