"""The last step of a stick's visit: the box's prepared papers into the file that waits for them.

Needs no key: what is written was prepared by the update process (command ``back``) and lies in
``cache/back``. Nothing is created, made longer or removed on the stick; links are not followed.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO, Protocol

from appliance.config import BoxPaths
from sync.errors import FormatError
from sync.files import sync_file, write_durably
from sync.stick import back
from sync.stick.have import ID
from sync.stick.layout import BACK, BACK_FILE

MAGIC = b"KXSEND1\n"
_ID_BYTES = 16
MAX_PREPARED = len(MAGIC) + _ID_BYTES + back.MAX_SIZE
"""Longest file of prepared papers."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Written(Enum):
    """How it ended."""

    DONE = "done"
    NOTHING = "nothing"
    """Nothing was prepared."""
    NOT_EXPECTED = "not-expected"
    """The stick waits for other boxes, or for none."""
    REFUSED = "refused"
    """A link, a device, another box's file: not written to."""
    TOO_SMALL = "too-small"
    READ_ONLY = "read-only"
    FULL = "full"
    FAILING = "failing"
    """The medium gives errors, or was pulled; what it held before can still be read."""


_WORDS = {
    errno.ENOSPC: (Written.FULL, "the stick is full"),
    errno.EDQUOT: (Written.FULL, "the stick is full"),
    errno.EROFS: (Written.READ_ONLY, "the stick can only be read"),
    errno.EACCES: (Written.READ_ONLY, "the stick's file for this box may not be written"),
    errno.EPERM: (Written.READ_ONLY, "the stick's file for this box may not be written"),
    errno.ELOOP: (Written.REFUSED, "the stick's file for this box is a link"),
    errno.ENOTDIR: (Written.REFUSED, "the stick's folder for this box is a link or no folder"),
    errno.EISDIR: (Written.REFUSED, "the stick's file for this box is a folder"),
    errno.ENXIO: (Written.REFUSED, "the stick's file for this box is no regular file"),
}


_EXIT_CODES = {Written.DONE: 0, Written.FULL: 6, Written.READ_ONLY: 8, Written.FAILING: 8}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it, in one sentence; ``left_out``: papers for which there was no room."""

    written: Written
    sentence: str
    papers: int = 0
    left_out: int = 0

    @property
    def is_done(self) -> bool:
        """True if the papers are on the medium."""
        return self.written is Written.DONE

    @property
    def exit_code(self) -> int:
        """For a command: 0, 3 (the stick is not as it must be), 6 (no room), 8 (failing)."""
        return _EXIT_CODES.get(self.written, 3)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the update process prepared: whose papers, the most important first."""

    box: str
    papers: tuple[bytes, ...]


class Medium(Protocol):
    """An open file whose writes reach the medium when ``sync`` returns; raises OSError."""

    @property
    def size(self) -> int: ...  # noqa: D102 - bytes

    def read_at(self, offset: int, length: int) -> bytes: ...  # noqa: D102

    def write_at(self, offset: int, data: bytes) -> None: ...  # noqa: D102

    def sync(self) -> None: ...  # noqa: D102


def prepared_file(paths: BoxPaths) -> Path:
    """Where the papers wait for the next stick: signed and sealed, so a reader needs no key."""
    return paths.cache / "back" / "papers"


def keep_prepared(paths: BoxPaths, prepared: Prepared) -> None:
    """Lay the papers where ``write_back`` finds them."""
    limit = back.MAX_SIZE
    data, _ = back.pack(prepared.papers, limit)
    write_durably(prepared_file(paths), MAGIC + prepared.box.encode() + data, mode=0o640)


def read_prepared(paths: BoxPaths) -> Prepared | None:
    """What was prepared last; None if nothing was, or what lies there is none of ours."""
    try:
        with prepared_file(paths).open("rb") as file:
            return parse_prepared(file.read(MAX_PREPARED + 1))
    except FileNotFoundError:
        return None


def parse_prepared(data: bytes) -> Prepared | None:
    """Papers as they wait for a stick, or as a phone carried them; None for anything else."""
    start = len(MAGIC) + _ID_BYTES
    if len(data) > MAX_PREPARED:
        return None
    if not data.startswith(MAGIC) or len(data) < start:
        return None
    with suppress(FormatError, UnicodeDecodeError):
        return Prepared(data[len(MAGIC) : start].decode("ascii"), back.unpack(data[start:]))
    return None


def write_back(paths: BoxPaths, folder: Path) -> Outcome:
    """Write the prepared papers into ``<folder>/KEXIA/back/<box-id>/back.kxb``, if it is there.

    ``folder`` is the stick, mounted writable and known to be clean. Never raises for what is wrong
    with the stick: that is an outcome. The caller unmounts, and only then says that it is done.
    """
    prepared = read_prepared(paths)
    if prepared is None:
        return Outcome(Written.NOTHING, "this box has prepared nothing to send back")
    try:
        with opened(folder, prepared.box) as descriptor:
            return give(descriptor, prepared)
    except FileNotFoundError:
        return Outcome(Written.NOT_EXPECTED, "the stick expects nothing from this box")
    except OSError as error:
        return outcome_of(error)


def give(descriptor: int, prepared: Prepared) -> Outcome:
    """Write into an open ``back.kxb``, in place; raises OSError as ``outcome_of`` explains it."""
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1:
        return Outcome(Written.REFUSED, "the stick's file for this box is no file of its own")
    with os.fdopen(descriptor, "r+b", buffering=0, closefd=False) as file:
        return overwrite(_Open(file, about.st_size), prepared)


def overwrite(medium: Medium, prepared: Prepared) -> Outcome:
    """Papers first, then the page that puts them in force; both read again from the medium."""
    try:
        papers, left_out = back.pack(prepared.papers, back.room(medium.size))
        place = back.next_place(medium.read_at, medium.size)
    except FormatError as error:
        return Outcome(
            Written.TOO_SMALL, f"the stick's file for this box is of no use: {error.fact}"
        )
    if not papers:
        return Outcome(Written.TOO_SMALL, "the stick's file for this box is too small")
    medium.write_at(place.start + back.PAGE, papers)
    medium.sync()
    medium.write_at(place.start, back.first_page(place.sequence, papers))
    medium.sync()
    newest = next(iter(back.whole_halves(medium.read_at, medium.size)), None)
    if newest is None or (newest.sequence, newest.papers) != (place.sequence, papers):
        return Outcome(Written.FAILING, "the stick does not keep what is written to it; replace it")
    count = len(prepared.papers) - left_out
    more = f", {left_out} had no room" if left_out else ""
    return Outcome(Written.DONE, f"{count} papers are on the stick{more}", count, left_out)


def outcome_of(error: OSError) -> Outcome:
    """The sentence for what the kernel says of a stick."""
    written, words = _WORDS.get(
        error.errno or 0, (Written.FAILING, "the stick gives errors or was pulled out")
    )
    return Outcome(written, f"{words} ({error.strerror})")


@contextmanager
def opened(folder: Path, box: str) -> Iterator[int]:
    """Descriptor of the file that waits for this box; raises OSError."""
    if not ID.fullmatch(box):
        raise FileNotFoundError(errno.ENOENT, "no box has such an id")
    with ExitStack() as stack:
        at: int | None = None
        for name in (str(folder), *BACK.split("/"), box):
            at = os.open(name, _FOLDER, dir_fd=at)
            stack.callback(os.close, at)
        descriptor = os.open(BACK_FILE, _FILE, dir_fd=at)
        stack.callback(os.close, descriptor)
        yield descriptor


class _Open:
    """A real file; what was synced is read from the medium again, not from memory."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self.size = file, size

    def read_at(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        blocks: list[bytes] = []
        while length and (block := self._file.read(min(length, 2**20))):
            blocks.append(block)
            length -= len(block)
        return b"".join(blocks)

    def write_at(self, offset: int, data: bytes) -> None:
        self._file.seek(offset)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view[: 2**20]) :]

    def sync(self) -> None:
        sync_file(self._file)
        os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
