"""What is known of a file by its bytes, and who may remember it between two compilations.

Looking at a file is dear (it is read to its end, ffprobe is asked); whoever compiles the same
folder every week passes a ``Known`` that remembers what was found while the file is the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from catalog.sheets.media import Problem
from sync.digest import Digest

ONLY_HASHED = ""
"""Kind of a file that is only hashed, whatever is in it: one of a site."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What one file turned out to be."""

    digest: Digest
    size: int
    """Bytes."""
    duration: str = ""
    """ISO 8601, of audio and video."""
    problems: tuple[Problem, ...] = ()


class Known(Protocol):
    """Remembers facts. ``kind`` is the format a file was looked at as, or ``ONLY_HASHED``."""

    def recall(self, path: Path, kind: str) -> Facts | None:
        """The facts of a file that is unchanged; ``None``: look at it. Raises OSError."""
        ...

    def learn(self, path: Path, kind: str, examine: Callable[[], Facts]) -> Facts:
        """What ``examine`` says, to be remembered. Called from several threads."""
        ...


class Forgetful:
    """Remembers nothing: every file is looked at."""

    def recall(self, path: Path, kind: str) -> Facts | None:  # noqa: ARG002 - the protocol's
        """Nothing."""
        return None

    def learn(self, path: Path, kind: str, examine: Callable[[], Facts]) -> Facts:  # noqa: ARG002
        """What ``examine`` says."""
        return examine()
