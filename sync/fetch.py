"""Fetch: feeds and tables from a transport, bounded and proved, into the box's folders."""

from sync import feed as feeds
from sync.digest import prove
from sync.directory import CollectionEntry, PackRef, Stored, feed_name, table_name
from sync.errors import FormatError, MediumFailing, ProofFailed
from sync.feed import Feed
from sync.library import ContentFolder, Store
from sync.pack import MAX_TABLE, Table, decode_table
from sync.transport.base import Transport


def fetch_feed(entry: CollectionEntry, transport: Transport, store: Store) -> Feed:
    """The entry's feed, from the box if it is there, else fetched and kept.

    Raises NoSource, ProofFailed, or FormatError: not a feed, or not that collection and edition.
    """
    _check_size(entry.feed.stored, limit=feeds.MAX_STORED, what=f"feed of {entry.id}")
    data = _obtain(entry.feed.stored, feed_name(entry.feed), store.feeds, transport)
    feed = feeds.decode(data, entry.feed)
    if (feed.collection, feed.edition) != (entry.id, entry.edition):
        raise FormatError(
            f"feed of {entry.id}, edition {entry.edition}: describes {feed.collection[:80]}, "
            f"edition {feed.edition}"
        )
    return feed


def fetch_tables(entry: CollectionEntry, transport: Transport, store: Store) -> tuple[Table, ...]:
    """The tables of the entry's packs, from the box where they are there, else fetched and kept.

    Raises NoSource, ProofFailed, or FormatError: not a table, or not that of its pack.
    """
    return tuple(_fetch_table(ref, transport, store) for ref in entry.packs)


def _fetch_table(ref: PackRef, transport: Transport, store: Store) -> Table:
    what = f"table {ref.table.digest[:16]}…"
    _check_size(ref.table, limit=MAX_TABLE, what=what)
    table = decode_table(_obtain(ref.table, table_name(ref.table), store.tables, transport))
    if table.pack != ref.pack:
        raise FormatError(f"{what}: belongs to another pack than the directory says")
    return table


def _check_size(stored: Stored, *, limit: int, what: str) -> None:
    if stored.size > limit:
        raise FormatError(f"{what}: {stored.size} bytes, at most {limit} are allowed")


def _obtain(stored: Stored, name: str, folder: ContentFolder, transport: Transport) -> bytes:
    """The proved bytes of a file; a damaged copy of the box's own is replaced."""
    if folder.has(stored.digest, size=stored.size):
        try:
            return folder.read(stored.digest, limit=stored.size)
        except (ProofFailed, MediumFailing):
            folder.remove(stored.digest)
    data = transport.read(name, limit=stored.size)
    prove(data, stored.digest, what=f"{transport.label}: {name}")
    folder.put(stored.digest, data)
    return data
