"""A ``.kexia`` file as source: the tree of a stick in one uncompressed tar.

Whoever hands it over is a stranger, so only what the format says is read: ustar headers of regular
files and folders, ASCII names in its two fields, each once also where letters have no case.
Nothing is unpacked; a file is a range of the archive.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from sync.errors import FormatError, MediumFailing, NoSource, NotThere
from sync.transport.base import BLOCK, split_name, too_long

RECORD = 512
"""Bytes of a header; contents are filled up to a multiple of it."""
MAX_MEMBERS = 100_000
"""Most files and folders of one archive."""
MAX_NAME, MAX_PREFIX = 100, 155
"""Bytes of the two fields of a name: what does not fit into the first begins in the second."""
MAX_SIZE = 8**11 - 1
"""Longest file: what eleven octal digits can say."""
_END = bytes(2 * RECORD)
_NAME = re.compile(rb"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")
_OCTAL = re.compile(rb"[0-7]{11}[\0 ]")
_CHECKSUM = re.compile(rb"[0-7]{6}\0 ")
_FILE, _FOLDER = b"0", b"5"
_MTIME = 946_684_800
"""2000-01-01, so that the same files make the same bytes."""


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file of an archive: where its bytes begin, and how many there are."""

    offset: int
    size: int


ReadAt = Callable[[int, int], bytes]
"""So many bytes (the first number) from an offset (the second); fewer at the end."""


def read_index(read_at: ReadAt, *, size: int, label: str) -> dict[str, Member]:
    """The files of an archive of ``size`` bytes by their names, in their order.

    Raises NoSource if it ends early, FormatError for anything a ``.kexia`` file may not hold.
    """
    index = _Index(label)
    at = 0
    while (found := read_at(RECORD, at)) != _END[:RECORD]:
        if len(found) < RECORD:
            raise _cut_off(label)
        at = index.take(found, at)
        if at > size:
            raise _cut_off(label)
    if read_at(RECORD, at + RECORD) != _END[:RECORD]:
        raise _cut_off(label)
    return index.files


class _Index:
    """What was read so far."""

    def __init__(self, label: str) -> None:
        self.files: dict[str, Member] = {}
        self._label = label
        self._kinds: dict[str, bytes] = {}
        """By the name where letters have no case: what it is, of all members and their folders."""
        self._count = 0

    def take(self, header: bytes, at: int) -> int:
        """Read one header at ``at``; where the next one is."""
        self._count += 1
        if self._count > MAX_MEMBERS or len(self._kinds) > MAX_MEMBERS:
            raise self._refused(f"more than {MAX_MEMBERS} files and folders")
        name, kind, size = self._parse(header)
        self._place(name, kind)
        if kind == _FILE:
            self.files[name] = Member(at + RECORD, size)
        return at + RECORD + filled(size)

    def _parse(self, header: bytes) -> tuple[str, bytes, int]:
        raw = _joined(header)
        kind = header[156:157]
        if header[257:265] != b"ustar\x0000" or not _sums_up(header):
            raise self._refused("a header is damaged or of another kind of tar")
        if kind not in (_FILE, _FOLDER) or any(header[157:257]) or any(header[500:512]):
            raise self._refused(f"{_shown(raw)} is no regular file or folder with a plain name")
        size = header[124:136]
        path = raw.removesuffix(b"/") if kind == _FOLDER else raw
        parts = path.split(b"/")
        if not _NAME.fullmatch(path) or any(part in (b".", b"..") for part in parts):
            raise self._refused(f"{_shown(raw)} is no name it may hold")
        if not _OCTAL.fullmatch(size) or (kind == _FOLDER and int(size[:11], 8)):
            raise self._refused(f"{_shown(raw)} does not say how long it is")
        return path.decode("ascii"), kind, int(size[:11], 8)

    def _place(self, name: str, kind: bytes) -> None:
        """Raise FormatError if the name is taken, in any case of letters, or lies below a file."""
        folded = name.lower()
        known = self._kinds.get(folded)
        if known is not None and not known == kind == _FOLDER:
            raise self._refused(f"{name!r} stands twice")
        self._kinds[folded] = kind
        above, slash, _ = folded.rpartition("/")
        while slash and self._kinds.get(above) is None:
            self._kinds[above] = _FOLDER
            above, slash, _ = above.rpartition("/")
        if slash and self._kinds[above] == _FILE:
            raise self._refused(f"{name!r} lies below a file")

    def _refused(self, what: str) -> FormatError:
        return FormatError(
            f"{self._label}: no .kexia file: {what}",
            hint="prepare it again with `kexia stick prepare --to FILE.kexia`",
        )


class ArchiveTransport:
    """Reads files of the archive at ``path``; nothing stays open between calls."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._index: dict[str, Member] | None = None
        self._lock = Lock()

    @property
    def label(self) -> str:
        """The archive's path."""
        return str(self._path)

    @property
    def members(self) -> Mapping[str, Member]:
        """The files by their names, in their order; raises NoSource, FormatError, MediumFailing."""
        with self._lock:
            if self._index is None:
                self._index = self._read_index()
            return self._index

    def read(self, name: str, *, limit: int) -> bytes:
        """The whole file; raises NotThere, NoSource, MediumFailing, FormatError."""
        member = self._find(name)
        if member.size > limit:
            raise too_long(self.label, name, limit=limit)
        return b"".join(self.stream(name, offset=0, length=member.size))

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        """``length`` bytes from ``offset``; raises NotThere, NoSource, MediumFailing."""
        member = self._find(name)
        end = min(offset + length, member.size)
        with self._open() as file:
            at = offset
            while at < end:
                block = self._block(file, min(BLOCK, end - at), member.offset + at)
                at += len(block)
                yield block
        if end < offset + length:
            raise NoSource(
                f"{self.label}: {name} ends {offset + length - max(end, offset)} bytes early",
                hint="prepare the file again",
            )

    def _read_index(self) -> dict[str, Member]:
        with self._open() as file:

            def read_at(length: int, offset: int) -> bytes:
                return self._pread(file, length, offset)

            return read_index(read_at, size=os.fstat(file.fileno()).st_size, label=self.label)

    def _block(self, file: BinaryIO, length: int, offset: int) -> bytes:
        block = self._pread(file, length, offset)
        if not block:
            raise _cut_off(self.label)
        return block

    def _pread(self, file: BinaryIO, length: int, offset: int) -> bytes:
        try:
            return os.pread(file.fileno(), length, offset)
        except OSError as error:
            raise MediumFailing(
                f"{self.label}: reading failed at byte {offset} ({error.strerror})",
                hint="the medium is damaged or was pulled out; try it again or use another one",
            ) from error

    def _find(self, name: str) -> Member:
        split_name(name)
        member = self.members.get(name)
        if member is None:
            raise NotThere(f"{self.label} has no file {name}")
        return member

    def _open(self) -> BinaryIO:
        try:
            return self._path.open("rb")
        except OSError as error:
            raise NoSource(
                f"{self.label}: cannot be read ({error.strerror})",
                hint="is the medium still plugged in and mounted, and may this user read it?",
            ) from error


def filled(size: int) -> int:
    """``size`` bytes with what fills them up to whole records."""
    return -(-size // RECORD) * RECORD


def header(name: str, size: int) -> bytes:
    """The header of a file of ``size`` bytes; raises FormatError for a name it cannot hold."""
    split = _split(name.encode())
    if split is None or not _NAME.fullmatch(name.encode()) or not 0 <= size <= MAX_SIZE:
        raise FormatError(f"{name[:120]!r} ({size} bytes) cannot stand in a .kexia file")
    prefix, raw = split
    fields = (
        raw.ljust(MAX_NAME, b"\0") + b"0000644\0" + b"0000000\0" * 2,
        b"%011o\0%011o\0" % (size, _MTIME) + b" " * 8 + _FILE + bytes(100) + b"ustar\x0000",
        bytes(64) + b"0000000\0" * 2 + prefix.ljust(MAX_PREFIX, b"\0") + bytes(12),
    )
    unsigned = b"".join(fields)
    return unsigned[:148] + b"%06o\0 " % sum(unsigned) + unsigned[156:]


def padding(size: int) -> bytes:
    """The zero bytes behind a file of ``size`` bytes."""
    return bytes(filled(size) - size)


def end() -> bytes:
    """What ends an archive."""
    return _END


def members_of(files: Iterable[tuple[str, int]]) -> Iterator[tuple[str, Member]]:
    """Where each of the files (name, size) will lie in an archive of them in this order."""
    at = 0
    for name, size in files:
        yield name, Member(at + RECORD, size)
        at += RECORD + filled(size)


def _split(raw: bytes) -> tuple[bytes, bytes] | None:
    """A name as a header holds it: its prefix, as short as may be, and the rest; None: too long."""
    at = -1
    while len(raw) - at - 1 > MAX_NAME:
        at = raw.find(b"/", at + 1)
        if at < 0 or at > MAX_PREFIX:
            return None
    return (raw[:at], raw[at + 1 :]) if at >= 0 else (b"", raw)


def _joined(header: bytes) -> bytes:
    """The name in a header."""
    name, prefix = header[:MAX_NAME].rstrip(b"\0"), header[345:500].rstrip(b"\0")
    return prefix + b"/" + name if prefix else name


def _sums_up(header: bytes) -> bool:
    said = header[148:156]
    found = sum(header) - sum(said) + 8 * ord(" ")
    return _CHECKSUM.fullmatch(said) is not None and int(said[:6], 8) == found


def _shown(raw: bytes) -> str:
    return repr(raw[: 2 * MAX_NAME].decode("ascii", "replace"))


def _cut_off(label: str) -> NoSource:
    return NoSource(
        f"{label}: ends early, it was not copied whole",
        hint="copy or upload it again, the whole file",
    )
