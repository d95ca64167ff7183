"""Editions of one collection as a publisher cuts them, update packs and all, signed by nobody."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sync import feed, pack
from sync.directory import CollectionEntry, feed_name, table_name
from sync.progress import Silent
from sync.publish.packs.cut import Previous, cut
from sync.publish.packs.routes import Desk, add_updates
from sync.publish.workspace import Shelf, Workspace
from tests.kit.province import NOW, Content, Province


class Series:
    """Each ``release`` is cut after the one before, into ``out``, shaped like a repository."""

    def __init__(self, folder: Path, out: Path, collection: str = "43/a") -> None:
        self.out = out
        self.collection = collection
        self.entry: CollectionEntry | None = None
        self._scratch = Province(folder, Workspace(folder), NOW)

    def release(self, content: Content | Mapping[str, bytes]) -> CollectionEntry:
        """The next edition's entry."""
        request = replace(
            self._scratch.request(self.collection, content), previous=self._previous()
        )
        desk = Desk(Shelf([self.out]), self.out, self._scratch.workspace.cache)
        entry = cut(request, self.out, Silent())
        self.entry = add_updates(request, entry, desk, Silent())
        return self.entry

    def _previous(self) -> Previous | None:
        if self.entry is None:
            return None
        stored = (self.out / feed_name(self.entry.feed)).read_bytes()
        tables = [(self.out / table_name(ref.table)).read_bytes() for ref in self.entry.packs]
        return Previous(
            self.entry, feed.decode(stored, self.entry.feed), tuple(map(pack.decode_table, tables))
        )
