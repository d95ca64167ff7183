"""What a web server says of a file's version and of its own patience: pure reading of headers."""

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

KEPT = 64
"""Transfers that broke off and are remembered, at most; the oldest is forgotten first."""
_STRONG = re.compile(r'"[\x21\x23-\x7e]{1,200}"')
"""A strong entity tag (RFC 9110, 8.8.3); weak ones promise nothing about bytes."""
_TOTAL = re.compile(r"bytes \d{1,18}-\d{1,18}/(\d{1,18})")


@dataclass(frozen=True, slots=True)
class Version:
    """What an answer tells of the version of the file it comes from."""

    etag: str = ""
    """The strong entity tag with its quotes; empty: none."""
    modified: str = ""
    """Last-Modified as it stands there."""
    total: int | None = None
    """Size of the whole file in bytes, if said."""

    def differs(self, other: "Version") -> bool:
        """True if the two cannot be the same version; what one does not say is not compared."""
        if None not in (self.total, other.total) and self.total != other.total:
            return True
        if self.etag and other.etag:
            return self.etag != other.etag
        return bool(self.modified and other.modified) and self.modified != other.modified


def version_of(headers: Mapping[str, str], *, total: int | None) -> Version:
    """The version an answer speaks of; ``total`` is what the body's length says, if it is whole."""
    etag = headers.get("ETag", "").strip()
    match = _TOTAL.fullmatch(headers.get("Content-Range", ""))
    return Version(
        etag if _STRONG.fullmatch(etag) else "",
        headers.get("Last-Modified", "").strip(),
        int(match[1]) if match else total,
    )


class Breaks:
    """Where transfers broke off and of which version they were; from any thread, bounded."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int], Version] = OrderedDict()

    def note(self, name: str, offset: int, version: Version) -> None:
        """A transfer of ``name`` ended at ``offset`` before its time."""
        with self._lock:
            self._kept[name, offset] = version
            self._kept.move_to_end((name, offset))
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)

    def version_at(self, name: str, offset: int) -> Version | None:
        """The version of the transfer that broke off exactly there; None: a new transfer."""
        with self._lock:
            return self._kept.get((name, offset))


def pause_wanted(retry_after: str, date: str) -> float:
    """Seconds a Retry-After asks for; 0 if it says nothing usable.

    A moment counts from the answer's own Date: this box's clock may be years off.
    """
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    until, now = _moment(text), _moment(date)
    return max(0.0, (until - now).total_seconds()) if until and now else 0.0


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
