"""Looks whether the box serves (first page, search, update process), and waits while it starts."""

import http.client
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from appliance.config import load
from appliance.control import ask
from appliance.paths import BoxPaths
from appliance.system.health import Signs
from sync.errors import KexiaError
from sync.progress import Silent

QUERY = "/api/v1/search?q=a&limit=1"
_ANSWER = 2**20
_SECONDS = 20.0
"""For one answer: a box that has just started has a lot to read."""
_BETWEEN = 1.0


def mounted(folder: Path) -> bool:
    """True if a file system is mounted at ``folder``."""
    return folder.is_mount()


@dataclass(frozen=True, slots=True)
class Looker:
    """Looks at one box; ``clock`` in seconds, ``pause`` sleeps that many."""

    paths: BoxPaths
    clock: Callable[[], float]
    pause: Callable[[float], None]
    is_mounted: Callable[[Path], bool] = field(default=mounted)

    def watch(self, patience: float, ready: Callable[[], None]) -> Signs:
        """Look until all is sound, at most ``patience`` s; ``ready`` once pages are served."""
        deadline = self.clock() + patience
        is_ready = False
        while True:
            signs = self.look()
            if signs.pages and not is_ready:
                is_ready = True
                ready()
            if not signs.missing or not signs.data or self.clock() >= deadline:
                return signs
            self.pause(_BETWEEN)

    def look(self) -> Signs:
        """The box at this moment. Before it is set up there is nothing of it to judge."""
        if not self.is_mounted(self.paths.root):
            return Signs(data=False)
        if not self.paths.config_file.exists():
            return Signs(data=True, pages=True, index=True, update=True)
        try:
            port = load(self.paths).listen.port
        except KexiaError:
            return Signs(data=False)  # the disk's doing, or a new system's: as if not mounted
        pages = _answers(port, "/")
        return Signs(
            data=True,
            pages=pages,
            index=pages and _answers(port, QUERY),
            update=_update_lives(self.paths),
        )


def _answers(port: int, path: str) -> bool:
    """200, or the box's own word that it has no lessons yet."""
    with suppress(OSError, http.client.HTTPException, ValueError):
        status, _body = _get(port, path)
        return status == 200 or (status == 503 and _is_empty(port))
    return False


def _is_empty(port: int) -> bool:
    status, body = _get(port, "/api/v1/status")
    return status == 503 and json.loads(body).get("error") == "no_lessons_yet"


def _get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(_ANSWER)
    finally:
        connection.close()


def _update_lives(paths: BoxPaths) -> bool:
    with suppress(KexiaError, OSError):
        ask(paths, {"command": "status"}, Silent(), seconds=_SECONDS)
        return True
    return False
