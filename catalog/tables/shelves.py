"""Between tables and choices: counting lessons by stage, grade, subject, press and book. Pure.

Lessons that stand at the same places share a shelf. There are few shelves, so every count a page
or a search shows comes from them, exactly, also for lessons with several grades or textbooks.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from catalog import codes
from catalog.tables.arrange import Place

DIMENSIONS = Place._fields
"""stage, grade, subject, press, book: in the order people choose."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What somebody chose, by codes; empty means any."""

    stage: str = ""
    grade: str = ""
    subject: str = ""
    press: str = ""
    book: str = ""

    def chosen(self) -> dict[str, str]:
        """Only what is chosen, by dimension."""
        values = ((dim, getattr(self, dim)) for dim in DIMENSIONS)
        return {dim: code for dim, code in values if code}

    def joined(self, other: "Selection") -> "Selection":
        """This one, and where it leaves a dimension open, the other."""
        return replace(other, **self.chosen())


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to choose, and how many lessons that leaves."""

    code: str
    name: str
    """In Chinese, as the code list has it; a code nobody knows stands for itself."""
    lessons: int


@dataclass(frozen=True, slots=True)
class Shelf:
    """The lessons that stand at exactly these places."""

    number: int
    lessons: int
    places: tuple[Place, ...]


def fits(place: Place, chosen: Mapping[str, str]) -> bool:
    """Whether a place lies in a selection."""
    return all(getattr(place, dim) == code for dim, code in chosen.items())


class Shelves:
    """All shelves of a catalogue."""

    def __init__(self, shelves: Iterable[Shelf]) -> None:
        self._shelves = {shelf.number: shelf for shelf in shelves}

    def matching(self, selection: Selection) -> frozenset[int]:
        """Numbers of the shelves with a place in the selection."""
        chosen = selection.chosen()
        return frozenset(
            shelf.number
            for shelf in self._shelves.values()
            if not chosen or any(fits(place, chosen) for place in shelf.places)
        )

    def codes(self) -> dict[str, frozenset[str]]:
        """Every code that occurs, by dimension."""
        places = [place for shelf in self._shelves.values() for place in shelf.places]
        return {
            dim: frozenset(getattr(place, dim) for place in places) - {""} for dim in DIMENSIONS
        }

    def choices(
        self, selection: Selection, counts: Mapping[int, int] | None = None
    ) -> dict[str, tuple[Choice, ...]]:
        """What can be chosen in each dimension, given the choices in the others.

        ``counts``: lessons by shelf, where not all of them are meant (hits of a search).
        """
        if counts is None:
            counts = {number: shelf.lessons for number, shelf in self._shelves.items()}
        return {dim: self._choices(dim, selection, counts) for dim in DIMENSIONS}

    def _choices(
        self, dim: str, selection: Selection, counts: Mapping[int, int]
    ) -> tuple[Choice, ...]:
        others = {name: code for name, code in selection.chosen().items() if name != dim}
        lessons: dict[str, int] = {}
        for number in counts.keys() & self._shelves.keys():
            places = self._shelves[number].places
            for code in {getattr(place, dim) for place in places if fits(place, others)} - {""}:
                lessons[code] = lessons.get(code, 0) + counts[number]
        return tuple(
            Choice(code, codes.name(dim, code), lessons[code])
            for code in sorted(lessons, key=lambda code: code_order(dim, code))
        )


def code_order(dim: str, code: str) -> tuple[int, str]:
    """Sorting key: the order of the code list, codes nobody knows behind."""
    known = codes.tag(dim, code)
    return (len(codes.tags(dim)), code) if known is None else (known.order, code)
