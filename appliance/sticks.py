"""What is plugged in and what to do next: told by ``volumes``, shown by pages and status.

Format 1 (``run/volumes.json``): one canonical JSON object, replaced whole a few times a second
while something happens; it need not outlive a power cut. Golden file: tests/golden/volumes-1.json.

    found = sticks.read(paths.volumes)
    for stick in found.sticks:
        speech.say(stick.saying.what), speech.say(stick.saying.do), stick.percent
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from appliance.language import N_
from sync import canonical
from sync.errors import FormatError

FORMAT = "kexia-volumes-1"
MAX_BYTES = 64 * 1024
"""Longest file that is read or written."""
MAX_STICKS = 16
MAX_LABEL = 40
"""Characters of a label or a name."""
MAX_DETAIL = 300


class Phase(StrEnum):
    """Where a stick is on its way; lights and colours go by it."""

    WAITING = "waiting"
    LOOKING = "looking"
    IMPORTING = "importing"
    RETURNING = "returning"
    DONE = "done"
    PROBLEM = "problem"
    LEFT_ALONE = "left-alone"
    """Not ours: not touched, and no trouble."""

    @property
    def is_working(self) -> bool:
        """True while it must not be pulled out."""
        return self in (Phase.WAITING, Phase.LOOKING, Phase.IMPORTING, Phase.RETURNING)


@dataclass(frozen=True, slots=True)
class Saying:
    """Two sentences for whoever stands beside the box; message ids of the catalogues."""

    what: str
    do: str


class Word(StrEnum):
    """What is said of a stick: the code in the file, from which ``SAYINGS`` has the sentences."""

    WAITING = "waiting"
    LOOKING = "looking"
    IMPORTING = "importing"
    PAUSED = "paused"
    RETURNING = "returning"
    DONE = "done"
    DONE_NOTHING_NEW = "done-nothing-new"
    DONE_NOT_BACK = "done-not-back"
    DONE_DIRTY = "done-dirty"
    DONE_FOR_BOTH = "done-for-both"
    DONE_PIN = "done-pin"
    NOT_INSTRUCTED = "not-instructed"
    PULLED = "pulled"
    PULLED_RETURNING = "pulled-returning"
    NOT_OURS = "not-ours"
    OF_NOBODY = "of-nobody"
    REFUSED = "refused"
    NO_ROOM = "no-room"
    INCOMPLETE = "incomplete"
    FAILING = "failing"
    NO_UPDATE = "no-update"
    FAULT = "fault"
    NO_FILE_SYSTEM = "no-file-system"
    NO_TABLE = "no-table"
    BITLOCKER = "bitlocker"
    ENCRYPTED = "encrypted"
    NTFS = "ntfs"
    EXT4 = "ext4"
    UNKNOWN_TYPE = "unknown-type"
    NOT_IN_KERNEL = "not-in-kernel"
    TOO_MANY_PARTITIONS = "too-many-partitions"
    CANNOT_MOUNT = "cannot-mount"
    SLOW = "slow"
    NO_RIGHT = "no-right"


_KEEP_IN = N_("Keep it in until the box says done.")
_TAKE_OUT = N_("Take it out.")
_TECHNICIAN = N_("Show it to the technician.")
_FORMAT = N_("Format it as FAT32 or exFAT on a computer, and copy the lessons onto it again.")
_ANOTHER = N_("Use another stick.")

SAYINGS: Mapping[Word, Saying] = {
    Word.WAITING: Saying(N_("The stick waits for its turn."), _KEEP_IN),
    Word.LOOKING: Saying(N_("The box looks at what is on the stick."), _KEEP_IN),
    Word.IMPORTING: Saying(N_("Lessons are coming in from the stick."), _KEEP_IN),
    Word.PAUSED: Saying(
        N_("The import waits until the class is over."),
        N_("Keep it in; it goes on when somebody resumes it."),
    ),
    Word.RETURNING: Saying(
        N_("The box writes its report onto the stick."), N_("Do not pull it out now.")
    ),
    Word.DONE: Saying(N_("Done: the lessons on this stick are in the box."), _TAKE_OUT),
    Word.DONE_FOR_BOTH: Saying(
        N_("Done: the lessons are in the box, and its report is on the stick."),
        N_("Take it out and give it back to the county."),
    ),
    Word.DONE_PIN: Saying(
        N_("Done: the administrator's PIN is the one that the county chose."),
        N_("Take it out; open /admin with the new PIN."),
    ),
    Word.NOT_INSTRUCTED: Saying(
        N_("The county's instruction on this stick is not for this box, or not signed for it."),
        N_("Ask the county for a new one; the lessons on the stick have been taken."),
    ),
    Word.DONE_NOTHING_NEW: Saying(
        N_("Done: the box already has everything on this stick."), _TAKE_OUT
    ),
    Word.DONE_NOT_BACK: Saying(
        N_("The lessons are in the box, but its report could not be written onto the stick."),
        N_("Take it out, and tell the county that the report is missing."),
    ),
    Word.DONE_DIRTY: Saying(
        N_("The lessons are in the box. Nothing was written: a computer did not eject the stick."),
        N_("Eject it on a computer, then plug it in once more for the report."),
    ),
    Word.PULLED: Saying(
        N_("The stick was pulled out too early; what had come is kept."),
        N_("Plug it in again: it goes on where it was."),
    ),
    Word.PULLED_RETURNING: Saying(
        N_("The stick was pulled out while the report was being written; the lessons are in."),
        N_("Plug it in again: the report is written anew."),
    ),
    Word.NOT_OURS: Saying(N_("There are no lessons on this stick; it is left alone."), _TAKE_OUT),
    Word.OF_NOBODY: Saying(
        N_("The lessons on this stick are from a publisher this box does not follow."), _TECHNICIAN
    ),
    Word.REFUSED: Saying(
        N_("Something on this stick is not signed as it must be; it was not taken."),
        N_("Do not use this stick any more, and show it to the technician."),
    ),
    Word.NO_ROOM: Saying(
        N_("The box has no room for the lessons on this stick."),
        N_("Take it out, and ask the technician to make room."),
    ),
    Word.INCOMPLETE: Saying(
        N_("The copy on this stick is not complete; what is there has been taken."),
        N_("Ask the county for a new copy."),
    ),
    Word.FAILING: Saying(
        N_("The stick cannot be read everywhere; what could be read has been taken."), _ANOTHER
    ),
    Word.NO_UPDATE: Saying(
        N_("The part of the box that brings lessons in is not running."),
        N_("Keep it in; if nothing happens in five minutes, switch the box off and on."),
    ),
    Word.FAULT: Saying(N_("Something went wrong in the box with this stick."), _TECHNICIAN),
    Word.NO_FILE_SYSTEM: Saying(N_("There is nothing the box can read on this part."), _FORMAT),
    Word.NO_TABLE: Saying(N_("The stick is empty or was never formatted."), _FORMAT),
    Word.BITLOCKER: Saying(
        N_("The stick is locked with BitLocker."),
        N_("Switch BitLocker off for it on a Windows computer, or use another stick."),
    ),
    Word.ENCRYPTED: Saying(N_("The stick is encrypted."), _ANOTHER),
    Word.NTFS: Saying(N_("The stick is formatted as NTFS, which the box does not open."), _FORMAT),
    Word.EXT4: Saying(N_("The stick is formatted as ext4, which the box does not open."), _FORMAT),
    Word.UNKNOWN_TYPE: Saying(N_("The stick has a format that the box does not know."), _FORMAT),
    Word.NOT_IN_KERNEL: Saying(
        N_("The system of this box cannot read the format of the stick."),
        N_("Use a stick formatted as FAT32, and tell the technician."),
    ),
    Word.TOO_MANY_PARTITIONS: Saying(N_("The stick is divided into too many parts."), _ANOTHER),
    Word.CANNOT_MOUNT: Saying(
        N_("The stick cannot be opened: it is damaged or was not ejected."),
        N_("Let a computer check it, or use another stick."),
    ),
    Word.SLOW: Saying(N_("The stick does not answer."), _ANOTHER),
    Word.NO_RIGHT: Saying(
        N_("The box may not open sticks: its volumes service lacks the right."),
        N_("Tell the technician: kexia box volumes must run as root."),
    ),
}


@dataclass(frozen=True, slots=True)
class Stick:
    """One medium, or one partition of it."""

    name: str
    """The kernel's name of it (``sdb1``): what a technician looks for."""
    phase: Phase
    word: Word
    label: str = ""
    """What its owner called it; empty if it has no name."""
    done: int = 0
    """Bytes of the present step."""
    total: int = 0
    """0: not known."""
    seconds_left: int | None = None
    detail: str = ""
    """The fact behind a problem in English, for a technician."""

    @property
    def saying(self) -> Saying:
        """Its two sentences."""
        return SAYINGS[self.word]

    @property
    def percent(self) -> int:
        """Of the present step, 0–100."""
        return min(100, self.done * 100 // self.total) if self.total else 0

    def value(self) -> dict[str, object]:
        """For JSON."""
        return {
            "name": self.name,
            "label": self.label,
            "phase": self.phase.value,
            "word": self.word.value,
            "done": self.done,
            "total": self.total,
            "seconds_left": self.seconds_left,
            "detail": self.detail,
        }


@dataclass(frozen=True, slots=True)
class Sticks:
    """Everything that is plugged in, or was pulled out too early."""

    process: int = 0
    """Number of the process that tells it; 0: none."""
    sticks: tuple[Stick, ...] = ()


def encode(found: Sticks) -> bytes:
    """Bytes of the file: what is too long is cut, the newest sticks stay."""
    kept = [shortened(item).value() for item in found.sticks[-MAX_STICKS:]]
    return canonical.dumps({"format": FORMAT, "process": found.process, "sticks": kept})


def decode(data: bytes) -> Sticks:
    """Read the file; raises FormatError if anything about it is not as it was written."""
    if len(data) > MAX_BYTES:
        raise FormatError(f"what is said of the sticks is longer than {MAX_BYTES} bytes")
    value = canonical.loads(data, what="what is said of the sticks")
    if value.get("format") != FORMAT:
        raise FormatError(f"format {str(value.get('format'))[:40]!r} is not {FORMAT}")
    try:
        items = canonical.as_list(value["sticks"])
        if len(items) > MAX_STICKS:
            raise ValueError(f"more than {MAX_STICKS} sticks")
        return Sticks(canonical.as_count(value["process"]), tuple(map(_stick, items)))
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"a field is missing or of the wrong kind ({error})") from error


def read(path: Path) -> Sticks:
    """What stands in ``BOX/run/volumes.json``; nothing if nobody tells it, or told it and ended."""
    try:
        with path.open("rb") as file:
            found = decode(file.read(MAX_BYTES + 1))
    except (OSError, FormatError):
        return Sticks()
    return found if Path(f"/proc/{found.process}").exists() else Sticks()


def shortened(stick: Stick) -> Stick:
    """``stick`` with texts of bounded length; the numbers are ours."""
    return Stick(
        name=stick.name[:MAX_LABEL],
        phase=stick.phase,
        word=stick.word,
        label=stick.label[:MAX_LABEL],
        done=stick.done,
        total=stick.total,
        seconds_left=stick.seconds_left,
        detail=stick.detail[:MAX_DETAIL],
    )


def _stick(item: object) -> Stick:
    fields = canonical.as_object(item)
    left = fields["seconds_left"]
    return Stick(
        name=_text(fields["name"], MAX_LABEL),
        phase=Phase(canonical.as_text(fields["phase"])),
        word=Word(canonical.as_text(fields["word"])),
        label=_text(fields["label"], MAX_LABEL),
        done=canonical.as_count(fields["done"]),
        total=canonical.as_count(fields["total"]),
        seconds_left=None if left is None else canonical.as_count(left),
        detail=_text(fields["detail"], MAX_DETAIL),
    )


def _text(value: object, most: int) -> str:
    text = canonical.as_text(value)
    if len(text) > most:
        raise ValueError(f"a text is longer than {most} characters")
    return text
