"""After a switch: feeds in the form their publishers gave out, for neighbours and sticks.

A box keeps feeds plain (ADR 0010), often without ever having seen the published form. That was made
with zstd, whose output this box's zstd usually repeats; where it does not, the digest says so, and
neighbours take the plain form, which is signed as well.
"""

from collections.abc import Iterable
from contextlib import suppress

from appliance.config import BoxPaths
from appliance.record import Record
from sync import compression
from sync.digest import Digest, sha256
from sync.directory import CollectionEntry
from sync.errors import TrustRefused
from sync.library import ContentFolder, Store


def keep_published(paths: BoxPaths, record: Record) -> None:
    """Bring ``published/`` in line with the generation of ``record``; holder of the lease only."""
    folder, store = ContentFolder(paths.published), Store(paths.root)
    wanted = {entry.feed.stored.digest: entry for entry in _entries(record)}
    for digest in list(folder.digests()):
        if digest not in wanted:
            folder.remove(digest)
    for digest, entry in wanted.items():
        if not folder.has(digest, size=entry.feed.stored.size):
            _keep(folder, store, entry, digest)


def forget_published(paths: BoxPaths) -> None:
    """Remove what ``keep_published`` made: this box serves no neighbours (any more)."""
    folder = ContentFolder(paths.published)
    for digest in list(folder.digests()):
        folder.remove(digest)


def as_published(entry: CollectionEntry, store: Store) -> bytes | None:
    """A feed as its publisher gave it out; None if this box's zstd makes another frame of it.

    Raises ProofFailed if the feed is damaged here.
    """
    plain = entry.feed.plain
    stored = compression.compress(store.feeds.read(plain.digest, limit=plain.size))
    return stored if sha256(stored) == entry.feed.stored.digest else None


def _keep(folder: ContentFolder, store: Store, entry: CollectionEntry, digest: Digest) -> None:
    with suppress(TrustRefused):  # a damaged feed is the next sync's business
        stored = as_published(entry, store)
        if stored is not None:
            folder.put(digest, stored)


def _entries(record: Record) -> Iterable[CollectionEntry]:
    for kept in record.collections:
        yield kept.entry
        if kept.ahead is not None:
            yield kept.ahead.entry
