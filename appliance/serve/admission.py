"""Who may change something over the network: sessions behind the PIN, proof against forged forms.

A change needs three things: an Origin (or Referer) that is the page's own, the token that the page
carries and that follows from the caller's cookie, and a session that began with the PIN. Only the
third is left out where kexia.toml lets anybody send lessons.
"""

import asyncio
import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import urlsplit

from aiohttp import web

from appliance import pin as pins
from appliance.config import BoxPaths, Uploaders, load
from appliance.serve.attempts import Attempts
from appliance.serve.troubles import FORGED, LOCKED, NOT_SIGNED_IN, WRONG_PIN, Declined
from appliance.state import open_state
from sync.errors import KexiaError, UsageError

COOKIE = "desk"
TOKEN = "X-Kexia-Token"  # noqa: S105 - a header's name
LIFE = timedelta(hours=12)
"""How long a session lasts by the box's clock; a clock that is set ends it sooner, never later."""
MAX_SESSIONS = 16
_COOKIE_BYTES = 16
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks."""

    cookie: str
    """The value of its cookie; a new one if it had none."""
    is_admin: bool
    has_pin: bool
    """Whether the box has a PIN at all."""
    may_send: bool
    """Whether it may give the box a file of lessons."""

    @property
    def token(self) -> str:
        """What a form of ours carries, and a form of another page cannot know."""
        return token_of(self.cookie)


class Admission:
    """Knows callers by their cookies; one thread of its own has state.db."""

    def __init__(
        self, paths: BoxPaths, *, now: Callable[[], datetime], ticks: Callable[[], float]
    ) -> None:
        self._paths = paths
        self._now, self._ticks = now, ticks
        self._attempts = Attempts()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="state")
        self._state: sqlite3.Connection | None = None

    async def caller(self, request: web.Request) -> Caller:
        """Who asks; without state.db nobody is signed in."""
        cookie = request.cookies.get(COOKIE, "")
        if len(cookie) != 2 * _COOKIE_BYTES or not cookie.isalnum() or not cookie.isascii():
            cookie = secrets.token_hex(_COOKIE_BYTES)
        try:
            has_pin, is_admin = await self._ask(lambda state: self._known(state, cookie))
        except KexiaError:
            has_pin, is_admin = False, False
        who = self._uploaders()
        may_send = who is Uploaders.ANYONE or (who is Uploaders.PIN and is_admin)
        return Caller(cookie, is_admin, has_pin, may_send)

    async def sign_in(self, request: web.Request, pin: str) -> str:
        """The cookie of a new session; raises Declined for a wrong PIN, or too many of them."""
        address = request.remote or ""
        if wait := self._attempts.wait(address, self._ticks()):
            raise Declined(LOCKED, headers={"Retry-After": str(int(wait) + 1)})
        kept = await self._ask(pins.read_pin)
        # Counted before it is proved, so that many at once are not tried for one.
        self._attempts.was_wrong(address, self._ticks())
        if not kept or not await self._run(lambda: pins.matches(pin[: pins.MOST], kept)):
            raise Declined(WRONG_PIN)
        self._attempts.was_right(address)
        cookie = secrets.token_hex(_COOKIE_BYTES)
        await self._ask(lambda state: self._begin(state, cookie))
        return cookie

    async def take(self, kept: str, *, only_first: bool) -> str | None:
        """Set the PIN that ``kept`` was made of: the cookie of a new session, all others end.

        ``only_first``: None, and nothing changes, if the box has a PIN by now.
        """
        cookie = secrets.token_hex(_COOKIE_BYTES)

        def taken(state: sqlite3.Connection) -> str | None:
            if only_first and pins.read_pin(state):
                return None
            pins.set_pin(state, kept)
            self._begin(state, cookie)
            return cookie

        return await self._ask(taken)

    def ticks(self) -> float:
        """Seconds since power-on."""
        return self._ticks()

    async def sign_out(self, caller: Caller) -> None:
        """End the caller's session."""
        await self._ask(
            lambda state: state.execute(
                "DELETE FROM admin_session WHERE token = ?", [_kept(caller.cookie)]
            )
        )

    async def close(self) -> None:
        """Close state.db."""
        await self._run(self._close)
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        if self._state is not None:
            self._state.close()

    def _known(self, state: sqlite3.Connection, cookie: str) -> tuple[bool, bool]:
        has_pin = bool(pins.read_pin(state))
        row = state.execute(
            "SELECT began FROM admin_session WHERE token = ?", [_kept(cookie)]
        ).fetchone()
        now = int(self._now().timestamp())
        return has_pin, has_pin and row is not None and 0 <= now - row[0] < LIFE.total_seconds()

    def _begin(self, state: sqlite3.Connection, cookie: str) -> None:
        state.execute(
            "DELETE FROM admin_session WHERE token NOT IN"
            " (SELECT token FROM admin_session ORDER BY began DESC LIMIT ?)",
            [MAX_SESSIONS - 1],
        )
        state.execute(
            "INSERT INTO admin_session VALUES (?, ?)",
            [_kept(cookie), int(self._now().timestamp())],
        )

    def _uploaders(self) -> Uploaders:
        """As kexia.toml says now; while it cannot be read, as carefully as may be."""
        try:
            return load(self._paths).uploads
        except UsageError:
            return Uploaders.PIN

    async def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        def answered() -> T:
            if self._state is None:
                self._state = open_state(self._paths.state_db)
            return question(self._state)

        return await self._run(answered)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def check_origin(request: web.Request) -> None:
    """Raise Declined unless the request comes from a page of ours."""
    origin = request.headers.get("Origin") or request.headers.get("Referer") or ""
    if not origin or urlsplit(origin).netloc.lower() != request.headers.get("Host", "").lower():
        raise Declined(FORGED)


def check_change(request: web.Request, caller: Caller, token: str) -> None:
    """Raise Declined unless the request comes from a page of ours that this caller opened."""
    check_origin(request)
    given = token.encode("utf-8", "replace")  # headers come with surrogates for odd bytes
    if not hmac.compare_digest(given, caller.token.encode()):
        raise Declined(FORGED)


def check_admin(caller: Caller) -> None:
    """Raise Declined unless the caller gave the PIN."""
    if not caller.is_admin:
        raise Declined(NOT_SIGNED_IN)


def check_sender(caller: Caller) -> None:
    """Raise Declined unless the caller may send lessons."""
    if not caller.may_send:
        raise Declined(NOT_SIGNED_IN)


def token_of(cookie: str) -> str:
    """The token that goes with a cookie."""
    return hashlib.sha256(b"kexia-change-1:" + cookie.encode()).hexdigest()[:32]


def remember(response: web.StreamResponse, caller_cookie: str) -> None:
    """Set the cookie: no script reads it, no other site's page sends it."""
    response.set_cookie(COOKIE, caller_cookie, path="/", httponly=True, samesite="Strict")


def _kept(cookie: str) -> str:
    """What state.db has of a session: a copy of it signs nobody in."""
    return hashlib.sha256(b"kexia-session-1:" + cookie.encode()).hexdigest()
