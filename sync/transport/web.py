"""Connections to web servers, kept alive, by proxy if configured: the only door to urllib3.

Whatever goes wrong between here and the server is NoSource with a fact and a hint. TLS keeps
what is fetched private; that it is genuine is proved later, by signature and digest. Nothing is
taken from the environment: neither proxies nor credentials, and no cookie is ever kept.
"""

import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import unquote, urljoin, urlsplit

import urllib3
from urllib3 import exceptions

from sync.errors import NoSource
from sync.transport.address import check_proxy
from sync.transport.base import BLOCK

Response = urllib3.BaseHTTPResponse
"""An answer whose body has not been read yet."""

PER_HOST = 4
"""Connections to one host at most; who wants a fifth waits. Schools share a server."""
MAX_REDIRECTS = 5
MAX_DRAIN = 64 * 1024
"""Bytes of an unwanted body we read to keep the connection; above, a new one is cheaper."""
_REDIRECT = (301, 302, 303, 307, 308)
_NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which the ssl module does not name."""

_WORDS: tuple[tuple[type[Exception], str, str], ...] = (
    (
        exceptions.ProxyError,
        "the proxy does not let it through",
        "is [network] proxy in kexia.toml right, and is the proxy running?",
    ),
    (
        exceptions.NameResolutionError,
        "its name cannot be resolved",
        "is the uplink working and the address spelled right?",
    ),
    (exceptions.NewConnectionError, "it refuses the connection", "is the server running?"),
    (exceptions.TimeoutError, "it does not answer in time", "the line is slow or dead; try later"),
    (
        exceptions.SSLError,
        "its TLS certificate or connection is not good",
        "check this box's date, the server's certificate, and that no portal sits in between",
    ),
    (
        exceptions.LocationValueError,
        "the address is not usable",
        "check the publisher's URL in the configuration",
    ),
    (
        exceptions.EmptyPoolError,
        f"all {PER_HOST} connections to it are in use",
        "too many transfers at once; try again",
    ),
    (exceptions.HTTPError, "the connection broke off", "what came is kept; try again"),
)
"""What each kind of urllib3 error means; the first that fits counts, so subclasses go first."""


class CertificateDates(Enum):
    """Whether the dates in a TLS certificate count: a box without a clock cannot judge them."""

    CHECK = "check"
    IGNORE = "ignore"


_OBJECT = re.compile(r"(?:<[\w.]+ object at \w+>|HTTPS?Connection(?:Pool)?\([^)]*\)): ")
"""How the lower library names its own parts in its words; nobody else knows them."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Longest silence in seconds: until connected, and between any two reads."""

    connect: float = 10.0
    read: float = 30.0


@dataclass(frozen=True)
class Web:
    """The way to web servers; transports that share one also share its connections.

    May be used from several threads.
    """

    agent: str = "kexia"
    """The User-Agent."""
    timeouts: Timeouts = Timeouts()
    dates: CertificateDates = CertificateDates.CHECK
    tls: ssl.SSLContext | None = None
    """Instead of the system's trust store: a county with a certificate of its own."""
    proxy: str = ""
    """``http://[user:password@]host:port`` for every request (https by CONNECT); empty: none."""
    block: int = BLOCK
    """Bytes read at once; small ones let a rate cap work smoothly."""
    redirects: int = MAX_REDIRECTS
    """Followed one after the other; 0 for servers that may send us nowhere else."""

    _pools: dict[bool, urllib3.PoolManager] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _making: threading.Lock = field(
        default_factory=threading.Lock, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if self.proxy:
            check_proxy(self.proxy)

    @contextmanager
    def get(self, url: str, headers: dict[str, str], *, what: str) -> Iterator[Response]:
        """The first answer that is no redirect, body unread; ``what`` begins messages.

        Raises NoSource, also for a connection that breaks while the caller reads the body.
        """
        try:
            response = self._follow(url, headers, what)
            try:
                yield response
            finally:
                _give_back(response)
        except (exceptions.HTTPError, OSError) as error:
            raise unreachable(what, error) from error

    def put(self, url: str, body: bytes, *, what: str) -> None:
        """Hand ``body`` to a server under ``url``; redirects are not followed.

        Raises NoSource unless the server says that it has it (any status 2xx).
        """
        try:
            response = self._pool_for(url).request(
                "PUT",
                url,
                body=body,
                headers={"User-Agent": self.agent, "Content-Type": "application/octet-stream"},
                preload_content=False,
                redirect=False,
                pool_timeout=self.timeouts.read,
            )
            _give_back(response)
        except (exceptions.HTTPError, OSError) as error:
            raise unreachable(what, error) from error
        if not 200 <= response.status < 300:
            raise out_of_order(what, f"it does not take {url} (status {response.status})")

    def _follow(self, url: str, headers: dict[str, str], what: str) -> Response:
        """The first answer that is no redirect; https is never left for http."""
        ours = {"User-Agent": self.agent, "Accept-Encoding": "identity"}
        for _ in range(self.redirects + 1):
            response = self._pool_for(url).request(
                "GET",
                url,
                headers={**ours, **headers},
                preload_content=False,
                redirect=False,
                pool_timeout=self.timeouts.read,
            )
            target = response.headers.get("Location", "")
            if response.status not in _REDIRECT or not target:
                return response
            _give_back(response)
            url = _redirected(what, url, target)
        raise out_of_order(what, f"more than {self.redirects} redirects")

    def _pool_for(self, url: str) -> urllib3.PoolManager:
        """Made when first met: reading the trust store takes its time."""
        secure = urlsplit(url).scheme == "https"
        with self._making:
            if secure not in self._pools:
                tls = (self.tls or system_tls(self.dates)) if secure else None
                self._pools[secure] = self._make_pool(tls)
            return self._pools[secure]

    def _make_pool(self, tls: ssl.SSLContext | None) -> urllib3.PoolManager:
        waits = urllib3.Timeout(connect=self.timeouts.connect, read=self.timeouts.read)
        if not self.proxy:
            return urllib3.PoolManager(
                maxsize=PER_HOST, block=True, timeout=waits, retries=False, ssl_context=tls
            )
        address, login = _proxy_parts(self.proxy)
        return urllib3.ProxyManager(
            address,
            proxy_headers=login,
            maxsize=PER_HOST,
            block=True,
            timeout=waits,
            retries=False,
            ssl_context=tls,
        )


def _proxy_parts(proxy: str) -> tuple[str, dict[str, str]]:
    """The proxy's address without its login, and the login as headers for the proxy alone."""
    parts = urlsplit(proxy)
    address = f"http://{parts.netloc.rpartition('@')[2]}"
    if parts.username is None:
        return address, {}
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return address, dict(urllib3.make_headers(proxy_basic_auth=login))


def out_of_order(what: str, fact: str) -> NoSource:
    """The error for an answer that is no repository's."""
    return NoSource(
        f"{what}: {fact}",
        hint="the server or something before it is not in order; try another source",
    )


def unreachable(what: str, error: Exception) -> NoSource:
    """The error for a failure of the network, in words."""
    fact, hint = _explain(error)
    return NoSource(f"{what}: {fact} ({_OBJECT.sub('', str(error))[:200]})", hint=hint)


def _explain(error: Exception) -> tuple[str, str]:
    """What an error of the lower library means, and what to do about it."""
    for kind, fact, hint in _WORDS:
        if isinstance(error, kind):
            return fact, hint
    return "the network failed", "check this box's network"


def _redirected(what: str, url: str, target: str) -> str:
    try:
        new = urljoin(url, target)
        parts = urlsplit(new)
    except ValueError as error:
        raise out_of_order(what, "it redirects to no address") from error
    if parts.scheme != "https" and (parts.scheme != "http" or urlsplit(url).scheme == "https"):
        raise out_of_order(what, f"it redirects to {parts.scheme or 'an unknown scheme'}")
    if parts.username is not None:
        raise out_of_order(what, "it redirects to an address with a user name")
    return new


def system_tls(dates: CertificateDates) -> ssl.SSLContext:
    """The system's trust store."""
    context = ssl.create_default_context()
    if dates is CertificateDates.IGNORE:
        context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
    return context


def _give_back(response: Response) -> None:
    """Keep the connection if little of the body is left, else close it; its place is free."""
    left = response.length_remaining
    if left is None or left > MAX_DRAIN:
        response.close()
    else:
        response.drain_conn()
    response.release_conn()
