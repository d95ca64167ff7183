"""Addresses as people write them: of a repository on a web server, and of a proxy."""

import re
from urllib.parse import urlsplit

from sync.errors import UsageError

_VISIBLE = re.compile(r"[\x21-\x7e]{1,2000}")
"""What stands in an address; urlsplit would drop line breaks silently."""


def is_web(location: str) -> bool:
    """True for an address of a web server, as opposed to a folder."""
    return location.startswith(("http://", "https://"))


def check_repository(url: str) -> str:
    """``url`` without a slash at its end; raises UsageError unless it can be a repository's."""
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


def check_proxy(proxy: str) -> str:
    """``proxy`` if it is the address of one; raises UsageError."""
    try:
        parts = urlsplit(proxy)
        usable = parts.scheme == "http" and bool(parts.hostname) and bool(parts.port)
        plain = parts.path in ("", "/") and not parts.query and not parts.fragment
    except ValueError:
        usable = plain = False
    if not (usable and plain and _VISIBLE.fullmatch(proxy)):
        raise UsageError(
            "the proxy's address is not usable",  # not shown: it may hold a password
            hint="write it as http://host:port or http://user:password@host:port",
        )
    return proxy
