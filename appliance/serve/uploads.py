"""Files that phones are sending: kept part by part until they are whole, through any interruption.

``BOX/uploads/<id>.kexia`` holds what has come, ``<id>.json`` says of what. An offset is told only
after fsync, and is the length of the file; so it holds after a restart, and the next day. Functions
here block; who serves pages calls them on another thread.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from appliance.serve.troubles import Declined
from appliance.serve.upload_note import (
    MAX_NOTE,
    MAX_SIZE,
    Note,
    decode_note,
    encode_note,
    looks_like_lessons,
    plain_name,
)
from appliance.serve.upload_words import (
    FULL,
    GONE,
    NO_LESSONS,
    PART_TOO_LARGE,
    TOO_LARGE,
    TOO_MANY,
    WRONG_OFFSET,
    Stage,
    Word,
)
from appliance.version import BUILD_TIME
from sync.digest import sha256
from sync.errors import KexiaError, NoRoom
from sync.files import disk_errors, free_space, make_folder, sync_file, sync_folder, write_durably

MAX_PART = 8 * 2**20
"""Bytes of one part."""
HEAD = 64 * 1024
"""Bytes that come with the announcement of a file: by them the same file is known again."""
FLOOR = 256 * 2**20
"""Bytes that uploads leave free for everything else."""
MOST = 4
"""Files at once that are on their way or wait to be brought in."""
MOST_NOTES = 20
"""Results remembered."""
STALE = timedelta(days=7)
"""After this time without a byte a file is given up; results are forgotten too."""
_STALE_SECONDS = STALE.total_seconds()


@dataclass(slots=True)
class Upload:
    """A file on its way; changed only by the event loop's thread and while its turn is held."""

    note: Note
    offset: int
    step: str = ""
    done: int = 0
    total: int = 0
    """Of the import's present step."""
    is_sending: bool = False
    """A part is coming in at this moment."""
    is_importing: bool = False
    """The update process is asked to bring it in at this moment."""
    tries: int = 0
    """How often it was asked in vain since somebody last wanted it."""
    cut_off: int = 0
    """How often the update process ended in the middle; a power cut, which ends us too, is none."""
    due: float = 0.0
    """When it is asked again, by the event loop's clock."""

    @property
    def id(self) -> str:
        """Its name in addresses: nobody guesses it."""
        return self.note.id

    @property
    def word(self) -> Word:
        """What is said of it now."""
        if self.note.stage is Stage.COMING:
            return Word.COMING if self.is_sending else Word.BROKEN_OFF
        if self.note.stage is Stage.ENDED or not self.is_importing:
            return self.note.word
        if self.step == "paused":
            return Word.PAUSED
        return Word.WAITING if self.step.startswith("waiting for") else Word.IMPORTING

    @property
    def is_kept(self) -> bool:
        """Never stale: somebody sends it, or it is here and only waits for its turn."""
        waits = self.note.stage is Stage.WHOLE and self.note.word is not Word.NO_ROOM
        return self.is_sending or self.is_importing or waits

    @property
    def percent(self) -> int:
        """Of the transfer, or of the import's present step; 0–100."""
        done, total = self.done, self.total
        if self.note.stage is Stage.COMING:
            done, total = self.offset, self.note.size
        return min(100, done * 100 // total) if total else 0


@dataclass
class Uploads:
    """All of them."""

    folder: Path
    now: Callable[[], datetime]
    free: Callable[[Path], int] = free_space
    known: dict[str, Upload] = field(default_factory=dict)

    def recover(self) -> None:
        """Read what is there, remove what belongs to nothing."""
        if not self.folder.is_dir():
            return
        notes = {path.stem: _read_note(path) for path in self.folder.glob("*.json")}
        for path in self.folder.iterdir():
            note = notes.get(path.stem)
            is_data = path.suffix == ".kexia" and note is not None
            if path.suffix != ".json" and not (is_data and note and note.stage is not Stage.ENDED):
                path.unlink(missing_ok=True)
        for key, note in notes.items():
            if note is None or note.id != key:
                (self.folder / f"{key}.json").unlink(missing_ok=True)
            else:
                self._take_up(note)

    def _take_up(self, note: Note) -> None:
        data = self.data(note.id)
        offset = data.stat().st_size if data.exists() else 0
        if note.stage is not Stage.ENDED and (not data.exists() or offset > note.size):
            self._forget(note.id)
            return
        if note.stage is Stage.COMING and offset == note.size:
            note = replace(note, stage=Stage.WHOLE, word=Word.WAITING)
        self.known[note.id] = Upload(note, offset)

    def data(self, upload_id: str) -> Path:
        """Where the bytes of a file are."""
        return self.folder / f"{upload_id}.kexia"

    def find(self, upload_id: str) -> Upload:
        """A file by its id; raises Declined."""
        found = self.known.get(upload_id)
        if found is None:
            raise Declined(GONE)
        return found

    def listed(self) -> list[Upload]:
        """All, the newest first."""
        return sorted(self.known.values(), key=lambda item: item.note.touched, reverse=True)

    def open(self) -> list[Upload]:
        """Those whose bytes are here, all or some."""
        return [item for item in list(self.known.values()) if item.note.stage is not Stage.ENDED]

    def begin(self, name: str, size: int, head: bytes) -> tuple[Upload, bool]:
        """A file that is announced: the one that is here or on its way, or a new one and True.

        Raises Declined (too large, too many, no room, no file of lessons).
        """
        self._check_head(size, head)
        name, digest = plain_name(name), sha256(head)
        for item in self.open():
            if (item.note.name, item.note.size, item.note.head) == (name, size, digest):
                return item, False
        return self._new(name, size, head), True

    def begin_form(self, name: str, most: int, head: bytes) -> Upload:
        """A file of at most ``most`` bytes that comes in one go; raises Declined as ``begin``."""
        self._check_head(most, head)
        return self._new(plain_name(name), most, head)

    def settle(self, upload: Upload) -> None:
        """All of a file that came in one go is here, so its size is known."""
        if upload.note.stage is Stage.COMING:
            upload.note = replace(upload.note, size=upload.offset)
            self._look_whether_whole(upload)

    def _check_head(self, size: int, head: bytes) -> None:
        self.clear()
        if not 0 < size <= MAX_SIZE:
            raise Declined(TOO_LARGE)
        if len(head) != min(size, HEAD) or not looks_like_lessons(head):
            raise Declined(NO_LESSONS)

    def _new(self, name: str, size: int, head: bytes) -> Upload:
        self._check_room(size)
        note = Note(secrets.token_hex(16), name, size, sha256(head), self._seconds())
        self._write_new(note, head)
        upload = self.known[note.id] = Upload(note, len(head))
        self._look_whether_whole(upload)
        return upload

    def _check_room(self, size: int) -> None:
        """Raise Declined if ``size`` more bytes do not fit beside what is already promised.

        An import needs the bytes of its file once more before it gives them back, one at a time.
        """
        found = self.open()
        if len(found) >= MOST:
            raise Declined(TOO_MANY)
        promised = sum(item.note.size - item.offset for item in found)
        again = max([size, *(item.note.size for item in found)])
        make_folder(self.folder)
        if self.free(self.folder) - promised - again - FLOOR < size:
            raise Declined(FULL)

    def _write_new(self, note: Note, head: bytes) -> None:
        try:
            write_durably(self.data(note.id), head)
            self._write(note)
        except KexiaError as error:
            self._forget(note.id)
            raise _full(error) from error
        except BaseException:
            self._forget(note.id)
            raise

    def open_part(self, upload: Upload, offset: int, length: int) -> BinaryIO:
        """The file, ready for a part of at most ``length`` bytes at ``offset``; raises Declined."""
        if upload.note.stage is not Stage.COMING or offset != upload.offset:
            raise Declined(WRONG_OFFSET, headers={"Upload-Offset": str(upload.offset)})
        if length > MAX_PART or offset + length > upload.note.size:
            raise Declined(PART_TOO_LARGE, headers={"Upload-Offset": str(upload.offset)})
        if self.free(self.folder) - FLOOR < length:
            raise Declined(FULL)
        file = self.data(upload.id).open("r+b", buffering=0)
        file.truncate(offset)
        file.seek(offset)
        return file

    def write(self, upload: Upload, file: BinaryIO, block: bytes) -> None:
        """The next bytes of a part; raises Declined if the disk is full."""
        try:
            with disk_errors(self.data(upload.id)):
                if file.write(block) != len(block):
                    raise NoRoom(f"{self.data(upload.id)}: no room left on the disk")
        except KexiaError as error:
            raise _full(error) from error

    def close_part(self, upload: Upload, file: BinaryIO) -> None:
        """Bring what came of a part to the disk; only then does the offset move."""
        with file, disk_errors(self.data(upload.id)):
            sync_file(file)
            upload.offset = file.seek(0, 2)
        self._look_whether_whole(upload)
        upload.note = replace(upload.note, touched=self._seconds())
        self._write(upload.note)

    def _look_whether_whole(self, upload: Upload) -> None:
        if upload.offset == upload.note.size:
            self.say(upload, Stage.WHOLE, Word.WAITING)

    def say(
        self,
        upload: Upload,
        stage: Stage,
        word: Word,
        *,
        detail: str = "",
        editions: Iterable[tuple[str, int]] = (),
    ) -> None:
        """Note how far a file is; its bytes go when it has ended."""
        is_news = (stage, word) != (upload.note.stage, upload.note.word)
        note = replace(
            upload.note,
            stage=stage,
            word=word,
            detail=detail[:500],
            editions=tuple(editions)[:100],
            touched=self._seconds() if is_news else upload.note.touched,
        )
        if note != upload.note:
            self._write(note)
        if stage is Stage.ENDED:
            self.data(upload.id).unlink(missing_ok=True)
        upload.note = note

    def remove(self, upload: Upload) -> None:
        """Give a file up, or forget its result."""
        self.known.pop(upload.id, None)
        self._forget(upload.id)

    def clear(self) -> None:
        """Remove what is stale; a clock that cannot be right makes nothing stale."""
        now = self.now()
        if now < BUILD_TIME:
            return
        ended = [item for item in self.listed() if item.note.stage is Stage.ENDED]
        for item in self.listed():
            age = now.timestamp() - item.note.touched
            if item.note.touched < BUILD_TIME.timestamp():
                item.note = replace(item.note, touched=self._seconds())  # noted by a false clock
            elif item in ended[MOST_NOTES:] or (age > STALE.total_seconds() and not item.is_kept):
                self.remove(item)

    def _forget(self, upload_id: str) -> None:
        for path in (self.data(upload_id), self.folder / f"{upload_id}.json"):
            path.unlink(missing_ok=True)
        if self.folder.is_dir():
            sync_folder(self.folder)

    def _seconds(self) -> int:
        return int(self.now().timestamp())

    def _write(self, note: Note) -> None:
        write_durably(self.folder / f"{note.id}.json", encode_note(note))


def _read_note(path: Path) -> Note | None:
    """The note, or None for one that cannot be read: its file is then of no use."""
    try:
        with path.open("rb") as file:
            return decode_note(file.read(MAX_NOTE))
    except (OSError, ValueError):
        return None


def _full(error: KexiaError) -> KexiaError:
    """What a phone is told of an error of the disk."""
    return Declined(FULL) if isinstance(error, NoRoom) else error
