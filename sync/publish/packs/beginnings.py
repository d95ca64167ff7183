"""New boxes: what their way to an edition costs, and whether a pack from nothing is worth its work.

A new box takes the last pack from nothing and the update packs since, and pays for what these
replaced. How much that is, is reckoned: its way is planned as a box would plan it, and held against
what the edition would take afresh, which its chunk packs tell (they grow and shrink alike).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sync.digest import Digest
from sync.directory import CollectionEntry, table_name, update_name
from sync.feed import Resource, plain_bytes
from sync.pack import Table, decode_table
from sync.plan import Have, Step, Wanted, make_plan
from sync.plan.route import NOTHING, Leg, cheapest, direct
from sync.publish.packs.cut import needs
from sync.publish.workspace import Shelf
from sync.recipe import ChunkId, Recipe
from sync.updates.head import Base, Head, decode_head
from sync.updates.routes import Routes


@dataclass(frozen=True, slots=True)
class Renewal:
    """When a pack from nothing is cut again. Shares are of what the edition would take afresh."""

    waste: float = 0.02
    """What a new box may fetch in vain without anything being done about it."""
    most: float = 0.05
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


def new_box(
    entry: CollectionEntry, tables: Sequence[Table], routes: Routes, shelf: Shelf
) -> NewBox | None:
    """The way to ``entry`` through the update packs kept; None if none leads there.

    ``tables``: all of the entry's. Raises FormatError if a file of the way is missing or broken.
    """
    legs = direct(entry, NOTHING) or cheapest(entry, routes, NOTHING)
    if not legs:
        return None
    steps = _steps(legs, shelf)
    first, last = steps[0], steps[-1]
    plan = make_plan([Wanted(entry, last.head.feed, steps=steps)], Have())
    fetched = plan.bytes_to_fetch + sum(step.head.size for step in steps)
    before = _tables(first.entry, shelf)
    cost = first.head.size + sum(
        {one.group.digest: one.group.stored for one in first.head.groups}.values()
    )
    then, now = stored(before, first.head.feed.resources), stored(tables, last.head.feed.resources)
    afresh = cost * now / max(then, 1)
    return NewBox(first.entry.edition, first.head, shelf.find(first.name), fetched, afresh)


def _steps(legs: Iterable[Leg], shelf: Shelf) -> tuple[Step, ...]:
    found: list[Step] = []
    base = Base()
    for leg in legs:
        name = update_name(leg.update.pack)
        head = _head(name, leg, base, shelf)
        base = Base(plain_bytes(head.feed), head.feed)
        found.append(Step(name, leg.entry, head))
    return tuple(found)


def _head(name: str, leg: Leg, base: Base, shelf: Shelf) -> Head:
    with shelf.find(name).open("rb") as file:
        return decode_head(file.read(leg.update.head.size), base, leg.entry)


def _tables(entry: CollectionEntry, shelf: Shelf) -> tuple[Table, ...]:
    return tuple(decode_table(shelf.read(table_name(ref.table), ref.table)) for ref in entry.packs)


def stored(tables: Iterable[Table], resources: Iterable[Resource]) -> float:
    """Bytes that ``resources`` take in chunk packs, each chunk its share of its group."""
    shares: dict[ChunkId, float] = {}
    recipes: dict[Digest, Recipe] = {}
    for table in tables:
        recipes |= {recipe.resource: recipe for recipe in table.recipes}
        for chunk, group, _ in table.places():
            shares.setdefault(chunk.id, chunk.length * group.stored / group.plain)
    chunks = set[ChunkId]().union(*(needs(one, recipes) for one in resources))
    return sum(shares.get(one, 0) for one in sorted(chunks))
