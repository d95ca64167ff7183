"""What the first start did: ``first-start.json`` in the box's folder, for the page and the screen.

Pure. It holds no secret. Format 1, golden file ``tests/golden/first-start-1.json``. Damaged or
foreign, it counts as missing: the site file is then applied once more, which changes nothing.
"""

from dataclasses import dataclass

from sync import canonical
from sync.errors import FormatError

FORMAT = "kexia-first-start-1"
FILE = "first-start.json"
MAX_NOTE = 64 * 1024
MAX_FAULTS, MAX_TEXT = 20, 300
NONE = ""


@dataclass(frozen=True, slots=True)
class Note:
    """How far the site file has come; digests are SHA-256 of a whole site.toml."""

    applied: str = NONE
    """The file this box was set up from; empty: none, it has defaults."""
    left: str = NONE
    """The same without secrets, as it may stay on the card."""
    wiped: bool = True
    """False while secrets may still lie on the card."""
    refused: str = NONE
    """A newer file that is not as it must be; empty: none."""
    problem: str = ""
    """One line for people; empty: all is well."""
    faults: tuple[str, ...] = ()
    """What is wrong in a refused file, a line each."""


def encode(note: Note) -> bytes:
    """Bytes of the note."""
    return canonical.dumps(
        {
            "format": FORMAT,
            "applied": note.applied,
            "left": note.left,
            "wiped": note.wiped,
            "refused": note.refused,
            "problem": note.problem[:MAX_TEXT],
            "faults": [fault[:MAX_TEXT] for fault in note.faults[:MAX_FAULTS]],
        }
    )


def decode(data: bytes) -> Note:
    """The note of these bytes; raises FormatError."""
    value = canonical.as_object(canonical.loads(data, what=FILE))
    try:
        if value["format"] != FORMAT or not isinstance(value["wiped"], bool):
            raise FormatError(f"{FILE}: not of this format")
        return Note(
            canonical.as_text(value["applied"]),
            canonical.as_text(value["left"]),
            value["wiped"],
            canonical.as_text(value["refused"]),
            canonical.as_text(value["problem"]),
            tuple(map(canonical.as_text, canonical.as_list(value["faults"]))),
        )
    except (KeyError, TypeError) as error:
        raise FormatError(f"{FILE}: {error}") from error
