"""Finished answers held in memory: compressed once, named by their content, revalidated cheaply."""

import gzip
import hashlib
import re
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from aiohttp import web

from appliance.serve.ranges import names

HTML = "text/html; charset=utf-8"
JSON = "application/json; charset=utf-8"
ALWAYS_ASK = "no-cache"
"""Pages may be kept, but are asked about every time: the answer is usually 304 and a few bytes."""
FOREVER = "public, max-age=31536000, immutable"
"""For everything whose URL holds the digest of its content."""
VARY = "Accept-Encoding, Cookie"
_ZIPPED = re.compile(r"(?:^|,)\s*(?:gzip|\*)\s*(?:;\s*q=(?P<q>[\d.]+)\s*)?(?=,|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finished:
    """An answer's content: compressed, because nearly every browser takes it so."""

    content_type: str
    digest: str
    zipped: bytes


def finish(content: str | bytes, content_type: str) -> Finished:
    """Compress and name ``content``; the same content always gives the same bytes."""
    data = content.encode() if isinstance(content, str) else content
    digest = hashlib.blake2b(data, digest_size=12).hexdigest()
    return Finished(content_type, digest, gzip.compress(data, 9, mtime=0))


def answer(
    request: web.Request,
    finished: Finished,
    *,
    status: int = 200,
    cache: str = ALWAYS_ASK,
    vary: str = VARY,
) -> web.Response:
    """The response: gzip where accepted, a strong ETag for exactly these bytes, 304."""
    zipped = takes_gzip(request.headers.get("Accept-Encoding", ""))
    etag = f'"{finished.digest}-z"' if zipped else f'"{finished.digest}"'
    headers = {"ETag": etag, "Cache-Control": cache, "Vary": vary}
    if status == 200 and names(request.headers.get("If-None-Match"), etag):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = finished.content_type
    if zipped:
        headers["Content-Encoding"] = "gzip"
    body = finished.zipped if zipped else gzip.decompress(finished.zipped)
    return web.Response(status=status, headers=headers, body=body)


def takes_gzip(accept_encoding: str) -> bool:
    """True if an Accept-Encoding header accepts gzip (RFC 9110, 12.5.3)."""
    match = _ZIPPED.search(accept_encoding)
    return match is not None and (match["q"] is None or match["q"].strip("0.") != "")


class Shelf:
    """Finished answers by what they answer; at most ``room`` bytes, the longest unused goes."""

    def __init__(self, room: int = 8 * 2**20) -> None:
        self._room = room
        self._held = 0
        self._items: OrderedDict[Hashable, Finished] = OrderedDict()

    def find(self, key: Hashable) -> Finished | None:
        """The answer for ``key``, if it is still here."""
        found = self._items.get(key)
        if found is not None:
            self._items.move_to_end(key)
        return found

    def put(self, key: Hashable, made: Finished) -> Finished:
        """Keep ``made`` as the answer for ``key``."""
        before = self._items.pop(key, None)
        self._held += len(made.zipped) - (len(before.zipped) if before else 0)
        self._items[key] = made
        while self._held > self._room:
            _, dropped = self._items.popitem(last=False)
            self._held -= len(dropped.zipped)
        return made

    def __len__(self) -> int:
        return len(self._items)
