"""What somebody typed becomes a page of lessons: understand, match, rank, count, mark.

The exact pass wants every unit of the topic; only where it finds little, a second pass looks for
documents that have most of them, that sound the same, or whose title shares nearly all characters.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from catalog.errors import IndexDamaged
from catalog.pinyin import INITIALS, split_pinyin, syllable_units, syllables
from catalog.search.index import Index
from catalog.search.matching import LENGTH_MATTERS, Matcher, Term, Unit, norms
from catalog.search.query import Asked, Understood, Vocabulary
from catalog.search.ranking import closeness
from catalog.search.snippet import Snippet, snippet
from catalog.search.texts import measures, numbers_with_title, texts, titles_starting
from catalog.suggest import typed_key
from catalog.tables.browse import Catalogue
from catalog.tables.shelves import Choice, Selection
from catalog.tables.views import LessonCard
from catalog.text import han

RANKED = 50
"""How many of the best matches are compared with the texts themselves."""

ENOUGH = 3
"""Exact matches from which on nobody looks for inexact ones."""

LOOSE = 0.4
"""What inexact matches are worth beside exact ones."""

_TEXT_FIELDS = ("title", "about", "body")
_SHORT_FIELDS = ("title", "about")
_LONGEST_START = 8
_SHORTEST_MISSPELT = 4
_MANY_CHARACTERS = 12

Scores = dict[int, float]


@dataclass(frozen=True, slots=True)
class Hit:
    """A lesson found."""

    card: LessonCard
    snippet: Snippet
    """What matched, in pieces: (text, whether it matched)."""


@dataclass(frozen=True, slots=True)
class Results:
    """A page of what was found."""

    total: int
    hits: tuple[Hit, ...]
    facets: dict[str, tuple[Choice, ...]]
    """As ``Catalogue.choices``, of the lessons found."""
    understood: Selection
    """What was read out of the query and applied."""
    fallback: bool = False
    """Titles were searched, because there is no whole index."""


def open_searcher(index: Path, catalogue: Catalogue) -> "Searcher":
    """The searcher over an index of this catalogue.

    Raises IndexDamaged if the index is not whole or was made from another catalogue; then
    ``FallbackSearcher(catalogue)`` searches titles until it is rebuilt.
    """
    opened = Index(index)
    if opened.collections != catalogue.revisions():
        opened.close()
        raise IndexDamaged(
            f"search index {index}: it was made from another catalogue",
            hint="it is rebuilt from the catalogue; until then titles are searched",
        )
    return Searcher(opened, catalogue)


class Searcher:
    """Finds lessons. Any text may be asked for; one thread at a time."""

    def __init__(self, index: Index, catalogue: Catalogue) -> None:
        self._index = index
        self._catalogue = catalogue
        self._vocabulary = Vocabulary(catalogue.shelves.codes())
        measured = measures(catalogue)
        lessons = index.lessons
        self._lessons = lessons
        self._shelves = array("I", (measured.shelf[lesson] for lesson in lessons))
        lengths = {
            "title": [measured.title[lesson] for lesson in lessons],
            "body": [measured.body[lesson] for lesson in lessons],
        }
        self._matcher = Matcher(
            index, {name: norms(lengths[name], LENGTH_MATTERS[name]) for name in lengths}
        )

    def close(self) -> None:
        """Let go of the index; the catalogue stays open."""
        self._index.close()

    def search(
        self, query: str, *, selection: Selection, offset: int = 0, limit: int = 20
    ) -> Results:
        """The lessons that fit, best first; with an empty query those of the selection."""
        understood = self._vocabulary.understand(query)
        scores = self._scores(understood, selection)
        applied = self._applied(scores, selection, understood.selection)
        chosen = selection.joined(applied)
        found = self._in(scores, chosen)
        asked = understood.topic if applied.chosen() else understood.whole
        page = self._ranked(found, scores, asked)[offset : offset + limit]
        return Results(
            total=len(found),
            hits=_hits(self._catalogue, page, asked),
            facets=self._facets(scores, chosen),
            understood=applied,
        )

    def suggest(self, prefix: str, *, limit: int = 8) -> tuple[str, ...]:
        """Titles that go on from what is typed: as written, in pinyin, by initials."""
        return titles_starting(self._catalogue, typed_key(prefix), limit=limit)

    # what is found

    def _scores(self, understood: Understood, selection: Selection) -> Scores:
        """Documents that fit the topic, whether or not they lie in the selection."""
        if not understood.whole.units:
            everything = selection.chosen() and not understood.whole.folded.strip()
            return dict.fromkeys(range(self._index.size), 0.0) if everything else {}
        if not understood.selection.chosen():
            return self._match(understood.whole, selection)
        wanted = selection.joined(understood.selection)
        if not understood.topic.units:
            scores = dict.fromkeys(self._in(range(self._index.size), wanted), 0.0)
        else:
            scores = self._match(understood.topic, wanted)
        # The name of a subject may just as well be part of a title.
        return _joined(scores, self._exact(understood.whole))

    def _applied(self, scores: Scores, selection: Selection, read: Selection) -> Selection:
        """What was read out of the query, if anything lies there."""
        return read if self._in(scores, selection.joined(read)) else Selection()

    def _match(self, asked: Asked, selection: Selection) -> Scores:
        scores = _joined(self._exact(asked), self._spelt(asked))
        if len(self._in(scores, selection)) < ENOUGH:
            scores = _joined(scores, self._inexact(asked))
        return scores

    def _exact(self, asked: Asked) -> Scores:
        """Documents with every unit."""
        units = [self._unit(token) for token in asked.units]
        scores = self._matcher.cover(units, len(units))
        for token in (asked.compact[:_LONGEST_START], f"={asked.compact}"):
            for document, more in self._matcher.cover([(Term("start", token),)], 1).items():
                if document in scores:
                    scores[document] += more
        return scores

    def _unit(self, token: str) -> Unit:
        """A token in the fields it may stand in; a word nobody has written, in its likes."""
        if len(token) == 1 and han(token):
            return tuple(Term(field, token) for field in _SHORT_FIELDS)
        unit = tuple(Term(field, token) for field in _TEXT_FIELDS)
        if len(token) < _SHORTEST_MISSPELT or han(token):
            return unit
        if any(self._index.frequency(*term) for term in unit):
            return unit
        likes = ((field, like) for field in _TEXT_FIELDS for like in self._index.like(field, token))
        return tuple(Term(field, like) for field, like in likes if not han(like)) or unit

    def _spelt(self, asked: Asked) -> Scores:
        """Documents whose title is pronounced so, or has these initials."""
        if not asked.letters:
            return {}
        scores: Scores = {}
        for way in split_pinyin(asked.letters):
            units = [(Term("pinyin", pair),) for pair in syllable_units(way)]
            scores = _joined(scores, self._matcher.cover(units, len(units)))
        initials = asked.letters[: INITIALS[-1]]
        return _joined(scores, self._matcher.cover([(Term("initials", initials),)], 1))

    def _inexact(self, asked: Asked) -> Scores:
        """Documents that begin so, have half the units, or nearly all sounds or characters."""
        units = [self._unit(token) for token in asked.units]
        start = (Term("start", asked.compact[:_LONGEST_START]),)
        passes = [self._matcher.cover([start], 1)]
        if len(units) > 1:
            passes.append(self._matcher.cover(units, max(1, len(units) // 2)))
        characters = tuple(dict.fromkeys(han(asked.folded)))
        if len(characters) > 1:
            sounds = [(Term("pinyin", pair),) for pair in syllable_units(syllables(asked.folded))]
            passes.append(self._matcher.cover(sounds, max(1, len(sounds) - 2)))
        if 2 < len(characters) <= _MANY_CHARACTERS:
            shapes = [(Term("title", character),) for character in characters]
            passes.append(self._matcher.cover(shapes, len(shapes) - 1))
        scores: Scores = {}
        for found in passes:
            scores = _joined(scores, {d: LOOSE * score for d, score in found.items()})
        return scores

    # what is shown

    def _in(self, documents: Iterable[int], selection: Selection) -> list[int]:
        """Those of the documents that lie in a selection; deleted ones never do."""
        matching = self._catalogue.shelves.matching(selection)
        return [document for document in documents if self._shelves[document] in matching]

    def _ranked(self, found: Sequence[int], scores: Scores, asked: Asked) -> list[int]:
        """Row numbers of lessons, best first: by score, the best few by their texts."""
        in_order = sorted(found, key=lambda document: (-scores[document], self._lessons[document]))
        numbers = [self._lessons[document] for document in in_order]
        if not asked.units or not numbers:
            return numbers
        best = scores[in_order[0]] or 1.0
        read = texts(self._catalogue, numbers[:RANKED])
        close = {
            self._lessons[document]: closeness(asked, read[self._lessons[document]])
            + scores[document] / best
            for document in in_order[:RANKED]
        }
        return sorted(close, key=lambda number: -close[number]) + numbers[RANKED:]

    def _facets(self, scores: Iterable[int], chosen: Selection) -> dict[str, tuple[Choice, ...]]:
        counts = Counter(self._shelves[document] for document in scores)
        return self._catalogue.shelves.choices(chosen, counts)


class FallbackSearcher:
    """Finds titles, in the catalogue itself, until there is a whole index again."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._vocabulary = Vocabulary(catalogue.shelves.codes())

    def close(self) -> None:
        """Nothing: the catalogue stays open."""

    def search(
        self, query: str, *, selection: Selection, offset: int = 0, limit: int = 20
    ) -> Results:
        """Lessons whose titles have all the words, shortest first."""
        understood = self._vocabulary.understand(query)
        applied, asked = understood.selection, understood.topic
        found = self._found(asked, selection.joined(applied))
        numbers = self._in(found, selection.joined(applied))
        if not numbers:
            applied, asked = Selection(), understood.whole
            found = self._found(asked, selection)
            numbers = self._in(found, selection)
        chosen = selection.joined(applied)
        counts = Counter(shelf for _, shelf in found)
        return Results(
            total=len(numbers),
            hits=_hits(self._catalogue, numbers[offset : offset + limit], asked),
            facets=self._catalogue.shelves.choices(chosen, counts),
            understood=applied,
            fallback=True,
        )

    def _found(self, asked: Asked, chosen: Selection) -> list[tuple[int, int]]:
        if asked.chunks or (chosen.chosen() and not asked.folded.strip()):
            return numbers_with_title(self._catalogue, asked.chunks)
        return []

    def _in(self, found: Sequence[tuple[int, int]], chosen: Selection) -> list[int]:
        matching = self._catalogue.shelves.matching(chosen)
        return [number for number, shelf in found if shelf in matching]

    def suggest(self, prefix: str, *, limit: int = 8) -> tuple[str, ...]:
        """As the searcher does: suggestions come from the catalogue."""
        return titles_starting(self._catalogue, typed_key(prefix), limit=limit)


def _hits(catalogue: Catalogue, numbers: Sequence[int], asked: Asked) -> tuple[Hit, ...]:
    read = texts(catalogue, numbers)
    cards = catalogue.numbered_cards(numbers)
    return tuple(
        Hit(card, snippet(asked, read[number])) for number, card in zip(numbers, cards, strict=True)
    )


def _joined(one: Scores, other: Mapping[int, float]) -> Scores:
    for document, score in other.items():
        one[document] = one.get(document, 0.0) + score
    return one
