"""What a check of a stick found, as values: for people, for scripts, for the exit code."""

from dataclasses import dataclass, field

from sync.errors import InputRefused, MediumFailing, TrustRefused
from sync.stick.note import Note


@dataclass(frozen=True, slots=True)
class Edition:
    """An edition whose feed is on the stick."""

    id: str
    title: str
    edition: int
    files: int
    """Resources of the edition that are here, out of ``all_files``."""
    all_files: int
    bytes: int
    """Of those that are here."""
    box_edition: int | None = None
    """What the box serves of it, where that was asked and is known."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A publisher whose state on the stick holds."""

    id: str
    code: str
    name: str
    signed_at: str
    expired: bool
    vouched: bool
    """True if its root was given, or introduced by one that was; else it is the stick's own."""
    age: str
    """Against the box: newer, same, older; empty if that was not asked or is not known."""
    editions: tuple[Edition, ...]


@dataclass(frozen=True, slots=True)
class ForBox:
    """What the stick is worth to one box."""

    name: str
    files: int
    """Resources here that it asks for and does not hold."""
    bytes: int
    missing: int
    """Resources it asks for that are neither here nor known to be there."""
    missing_bytes: int
    certain: bool


@dataclass(slots=True)
class Checked:
    """What a check found."""

    place: str
    note: Note | None = None
    complete: bool = False
    publishers: tuple[Signer, ...] = ()
    box: ForBox | None = None
    files: int = 0
    bytes: int = 0
    """Proved ones."""
    failing: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """True if nothing is wrong and nothing lacks."""
        return not (self.failing or self.refused or self.bad or self.lacking)

    @property
    def exit_code(self) -> int:
        """Of the worst that was found."""
        found = (
            (self.failing, MediumFailing),
            (self.refused, TrustRefused),
            (self.bad, InputRefused),
        )
        for lines, error in found:
            if lines:
                return error.exit_code
        return 0 if self.complete else 9
