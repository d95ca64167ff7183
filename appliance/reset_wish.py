"""The wish for a factory reset: left by a page or a command, fulfilled where the box starts anew.

Format 1 (``BOX/reset.json``): ``{"format": "kexia-reset-1", "keep": "lessons"}`` or ``"nothing"``.
"""

from enum import StrEnum
from pathlib import Path

from appliance.paths import BoxPaths
from sync import canonical
from sync.errors import FormatError
from sync.files import disk_errors, read_bounded, write_durably

NAME = "reset.json"
FORMAT = "kexia-reset-1"
_LONGEST = 1024


class Keep(StrEnum):
    """What stays."""

    LESSONS = "lessons"
    """The lessons, whose publishers they are of, and what is subscribed to."""
    NOTHING = "nothing"


def wish(paths: BoxPaths, keep: Keep) -> None:
    """Have the box begin anew at its next start; the last wish counts."""
    write_durably(_file(paths), canonical.dumps({"format": FORMAT, "keep": keep.value}))


def wished(paths: BoxPaths) -> Keep | None:
    """What was wished; None for nothing. A damaged wish keeps the lessons: it was one all the same.

    The file is written whole or not at all, so damaged means a failing card. Raises MediumFailing
    (KexiaError) where it cannot be read at all: nobody knows then whether it is one.
    """
    try:
        with disk_errors(_file(paths)):
            try:
                data = read_bounded(_file(paths), _LONGEST)
            except (FileNotFoundError, NotADirectoryError):
                return None
        return Keep(canonical.as_text(canonical.loads(data, what=NAME)["keep"]))
    except (FormatError, KeyError, TypeError, ValueError):
        return Keep.LESSONS


def forget(paths: BoxPaths) -> None:
    """It is fulfilled, or nobody wants it any more."""
    with disk_errors(_file(paths)):
        _file(paths).unlink(missing_ok=True)


def _file(paths: BoxPaths) -> Path:
    return paths.root / NAME
