"""Around every request: who may ask, what every page forbids, and errors a teacher can read."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache

from aiohttp import web

from appliance.serve import hosts
from appliance.serve.troubles import FOREIGN, WRONG, Declined, Trouble, of_error, of_status
from sync.errors import KexiaError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Explain = Callable[[web.Request, Trouble], web.Response]
"""Makes the page, or the JSON, that tells of a trouble."""
Stranger = Callable[[web.Request], web.Response | None]
"""Answers a request to a name that is not ours, or leaves it to the guard."""
_LOG = logging.getLogger("kexia.serve")


@lru_cache(256)
def policy(host: str, site_port: int) -> str:
    """Content-Security-Policy of our pages: nothing from elsewhere, sites only in frames."""
    frame = f"http://{hosts.with_port(host, site_port)}"
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"media-src 'self'; connect-src 'self'; frame-src {frame}; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def guard(
    names: frozenset[str], explain: Explain, stranger: Stranger | None = None
) -> Callable[..., Awaitable[web.StreamResponse]]:
    """Middleware: foreign Host headers get 421, every error is told of.

    ``stranger`` may have another answer to a foreign Host (``captive``).
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not hosts.is_ours(request.headers.get("Host", ""), names):
            told = stranger(request) if stranger is not None else None
            return explain(request, FOREIGN) if told is None else told
        try:
            return await handler(request)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return _told(explain(request, of_status(error.status)), error)
        except KexiaError as error:
            return _logged(request, explain, of_error(error), _headers(error))
        except ConnectionError:
            raise  # the client is gone; aiohttp ends it quietly
        except Exception:  # noqa: BLE001 - the last line of defence: logged, then told of
            return _logged(request, explain, WRONG, {})

    return middleware


def _told(response: web.Response, error: web.HTTPException) -> web.Response:
    for name in ("Allow", "Retry-After"):
        if name in error.headers:
            response.headers[name] = error.headers[name]
    return response


def _logged(
    request: web.Request, explain: Explain, trouble: Trouble, headers: Mapping[str, str]
) -> web.Response:
    if trouble is WRONG:
        _LOG.exception("%s %s", request.method, request.path)
    response = explain(request, trouble)
    response.headers.update(headers)
    return response


def _headers(error: KexiaError) -> Mapping[str, str]:
    return error.headers if isinstance(error, Declined) else {}
