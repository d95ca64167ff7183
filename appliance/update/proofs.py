"""Before a box next door gives a file: its size and its chunks, to prove it on the way by.

Sizes come from the feeds of what is wanted, chunks from the tables of its packs: all of it signed.
"""

import threading
from collections import deque
from collections.abc import Sequence

from appliance.update.sources import Kind, Source
from sync.digest import Digest
from sync.directory import CollectionEntry, PackRef
from sync.errors import KexiaError
from sync.feed import Feed
from sync.fetch import fetch_table
from sync.library import Store
from sync.recipe import Chunks
from sync.transport.base import Transport
from sync.transport.wary import Proof


class Register:
    """What is known of the files of the editions that come in. May be used from several threads."""

    def __init__(self, store: Store, transport: Transport, cap: int) -> None:
        self._store, self._transport = store, transport
        self._cap = cap
        """Bytes up to which a file is proved whole."""
        self._sizes: dict[Digest, int] = {}
        self._long: dict[Digest, CollectionEntry] = {}
        self._chunks: dict[Digest, Chunks] = {}
        self._unread: dict[str, deque[PackRef]] = {}
        self._lock = threading.Lock()

    def learn(self, entry: CollectionEntry, feed: Feed) -> None:
        """An edition that comes in; its newest packs hold the recipes of what is new."""
        self._unread[entry.id] = deque(reversed(entry.packs))
        for resource in feed.resources:
            self._sizes[resource.digest] = resource.size
            if resource.size > self._cap:
                self._long[resource.digest] = entry

    def __call__(self, digest: Digest) -> Proof | None:
        """How that file is proved; None if it is of none of the editions."""
        size = self._sizes.get(digest)
        if size is None:
            return None
        if size <= self._cap:
            return Proof(size)
        with self._lock:
            return Proof(size, self._find(digest))

    def _find(self, digest: Digest) -> Chunks:
        """The chunks of a long file; none if they are not to be had (then it comes from elsewhere).

        A table is read once: most files that are new are in the newest.
        """
        unread = self._unread.get(self._long[digest].id, deque())
        while digest not in self._chunks and unread:
            try:
                table = fetch_table(unread.popleft(), self._transport, self._store)
            except KexiaError:
                continue
            for recipe in table.recipes:
                if recipe.resource in self._long:
                    self._chunks[recipe.resource] = recipe.chunks
        return self._chunks.get(digest, Chunks())


def inform(sources: Sequence[Source], register: Register) -> bool:
    """Let the boxes next door be proved by ``register``; False if there are none."""
    peers = [one.wary for one in sources if one.kind is Kind.PEER and one.wary is not None]
    for wary in peers:
        wary.proofs = register
    return bool(peers)
