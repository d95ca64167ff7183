"""Sites (interactives with an ``index.html``), from a port and so from an origin of their own.

A site's scripts run in a sandbox: no cookies, no storage, no way to our pages or off the box. Its
own files it may load and fetch, which from a sandbox needs a CORS header on each.
"""

from collections import OrderedDict

from aiohttp import web

from appliance.serve import media_types
from appliance.serve.resources import digest_of
from appliance.serve.state import State
from appliance.serve.streaming import Description, OpenFiles, send
from sync import site
from sync.digest import Digest
from sync.errors import TrustRefused
from sync.library import ContentFolder

CAGE = "sandbox allow-scripts; default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"
"""Inline scripts are what teaching apps are made of; other hosts they cannot reach."""
_KEPT = 16


class Sites:
    """Answers ``/s/<digest>/path`` on the site port."""

    def __init__(self, state: State, library: ContentFolder, files: OpenFiles) -> None:
        self._state = state
        self._library = library
        self._files = files
        self._lists: OrderedDict[Digest, dict[str, Digest]] = OrderedDict()

    async def get(self, request: web.Request) -> web.StreamResponse:
        """A file of a site; 404 for sites this generation does not know."""
        digest = digest_of(request)
        path = request.match_info["path"] or site.ENTRY
        try:
            member = self._members(digest).get(path)
            if member is None:
                raise web.HTTPNotFound
            with self._files.borrow(self._library.path(member)) as opened:
                return await send(request, opened, describe(member, path))
        except (FileNotFoundError, TrustRefused):
            raise web.HTTPNotFound from None

    def _members(self, digest: Digest) -> dict[str, Digest]:
        """Digest by path of the site ``digest``; the list itself lies in the library."""
        view = self._state.snapshot.resource(digest)
        if view is None or view.format != "site":
            raise web.HTTPNotFound
        found = self._lists.get(digest)
        if found is None:
            data = self._library.read(digest, limit=site.MAX_LIST)
            found = {item.path: item.digest for item in site.decode(data)}
            self._lists[digest] = found
            if len(self._lists) > _KEPT:
                self._lists.popitem(last=False)
        return found


def describe(member: Digest, path: str) -> Description:
    """Headers of a site's file. Its address holds the site's digest, so it never changes."""
    return Description(
        etag=f'"{member}"',
        content_type=media_types.of_path(path),
        headers={
            "Content-Security-Policy": CAGE,
            "X-Content-Type-Options": "nosniff",
            "Access-Control-Allow-Origin": "*",
        },
    )
