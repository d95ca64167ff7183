"""Digests: the only names content has. Pure."""

import hashlib
import re
from typing import NewType

from sync.errors import FormatError, ProofFailed

Digest = NewType("Digest", str)
"""A SHA-256 as 64 lower-case hexadecimal digits."""

_HEX = re.compile(r"[0-9a-f]{64}")


def is_digest(text: str) -> bool:
    """True for 64 lower-case hex digits."""
    return _HEX.fullmatch(text) is not None


def parse_digest(text: object) -> Digest:
    """Take a digest from outside; raises FormatError for anything but 64 lower-case hex digits."""
    if isinstance(text, str) and _HEX.fullmatch(text):
        return Digest(text)
    raise FormatError(f"not a SHA-256 in lower-case hexadecimal: {str(text)[:80]!r}")


def sha256(data: bytes | memoryview) -> Digest:
    """Digest of ``data``."""
    return Digest(hashlib.sha256(data).hexdigest())


def prove(data: bytes, digest: Digest, *, what: str) -> bytes:
    """Return ``data`` if its digest is ``digest``, else raise ProofFailed naming ``what``."""
    found = sha256(data)
    if found != digest:
        raise ProofFailed(
            f"{what}: content has digest {found[:16]}…, signed was {digest[:16]}…",
            hint="the source altered or damaged it; sync from another source or copy it again",
        )
    return data


def sharded(digest: Digest) -> str:
    """Relative path ``aa/<digest>``, so that no folder holds more than a few thousand names."""
    return f"{digest[:2]}/{digest}"
