"""What boxes wrote on a stick, read with care: only files that are ours, only what is signed."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from appliance.volumes.write_back import MAX_PREPARED, parse_prepared
from sync.errors import FormatError, KexiaError, MediumFailing, UsageError
from sync.stick import back, backup, have, report, sealing
from sync.stick.layout import BACK, BACK_FILE
from sync.stick.sealing import Kind, Paper

MAX_BOXES = 10_000
"""Folders on one stick that are looked at."""
MAX_NAMES = 100_000
"""Names beside them, whatever they are."""
_LIMITS = {
    Kind.HAVE: have.MAX_STORED + sealing.PAPER_BYTES,
    Kind.SEALED_REPORT: report.MAX_SEALED,
    Kind.SEALED_BACKUP: min(backup.MAX_STORED, back.MAX_SIZE),
}
"""What may be in a letter, and how long it may be."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Received:
    """A paper whose signature held, and its bytes."""

    paper: Paper
    data: bytes
    name: str = ""
    """Of the box, if the paper says it (a have-list does)."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that was not taken: where, why."""

    where: str
    why: str


@dataclass(frozen=True, slots=True)
class Letter:
    """The newest whole half of one box's file."""

    box: str
    """Whose folder it lay in; its papers are of that box."""
    received: tuple[Received, ...]
    refused: tuple[Refused, ...]


def letters_on(stick: Path) -> Iterator[Letter]:
    """Every box's letter on the stick; an empty file is no letter. Instead of a stick also the file
    that a phone carried from the page of a box (``.kexia-back``): one letter.

    Raises UsageError if the folder is no stick of ours, MediumFailing if it cannot be read at all.
    """
    if stick.is_file():
        yield _carried(stick)
        return
    with _back_folder(stick) as folder:
        for box in _boxes(folder):
            letter = _letter(folder, box)
            if letter.received or letter.refused:
                yield letter


def _carried(file: Path) -> Letter:
    """The letter in a file that a phone carried."""
    try:
        with file.open("rb") as opened:
            prepared = parse_prepared(opened.read(MAX_PREPARED + 1))
    except OSError as error:
        raise MediumFailing(f"{file}: {error.strerror}", hint="copy it again") from error
    if prepared is None:
        why = "is nothing that a box sends back, or it is cut off; download it again"
        return Letter("", (), (Refused(str(file), why),))
    received, refused = _sort(prepared.papers, prepared.box, str(file))
    return Letter(prepared.box, received, refused)


def _boxes(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        looked = (entry.name for entry in islice(entries, MAX_NAMES))
        return sorted(islice(filter(have.ID.fullmatch, looked), MAX_BOXES))


def open_received(data: bytes, box: str) -> Received:
    """One paper of ``box``; raises FormatError, TrustRefused."""
    kind = _kind_of(data)
    paper = sealing.open_paper(data, kind=kind, limit=_LIMITS[kind])
    if paper.box != box:
        raise FormatError(f"a paper of box {paper.box} in the folder of box {box}")
    if kind is not Kind.HAVE:
        return Received(paper, data)
    listed = have.decode(paper.body)
    if (listed.box, listed.epoch, listed.sequence) != (paper.box, paper.epoch, paper.sequence):
        raise FormatError("a have-list that says it is of another box or moment than its paper")
    return Received(paper, data, listed.name)


def _kind_of(data: bytes) -> Kind:
    """What it claims to be, which its signature must then bear out."""
    claimed = data[9] if len(data) > sealing.PAPER_BYTES else 0
    for kind in _LIMITS:
        if kind == claimed:
            return kind
    raise FormatError(f"nothing that boxes send (kind {claimed})")


def _letter(folder: int, box: str) -> Letter:
    where = f"{BACK}/{box}/{BACK_FILE}"
    try:
        with _opened(box, _FOLDER, folder) as own, _opened(BACK_FILE, _FILE, own) as descriptor:
            return _read_letter(descriptor, box, where)
    except FileNotFoundError:
        return Letter(box, (), ())
    except OSError as error:
        return Letter(box, (), (Refused(where, f"cannot be read ({error.strerror})"),))


def _read_letter(descriptor: int, box: str, where: str) -> Letter:
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        return Letter(box, (), (Refused(where, "is no regular file"),))
    try:
        halves = back.whole_halves(_reader(descriptor), about.st_size)
        papers = back.unpack(halves[0].papers) if halves else ()
    except FormatError as error:
        return Letter(box, (), (Refused(where, error.fact),))
    received, refused = _sort(papers, box, where)
    return Letter(box, received, refused)


def _sort(
    papers: Sequence[bytes], box: str, where: str
) -> tuple[tuple[Received, ...], tuple[Refused, ...]]:
    received: list[Received] = []
    refused: list[Refused] = []
    for number, data in enumerate(papers, 1):
        try:
            received.append(open_received(data, box))
        except KexiaError as error:
            refused.append(Refused(f"{where} paper {number}", error.fact))
    return tuple(received), tuple(refused)


def _reader(descriptor: int) -> back.ReadAt:
    def read_at(offset: int, length: int) -> bytes:
        blocks: list[bytes] = []
        while length and (block := os.pread(descriptor, min(length, 2**20), offset)):
            blocks.append(block)
            offset, length = offset + len(block), length - len(block)
        return b"".join(blocks)

    return read_at


@contextmanager
def _back_folder(stick: Path) -> Iterator[int]:
    first, second = BACK.split("/")
    try:
        with (
            _opened(str(stick), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, None) as above,
            _opened(first, _FOLDER, above) as ours,
            _opened(second, _FOLDER, ours) as folder,
        ):
            yield folder
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(
            f"{stick} is no stick on which boxes write: it has no {BACK}",
            hint="give the folder the stick is mounted at",
        ) from error
    except OSError as error:
        raise MediumFailing(
            f"{stick}: {error.strerror}",
            hint="try it in another computer, or copy what can be read",
        ) from error


@contextmanager
def _opened(name: str, flags: int, above: int | None) -> Iterator[int]:
    descriptor = os.open(name, flags, dir_fd=above)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
