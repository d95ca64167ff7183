"""Media that were being written when something ended it: ours to finish, though not ejected.

A file system that is open for writing carries a flag until it is let go; pulled out then, it looks
as if a computer had not ejected it. The box remembers that it was itself, across power cuts.
Format 1 (``returning.json``): one canonical JSON object, the newest medium last.
"""

import threading
from pathlib import Path

from sync import canonical
from sync.errors import FormatError
from sync.files import write_durably

FORMAT = "kexia-returning-1"
MAX_MEDIA = 64
_MAX_BYTES = 64 * 1024


class Unfinished:
    """``BOX/returning.json``; a damaged one is as good as none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def has(self, keepsake: str) -> bool:
        """True if the box was writing this medium when it was pulled."""
        return bool(keepsake) and keepsake in self._read()

    def begin(self, keepsake: str) -> None:
        """It is about to be written; on the disk when this returns."""
        self._change(keepsake, is_open=True)

    def end(self, keepsake: str) -> None:
        """It was let go as it should be."""
        self._change(keepsake, is_open=False)

    def _change(self, keepsake: str, *, is_open: bool) -> None:
        if not keepsake:
            return
        with self._lock:
            before = self._read()
            media = [one for one in before if one != keepsake] + ([keepsake] if is_open else [])
            if media != before:
                value = {"format": FORMAT, "media": media[-MAX_MEDIA:]}
                write_durably(self._path, canonical.dumps(value))

    def _read(self) -> list[str]:
        try:
            with self._path.open("rb") as file:
                value = canonical.loads(file.read(_MAX_BYTES), what=self._path.name)
            if value.get("format") != FORMAT:
                return []
            return [canonical.as_text(one) for one in canonical.as_list(value["media"])]
        except (OSError, FormatError, KeyError, TypeError):
            return []
