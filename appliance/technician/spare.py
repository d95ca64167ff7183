"""Before a box fills a stick: what lies there that it could not put back is not removed unasked."""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from appliance.technician.folder import StickFolder
from sync.errors import FormatError, InputRefused, NotThere
from sync.stick import note as notes
from sync.stick.layout import NOTE
from sync.stick.note import Note
from sync.transport.volume import VolumeTransport

_TOLD = 5
"""Reasons that a person is told."""


class Earlier(Enum):
    """What becomes of an earlier preparation that holds more than the box has."""

    SPARE = "spare"
    REPLACE = "replace"


def check_spared(to: Path, new: Note) -> None:
    """Raise InputRefused if filling the stick at ``to`` with ``new`` would lose what is on it."""
    if not to.is_dir():
        return
    lost = list(lost_on(to, new))
    if lost:
        more = f" and {len(lost) - _TOLD} more" if len(lost) > _TOLD else ""
        raise InputRefused(
            f"{to} holds what this box could not put back: {', '.join(lost[:_TOLD])}{more}",
            hint="nothing was written; use another stick, or --replace to give that up",
        )


def lost_on(to: Path, new: Note) -> Iterator[str]:
    """What would be lost, for people; raises MediumFailing if the stick cannot be read."""
    try:
        there = notes.decode(VolumeTransport(to).read(NOTE, limit=notes.MAX_NOTE))
    except (NotThere, FormatError):
        if StickFolder(to).holds_lessons():
            yield "lessons without a note that says which"
        return
    yield from lost_of(there, new)


def lost_of(there: Note, new: Note) -> Iterator[str]:
    """Boxes that ``there`` was prepared for, editions that ``new`` has not or only older. Pure."""
    yield from (f"what was prepared for box {box}" for box in there.made_for)
    here = {one.id: one.edition for each in new.publishers for one in each.collections}
    for each in there.publishers:
        for one in each.collections:
            if one.edition > here.get(one.id, 0):
                yield f"{one.id} edition {one.edition}"
