"""The life of one stick: looked at, imported, written to if it asks for it, let go. One thread.

Every step may be the last one: the stick can be pulled at any moment, and what the update process
has taken by then is kept. Nothing here parses what lies on it.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from appliance.config import BoxPaths
from appliance.control import NotRunning
from appliance.sticks import Phase, Stick, Word
from appliance.volumes.board import Board
from appliance.volumes.decide import Open
from appliance.volumes.device import Device
from appliance.volumes.errand import Course, Reached, Update
from appliance.volumes.look import asks_for_papers, back_file, carried
from appliance.volumes.mount import NotMounted
from appliance.volumes.unfinished import Unfinished
from appliance.volumes.verdict import Verdict, of_error, of_report
from appliance.volumes.write_back import Outcome, Written, write_back
from sync.errors import Incomplete, KexiaError, LeaseHeld

AGAIN = 5.0
"""Seconds between two questions to an update process that is paused or not there."""
PATIENCE = 6
"""Questions to one that is not there before anybody is told: at start it comes up after us."""
SETTLE = 3.0
"""Seconds that an error waits for the word that the stick was pulled: reading fails before that."""
LOOKING = 120.0
"""Seconds a medium has to show what is on it."""
_AGAIN = (Incomplete.exit_code, LeaseHeld.exit_code)
"""Of an import that did not begin or was cut off: paused, busy, being restarted."""
_LOG = logging.getLogger("kexia.volumes")


class Opener(Protocol):
    """Mounts and lets go: ``mount.Mounts``."""

    def is_protected(self, device: Device, /) -> bool: ...  # noqa: D102
    def is_clean(self, device: Device, how: Open, /) -> bool: ...  # noqa: D102
    def mount(self, device: Device, how: Open, /) -> Path: ...  # noqa: D102
    def mount_for_writing(self, device: Device, how: Open, /) -> Path: ...  # noqa: D102
    def unmount(self, place: Path, /) -> None: ...  # noqa: D102
    def let_go(self, place: Path, /) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Tools:
    """What all visits share."""

    paths: BoxPaths
    opener: Opener
    update: Update
    board: Board
    unfinished: Unfinished
    clock: Callable[[], float] = time.monotonic


class _Gone(Exception):
    """The stick is not there any more, or the box ends: nothing is left to do."""


class Attendance:
    """One medium, from ``start`` until it is pulled out."""

    def __init__(self, device: Device, how: Open, tools: Tools) -> None:
        self.device = device
        self._how, self._tools = how, tools
        self._gone = threading.Event()
        self._lock = threading.Lock()
        self._place: Path | None = None
        self._began = tools.clock()
        self._stick = Stick(device.name, Phase.LOOKING, Word.LOOKING, device.label)
        self._thread = threading.Thread(target=self._live, name=device.name, daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._tools.board.put(self.device, self._stick)
        self._thread.start()

    def pulled(self) -> None:
        """It is out: say what that means, and let go of it without waiting."""
        with self._lock:
            self._gone.set()
            word = Word.PULLED_RETURNING if self._stick.phase is Phase.RETURNING else Word.PULLED
            if self._stick.phase.is_working and self._stick.word is not Word.LOOKING:
                self._tools.board.missing(self.device, word)
            else:
                self._tools.board.drop(self.device)
            place = self._place
        if place is not None:
            threading.Thread(target=self._tools.opener.let_go, args=(place,), daemon=True).start()

    def end(self, seconds: float) -> None:
        """The box ends: a write that is under way may finish, then the medium is let go."""
        if self._stick.phase is Phase.RETURNING:
            self._thread.join(seconds)
        self._gone.set()
        place = self._place  # its thread may let go of it meanwhile
        if place is not None:
            self._tools.opener.let_go(place)

    def say_if_late(self) -> None:
        """Say that a medium does not answer. Its thread may hang in the kernel for ever; if not, it
        goes on.
        """
        with self._lock:
            late = self._tools.clock() - self._began > LOOKING
            if late and self._stick.word is Word.LOOKING and not self._gone.is_set():
                self._put(Phase.PROBLEM, Word.SLOW)

    def join(self, seconds: float) -> bool:
        """Wait for its end; False if it goes on."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _live(self) -> None:
        try:
            verdict = self._visit()
        except _Gone:
            return
        except NotMounted as error:
            verdict = Verdict(error.word, error.fact)
        except OSError as error:
            verdict = Verdict(Word.FAILING, f"{error.filename or ''}: {error.strerror}")
        except KexiaError as error:
            verdict = of_error(error)
        if verdict.phase is Phase.PROBLEM:
            self._gone.wait(SETTLE)
        with self._lock:
            if not self._gone.is_set():
                self._put(verdict.phase, verdict.word, verdict.detail)

    def _visit(self) -> Verdict:
        is_protected = self._tools.opener.is_protected(self.device)
        with self._mounted(self._tools.opener.mount, self._release) as place:
            places, asks = carried(place), asks_for_papers(place)
            if not places and not asks:
                return Verdict(Word.NOT_OURS)
            verdict = self._bring(places) if places else Verdict(Word.DONE_NOTHING_NEW)
            if asks:
                verdict = self._instruct(place, verdict)
            if not (asks and verdict.allows_writing):
                return verdict
            try:
                if not self._is_expected(place):
                    return verdict
            except KexiaError as error:
                _LOG.warning("no papers for the way back: %s", error.fact)
                return _or_problem(verdict, Word.DONE_NOT_BACK, error.fact)
        if is_protected:
            return _or_problem(verdict, Word.DONE_NOT_BACK, "the medium is write-protected")
        return self._give_back(verdict)

    def _bring(self, places: Sequence[str]) -> Verdict:
        """Import, and again as long as the update process is away or paused."""
        tries = 0
        while True:
            self._check()
            try:
                if not self._tools.update.is_paused():
                    return self._ask(places)
                self._say(Phase.WAITING, Word.PAUSED)
            except NotRunning as error:
                tries += 1
                is_late = tries > PATIENCE
                word = Word.NO_UPDATE if is_late else Word.WAITING
                self._say(Phase.PROBLEM if is_late else Phase.WAITING, word, error.fact)
            except KexiaError as error:
                if error.exit_code not in _AGAIN:
                    raise
                self._say(Phase.WAITING, Word.WAITING)
            self._gone.wait(AGAIN)

    def _ask(self, places: Sequence[str]) -> Verdict:
        """One import; raises NotRunning, or an error of ``_AGAIN``, if it is to be asked for again.

        What the update process ended with comes as ``Refused``, with that error's exit code.
        """
        self._say(Phase.IMPORTING, Word.IMPORTING)
        course = Course(self._reached, self._tools.clock)
        try:
            report = self._tools.update.bring(places, course)
        except KexiaError as error:
            self._check()
            if isinstance(error, NotRunning) or error.exit_code in _AGAIN:
                raise
            return of_error(error)
        self._check()
        return of_report(report, places)

    def _reached(self, reached: Reached) -> None:
        phase, word = Phase.IMPORTING, Word.IMPORTING
        if reached.step == "paused":
            phase, word = Phase.WAITING, Word.PAUSED
        elif reached.step.startswith("waiting for"):
            phase, word = Phase.WAITING, Word.WAITING
        with self._lock:
            self._stick = replace(
                self._stick,
                done=reached.done,
                total=reached.total,
                seconds_left=reached.seconds_left,
            )
            if not self._gone.is_set():
                self._put(phase, word)

    def _instruct(self, place: Path, verdict: Verdict) -> Verdict:
        """What a county tells the box beside the lessons: a refused one does not cost them."""
        try:
            if not self._tools.update.instruct(str(place)):
                return verdict
        except NotRunning:
            return verdict  # said by the import already; plugged in again, it is read
        except KexiaError as error:
            return _or_problem(verdict, Word.NOT_INSTRUCTED, error.fact)
        return _or_problem(verdict, Word.DONE_PIN, "")

    def _is_expected(self, place: Path) -> bool:
        """True if the stick waits for papers of this box, and there are some; raises KexiaError."""
        self._say(Phase.WAITING, Word.WAITING)  # its import has ended; another's may be under way
        box_id = self._tools.update.prepare()
        if box_id is None:
            return False
        try:
            with back_file(place, box_id, os.O_RDONLY):
                return True
        except FileNotFoundError:
            return False

    def _give_back(self, verdict: Verdict) -> Verdict:
        """Overwrite the box's file; whatever goes wrong, the lessons are in."""
        keepsake, unfinished = self.device.keepsake, self._tools.unfinished
        opener = self._tools.opener
        is_clean = opener.is_clean(self.device, self._how)
        if not (is_clean or unfinished.has(keepsake)):
            return _or_problem(verdict, Word.DONE_DIRTY, "not ejected by a computer")
        self._say(Phase.RETURNING, Word.RETURNING)
        try:
            unfinished.begin(keepsake)
            with self._mounted(opener.mount_for_writing, opener.unmount) as place:
                outcome = write_back(self._tools.paths, place)
            if opener.is_clean(self.device, self._how):
                self._note_end()
        except KexiaError as error:  # not mounted, or the box's own disk is full or failing
            self._settle()
            return _or_problem(verdict, Word.DONE_NOT_BACK, error.fact)
        if not outcome.is_done:
            self._settle()
        return _given(verdict, outcome)

    def _note_end(self) -> None:
        """The papers are on the stick: that the box cannot note it does not change that."""
        try:
            self._tools.unfinished.end(self.device.keepsake)
        except KexiaError as error:
            _LOG.warning("%s: %s", self.device.name, error.fact)

    @contextmanager
    def _mounted(
        self, mount: Callable[[Device, Open], Path], unmount: Callable[[Path], None]
    ) -> Iterator[Path]:
        """Mounted as long as the block runs; the medium's last byte is written when it ends."""
        self._check()
        self._place = mount(self.device, self._how)
        try:
            self._check()
            yield self._place
            self._check()
        except BaseException:
            self._tools.opener.let_go(self._place)
            raise
        else:
            unmount(self._place)
        finally:
            self._place = None

    def _release(self, place: Path) -> None:
        """After reading: nothing is lost if somebody still has a file of it open."""
        try:
            self._tools.opener.unmount(place)
        except NotMounted as error:
            _LOG.warning("%s: %s", self.device.name, error.fact)
            self._tools.opener.let_go(place)

    def _settle(self) -> None:
        """After an error: raises _Gone if it came of the stick being pulled."""
        self._gone.wait(SETTLE)
        self._check()

    def _check(self) -> None:
        if self._gone.is_set():
            raise _Gone

    def _say(self, phase: Phase, word: Word, detail: str = "") -> None:
        with self._lock:
            if self._gone.is_set():
                raise _Gone
            self._stick = replace(self._stick, done=0, total=0)  # those of the step before
            self._put(phase, word, detail)

    def _put(self, phase: Phase, word: Word, detail: str = "") -> None:
        left = self._stick.seconds_left if phase is Phase.IMPORTING else None
        self._stick = replace(self._stick, phase=phase, word=word, detail=detail, seconds_left=left)
        self._tools.board.put(self.device, self._stick)


def _given(verdict: Verdict, outcome: Outcome) -> Verdict:
    if outcome.is_done:
        is_told = verdict.word is Word.DONE_PIN  # somebody waits for it
        word = verdict.word if is_told else Word.DONE_FOR_BOTH
        return _or_problem(verdict, word, outcome.sentence)
    if outcome.written in (Written.NOTHING, Written.NOT_EXPECTED):
        return verdict
    return _or_problem(verdict, Word.DONE_NOT_BACK, outcome.sentence)


def _or_problem(verdict: Verdict, word: Word, detail: str) -> Verdict:
    """``word``, unless the import itself left something that people must know first."""
    return Verdict(word, detail) if verdict.phase is Phase.DONE else verdict
