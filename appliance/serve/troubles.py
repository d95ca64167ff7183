"""What can go wrong for a visitor, said so that a teacher knows what to do. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from appliance.language import N_
from appliance.serve.state import NothingYet
from catalog.errors import UnknownLesson
from sync.errors import KexiaError


@dataclass(frozen=True, slots=True)
class Trouble:
    """A page for something that went wrong."""

    status: int
    code: str
    """For programs: what the API calls it."""
    what: str
    do: str


NOT_FOUND = Trouble(
    404,
    "not_found",
    N_("This page is not here"),
    N_("The lesson may have been withdrawn or replaced. Look for it among the textbooks."),
)
EMPTY = Trouble(
    503,
    "no_lessons_yet",
    N_("This box has no lessons yet"),
    N_("They appear here by themselves when the first import has finished."),
)
BUSY = Trouble(
    503, "busy", N_("The box is busy"), N_("Wait a few seconds and open the page again.")
)
WRONG = Trouble(
    500,
    "fault",
    N_("Something went wrong in the box"),
    N_("Open the page again. If it stays like this, tell the technician when it happened."),
)
BAD = Trouble(
    400, "bad_request", N_("This address cannot be understood"), N_("Begin again at the textbooks.")
)
FOREIGN = Trouble(
    421,
    "unknown_host",
    N_("The box is not known by this name"),
    N_("Open it by its address or by its name in the local network."),
)
FORGED = Trouble(
    403,
    "forged",
    N_("This did not come from a page of this box"),
    N_("Open the page again, and try once more from there."),
)
NOT_SIGNED_IN = Trouble(
    403,
    "not_signed_in",
    N_("This needs the administrator's PIN"),
    N_("Sign in at the administrator's page, then try again."),
)
WRONG_PIN = Trouble(
    403, "wrong_pin", N_("The PIN is wrong"), N_("Ask the technician who set the box up.")
)
BAD_PIN = Trouble(
    400,
    "bad_pin",
    N_("This PIN cannot be taken"),
    N_("Type the same twice: 6 characters or more that are no row like 123456 or 111111."),
)
SETUP_CLOSED = Trouble(
    403,
    "setup_closed",
    N_("The box cannot be set up now"),
    N_("Switch it off and on; for 15 minutes after that, its first PIN can be chosen."),
)
LOCKED = Trouble(
    429,
    "locked",
    N_("Too many wrong PINs"),
    N_("Wait a quarter of an hour, then try again."),
)
NO_REPORT = Trouble(
    503,
    "no_report",
    N_("The report cannot be made just now"),
    N_("Wait until nothing comes in any more, then try again. If it stays, tell the technician."),
)
METHOD = Trouble(405, "method_not_allowed", BAD.what, BAD.do)
_BY_STATUS = {trouble.status: trouble for trouble in (NOT_FOUND, BUSY, WRONG, BAD, FOREIGN, METHOD)}


class Declined(KexiaError):
    """A request that is not done, and what its sender is told."""

    def __init__(self, trouble: Trouble, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(trouble.what, hint=trouble.do)
        self.trouble = trouble
        self.headers = dict(headers or {})


def of_status(status: int) -> Trouble:
    """The trouble an HTTP status stands for."""
    return _BY_STATUS.get(status, BAD if status < 500 else WRONG)


def of_error(error: KexiaError) -> Trouble:
    """The trouble an error of ours is to a visitor."""
    if isinstance(error, Declined):
        return error.trouble
    if isinstance(error, NothingYet):
        return EMPTY
    return NOT_FOUND if isinstance(error, UnknownLesson) else WRONG
