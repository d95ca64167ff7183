"""The catalogue becomes a search index: built beside, sealed, and read posting by posting.

Whoosh keeps the segments, their commits and deletions; a new index starts as hard links to the
previous one's segments, which Whoosh never changes in place, so unchanged lessons cost nothing.
"""

from array import array
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from whoosh import index as whoosh_index
from whoosh.reading import SegmentReader

from catalog.search.analysis import (
    COLLECTION,
    LESSON,
    NOWHERE,
    FlatMatcher,
    Postings,
    document,
    schema,
    writer,
)
from catalog.search.seal import FORMAT, check_seal, link_files, new_folder, write_seal
from catalog.search.texts import texts_of
from catalog.tables.browse import Catalogue, open_catalogue
from catalog.tables.views import LessonText
from catalog.text import fold
from sync.files import sync_tree

WRITER_MEMORY = 32
"""MiB of postings sorted at once while an index is written."""

PART = 3_000_000
"""Characters of text from which on a new segment begins."""

SMALL_SEGMENT = 2000
"""Documents; segments below are merged once there are ``MANY_SEGMENTS`` of them."""
MANY_SEGMENTS = 6

CACHED_POSTINGS = 1_000_000
"""Decoded postings kept, 8 bytes each."""


def build_index(
    catalogue_path: Path, previous: Path | None, target: Path, changed: Sequence[str]
) -> None:
    """Build the index of a catalogue in the new folder ``target``, from ``previous`` where it fits.

    ``changed`` collections are written anew, and so is every other one whose rows are not those
    ``previous`` was made from. A ``previous`` that is damaged or of another format is passed over.
    Raises CatalogueError, NoRoom, MediumFailing; then ``target`` is gone.
    """
    catalogue = open_catalogue(catalogue_path)
    try:
        with new_folder(target):
            _build(catalogue, previous, target, changed)
            sync_tree(target)
            write_seal(target, catalogue.revisions(), FORMAT)
    finally:
        catalogue.close()


def _build(
    catalogue: Catalogue, previous: Path | None, target: Path, changed: Sequence[str]
) -> None:
    held = {} if previous is None else link_files(previous, target)
    here = catalogue.revisions()
    fits = {code for code in held if here.get(code) == held[code]} - set(changed)
    if not fits:
        _remove_files(target)
        held = {}
        whoosh_index.create_in(str(target), schema())
    if set(here) == fits == set(held):
        return
    _write(target, catalogue, gone=sorted(set(held) - fits), new=sorted(set(here) - fits))


def _remove_files(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _write(target: Path, catalogue: Catalogue, *, gone: Sequence[str], new: Sequence[str]) -> None:
    opened = whoosh_index.open_dir(str(target))
    for part in _parts(texts_of(catalogue, new)):
        _commit(opened, gone, part)
        gone = ()
    if gone:
        _commit(opened, gone, ())
    opened.close()
    for lock in target.glob("*LOCK"):
        lock.unlink()


def _commit(opened: Any, gone: Sequence[str], part: Iterable[LessonText]) -> None:
    changes = writer(opened, memory=WRITER_MEMORY)
    for collection in gone:
        changes.delete_by_term(COLLECTION, collection)
    for text in part:
        changes.add_document(**document(text, fold))
    changes.commit(mergetype=_merge_small)


def _parts(texts: Iterable[LessonText]) -> Iterator[list[LessonText]]:
    """Texts for one segment each: Whoosh keeps all terms of a segment in memory to write it."""
    part: list[LessonText] = []
    characters = 0
    for text in texts:
        part.append(text)
        characters += len(text.title) + len(text.about) + len(text.body)
        if characters > PART:
            yield part
            part, characters = [], 0
    if part:
        yield part


def _merge_small(into: Any, segments: Sequence[Any]) -> list[Any]:
    """Whoosh's merge policy: empty segments go, many small ones become one."""
    alive = [segment for segment in segments if segment.doc_count()]
    small = [segment for segment in alive if segment.doc_count() < SMALL_SEGMENT]
    if len(small) < MANY_SEGMENTS:
        return alive
    for segment in small:
        reader = SegmentReader(into.storage, into.schema, segment)
        into.add_reader(reader)
        reader.close()
    return [segment for segment in alive if segment not in small]


class Index:
    """An open index. Documents are numbered from 0 over all segments."""

    def __init__(self, folder: Path) -> None:
        """Open a whole index; raises IndexDamaged."""
        self.collections = check_seal(folder, FORMAT).collections
        self._index = whoosh_index.open_dir(str(folder), readonly=True)
        self._reader = self._index.reader()
        leaves: list[tuple[Any, int]] = self._reader.leaf_readers()
        self._leaves = [(leaf, base) for leaf, base in leaves if leaf.doc_count_all()]
        self.lessons = self._lessons()
        self._cache: OrderedDict[tuple[str, str], Postings] = OrderedDict()
        self.cached = 0
        """Decoded postings in memory."""

    @property
    def size(self) -> int:
        """Number of documents, the deleted ones too."""
        return len(self.lessons)

    def close(self) -> None:
        """Let go of the files."""
        self._reader.close()
        self._index.close()

    def frequency(self, field: str, token: str) -> int:
        """In how many documents a token stands, the deleted ones too."""
        text = token.encode()
        return sum(leaf.doc_frequency(field, text) for leaf, _ in self._leaves)

    def postings(self, field: str, token: str) -> Postings:
        """Where a token stands, in the order of documents."""
        key = (field, token)
        found = self._cache.get(key)
        if found is None:
            found = self._read(field, token.encode())
            self._keep(key, found)
        else:
            self._cache.move_to_end(key)
        return found

    def like(self, field: str, word: str) -> tuple[str, ...]:
        """Words of a field one slip away: a letter more, less or other (but the first), or two
        neighbours exchanged."""
        found = {
            near for leaf, _ in self._leaves for near in leaf.terms_within(field, word, 1, prefix=1)
        }
        exchanged = (
            f"{word[:at]}{word[at + 1]}{word[at]}{word[at + 2 :]}" for at in range(len(word) - 1)
        )
        found.update(near for near in exchanged if self.frequency(field, near))
        return tuple(sorted(found - {word}))

    def _lessons(self) -> "array[int]":
        """The catalogue's row number of every document; 0 where the document is deleted."""
        numbers = array("I")
        for leaf, base in self._leaves:
            numbers.extend(leaf.column_reader(LESSON).load())
            if leaf.has_deletions():
                for document_number in range(leaf.doc_count_all()):
                    if leaf.is_deleted(document_number):
                        numbers[base + document_number] = 0
        return numbers

    def _read(self, field: str, token: bytes) -> Postings:
        found = [
            (_flat(leaf.postings(field, token)), base)
            for leaf, base in self._leaves
            if (field, token) in leaf
        ]
        if len(found) == 1 and found[0][1] == 0:
            return found[0][0]
        documents, counts = array("I"), bytearray()
        for postings, base in found:
            documents.extend(number + base for number in postings.documents)
            counts += postings.counts
        return Postings(documents, bytes(counts)) if documents else NOWHERE

    def _keep(self, key: tuple[str, str], postings: Postings) -> None:
        self._cache[key] = postings
        self.cached += len(postings.documents)
        while self.cached > CACHED_POSTINGS and len(self._cache) > 1:
            _, oldest = self._cache.popitem(last=False)
            self.cached -= len(oldest.documents)


def _flat(matcher: Any) -> Postings:
    """What the codec read, without Whoosh's filter of deleted documents: their lesson is 0."""
    while not isinstance(matcher, FlatMatcher):
        matcher = matcher.child
    return matcher.postings
