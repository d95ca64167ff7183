"""The administrator's PIN: set on the command line, proved on a page, kept as a hash in state.db.

scrypt (RFC 7914) with 16 MiB of memory. A stolen card gives the hash away, and a PIN of six digits
falls to whoever has it; but what it protects lies on the same card. Over the Wi-Fi the limit of
attempts is what counts (``appliance/serve/attempts.py``).
"""

import hashlib
import hmac
import sqlite3
from itertools import pairwise

from sync.errors import UsageError

LEAST, MOST = 6, 64
"""Characters of a PIN."""
SALT = 16
"""Bytes of chance that a new PIN needs."""
_COST, _BLOCK, _LANES = 2**14, 8, 1
_MEMORY = 64 * 2**20
_HINT = f"choose {LEAST} to {MOST} characters that are not a row of the same or following digits"


def check(pin: str) -> str:
    """``pin`` if it may be one; raises UsageError."""
    if not LEAST <= len(pin) <= MOST or not pin.isprintable():
        raise UsageError(f"a PIN has {LEAST} to {MOST} characters", hint=_HINT)
    if len({ord(after) - ord(before) for before, after in pairwise(pin)}) == 1:
        raise UsageError("this PIN is the first that anybody tries", hint=_HINT)
    return pin


def hashed(pin: str, salt: bytes) -> str:
    """What is kept of a PIN: ``scrypt:<salt>:<hash>``, both in hexadecimal digits."""
    return f"scrypt:{salt.hex()}:{_scrypt(pin, salt).hex()}"


def matches(pin: str, kept: str) -> bool:
    """True if ``kept`` was made of this PIN; takes as long if it was not."""
    kind, _, rest = kept.partition(":")
    salt, _, digest = rest.partition(":")
    try:
        wanted = bytes.fromhex(digest)
        given = _scrypt(pin, bytes.fromhex(salt))
    except ValueError:
        return False
    return kind == "scrypt" and hmac.compare_digest(given, wanted)


def read_pin(state: sqlite3.Connection) -> str:
    """What is kept of the PIN; empty if none is set."""
    row = state.execute("SELECT hash FROM admin_pin").fetchone()
    return str(row[0]) if row else ""


def set_pin(state: sqlite3.Connection, kept: str) -> None:
    """Replace the PIN by one of which ``kept`` is kept; whoever gave the old one gives the new."""
    _replace(state, [kept])


def remove_pin(state: sqlite3.Connection) -> None:
    """Without a PIN nobody may change anything over the network."""
    _replace(state, [])


def _replace(state: sqlite3.Connection, kept: list[str]) -> None:
    state.execute("BEGIN IMMEDIATE")
    try:
        state.execute("DELETE FROM admin_session")
        state.execute("DELETE FROM admin_pin")
        state.executemany("INSERT INTO admin_pin VALUES (1, ?)", [[item] for item in kept])
    except BaseException:
        state.execute("ROLLBACK")
        raise
    state.execute("COMMIT")


def _scrypt(pin: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        pin.encode(), salt=salt, n=_COST, r=_BLOCK, p=_LANES, maxmem=_MEMORY, dklen=32
    )
