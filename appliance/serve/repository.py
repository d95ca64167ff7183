"""A web server for a repository: what a county office runs when it has no other.

Any web server will do (nginx, a bucket, a CDN); this one needs nothing installed. It serves one
folder of immutable files, with ranges, and says how long each may be cached.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: Only this file ever changes under its name; everything else is named by version or digest.
MUTABLE = "metadata/timestamp.json"


def run_repository(
    repository: Path, *, host: str, port: int, on_ready: Callable[[str], None]
) -> None:
    """Serve ``repository`` until SIGTERM or SIGINT; ``on_ready`` gets the URL once it listens."""
    app = web.Application(middlewares=[_cache_headers])
    app.router.add_static("/", repository, follow_symlinks=False)

    async def ready(_: web.Application) -> None:
        on_ready(f"http://{host}:{port}")

    app.on_startup.append(ready)
    web.run_app(app, host=host, port=port, print=None, access_log=None)


@web.middleware
async def _cache_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    response = await handler(request)
    mutable = request.path.lstrip("/").endswith(MUTABLE)
    response.headers["Cache-Control"] = (
        "no-cache" if mutable else "public, max-age=31536000, immutable"
    )
    return response
