"""What this start has to do, from what lies on the card and what was done before. Pure."""

from dataclasses import dataclass
from enum import Enum

from appliance.firststart.note import NONE, Note
from appliance.firststart.site import Site, read_site
from sync.digest import sha256
from sync.errors import Fault, InputRefused


class Step(Enum):
    """What to do."""

    NOTHING = "nothing"
    APPLY = "apply"
    """A site file that was not applied yet, or not to its end."""
    WIPE = "wipe"
    """Applied; its secrets may still lie on the card."""
    REFUSE = "refuse"
    """A site file that is not as it must be: the box keeps what it has, or takes defaults."""
    DEFAULTS = "defaults"
    """A new box without a site file."""


@dataclass(frozen=True, slots=True)
class Found:
    """The site file on the card: its digest, and what it says or what is wrong with it."""

    digest: str
    site: Site | None
    faults: tuple[Fault, ...] = ()


def look(data: bytes | None) -> Found | None:
    """What a site file's bytes say; None: there is none."""
    if data is None:
        return None
    try:
        return Found(sha256(data), read_site(data))
    except InputRefused as error:
        return Found(sha256(data), None, error.faults)


def decide(found: Found | None, note: Note, *, is_made: bool) -> Step:
    """The step; ``is_made``: this box has its configuration already.

    Cut short while it wiped, a file is the one that was applied, or no site file any more (the
    beginning overwritten); one that reads well and is neither was put there since.
    """
    if found is None:
        return Step.NOTHING if is_made else Step.DEFAULTS
    if is_made and note.applied != NONE:
        if found.digest == note.left and note.wiped:
            return Step.NOTHING
        if not note.wiped and (found.site is None or found.digest in (note.applied, note.left)):
            return Step.WIPE
    return Step.APPLY if found.site else Step.REFUSE
