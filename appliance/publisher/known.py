"""Remembers the digests of a registered folder's files, so that a release reads only what changed.

``cache/<collection>.files`` can be thrown away at any time: it is only ever a shorter way to what
the files say. A file counts as unchanged while its device, inode, size, mtime and ctime are; one
that was touched less than ``RACY`` before it was read is not remembered at all (a second change in
the same tick of its clock would not show). And as times can lie, every release reads a share of the
files again, in turn, so that each is proved by its content once in ``1 / rate`` releases.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from catalog.sheets.facts import Facts
from catalog.sheets.media import RULES
from sync.digest import Digest, sha256
from sync.errors import Fault
from sync.files import write_durably

FORMAT = f"kexia-known-files-1/{RULES}"
"""Other rules for what a tablet can open make it another format: everything is looked at again."""
RACY = timedelta(seconds=2)
"""The coarsest clock of a file system in use (FAT)."""
REPROVED = 1 / 30
"""Share of the remembered files that a release reads again, unless it is told another."""
_CIRCLE = 2**32
"""Paths lie on a circle by their digest; each release re-proves the next arc of it."""

Stamp = tuple[int, int, int, int, int]
"""Device, inode, size in bytes, mtime and ctime in nanoseconds."""


@dataclass(frozen=True, slots=True)
class _Entry:
    stamp: Stamp
    kind: str
    digest: Digest
    duration: str

    @property
    def facts(self) -> Facts:
        return Facts(self.digest, self.stamp[2], self.duration)


class KnownFiles:
    """What is known of the files of one folder; a ``catalog.sheets.facts.Known``."""

    def __init__(self, place: Path, folder: Path, now: datetime, rate: float = REPROVED) -> None:
        """Read ``place``; what is damaged there, or of another version, is not known.

        ``rate`` (0 to 1) is the share of the files that is read again although it is known.
        """
        self._place = place
        self._prefix = f"{os.path.realpath(folder)}/"
        self._racy_after = int((now - RACY).timestamp() * 10**9)
        self._before, self._start = _read(place)
        self._arc = round(rate * _CIRCLE)
        self._now: dict[str, _Entry] = {}
        self._silent: list[str] = []

    def recall(self, path: Path, kind: str) -> Facts | None:
        """The facts of a file that is unchanged and not to be proved now. Raises OSError."""
        key = self._key(path)
        entry = self._before.get(key)
        if entry is None or entry.kind != kind or self._is_due(key):
            return None
        if _stamp(path) != entry.stamp:
            return None
        self._now[key] = entry
        return entry.facts

    def learn(self, path: Path, kind: str, examine: Callable[[], Facts]) -> Facts:
        """What ``examine`` says; remembered if the file was at rest and has no problem."""
        stamp = _stamp(path)
        facts = examine()
        key = self._key(path)
        self._compare(key, self._before.get(key), stamp, facts)
        at_rest = stamp == _stamp(path) and max(stamp[3:]) < self._racy_after
        if at_rest and not facts.problems and facts.size == stamp[2]:
            self._now[key] = _Entry(stamp, kind, facts.digest, facts.duration)
        return facts

    def notes(self) -> tuple[Fault, ...]:
        """The files whose content is not what it was although nothing else of them changed."""
        cure = "the new content is used; if nobody changed it, check the disk it lies on"
        what = "the file changed without its time changing"
        return tuple(Fault(name, what, cure) for name in sorted(self._silent))

    def save(self) -> None:
        """Remember exactly what was seen; the next release re-proves the next share."""
        self._write(self._now, (self._start + self._arc) % _CIRCLE)

    def save_unfinished(self) -> None:
        """Remember what was seen besides what was known: not every file was looked at."""
        self._write({**self._before, **self._now}, self._start)

    def _key(self, path: Path) -> str:
        return os.fspath(path).removeprefix(self._prefix)

    def _is_due(self, key: str) -> bool:
        if not self._arc:
            return False
        found = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        return (int.from_bytes(found[:4], "big") - self._start) % _CIRCLE < self._arc

    def _compare(self, key: str, entry: _Entry | None, stamp: Stamp, facts: Facts) -> None:
        if entry is not None and entry.stamp == stamp and entry.digest != facts.digest:
            self._silent.append(key.encode("utf-8", "replace").decode())

    def _write(self, entries: Mapping[str, _Entry], start: int) -> None:
        files = {
            key: [*entry.stamp, entry.kind, entry.digest, entry.duration]
            for key, entry in sorted(entries.items())
        }
        value = {"format": FORMAT, "start": start, "files": files}
        data = json.dumps(value, separators=(",", ":")).encode()
        write_durably(self._place, [f"{sha256(data)}\n".encode(), data])


def _stamp(path: Path) -> Stamp:
    found = os.stat(path)  # noqa: PTH116 - a hundred thousand times
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _read(place: Path) -> tuple[dict[str, _Entry], int]:
    """The entries, and where on the circle the next release begins to re-prove."""
    try:
        digest, _, data = place.read_bytes().partition(b"\n")
        if digest.decode() != sha256(data):
            return {}, 0
        value = json.loads(data)
        if value["format"] != FORMAT:
            return {}, 0
        return {key: _entry(*fields) for key, fields in value["files"].items()}, value["start"]
    except (OSError, ValueError, TypeError, KeyError):  # a cache: looking again is the cure
        return {}, 0


def _entry(*fields: object) -> _Entry:
    device, inode, size, mtime, ctime, kind, digest, duration = fields
    stamp = (int(str(device)), int(str(inode)), int(str(size)), int(str(mtime)), int(str(ctime)))
    return _Entry(stamp, str(kind), Digest(str(digest)), str(duration))
