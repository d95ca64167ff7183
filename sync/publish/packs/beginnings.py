"""New boxes: what their way to an edition costs, and whether a pack from nothing is worth its work.

A new box takes the last pack from nothing and the update packs since, and pays for what these
replaced. How much that is, is reckoned: its way is planned as a box would plan it, and what of it
is fetched in vain is told by the packs' heads.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sync.directory import CollectionEntry, update_name
from sync.feed import plain_bytes
from sync.plan import Have, Step, Wanted, make_plan
from sync.plan.route import NOTHING, Leg, cheapest, direct
from sync.publish.packs.vain import fetched
from sync.publish.workspace import Shelf
from sync.updates.head import Base, Head, decode_head
from sync.updates.routes import Routes


@dataclass(frozen=True, slots=True)
class Renewal:
    """When a pack from nothing is cut again. Shares are of what the edition would take afresh."""

    waste: float = 0.02
    """What a new box may fetch in vain without anything being done about it."""
    most: float = 0.08
    """What it never fetches in vain, whatever the work."""
    work: float = 1.25
    """Between the two, bytes are compressed again only when so many times as many came as new
    files since the last time: so the work stays in proportion to the changes."""


@dataclass(frozen=True, slots=True)
class NewBox:
    """The way of a new box to an edition."""

    edition: int
    """Whose pack from nothing it begins with."""
    first: Head
    """Of that pack."""
    path: Path
    """Where that pack is."""
    fetched: int
    """Bytes: heads, groups, what lies between them."""
    afresh: float
    """Bytes it would take if a pack from nothing were cut now, as far as can be told."""

    @property
    def wasted(self) -> float:
        """Share of ``afresh`` that it fetches beyond."""
        return (self.fetched - self.afresh) / max(self.afresh, 1)


def new_box(entry: CollectionEntry, routes: Routes, shelf: Shelf) -> NewBox | None:
    """The way to ``entry`` through the update packs kept; None if none leads there.

    Raises FormatError if a file of the way is missing or broken.
    """
    legs = direct(entry, NOTHING) or cheapest(entry, routes, NOTHING)
    if not legs:
        return None
    steps = steps_of(legs, Base(), shelf)
    first, last = steps[0], steps[-1]
    plan = make_plan([Wanted(entry, last.head.feed, steps=steps)], Have())
    cost = plan.bytes_to_fetch + sum(step.head.size for step in steps)
    _, vain = fetched([step.head for step in steps])
    return NewBox(first.entry.edition, first.head, shelf.find(first.name), cost, cost - vain)


def steps_of(legs: Iterable[Leg], base: Base, shelf: Shelf) -> tuple[Step, ...]:
    """The packs of a way with their heads; raises FormatError if one is missing or broken."""
    found: list[Step] = []
    for leg in legs:
        name = update_name(leg.update.pack)
        head = _head(name, leg, base, shelf)
        base = Base(plain_bytes(head.feed), head.feed)
        found.append(Step(name, leg.entry, head))
    return tuple(found)


def _head(name: str, leg: Leg, base: Base, shelf: Shelf) -> Head:
    with shelf.find(name).open("rb") as file:
        return decode_head(file.read(leg.update.head.size), base, leg.entry)
