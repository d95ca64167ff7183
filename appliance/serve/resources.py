"""Lessons' files by digest: only those the served generation knows, under headers that cage them.

Content is not ours. Opened as a page of its own, a file runs in a sandbox without our origin, so
an SVG or HTML file can neither read cookies nor call the API.
"""

import re

from aiohttp import web

from appliance.serve import media_types
from appliance.serve.state import State
from appliance.serve.streaming import Description, OpenFiles, send
from catalog.tables.views import ResourceView
from sync.digest import Digest, parse_digest
from sync.errors import FormatError
from sync.library import ContentFolder

CAGE = "sandbox allow-scripts"
PATTERN = r"{digest:[0-9a-f]{64}}{suffix:(?:\.[a-z0-9]{1,8})?}"
_NAME = re.compile(r"[a-z0-9]{1,8}")


class Resources:
    """Answers ``/r/<sha256>`` and ``/r/<sha256>.<format>``."""

    def __init__(self, state: State, library: ContentFolder, files: OpenFiles) -> None:
        self._state = state
        self._library = library
        self._files = files

    async def get(self, request: web.Request) -> web.StreamResponse:
        """The file or a part of it; 404 for what this generation does not know."""
        digest = digest_of(request)
        view = self._state.snapshot.resource(digest)
        if view is None or view.format == "site":
            raise web.HTTPNotFound
        try:
            with self._files.borrow(self._library.path(digest)) as opened:
                return await send(request, opened, describe(digest, view))
        except FileNotFoundError:
            raise web.HTTPNotFound from None


def digest_of(request: web.Request) -> Digest:
    """The digest in the address; 404 for anything else."""
    try:
        return parse_digest(request.match_info["digest"])
    except FormatError:
        raise web.HTTPNotFound from None


def describe(digest: Digest, view: ResourceView) -> Description:
    """Headers of a resource: its digest is its strong ETag."""
    name = view.format if _NAME.fullmatch(view.format) else "bin"
    return Description(
        etag=f'"{digest}"',
        content_type=media_types.of_format(name),
        headers={
            "Content-Security-Policy": CAGE,
            # Opened by itself a video asks for its own bytes from inside the cage, as a stranger.
            "Access-Control-Allow-Origin": "*",
            "X-Content-Type-Options": "nosniff",
            "Content-Disposition": media_types.disposition(name, view.title),
        },
    )
