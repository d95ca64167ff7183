"""What a build takes from its machine: environment, cache, and whether it may ask anybody."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from sync.progress import Progress, Silent

_SYSTEM = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""mke2fs and its like are in none of an ordinary user's folders."""
_PASSED_ON = ("HOME", "USER", "LOGNAME", "TMPDIR", "http_proxy", "https_proxy", "no_proxy")


class Network(Enum):
    """May the build ask anybody?"""

    ON = "on"
    OFF = "off"


class Growth:
    """Tells progress how a file grows that a program writes."""

    def __init__(self, path: Path, progress: Progress) -> None:
        self._path = path
        self._progress = progress
        self._told = 0

    def tick(self) -> None:
        """What came since the last time."""
        now = self._path.stat().st_size if self._path.exists() else 0
        if now > self._told:
            self._progress.advance(now - self._told)
            self._told = now


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The machine, as a build sees it."""

    environment: Mapping[str, str]
    """What this programme was started with."""
    cache: Path
    network: Network = Network.ON
    progress: Progress = field(default_factory=Silent)

    def for_programs(self, **more: str) -> dict[str, str]:
        """The environment of the programs we call: theirs is small and says UTC and C."""
        kept = {key: self.environment[key] for key in _PASSED_ON if key in self.environment}
        given = self.environment.get("PATH", "").split(os.pathsep)
        path = [*filter(None, given), *(each for each in _SYSTEM if each not in given)]
        return {
            **kept,
            "PATH": os.pathsep.join(path),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "DEBIAN_FRONTEND": "noninteractive",
            **more,
        }
