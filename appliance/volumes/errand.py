"""What a stick wants of the update process: to be imported, and papers for the way back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from appliance import control
from appliance.config import BoxPaths
from appliance.control import Event
from appliance.volumes.write_back import read_prepared
from sync.progress import Progress, Silent


class Update(Protocol):
    """The update process, as a stick's visit sees it; every call raises what ``control`` raises."""

    def is_paused(self) -> bool:
        """True while a class has the line."""
        ...

    def bring(self, places: Sequence[str], progress: Progress) -> Event:
        """Import from these folders and files; the report of a sync."""
        ...

    def prepare(self) -> str | None:
        """Have the papers for the way back laid where ``write_back`` finds them; the box's id, or
        None if this box sends nothing.
        """
        ...

    def instruct(self, place: str) -> bool:
        """Have it do what a county tells this box; True if there was anything new."""
        ...


@dataclass(frozen=True, slots=True)
class UpdateSocket:
    """The real one, over its socket."""

    paths: BoxPaths

    def is_paused(self) -> bool:
        """Asked before an import, which would be refused."""
        state = control.ask(self.paths, {"command": "status"}, Silent()).get("update")
        return isinstance(state, dict) and bool(state.get("paused"))

    def bring(self, places: Sequence[str], progress: Progress) -> Event:
        """A sync from what was carried here."""
        return control.ask(self.paths, {"command": "sync", "from": list(places)}, progress)

    def prepare(self) -> str | None:
        """The papers as they are after the import."""
        control.ask(self.paths, {"command": "back"}, Silent())
        prepared = read_prepared(self.paths)
        return prepared.box if prepared else None

    def instruct(self, place: str) -> bool:
        """The one that has the box's key reads it."""
        return bool(
            control.ask(self.paths, {"command": "instruct", "from": place}, Silent())["done"]
        )


@dataclass(frozen=True, slots=True)
class Reached:
    """How far an import is; bytes."""

    step: str
    done: int = 0
    total: int = 0
    seconds_left: int | None = None


class Course:
    """A sync's progress as ``Reached``, told to ``tell`` whenever it moves."""

    def __init__(self, tell: Callable[[Reached], None], clock: Callable[[], float]) -> None:
        self._tell, self._clock = tell, clock
        self._name, self._total, self._done, self._is_bytes = "", 0, 0, True
        self._began = clock()

    def step(self, name: str, *, total: int = 0, unit: str = "B") -> None:
        """The next part of the work."""
        self._name, self._total, self._done = name, total, 0
        self._is_bytes, self._began = unit == "B", self._clock()
        self._tell(self._reached())

    def advance(self, count: int) -> None:
        """So much further."""
        self._done += count
        self._tell(self._reached())

    def _reached(self) -> Reached:
        if not self._is_bytes:
            return Reached(self._name)
        seconds, rest = self._clock() - self._began, self._total - self._done
        known = self._done > 0 and rest >= 0 and seconds >= 1
        left = int(rest * seconds / self._done) if known else None
        return Reached(self._name, self._done, max(self._total, 0), left)
