"""The plan: what comes from where, decided before anything is fetched or written. Pure.

``pieces`` says what a plan is, ``make`` makes it: from update packs (``updates``) where the box
holds what they build on, from chunk packs (``chunks``) everywhere else. ``route`` chooses among
update packs, ``schedule`` says what can be put together when.
"""

from sync.plan.draft import MAX_GAP
from sync.plan.make import make_plan
from sync.plan.pieces import (
    Assembly,
    FromGroup,
    FromSeed,
    FromSteps,
    Have,
    Piece,
    Plan,
    PlannedGroup,
    Range,
    Remade,
    Share,
    Step,
    Unplanned,
    Wanted,
)
from sync.plan.schedule import Schedule

__all__ = [
    "MAX_GAP",
    "Assembly",
    "FromGroup",
    "FromSeed",
    "FromSteps",
    "Have",
    "Piece",
    "Plan",
    "PlannedGroup",
    "Range",
    "Remade",
    "Schedule",
    "Share",
    "Step",
    "Unplanned",
    "Wanted",
    "make_plan",
]
