"""Is this slot's system sound? Decided from what was seen after the start. Pure.

A slot is confirmed only when lessons are served, and given up at once where the other is good: a
school must not wait for three power cuts. Data that cannot be read is rarely the slot's fault:
only a version that never served on this box is suspected, once; a proven one keeps its tries.
"""

from dataclasses import dataclass, fields
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Signs:
    """What was seen, each true if sound."""

    data: bool
    """The data partition is mounted, and the box's settings on it can be read."""
    pages: bool = False
    """The first page is served; without lessons, its answer says so."""
    index: bool = False
    """A search is answered."""
    update: bool = False
    """The update process answers on its socket."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of what is not sound; of the rest nothing can be said without data."""
        if not self.data:
            return ("data",)
        return tuple(each.name for each in fields(self) if not getattr(self, each.name))


class Verdict(StrEnum):
    """What is done with the booted slot."""

    CONFIRM = "confirm"
    GIVE_UP = "give up"
    """Mark it bad and start the other one."""
    UNCOUNT = "uncount"
    """Not the slot's doing: this start counts as none."""
    REMAIN = "remain"
    """Not sound, and no better place to go: GRUB goes on counting."""


def decide(signs: Signs, *, proven: bool, other_good: bool) -> Verdict:
    """``proven``: this version was confirmed here before; ``other_good``: GRUB would start it."""
    if not signs.missing:
        return Verdict.CONFIRM
    if not signs.data:
        return Verdict.GIVE_UP if other_good and not proven else Verdict.UNCOUNT
    return Verdict.GIVE_UP if other_good else Verdict.REMAIN
