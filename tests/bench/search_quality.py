"""How well lessons are found: MRR@10 and recall@10 per class of judged queries.

    python -m tests.bench.search_quality FOLDER [--work DIR] [--others N]

FOLDER holds ``docs.jsonl.zst`` and ``queries.jsonl``: one document with ``id``, ``title``,
``subject``, ``grade``, ``edition``, ``chapter``, ``teacher``, ``keywords``, ``summary``, ``body``
and ``lang`` a line; one query with ``cls``, ``q`` and ``rel`` (ids) a line. The documents become
one collection, its catalogue and index are built in DIR (kept, and used again if they are there),
and every query goes through the searcher the pages use. ``--others N`` takes only N of the
documents no query is about: quicker, and easier than the whole.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from catalog import codes
from catalog.model import Chapter, Lesson, Lessons, Textbook
from catalog.search.index import build_index
from catalog.search.searcher import Searcher, open_searcher
from catalog.tables.browse import Selection, open_catalogue
from catalog.tables.ingest import Changes, EditionContent, ingest

Record = dict[str, Any]
COLLECTION = "43/measured"
DEPTH = 10
ALL = 1 << 30


@dataclass(frozen=True, slots=True)
class Query:
    """What is typed, and the documents that answer it."""

    kind: str
    text: str
    relevant: frozenset[int]


def main() -> None:
    """Build what is missing, run all queries, print one line per class and the mean."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--others", type=int, default=ALL)
    parser.add_argument("--misses", action="store_true", help="print queries not at rank 1")
    arguments = parser.parse_args()
    queries = _queries(arguments.folder / "queries.jsonl")
    with tempfile.TemporaryDirectory() as scratch:
        work = arguments.work or Path(scratch)
        work.mkdir(exist_ok=True)
        if not (work / "index").exists():
            _build(arguments.folder, work, queries, arguments.others)
        catalogue = open_catalogue(work / "catalog.db")
        _report(open_searcher(work / "index", catalogue), queries, arguments.misses)


def _queries(path: Path) -> tuple[Query, ...]:
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return tuple(Query(line["cls"], line["q"], frozenset(line["rel"])) for line in lines)


def _build(folder: Path, work: Path, queries: Sequence[Query], others: int) -> None:
    asked = frozenset[int]().union(*(query.relevant for query in queries))
    lessons = as_lessons(_chosen(_documents(folder), asked, others))
    start = time.process_time()
    content = EditionContent("43", 1, lessons)
    ingest(None, work / "catalog.db", Changes(replaced=[content]))
    _say(f"{len(lessons.lessons)} lessons ingested in {time.process_time() - start:.1f} CPU s")
    start = time.process_time()
    build_index(work / "catalog.db", None, work / "index", [])
    _say(f"indexed in {time.process_time() - start:.1f} CPU s")


def _documents(folder: Path) -> Iterator[Record]:
    with zstandard.open(folder / "docs.jsonl.zst", "rt", encoding="utf-8", newline="\n") as file:
        yield from map(json.loads, file)


def _chosen(documents: Iterator[Record], asked: frozenset[int], others: int) -> Iterator[Record]:
    for document in documents:
        if document["id"] in asked:
            yield document
        elif others:
            others -= 1
            yield document


def as_lessons(documents: Iterator[Record]) -> Lessons:
    """The documents as one collection: a textbook per press, subject and grade."""
    textbooks: dict[tuple[str, ...], Textbook] = {}
    chapters: dict[tuple[str, str], Chapter] = {}
    lessons = []
    for document in documents:
        field = {key: str(value) for key, value in document.items()}
        dims = tuple(_code(dim, field[name]) for dim, name in _DIMENSIONS)
        subject, grade, press = dims
        book = textbooks.setdefault(
            dims, Textbook(f"t{len(textbooks)}", "", "", subject, press, grade, "")
        )
        chapter = chapters.setdefault(
            (book.id, field["chapter"]),
            Chapter(f"c{len(chapters)}", book.id, None, field["chapter"], len(chapters)),
        )
        lessons.append(_lesson(field, chapter.id))
    return Lessons(
        COLLECTION, "measured", tuple(textbooks.values()), tuple(chapters.values()), tuple(lessons)
    )


_DIMENSIONS = (("subject", "subject"), ("grade", "grade"), ("press", "edition"))


def _code(dim: str, name: str) -> str:
    known = codes.resolve(dim, name)
    return name if known is None else known.code


def _lesson(field: dict[str, str], chapter: str) -> Lesson:
    return Lesson(
        id=f"d{field['id']}",
        title=field["title"],
        chapters=(chapter,),
        teacher=field["teacher"],
        language=field["lang"],
        summary=f"{field['summary']}\n{field['body']}",
        keywords=tuple(field["keywords"].split()),
    )


def _report(searcher: Searcher, queries: Sequence[Query], misses: bool) -> None:
    ranks, recalls = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    seconds = []
    for query in queries:
        start = time.process_time()
        found = _search(searcher, query.text)
        seconds.append(time.process_time() - start)
        hits = [place for place, number in enumerate(found, start=1) if number in query.relevant]
        ranks[query.kind].append(1 / hits[0] if hits else 0.0)
        recalls[query.kind].append(len(hits) / min(DEPTH, len(query.relevant)))
        if misses and hits[:1] != [1]:
            _say(f"{query.kind} {query.text!r} {hits[:1]} {found[:3]} {sorted(query.relevant)[:3]}")
    for kind in ranks:
        _say(f"{kind:16} MRR@10 {_mean(ranks[kind]):.3f}  recall@10 {_mean(recalls[kind]):.3f}")
    everything = [rank for values in ranks.values() for rank in values]
    _say(f"{'all':16} MRR@10 {_mean(everything):.3f}")
    seconds.sort()
    p50, p95 = (seconds[int(len(seconds) * share)] * 1000 for share in (0.5, 0.95))
    _say(f"CPU ms a query, first time asked: p50 {p50:.1f}, p95 {p95:.1f}")


def _search(searcher: Searcher, text: str) -> list[int]:
    results = searcher.search(text, selection=Selection(), limit=DEPTH)
    return [int(hit.card.key.rpartition("/d")[2]) for hit in results.hits]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
