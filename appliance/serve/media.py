"""What is being brought to the box now: sticks and phones' files, for the line atop every page."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from appliance import sticks
from appliance.config import BoxPaths
from appliance.language import N_
from appliance.serve.upload_words import PHASES, Word
from appliance.serve.uploads import Upload, Uploads
from appliance.sticks import Phase, Sticks

LOOK = 1.0
"""Seconds for which what was read of the sticks holds: forty tablets ask no more often than one."""
RECENT = 600.0
"""Seconds for which every page speaks of a file that has ended."""


class Notice(StrEnum):
    """The one line that every page says while somebody brings lessons; empty: nothing."""

    NONE = ""
    WORKING = "working"
    ARRIVING = "arriving"
    PROBLEM = "problem"
    DONE = "done"
    ARRIVED = "arrived"
    LEFT_ALONE = "left-alone"

    @property
    def words(self) -> str:
        """The line; a message id of the catalogues."""
        return _WORDS[self]


_WORDS = {
    Notice.NONE: "",
    Notice.WORKING: N_("New lessons are coming in. Do not pull out the stick."),
    Notice.ARRIVING: N_("New lessons are coming in from a phone."),
    Notice.PROBLEM: N_("The new lessons did not all come in. See what to do."),
    Notice.DONE: N_("Done. The stick can be taken out."),
    Notice.ARRIVED: N_("Done. The lessons from the phone are in the box."),
    Notice.LEFT_ALONE: N_("There is a stick without lessons in the box."),
}
_RANKED = (
    Notice.WORKING,
    Notice.PROBLEM,
    Notice.ARRIVING,
    Notice.DONE,
    Notice.ARRIVED,
    Notice.LEFT_ALONE,
)
"""What is said if several are true: what must not be disturbed goes first."""
_BY_PHASE = {
    Phase.DONE: Notice.DONE,
    Phase.PROBLEM: Notice.PROBLEM,
    Phase.LEFT_ALONE: Notice.LEFT_ALONE,
}


class Media:
    """Looks at both."""

    def __init__(
        self,
        paths: BoxPaths,
        uploads: Uploads,
        *,
        now: Callable[[], datetime],
        ticks: Callable[[], float],
    ) -> None:
        self._paths, self._uploads = paths, uploads
        self._now, self._ticks = now, ticks
        self._read_at = float("-inf")
        self._sticks = Sticks()

    def sticks(self) -> Sticks:
        """What is plugged in."""
        if self._ticks() - self._read_at >= LOOK:
            self._sticks, self._read_at = sticks.read(self._paths.volumes), self._ticks()
        return self._sticks

    def uploads(self) -> list[Upload]:
        """Files of phones, the newest first."""
        return self._uploads.listed()

    def notice(self) -> Notice:
        """What every page says now."""
        said = {_BY_PHASE.get(item.phase, Notice.WORKING) for item in self.sticks().sticks}
        said |= {_of_upload(item.word) for item in self.uploads() if self._is_recent(item)}
        return next((notice for notice in _RANKED if notice in said), Notice.NONE)

    @property
    def is_moving(self) -> bool:
        """True while looking again soon is worth it."""
        return self.notice() in (Notice.WORKING, Notice.ARRIVING)

    def _is_recent(self, upload: Upload) -> bool:
        if upload.word in (Word.WAITING, Word.PAUSED, Word.IMPORTING):
            return True
        return 0 <= self._now().timestamp() - upload.note.touched < RECENT


def _of_upload(word: Word) -> Notice:
    phase = PHASES.get(word, Phase.PROBLEM)
    if phase is Phase.PROBLEM:
        return Notice.PROBLEM
    return Notice.ARRIVED if phase is Phase.DONE else Notice.ARRIVING
