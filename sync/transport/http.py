"""A web server as source: the only door to urllib3.

Whatever goes wrong between here and the server is NoSource with a fact and a hint. TLS keeps
what is fetched private; that it is genuine is proved later, by signature and digest.
"""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from urllib.parse import quote, urljoin, urlsplit

import urllib3
from urllib3 import exceptions

from sync.errors import NoSource, NotThere, UsageError
from sync.transport.base import BLOCK, split_name, too_long

MAX_REDIRECTS = 5
MAX_DRAIN = 64 * 1024
"""Bytes of an unwanted body we read to keep the connection; above, a new one is cheaper."""
_MISSING = (403, 404, 410)
"""Object stores answer 403 for a missing file to whoever may not list the bucket."""
_REDIRECT = (301, 302, 303, 307, 308)
_PAGE = ("text/html", "application/xhtml+xml")
_NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which the ssl module does not name."""
_SAFE = "/%~!$&'()*+,;=:@"
"""Stays as it is in a path; the percent sign too, because TUF hands us names already quoted."""
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(?:\d+|\*)")

_WORDS: tuple[tuple[type[Exception], str, str], ...] = (
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
    (exceptions.HTTPError, "the connection broke off", "what came is kept; try again"),
)
"""What each kind of urllib3 error means; the first that fits counts, so subclasses go first."""


class CertificateDates(Enum):
    """Whether the dates in a TLS certificate count: a box without a clock cannot judge them."""

    CHECK = "check"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Longest silence in seconds: until connected, and between any two reads."""

    connect: float = 10.0
    read: float = 30.0


class HttpTransport:
    """Reads files below ``url`` with kept-alive connections; may be used from several threads.

    Raises UsageError for anything but an http or https URL without user name and query.
    ``tls`` replaces the system's trust store (a county with a certificate of its own).
    """

    def __init__(
        self,
        url: str,
        *,
        agent: str = "kexia",
        timeout: Timeouts | None = None,
        dates: CertificateDates = CertificateDates.CHECK,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._url = _checked_url(url)
        self._headers = {"User-Agent": agent, "Accept-Encoding": "identity"}
        self._waits = timeout or Timeouts()
        self._dates = dates
        self._tls = tls

    @property
    def label(self) -> str:
        """The URL."""
        return self._url

    def read(self, name: str, *, limit: int) -> bytes:
        """The whole file; raises NotThere, NoSource, FormatError."""
        with self._answer(name, {}) as response:
            self._check_status(name, response, (200,))
            announced = response.length_remaining
            if announced is not None and announced > limit:
                raise too_long(self.label, name, limit=limit)
            received = bytearray()
            while block := response.read1(BLOCK, decode_content=False):
                received += block
                if len(received) > limit:
                    raise too_long(self.label, name, limit=limit)
            return bytes(received)

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        """``length`` bytes from ``offset``, by a range request; raises NotThere, NoSource.

        From a server that knows no ranges the bytes before ``offset`` are fetched and dropped.
        """
        if length == 0:
            return
        wanted = {"Range": f"bytes={offset}-{offset + length - 1}"}
        with self._answer(name, wanted) as response:
            self._check_status(name, response, (200, 206))
            skip = offset if response.status == 200 else 0
            if response.status == 206:
                self._check_range(name, response, offset=offset, length=length)
            for block in self._blocks(name, response, skip + length):
                dropped = min(skip, len(block))
                skip -= dropped
                if dropped < len(block):
                    yield block[dropped:]

    @cached_property
    def _pool(self) -> urllib3.PoolManager:
        waits = urllib3.Timeout(connect=self._waits.connect, read=self._waits.read)
        return urllib3.PoolManager(maxsize=8, timeout=waits, retries=False)

    @cached_property
    def _secure_pool(self) -> urllib3.PoolManager:
        """Made when an https address is met: reading the trust store takes its time."""
        waits = urllib3.Timeout(connect=self._waits.connect, read=self._waits.read)
        context = self._tls or _system_tls(self._dates)
        return urllib3.PoolManager(maxsize=8, timeout=waits, retries=False, ssl_context=context)

    def _blocks(
        self, name: str, response: urllib3.BaseHTTPResponse, length: int
    ) -> Iterator[bytes]:
        """Exactly ``length`` bytes of the body, as they arrive."""
        left = length
        while left:
            block = response.read1(min(BLOCK, left), decode_content=False)
            if not block:
                raise self._no_source(name, f"the file ends {left} bytes early")
            left -= len(block)
            yield block

    @contextmanager
    def _answer(self, name: str, headers: dict[str, str]) -> Iterator[urllib3.BaseHTTPResponse]:
        url = f"{self._url}/{quote('/'.join(split_name(name)), safe=_SAFE)}"
        try:
            response = self._follow(name, url, headers)
            try:
                yield response
            finally:
                _give_back(response)
        except (exceptions.HTTPError, OSError) as error:
            raise self._unreachable(name, error) from error

    def _follow(self, name: str, url: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        """The first answer that is no redirect; https is never left for http."""
        for _ in range(MAX_REDIRECTS + 1):
            pool = self._secure_pool if urlsplit(url).scheme == "https" else self._pool
            response = pool.request(
                "GET",
                url,
                headers={**self._headers, **headers},
                preload_content=False,
                redirect=False,
            )
            target = response.headers.get("Location", "")
            if response.status not in _REDIRECT or not target:
                return response
            _give_back(response)
            url = self._redirected(name, url, target)
        raise self._no_source(name, f"more than {MAX_REDIRECTS} redirects")

    def _redirected(self, name: str, url: str, target: str) -> str:
        try:
            new = urljoin(url, target)
            scheme = urlsplit(new).scheme
        except ValueError as error:
            raise self._no_source(name, "it redirects to no address") from error
        if scheme != "https" and (scheme != "http" or urlsplit(url).scheme == "https"):
            raise self._no_source(name, f"it redirects to {scheme or 'an unknown scheme'}")
        return new

    def _check_status(
        self, name: str, response: urllib3.BaseHTTPResponse, good: tuple[int, ...]
    ) -> None:
        if response.status in _MISSING:
            raise NotThere(f"{self.label} has no file {name} (status {response.status})")
        if response.status not in good:
            raise self._no_source(name, f"it answers with status {response.status}")
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind in _PAGE:
            raise NoSource(
                f"{self.label}: answers with a web page instead of {name}",
                hint="log in to the network's portal, or ask for the publisher's right address",
            )
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        if encoding != "identity":
            raise self._no_source(name, f"it sends the file in encoding {encoding[:40]}")

    def _check_range(
        self, name: str, response: urllib3.BaseHTTPResponse, *, offset: int, length: int
    ) -> None:
        given = response.headers.get("Content-Range", "")
        match = _CONTENT_RANGE.fullmatch(given)
        wanted = (offset, offset + length - 1)
        if match is None or (int(match[1]), int(match[2])) != wanted:
            raise self._no_source(name, f"it sends another range than asked for ({given[:60]!r})")
        if response.length_remaining not in (None, length):
            raise self._no_source(name, "its Content-Length contradicts its Content-Range")

    def _no_source(self, name: str, what: str) -> NoSource:
        return NoSource(
            f"{self.label}: {name}: {what}",
            hint="the server or something before it is not in order; try another source",
        )

    def _unreachable(self, name: str, error: Exception) -> NoSource:
        what, hint = _explain(error)
        return NoSource(f"{self.label}: {name}: {what} ({str(error)[:200]})", hint=hint)


def _explain(error: Exception) -> tuple[str, str]:
    """What an error of the lower library means, and what to do about it."""
    for kind, what, hint in _WORDS:
        if isinstance(error, kind):
            return what, hint
    return "the network failed", "check this box's network"


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        plain = parts.username is None and not parts.query and not parts.fragment
    except ValueError:
        usable = plain = False
    if not (usable and plain):
        raise UsageError(
            f"{url[:120]!r} is no address of a repository",
            hint="give an http:// or https:// URL without user name, query or fragment",
        )
    return url.rstrip("/")


def _system_tls(dates: CertificateDates) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if dates is CertificateDates.IGNORE:
        context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
    return context


def _give_back(response: urllib3.BaseHTTPResponse) -> None:
    """Keep the connection if little of the body is left, else close it."""
    left = response.length_remaining
    if left is None or left > MAX_DRAIN:
        response.close()
        return
    response.drain_conn()
    response.release_conn()
