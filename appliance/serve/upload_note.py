"""The note beside a file that a phone sends: what it is, how far it is, what came of it. Pure."""

import json
import re
from dataclasses import dataclass

from appliance.serve.upload_words import Stage, Word

MAX_SIZE = 64 * 2**30
"""Bytes of a file; more than fits on any box's card, and less than any number's bounds."""
MAX_NOTE = 64 * 1024
"""Bytes of a note."""
_ID = re.compile(r"[0-9a-f]{32}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\u2028-\u202e\u2066-\u2069]")
_USTAR = 257
"""Where a tar header says "ustar" (POSIX.1-1988)."""


@dataclass(frozen=True, slots=True)
class Note:
    """What ``<id>.json`` says of a file."""

    id: str
    name: str
    size: int
    head: str
    """SHA-256 of its first bytes."""
    touched: int
    """Seconds since 1970 by the box's clock, when it last changed."""
    stage: Stage = Stage.COMING
    word: Word = Word.COMING
    detail: str = ""
    """The fact behind a problem, in English, for a technician."""
    editions: tuple[tuple[str, int], ...] = ()
    """Collections that came in, with their edition."""


def looks_like_lessons(head: bytes) -> bool:
    """True for the beginning of a tar, which is what a file of lessons is."""
    return len(head) >= 512 and head[_USTAR : _USTAR + 5] == b"ustar"


def plain_name(name: str) -> str:
    """A file's name as it may be shown and kept: its last part, short, of one line, in Unicode.

    Bytes of a header that are no UTF-8 come as surrogates, which nothing can write.
    """
    last = re.split(r"[/\\]", name.encode("utf-8", "replace").decode())[-1]
    return _UNPRINTABLE.sub("", last).strip()[:100] or "?"


def encode_note(note: Note) -> bytes:
    """A note as it is kept."""
    value = {
        "id": note.id,
        "name": note.name,
        "size": note.size,
        "head": note.head,
        "touched": note.touched,
        "stage": note.stage.value,
        "word": note.word.value,
        "detail": note.detail,
        "editions": [list(item) for item in note.editions],
    }
    return json.dumps(value, ensure_ascii=False).encode()


def decode_note(data: bytes) -> Note:
    """A note as it was kept; raises ValueError for anything else."""
    try:
        value = json.loads(data)
        note = Note(
            id=str(value["id"]),
            name=plain_name(str(value["name"])),
            size=int(value["size"]),
            head=str(value["head"]),
            touched=int(value["touched"]),
            stage=Stage(value["stage"]),
            word=Word(value["word"]),
            detail=str(value["detail"])[:500],
            editions=tuple((str(key), int(number)) for key, number in value["editions"]),
        )
    except (KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"a field is missing or of the wrong kind ({error})") from error
    if not _ID.fullmatch(note.id) or not 0 < note.size <= MAX_SIZE:
        raise ValueError("no note of an upload")
    return note
