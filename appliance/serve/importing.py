"""From a file that is whole to what the box made of it: asked of the update process, told here.

Serving brings nothing in itself. It asks over the update socket, one file after the other, tells
how far that is, and keeps asking while the update process is paused, busy or being restarted.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from appliance.config import BoxPaths
from appliance.control import Event, NotRunning, Refused
from appliance.serve.asking import ask
from appliance.serve.upload_words import Stage, Word
from appliance.serve.uploads import Upload, Uploads
from sync.errors import (
    Incomplete,
    KexiaError,
    LeaseHeld,
    MediumFailing,
    NoRoom,
    NoSource,
    TrustRefused,
)

FIRST_WAIT, LONGEST_WAIT = 2.0, 60.0
"""Seconds until the update process is asked again; doubled each time."""
ROOM_WAIT = 600.0
"""Seconds until a file for which there was no room is tried again."""
MOST_CUT_OFF = 3
"""A file in whose import the update process ended so often is not tried again."""
_LOG = logging.getLogger("kexia.serve")
_AGAIN = (Incomplete.exit_code, LeaseHeld.exit_code)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a file."""

    word: Word
    detail: str = ""
    editions: tuple[tuple[str, int], ...] = ()

    @property
    def is_final(self) -> bool:
        """False if the same file is to be tried again later."""
        return self.word not in (Word.WAITING, Word.PAUSED, Word.NO_ROOM)


def judge(report: Mapping[str, object], place: str, name: str) -> Verdict:
    """What a sync's report says of the file at ``place``, which people know as ``name``. Pure."""
    editions = _editions(report)
    mine = [item for item in _problems(report) if place in item[1]]
    codes = {code for code, _ in mine}
    notes = report.get("notes")
    said = [str(note) for note in notes if place in str(note)] if isinstance(notes, list) else []
    detail = "; ".join(text.replace(place, name) for text in (*said, *(fact for _, fact in mine)))
    every = {code for code, _ in _problems(report)}
    if codes:
        word = Word.PARTLY if editions else _of_code(codes, detail)
    elif NoRoom.exit_code in every:
        word = Word.NO_ROOM
    elif editions:
        word = Word.DONE
    else:
        word = Word.INCOMPLETE if Incomplete.exit_code in every else Word.NOTHING_NEW
    if not detail and word not in (Word.DONE, Word.NOTHING_NEW):
        detail = "; ".join(text for _, text in _problems(report))
    return Verdict(word, detail, editions)


def judge_error(error: KexiaError, place: str, name: str) -> Verdict:
    """What an error in place of a report says of the file. Pure."""
    detail = error.fact.replace(place, name)
    if isinstance(error, NotRunning):
        return Verdict(Word.WAITING, detail)
    if error.exit_code in _AGAIN:
        is_paused = isinstance(error, Refused) and "paused" in error.fact
        return Verdict(Word.PAUSED if is_paused else Word.WAITING, detail)
    return Verdict(_of_code({error.exit_code}, detail), detail)


def _of_code(codes: set[int], detail: str) -> Word:
    if TrustRefused.exit_code in codes:
        return Word.REFUSED
    if NoRoom.exit_code in codes:
        return Word.NO_ROOM
    if Incomplete.exit_code in codes:
        return Word.INCOMPLETE
    if NoSource.exit_code in codes:
        return Word.OF_NOBODY if "holds nothing of a publisher" in detail else Word.NOT_LESSONS
    return Word.NOT_LESSONS if MediumFailing.exit_code in codes else Word.FAULT


def _editions(report: Mapping[str, object]) -> tuple[tuple[str, int], ...]:
    found = report.get("editions")
    items = found.items() if isinstance(found, dict) else ()
    return tuple((str(key), number) for key, number in items if isinstance(number, int))


def _problems(report: Mapping[str, object]) -> list[tuple[int, str]]:
    """Exit code and fact of each problem."""
    found = report.get("problems")
    items = found if isinstance(found, list) else []
    return [
        (code, str(item.get("error", "")))
        for item in items
        if isinstance(item, dict) and isinstance(code := item.get("exit_code"), int)
    ]


def wait_after(word: Word, tries: int) -> float:
    """Seconds until a file of which this was said is tried again, after ``tries`` before. Pure."""
    return ROOM_WAIT if word is Word.NO_ROOM else min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(tries, 9))


class Importer:
    """Brings whole files in, one after the other, until it is closed."""

    def __init__(
        self,
        paths: BoxPaths,
        uploads: Uploads,
    ) -> None:
        self._paths = paths
        self._uploads = uploads
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin with what an earlier run left whole."""
        self._task = asyncio.create_task(self._run())
        self._wake.set()

    def look(self, upload: Upload) -> None:
        """It may have become whole, or somebody wants it who sent it before: try it at once."""
        upload.tries, upload.due = 0, 0.0
        self._wake.set()

    async def close(self) -> None:
        """Ask no more; what the update process does goes on there."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            upload = self._next()
            if upload is not None and upload.due <= _ticks():
                await self._bring(upload)
                continue
            wait = None if upload is None else upload.due - _ticks()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait)

    def _next(self) -> Upload | None:
        """The file that is due first; of those that are due alike, the one that waits longest."""
        whole = [item for item in self._uploads.listed() if item.note.stage is Stage.WHOLE]
        return min(reversed(whole), key=lambda item: item.due, default=None)

    async def _bring(self, upload: Upload) -> None:
        """Have a file brought in and note what came of it, or when to try it again."""
        upload.is_importing = True
        try:
            verdict = await self._ask(upload)
            upload.due = _ticks() + wait_after(verdict.word, upload.tries)
            upload.tries += 1
            await asyncio.to_thread(
                self._uploads.say,
                upload,
                Stage.ENDED if verdict.is_final else Stage.WHOLE,
                verdict.word,
                detail=verdict.detail,
                editions=verdict.editions,
            )
        except (KexiaError, OSError) as error:
            _LOG.error("what came of an upload cannot be noted: %s", error)
        finally:
            upload.is_importing = False

    async def _ask(self, upload: Upload) -> Verdict:
        place = str(self._uploads.data(upload.id).absolute())

        def moved(event: Event) -> None:
            _show(upload, event)

        try:
            report = await ask(
                self._paths, {"command": "sync", "from": [place]}, seconds=None, on_progress=moved
            )
        except KexiaError as error:
            if isinstance(error, Incomplete) and upload.word is Word.IMPORTING:
                upload.cut_off += 1  # no answer at all: it ended in the middle of this import
                if upload.cut_off >= MOST_CUT_OFF:
                    return Verdict(Word.FAULT, error.fact)
            return judge_error(error, place, upload.note.name)
        finally:
            upload.step, upload.done, upload.total = "", 0, 0
        return judge(report, place, upload.note.name)


def _ticks() -> float:
    return asyncio.get_running_loop().time()


def _show(upload: Upload, event: Event) -> None:
    """Keep how far the import is, for whoever looks."""
    step, total, advance = event.get("step"), event.get("total"), event.get("advance")
    if isinstance(step, str):
        upload.step, upload.done = step, 0
        upload.total = total if isinstance(total, int) else 0
    elif isinstance(advance, int):
        upload.done += advance
