"""What this start has to do, from what lies on the card and what was done before. Pure."""

from collections.abc import Sequence
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


def look(data: bytes) -> Found:
    """What a site file's bytes say."""
    try:
        return Found(sha256(data), read_site(data))
    except InputRefused as error:
        return Found(sha256(data), None, error.faults)


_FIRST = (Step.APPLY, Step.REFUSE, Step.WIPE, Step.NOTHING)


def choose(found: Sequence[Found], note: Note, *, is_made: bool) -> Found | None:
    """The site file that counts where several names were used: one that was not applied yet.

    Of two such the one with secrets, which nothing of ours has left there; then the first.
    """
    return min(
        found,
        key=lambda one: (
            _FIRST.index(decide(one, note, is_made=is_made)),
            one.site is None or not one.site.has_secrets,
        ),
        default=None,
    )


def is_left(found: Found, note: Note, kept: Site | None) -> bool:
    """Whether a file is what this box was set up from, and not one that somebody laid since.

    ``kept``: the site as the box keeps it, for where the note is lost.
    """
    if _is_unwiped(found, note) or found.digest == note.left:
        return True
    return found.site is not None and found.site == kept


def _is_unwiped(found: Found, note: Note) -> bool:
    """Whether it is the file that is to be wiped, or what a wipe that was cut left of it."""
    known = found.site is None or found.digest in (note.applied, note.left)
    return note.applied != NONE and not note.wiped and known


def decide(found: Found | None, note: Note, *, is_made: bool) -> Step:
    """The step; ``is_made``: this box has its configuration and its network already.

    Cut short while it wiped, a file is the one that was applied, or no site file any more (the
    beginning overwritten); one that reads well and is neither was put there since.
    """
    if found is None:
        return Step.NOTHING if is_made else Step.DEFAULTS
    if is_made and note.applied != NONE:
        if found.digest == note.left and note.wiped:
            return Step.NOTHING
        if _is_unwiped(found, note):
            return Step.WIPE
    return Step.APPLY if found.site else Step.REFUSE
