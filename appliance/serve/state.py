"""Which generation is served: opened whole, swapped in one assignment, closed when nobody reads it.

SQLite answers in well under a millisecond and runs on the event loop's thread: a hop to another
thread would cost more than the query. A search may take longer, so it runs on one thread of its
own with its own catalogue connection; a slow query then delays other queries, never a video.
"""

import asyncio
import logging
import sqlite3
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from appliance.config import BoxPaths
from appliance.generation import Generation, current
from appliance.serve.reply import Shelf
from catalog.errors import IndexDamaged
from catalog.search.searcher import FallbackSearcher, Searcher, open_searcher
from catalog.tables.browse import Catalogue, open_catalogue
from catalog.tables.views import ResourceView
from sync.digest import Digest
from sync.errors import KexiaError

GRACE = 30.0
"""Seconds an old generation stays open for the requests that began on it."""
POLL = 0.5
"""Seconds between two looks at ``current``."""
AFTER_FAILURE = 10.0
"""Seconds until a generation that would not open is tried again."""
_LOG = logging.getLogger("kexia.serve")
_KNOWN = 4096
T = TypeVar("T")
AnySearcher = Searcher | FallbackSearcher


class NothingYet(KexiaError):
    """The box has no lessons yet."""


class Snapshot:
    """One generation, open: all that a page and its API answer are made from."""

    def __init__(
        self, generation: Generation, catalogue: Catalogue, search: "SearchThread"
    ) -> None:
        self.generation = generation
        self.catalogue = catalogue
        self.search = search
        self.pages = Shelf()
        self._resources: OrderedDict[Digest, ResourceView | None] = OrderedDict()

    def resource(self, digest: Digest) -> ResourceView | None:
        """What the catalogue knows of a file; remembered, because a video asks for every range."""
        if digest in self._resources:
            return self._resources[digest]
        found = self._resources[digest] = self.catalogue.resource(digest)
        if len(self._resources) > _KNOWN:
            self._resources.popitem(last=False)
        return found

    async def close(self) -> None:
        """Close catalogue and searcher; the search thread first ends what was asked of it."""
        await self.search.close()
        self.catalogue.close()


@dataclass(frozen=True, slots=True)
class Finder:
    """A searcher and the catalogue it reads."""

    searcher: AnySearcher
    catalogue: Catalogue

    def close(self) -> None:
        """Close both."""
        self.searcher.close()
        self.catalogue.close()


class SearchThread:
    """A searcher with the only thread that may touch it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="search")
        self._finder: Finder | None = None

    def open(self, generation: Generation) -> None:
        """Open the index of ``generation``; blocks, raises what opening raises."""
        self._finder = self._thread.submit(_open_finder, generation).result()

    async def ask(self, question: Callable[[AnySearcher], T]) -> T:
        """Put ``question`` to the searcher on its thread."""
        if self._finder is None:
            raise NothingYet("the index is not open")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, question, self._finder.searcher)

    async def close(self) -> None:
        """Close the searcher and end the thread."""
        if self._finder is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._finder.close)
        self._thread.shutdown(wait=False)


class State:
    """Holds the snapshot being served and notices a switched ``current``."""

    def __init__(self, paths: BoxPaths, *, grace: float = GRACE) -> None:
        self._paths = paths
        self._grace = grace
        self._led: str | None = None
        self._snapshot: Snapshot | None = None
        self._retired: set[asyncio.Task[None]] = set()

    @property
    def snapshot(self) -> Snapshot:
        """The generation served now; take it once per request. Raises NothingYet."""
        if self._snapshot is None:
            raise NothingYet("this box has no lessons yet")
        return self._snapshot

    async def refresh(self) -> bool:
        """Serve what ``current`` leads to; True if that is another generation than before.

        Raises KexiaError, OSError or sqlite3.Error if it cannot be opened; the old one stays.
        """
        led = self._where()
        if led == self._led:
            return False
        generation = await asyncio.to_thread(current, self._paths)
        number = self._snapshot.generation.number if self._snapshot else None
        if generation is None or generation.number == number:
            self._led = led
            return False
        opened = await _open(generation)
        old, self._snapshot, self._led = self._snapshot, opened, led
        if old is not None:
            self._retire(old)
        return True

    async def watch(self, on_switch: Callable[[], None], *, poll: float = POLL) -> None:
        """Look at ``current`` every ``poll`` seconds for ever; a failure is logged and retried."""
        while True:
            await asyncio.sleep(poll)
            try:
                if await self.refresh():
                    on_switch()
            except (KexiaError, OSError, sqlite3.Error) as error:
                _LOG.error("the new generation cannot be opened, the old one stays: %s", error)
                await asyncio.sleep(AFTER_FAILURE)

    async def close(self) -> None:
        """Close everything at once."""
        for task in self._retired:
            task.cancel()
        await asyncio.gather(*self._retired, return_exceptions=True)
        if self._snapshot is not None:
            await self._snapshot.close()

    def _where(self) -> str:
        try:
            return str(self._paths.current.readlink())
        except OSError:
            return ""

    def _retire(self, old: Snapshot) -> None:
        task = asyncio.create_task(self._close_later(old))
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)

    async def _close_later(self, old: Snapshot) -> None:
        try:
            await asyncio.sleep(self._grace)
        finally:
            await old.close()


async def _open(generation: Generation) -> Snapshot:
    search = SearchThread()
    opening = asyncio.ensure_future(asyncio.to_thread(search.open, generation))
    try:
        await asyncio.shield(opening)
    except asyncio.CancelledError:  # serving ends just now; what is opened has to be closed
        await asyncio.wait([opening])
        await search.close()
        raise
    return Snapshot(generation, open_catalogue(generation.catalog), search)


def _open_finder(generation: Generation) -> "Finder":
    """The searcher, with a catalogue connection of its own; titles only if the index is damaged."""
    catalogue = open_catalogue(generation.catalog)
    try:
        return Finder(open_searcher(generation.index, catalogue), catalogue)
    except IndexDamaged as error:
        _LOG.warning("%s; %s", error.fact, error.hint)
        return Finder(FallbackSearcher(catalogue), catalogue)
