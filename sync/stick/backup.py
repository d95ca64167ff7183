"""A backup of what teachers made, as a paper holds it: a line about it, a zstd frame. Pure.

Format 1: a line ``kexia-backup-1``, a line of canonical JSON (name of the box, when, length and
SHA-256 of ``state.db``), then one zstd frame of it.
"""

from dataclasses import dataclass
from datetime import datetime

from sync import canonical, compression
from sync.digest import parse_digest, prove, sha256
from sync.errors import FormatError
from sync.stick.have import format_time, parse_time

MAGIC = b"kexia-backup-1"
MAX_PLAIN = 64 * 2**20
"""Longest ``state.db`` that is backed up, in bytes."""
MAX_STORED = 66 * 2**20
_LEVEL = 6
"""A box has little time for it."""


@dataclass(frozen=True, slots=True)
class Backup:
    """``state.db`` of one box at one moment."""

    name: str
    made_at: datetime | None
    database: bytes


def encode(backup: Backup) -> bytes:
    """The paper's body."""
    header = {
        "name": backup.name,
        "made_at": "" if backup.made_at is None else format_time(backup.made_at),
        "size": len(backup.database),
        "sha256": sha256(backup.database),
    }
    frame = compression.compress(backup.database, level=_LEVEL)
    return b"\n".join((MAGIC, canonical.dumps(header), frame))


def decode(body: bytes) -> Backup:
    """Read a body whose signature was checked; raises FormatError, ProofFailed."""
    if len(body) > MAX_STORED:
        raise FormatError(f"backup: {len(body)} bytes, at most {MAX_STORED} are allowed")
    magic, _, rest = body.partition(b"\n")
    line, _, frame = rest.partition(b"\n")
    if magic != MAGIC:
        raise FormatError(
            f"backup: starts with {magic[:32]!r}, not {MAGIC!r}",
            hint="it may come from a newer box; update this software",
        )
    header = canonical.loads(line, what="backup's header")
    try:
        name, made_at = canonical.as_text(header["name"]), canonical.as_text(header["made_at"])
        digest, size = parse_digest(header["sha256"]), canonical.as_count(header["size"])
        moment = parse_time(made_at) if made_at else None
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"backup: a field is missing or wrong ({error})") from error
    if size > MAX_PLAIN or len(name) > 200 or not name.isprintable():
        raise FormatError(f"backup: of {size} bytes, at most {MAX_PLAIN}, with a name of one line")
    database = compression.decompress(frame, size=size, what="backup")
    return Backup(name, moment, prove(database, digest, what="backup"))
