"""Steps that need not be done twice: what a step made, under the digest of what it was made of."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sync.files import write_durably


def digest_of(*parts: object) -> str:
    """SHA-256 of values that JSON can hold; the key of what is made of them."""
    text = json.dumps(parts, ensure_ascii=True, sort_keys=True, separators=(",", ":"), default=list)
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Stamp:
    """One step's note in ``folder``."""

    folder: Path
    step: str

    @property
    def path(self) -> Path:
        """Where the note lies."""
        return self.folder / f"{self.step}.stamp.json"

    def holds(self, key: str, outputs: Sequence[Path]) -> bool:
        """Were these files made under this key, and are they as they were then?"""
        try:
            note = json.loads(self.path.read_bytes())
        except (OSError, ValueError):
            return False
        if not isinstance(note, dict) or note.get("key") != key:
            return False
        files = note.get("files")
        return isinstance(files, dict) and all(
            path.is_file() and files.get(path.name) == file_digest(path) for path in outputs
        )

    def write(self, key: str, outputs: Sequence[Path]) -> None:
        """Note that they were."""
        note = {"key": key, "files": {path.name: file_digest(path) for path in outputs}}
        write_durably(self.path, json.dumps(note, indent=1).encode())

    def forget(self) -> None:
        """The step is about to be done again."""
        self.path.unlink(missing_ok=True)
