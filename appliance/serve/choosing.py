"""From what somebody chose to the rows to choose from, each within what stands above. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from catalog.tables.shelves import DIMENSIONS, Choice, Selection

Offer = Callable[[Selection], Mapping[str, Sequence[Choice]]]


@dataclass(frozen=True, slots=True)
class Option:
    """One thing to choose, and the whole selection that choosing it leads to."""

    code: str
    count: int
    selection: Selection


@dataclass(frozen=True, slots=True)
class Row:
    """One dimension: what is offered, what is chosen."""

    name: str
    code: str
    options: tuple[Option, ...]
    cleared: Selection
    """The selection without this dimension."""


def settle(wanted: Selection, offer: Offer) -> tuple[Selection, tuple[Row, ...]]:
    """The part of ``wanted`` that can be had, and a row per dimension with something to choose.

    A row offers what there is given the rows above it, not below: whoever teaches grade 1 music
    and taps grade 2 wants grade 2 music. What the tap makes impossible is dropped.
    """
    settled = Selection()
    offered = {}
    for name in DIMENSIONS:
        offered[name] = offer(settled)[name]
        code = getattr(wanted, name)
        if any(choice.code == code for choice in offered[name]):
            settled = replace(settled, **{name: code})
    rows = [_row(name, offered[name], settled) for name in DIMENSIONS]
    return settled, tuple(row for row in rows if len(row.options) > 1 or row.code)


def facets(selection: Selection, counted: Mapping[str, Sequence[Choice]]) -> tuple[Row, ...]:
    """Rows of a search: a chosen code taps away, others narrow down."""
    rows = [_row(name, counted.get(name, ()), selection) for name in DIMENSIONS]
    toggled = (
        replace(
            row,
            options=tuple(
                replace(option, selection=row.cleared) if option.code == row.code else option
                for option in row.options
            ),
        )
        for row in rows
    )
    return tuple(row for row in toggled if len(row.options) > 1 or row.code)


def _row(name: str, choices: Sequence[Choice], selection: Selection) -> Row:
    return Row(
        name=name,
        code=getattr(selection, name),
        options=tuple(
            Option(choice.code, choice.lessons, replace(selection, **{name: choice.code}))
            for choice in choices
        ),
        cleared=replace(selection, **{name: ""}),
    )
