"""A web server as source: whole files and single ranges, every answer checked before it is used.

A request asks for one range: servers and caches that mangle several in one answer
(``multipart/byteranges``) are many, and kept-alive connections make separate requests cheap.
"""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from urllib.parse import quote

from sync.errors import Busy, NoSource, NotThere
from sync.transport.address import check_repository
from sync.transport.base import split_name, too_long
from sync.transport.validators import Breaks, Version, pause_wanted, version_of
from sync.transport.web import Response, Web, out_of_order

MAX_SKIP = 64 * 1024 * 1024
"""Bytes before a range that are fetched in vain from a server without ranges, at most."""
_MISSING = (403, 404, 410)
"""Object stores answer 403 for a missing file to whoever may not list the bucket."""
_BUSY = (429, 503)
_PAGE = ("text/html", "application/xhtml+xml")
_SAFE = "/%~!$&'()*+,;=:@"
"""Stays as it is in a path; the percent sign too, because TUF hands us names already quoted."""
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(?:\d+|\*)")


class HttpTransport:
    """Reads files below ``url``; may be used from several threads.

    Raises UsageError for anything but an http or https URL without user name and query.
    Transports that share a ``web`` share its connections and its limits for each host.
    """

    def __init__(self, url: str, *, web: Web | None = None) -> None:
        self._url = check_repository(url)
        self._web = web or Web()
        self._breaks = Breaks()

    @property
    def label(self) -> str:
        """The URL."""
        return self._url

    def read(self, name: str, *, limit: int) -> bytes:
        """The whole file; raises NotThere, Busy, NoSource, FormatError."""
        with self._answer(name, {}) as response:
            self._check_status(name, response, (200,))
            announced = response.length_remaining
            if announced is not None and announced > limit:
                raise too_long(self.label, name, limit=limit)
            received = bytearray()
            while block := response.read1(self._web.block, decode_content=False):
                received += block
                if len(received) > limit:
                    raise too_long(self.label, name, limit=limit)
            return bytes(received)

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        """``length`` bytes from ``offset``, by a range request; raises NotThere, Busy, NoSource.

        From a server that knows no ranges the bytes before ``offset`` are fetched and dropped,
        up to MAX_SKIP. Where an earlier stream broke off it is resumed only from the same
        version of the file (If-Range): two versions are never mixed into one range.
        """
        if length == 0:
            return
        before = self._breaks.version_at(name, offset)
        condition = {"If-Range": before.etag} if before and before.etag else {}
        wanted = {"Range": f"bytes={offset}-{offset + length - 1}", **condition}
        with self._answer(name, wanted) as response:
            self._check_status(name, response, (200, 206))
            version = self._check_version(name, response, before)
            skip = self._check_range(name, response, offset=offset, length=length)
            done = 0
            try:
                for block in self._blocks(name, response, skip=skip, length=length):
                    done += len(block)
                    yield block
            finally:
                if 0 < done < length:
                    self._breaks.note(name, offset + done, version)

    def _answer(self, name: str, headers: dict[str, str]) -> AbstractContextManager[Response]:
        url = f"{self._url}/{quote('/'.join(split_name(name)), safe=_SAFE)}"
        return self._web.get(url, headers, what=self._what(name))

    def _blocks(self, name: str, response: Response, *, skip: int, length: int) -> Iterator[bytes]:
        """Exactly ``length`` bytes of the body after ``skip``, as they arrive."""
        left = skip + length
        while left:
            block = response.read1(min(self._web.block, left), decode_content=False)
            if not block:
                raise self._no_source(name, f"the file ends {left} bytes early")
            left -= len(block)
            dropped = min(skip, len(block))
            skip -= dropped
            if dropped < len(block):
                yield block[dropped:]

    def _check_status(self, name: str, response: Response, good: tuple[int, ...]) -> None:
        status, headers = response.status, response.headers
        if status in _MISSING:
            raise NotThere(f"{self.label} has no file {name} (status {status})")
        if status in _BUSY:
            raise Busy(
                f"{self._what(name)}: it is busy (status {status})",
                hint="too many ask it at once; try later",
                retry_after=pause_wanted(headers.get("Retry-After", ""), headers.get("Date", "")),
            )
        if status not in good:
            raise self._no_source(name, f"it answers with status {status}")
        if headers.get("Content-Type", "").partition(";")[0].strip().lower() in _PAGE:
            raise NoSource(
                f"{self.label}: answers with a web page instead of {name}",
                hint="log in to the network's portal, or ask for the publisher's right address",
            )
        self._check_encoding(name, response)

    def _check_encoding(self, name: str, response: Response) -> None:
        """Middleboxes compress although identity was asked: offsets would mean nothing."""
        content = response.headers.get("Content-Encoding", "identity").strip().lower()
        transfer = response.headers.get("Transfer-Encoding", "identity").strip().lower()
        if content != "identity" or transfer not in ("identity", "chunked"):
            encoding = content if content != "identity" else transfer
            raise self._no_source(name, f"it sends the file in encoding {encoding[:40]}")

    def _check_version(self, name: str, response: Response, before: Version | None) -> Version:
        """The version that this answer belongs to; raises NoSource if it is not ``before``."""
        total = response.length_remaining if response.status == 200 else None
        version = version_of(response.headers, total=total)
        if before and before.differs(version):
            raise self._no_source(name, "the file was exchanged during the transfer")
        return before or version

    def _check_range(self, name: str, response: Response, *, offset: int, length: int) -> int:
        """How many bytes of the body come before the range."""
        announced = response.length_remaining
        if response.status == 206:
            given = response.headers.get("Content-Range", "")
            match = _CONTENT_RANGE.fullmatch(given)
            wanted = (offset, offset + length - 1)
            if match is None or (int(match[1]), int(match[2])) != wanted:
                raise self._no_source(
                    name, f"it sends another range than asked for ({given[:60]!r})"
                )
            if announced not in (None, length):
                raise self._no_source(name, "its Content-Length contradicts its Content-Range")
            return 0
        if announced is not None and announced <= offset:
            missing = offset + length - announced
            raise self._no_source(name, f"the file ends {missing} bytes early")
        if offset > MAX_SKIP:
            raise NoSource(
                f"{self._what(name)}: the server knows no ranges, {offset} bytes would be in vain",
                hint="ask the publisher for a server with ranges, or bring the lessons on a stick",
            )
        return offset

    def _what(self, name: str) -> str:
        return f"{self.label}: {name}"

    def _no_source(self, name: str, fact: str) -> NoSource:
        return out_of_order(self._what(name), fact)
