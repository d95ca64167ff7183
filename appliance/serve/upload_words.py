"""What is said of a file that a phone sends: codes, and the sentences they stand for. Pure."""

from collections.abc import Mapping
from enum import StrEnum

from appliance.language import N_
from appliance.serve.troubles import Trouble
from appliance.sticks import Phase, Saying


class Stage(StrEnum):
    """How far a file is; in its note on the disk."""

    COMING = "coming"
    WHOLE = "whole"
    """All of it is here; the update process has not said yet what it is worth, or had no room."""
    ENDED = "ended"
    """Judged; the file is gone, the note stays for a while."""


class Word(StrEnum):
    """What is said of a file: the code in its note and in the API."""

    COMING = "coming"
    BROKEN_OFF = "broken-off"
    WAITING = "waiting"
    PAUSED = "paused"
    IMPORTING = "importing"
    DONE = "done"
    NOTHING_NEW = "done-nothing-new"
    PARTLY = "partly"
    OF_NOBODY = "of-nobody"
    NOT_LESSONS = "not-lessons"
    REFUSED = "refused"
    NO_ROOM = "no-room"
    INCOMPLETE = "incomplete"
    FAULT = "fault"


_BY_ITSELF = N_("Nothing is to be done; it goes on by itself.")
_TECHNICIAN = N_("Show it to the technician.")
_NEW_FILE = N_("Ask the county for a new file.")

SAYINGS: Mapping[Word, Saying] = {
    Word.COMING: Saying(
        N_("The phone is sending the file."), N_("Keep the page open and the phone near the box.")
    ),
    Word.BROKEN_OFF: Saying(
        N_("The file is not here completely yet; nobody is sending it now."),
        N_("Choose the same file again on the phone: it goes on where it was."),
    ),
    Word.WAITING: Saying(N_("The file is here and waits for its turn."), _BY_ITSELF),
    Word.PAUSED: Saying(
        N_("The file is here; the import waits until the class is over."), _BY_ITSELF
    ),
    Word.IMPORTING: Saying(N_("Lessons are coming in from the file."), _BY_ITSELF),
    Word.DONE: Saying(
        N_("Done: the lessons of this file are in the box."),
        N_("The file can be deleted from the phone."),
    ),
    Word.NOTHING_NEW: Saying(
        N_("Done: the box already has everything in this file."),
        N_("The file can be deleted from the phone."),
    ),
    Word.PARTLY: Saying(
        N_("Some of this file could not be taken; what was good is in the box."), _NEW_FILE
    ),
    Word.OF_NOBODY: Saying(
        N_("The lessons in this file are from a publisher this box does not follow."), _TECHNICIAN
    ),
    Word.NOT_LESSONS: Saying(
        N_("This is no file of lessons, or it is damaged."),
        N_("Choose a file whose name ends in .kexia; if it is one, get it once more."),
    ),
    Word.REFUSED: Saying(
        N_("Something in this file is not signed as it must be; it was not taken."),
        N_("Delete the file from the phone, and tell the technician where it came from."),
    ),
    Word.NO_ROOM: Saying(
        N_("The box has no room for the lessons in this file."),
        N_("Ask the technician to make room; then it goes on by itself."),
    ),
    Word.INCOMPLETE: Saying(
        N_("The copy in this file is not complete; what is there has been taken."), _NEW_FILE
    ),
    Word.FAULT: Saying(N_("Something went wrong in the box with this file."), _TECHNICIAN),
}

PHASES: Mapping[Word, Phase] = {
    Word.COMING: Phase.IMPORTING,
    Word.BROKEN_OFF: Phase.WAITING,
    Word.WAITING: Phase.WAITING,
    Word.PAUSED: Phase.WAITING,
    Word.IMPORTING: Phase.IMPORTING,
    Word.DONE: Phase.DONE,
    Word.NOTHING_NEW: Phase.DONE,
}
"""Colours and signs, the same as a stick's; everything else is a problem."""

GONE = Trouble(
    404,
    "no_such_upload",
    N_("The box does not have this file any more"),
    N_("Choose it again on the phone; it is sent from the beginning."),
)
WRONG_OFFSET = Trouble(
    409,
    "wrong_offset",
    N_("The box has another part of this file than the phone thinks"),
    N_("Choose the file again: it goes on where it was."),
)
TOO_LARGE = Trouble(
    413,
    "too_large",
    N_("The file is larger than the box can take"),
    N_("Ask the county for a smaller file, or bring the lessons on a stick."),
)
PART_TOO_LARGE = Trouble(
    413,
    "part_too_large",
    N_("A part of the file was larger than agreed"),
    N_("Choose the file again: it goes on where it was."),
)
NO_LESSONS = Trouble(
    415,
    "no_lessons",
    SAYINGS[Word.NOT_LESSONS].what,
    SAYINGS[Word.NOT_LESSONS].do,
)
TOO_MANY = Trouble(
    429,
    "too_many_uploads",
    N_("The box is already receiving as many files as it can"),
    N_("Wait until one of them is done, or give one up."),
)
FULL = Trouble(
    507,
    "no_room",
    N_("The box has no room for this file"),
    N_("Ask the technician to make room, or bring the lessons on a stick."),
)
IN_USE = Trouble(
    409,
    "in_use",
    SAYINGS[Word.IMPORTING].what,
    N_("Wait until that is done."),
)
