"""Between query and ranking: which documents cover what is asked, and how well. Pure.

BM25F by units: a unit is one thing asked for (a pair of characters, a word) and the fields it may
stand in. Documents are found by the rarest units; common ones only add to what is found.
"""

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

SATURATION = 1.2
"""BM25's k1: how soon repetition stops counting."""

WEIGHTS = {"title": 3.0, "about": 1.2, "body": 1.0, "pinyin": 3.0, "initials": 3.0, "start": 3.0}
"""How much a hit in a field counts."""

LENGTH_MATTERS = {"title": 0.6, "body": 0.75}
"""BM25's b by field: how much a long text takes from each hit in it."""


class Postings(Protocol):
    """Where a token stands."""

    @property
    def documents(self) -> "array[int]":
        """Numbers going up."""
        ...

    @property
    def counts(self) -> Sequence[int]:
        """How often in each."""
        ...


class Source(Protocol):
    """An index."""

    @property
    def size(self) -> int:
        """Number of documents."""
        ...

    def frequency(self, field: str, token: str) -> int:
        """In how many documents the token stands."""
        ...

    def postings(self, field: str, token: str) -> Postings:
        """Where it stands."""
        ...


class Term(NamedTuple):
    """A token in a field."""

    field: str
    token: str


Unit = tuple[Term, ...]
"""One thing asked for: any of these terms."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """Matches over one index."""

    source: Source
    norms: Mapping[str, "array[float]"]
    """Of each field where length matters: the length of every document over the average."""

    def cover(self, units: Sequence[Unit], need: int) -> dict[int, float]:
        """Scores of the documents that have at least ``need`` (from 1) of the units."""
        if not units:
            return {}
        rarest_first = sorted(units, key=self._frequency)
        newcomers = len(units) - need + 1
        scores: dict[int, float] = {}
        hits: dict[int, int] = {}
        for place, unit in enumerate(rarest_first):
            for document, score in self._unit(unit, None if place < newcomers else scores):
                scores[document] = scores.get(document, 0.0) + score
                hits[document] = hits.get(document, 0) + 1
        return {
            document: scores[document] * (had / len(units)) ** 2
            for document, had in hits.items()
            if had >= need
        }

    def _frequency(self, unit: Unit) -> int:
        return sum(self.source.frequency(*term) for term in unit)

    def _unit(self, unit: Unit, among: Mapping[int, float] | None) -> Iterator[tuple[int, float]]:
        """Each document once, with what all fields give together."""
        if len(unit) == 1:
            yield from self._term(unit[0], among)
            return
        found: dict[int, float] = {}
        for term in unit:
            for document, score in self._term(term, among):
                found[document] = found.get(document, 0.0) + score
        yield from found.items()

    def _term(self, term: Term, among: Mapping[int, float] | None) -> Iterator[tuple[int, float]]:
        postings = self.source.postings(*term)
        frequency = len(postings.documents)
        if not frequency:
            return
        rarity = math.log(1 + (self.source.size - frequency + 0.5) / (frequency + 0.5))
        full = WEIGHTS[term.field] * rarity * (SATURATION + 1)
        norm = self.norms.get(term.field)
        for document, count in _among(postings, among):
            length = 1.0 if norm is None else norm[document]
            yield document, full * count / (count + SATURATION * length)


def _among(postings: Postings, among: Mapping[int, float] | None) -> Iterator[tuple[int, int]]:
    """All postings, or those of some documents: by looking up, where these are few."""
    documents, counts = postings.documents, postings.counts
    if among is None:
        yield from zip(documents, counts, strict=True)
    elif len(among) * 16 > len(documents):
        for document, count in zip(documents, counts, strict=True):
            if document in among:
                yield document, count
    else:
        for document in list(among):
            place = bisect_left(documents, document)
            if place < len(documents) and documents[place] == document:
                yield document, counts[place]


def norms(lengths: Sequence[int], matters: float) -> "array[float]":
    """How far each text is from the average length, as BM25 takes it into account."""
    average = max(1.0, sum(lengths) / max(1, len(lengths)))
    return array("f", (1 - matters + matters * length / average for length in lengths))
