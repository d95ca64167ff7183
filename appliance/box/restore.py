"""A sealed backup onto a new card: opened by a recipient, checked, put in place of an empty one."""

from dataclasses import dataclass
from pathlib import Path

from appliance import config
from appliance.box.identity import begin_anew
from appliance.box.keepsake import put_back
from appliance.config import BoxPaths
from sync.errors import TrustRefused, UsageError
from sync.lease import hold
from sync.stick import backup, sealing
from sync.stick.backup import Backup
from sync.stick.sealing import Kind

_LONGEST = backup.MAX_STORED + 2**16


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back, and who the box is now."""

    name: str
    """Of the box that made the backup."""
    came_from: str
    """Its id."""
    made_at: str
    bytes: int
    box: str
    """The id from now on: another key, another epoch."""

    def value(self) -> dict[str, object]:
        """For JSON."""
        return {
            "name": self.name,
            "from": self.came_from,
            "made_at": self.made_at,
            "bytes": self.bytes,
            "box": self.box,
        }


def restore(paths: BoxPaths, file: Path, private: bytes) -> Restored:
    """Bring the backup in ``file`` onto this box, which must be new; nothing changes if it fails.

    Raises UsageError for a box with work of its own, LeaseHeld for one in use, FormatError or
    TrustRefused for a backup that is damaged, altered, or sealed to others.
    """
    config.load(paths)
    paper, found = open_backup(_read(file), private)
    with hold(paths.lease, holder="kexia box restore"):
        put_back(found.database, paths.state_db)
        identity = begin_anew(paths)
    made_at = "" if found.made_at is None else found.made_at.isoformat()
    return Restored(found.name, paper.box, made_at, len(found.database), identity.box)


def open_backup(data: bytes, private: bytes) -> tuple[sealing.Paper, Backup]:
    """The backup and the paper it came in; raises FormatError, TrustRefused."""
    outer = sealing.open_paper(data, kind=Kind.SEALED_BACKUP, limit=_LONGEST)
    inner = sealing.open_paper(
        sealing.unseal(outer.body, private), kind=Kind.BACKUP, limit=_LONGEST
    )
    sealing.check_same_writer(outer, inner)
    return inner, backup.decode(inner.body)


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            data = opened.read(_LONGEST + 1)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    if not data:
        raise TrustRefused(f"{file} is empty", hint="take another copy of the backup")
    return data
