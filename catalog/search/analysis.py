"""How a lesson's texts become postings: the schema, and the codec that stores them flat.

Every field counts how often a token stands in a document, and nothing else: lengths and texts are
in the catalogue. The classes go through Whoosh's extension points (field types, codecs), and it
pickles them by name into each index: renaming one means a new ``FORMAT`` (``seal``).
"""

import marshal
import sys
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO

from whoosh import columns, fields, formats
from whoosh.codec.base import PostingsWriter
from whoosh.codec.whoosh3 import W3Codec, W3FieldWriter
from whoosh.matching import ListMatcher
from whoosh.writing import PostingPool, SegmentWriter

from catalog.pinyin import initial_tokens, syllable_tokens
from catalog.tables.views import LessonText
from catalog.text import Singles, index_tokens, names

START = range(1, 9)
"""Lengths of the beginnings of names that are tokens of their own."""

COLLECTION = "collection"
LESSON = "lesson"


def title_tokens(folded: str) -> Iterable[str]:
    """Pairs and single characters, words."""
    return index_tokens(folded)


def body_tokens(folded: str) -> Iterable[str]:
    """Pairs and words: single characters of long texts stand nearly everywhere."""
    return index_tokens(folded, Singles.DROP)


def start_tokens(folded: str) -> Iterable[str]:
    """How a title or the name in it begins, and, after ``=``, the whole of it."""
    found = names(folded)
    beginnings = {name[:length] for name in found for length in START if length <= len(name)}
    return beginnings | {f"={name}" for name in found}


TOKENS: dict[str, Callable[[str], Iterable[str]]] = {
    "title": title_tokens,
    "about": title_tokens,
    "body": body_tokens,
    "pinyin": syllable_tokens,
    "initials": initial_tokens,
    "start": start_tokens,
}
"""The searchable fields and what makes their tokens out of a folded text."""


class Tokens(fields.FieldType):  # type: ignore[misc]  # Whoosh has no types
    """A field of tokens with their counts; its name in ``TOKENS`` says which."""

    analyzer = None
    scorable = False
    stored = False
    unique = False
    vector = None
    spelling = False
    column_type = None

    def __init__(self, name: str) -> None:
        self.name = name
        self.format = formats.Existence()

    def index(self, value: str, **_: object) -> Iterator[tuple[bytes, int, float, bytes]]:
        """Each token once: its bytes, how often it occurs (twice), no value."""
        for token, count in Counter(TOKENS[self.name](value)).items():
            yield token.encode(), count, float(count), b""


def schema() -> fields.Schema:
    """The schema of a new index."""
    searched = {name: Tokens(name) for name in TOKENS}
    number = fields.COLUMN(columns.NumericColumn("I"))
    return fields.Schema(**{COLLECTION: fields.ID(), LESSON: number, **searched})


def document(text: LessonText, fold: Callable[[str], str]) -> dict[str, object]:
    """The fields of a lesson's document."""
    title = text.folded
    return {
        COLLECTION: text.collection,
        LESSON: text.number,
        "title": title,
        "about": fold(text.about),
        "body": fold(text.body),
        "pinyin": title,
        "initials": title,
        "start": title,
    }


@dataclass(frozen=True, slots=True)
class Postings:
    """Where a token stands: document numbers going up, and how often in each (at most 255)."""

    documents: "array[int]"
    counts: "bytes | array[int]"


NOWHERE = Postings(array("I"), b"")


class FlatCodec(W3Codec):  # type: ignore[misc]  # Whoosh has no types
    """Whoosh's codec, but for postings: numbers one after another, no pickles, no compression.

    Of one token: n document numbers of two bytes (four where one needs them), then n counts of
    one byte, left out where all are 1. Read with one copy instead of one call each.
    """

    def field_writer(self, storage: Any, segment: Any) -> "FlatFieldWriter":
        """The writer of a segment's tokens."""
        return FlatFieldWriter(self, storage, segment)

    def postings_writer(self, dbfile: Any, byteids: bool = False) -> "FlatPostingsWriter":  # noqa: FBT001, FBT002 - Whoosh calls it so
        """The writer of one field's postings."""
        if byteids:
            raise ValueError("this codec has no vectors")
        return FlatPostingsWriter(dbfile)

    def postings_reader(
        self, dbfile: Any, terminfo: Any, format_: Any, term: Any = None, scorer: Any = None
    ) -> "FlatMatcher":
        """The postings of one token."""
        offset, length = terminfo.extent()
        if isinstance(length, tuple):  # Whoosh 2.7.4 forgets to unpack it
            (length,) = length
        postings = unpack(dbfile.get(offset, length), terminfo.doc_frequency())
        return FlatMatcher(postings, format_, term, scorer)


class FlatFieldWriter(W3FieldWriter):  # type: ignore[misc]  # Whoosh has no types
    """Writes a segment's tokens without asking for field lengths, which are in the catalogue."""

    def add_postings(self, schema: Any, _lengths: Any, items: Any) -> None:
        """Write sorted postings."""
        super().add_postings(schema, None, items)


class FlatPostingsWriter(PostingsWriter):  # type: ignore[misc]  # Whoosh has no types
    """Gathers the postings of one token, then writes them at once."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._info: Any = None
        self._documents = array("I")
        self._counts = bytearray()

    def start_postings(self, _format: Any, terminfo: Any) -> None:
        """A new token begins."""
        self._info = terminfo
        self._documents = array("I")
        self._counts = bytearray()

    def add_posting(
        self, id_: int, weight: float, _value: bytes, _length: int | None = None
    ) -> None:
        """The token stands ``weight`` times in document ``id_``."""
        self._documents.append(id_)
        self._counts.append(min(255, int(weight)))

    def finish_postings(self) -> Any:
        """Write the token's postings; its info says where they are."""
        start = self._file.tell()
        packed = pack(self._documents, bytes(self._counts))
        self._file.write(packed)
        self._info.add_block(self)
        self._info.set_extent(start, len(packed))
        return self._info

    def written(self) -> bool:
        """Whether something is on the disk already."""
        return False

    # What a term's info asks a block for.

    @property
    def _weights(self) -> bytearray:
        return self._counts

    def __len__(self) -> int:
        return len(self._documents)

    def min_length(self) -> int:
        """No lengths here."""
        return 0

    max_length = min_length

    def max_weight(self) -> int:
        """The highest count."""
        return max(self._counts)

    def min_id(self) -> int:
        """The first document."""
        return self._documents[0]

    def max_id(self) -> int:
        """The last document."""
        return self._documents[-1]


class FlatMatcher(ListMatcher):  # type: ignore[misc]  # Whoosh has no types
    """Postings as Whoosh's own machinery (merging, deletions) walks through them."""

    def __init__(self, postings: Postings, format_: Any, term: Any, scorer: Any) -> None:
        super().__init__(
            postings.documents, postings.counts, None, format_, scorer=scorer, term=term
        )
        self.postings = postings

    def value(self) -> bytes:
        """The format has none."""
        return b""


def pack(documents: "array[int]", counts: bytes) -> bytes:
    """One token's postings as they stand in the file, little-endian; ``documents`` going up."""
    numbers = documents if documents[-1] > 0xFFFF else array("H", documents)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes() + (b"" if counts.count(1) == len(counts) else counts)


def unpack(packed: bytes, count: int) -> Postings:
    """The postings of ``count`` documents, which take 2, 3, 4 or 5 bytes each."""
    numbers, counted = divmod(len(packed) // count, 2)
    documents = array("H" if numbers == 1 else "I")
    end = documents.itemsize * count
    documents.frombytes(packed[:end])
    if sys.byteorder == "big":
        documents.byteswap()
    return Postings(documents, packed[end:] if counted else b"\x01" * count)


class BatchPool(PostingPool):  # type: ignore[misc]  # Whoosh has no types
    """Sorts postings through files of batches: one item a call takes twice the time."""

    BATCH = 2000

    def _write_run(self, file: BinaryIO, items: Iterable[Any]) -> None:
        waiting = iter(items)
        while batch := list(islice(waiting, self.BATCH)):
            marshal.dump(batch, file)
        file.close()

    def _read_run(self, path: str) -> Iterator[Any]:
        with self._open_run(path) as file:
            while True:
                try:
                    yield from marshal.load(file)  # noqa: S302 - written a moment ago, by us
                except EOFError:
                    break
        self._remove_run(path)


def writer(index: Any, *, memory: int) -> SegmentWriter:
    """A writer that sorts ``memory`` MiB of postings at once, with our codec."""
    # Whoosh would copy a compound segment into memory to read it; single files it reads in place.
    made = SegmentWriter(index, codec=FlatCodec(), limitmb=memory, compound=False)
    made.pool = BatchPool(made.temp_storage(), made.newsegment, limitmb=memory)
    return made
