"""Search from the command line: the same catalogue and index the pages use, read only."""

from appliance.config import BoxPaths, load
from appliance.generation import current
from catalog.search.searcher import Results, open_searcher
from catalog.tables.browse import Selection, open_catalogue
from sync.errors import UsageError


def find(paths: BoxPaths, query: str, *, limit: int) -> dict[str, object]:
    """At most ``limit`` lessons for ``query``; raises UsageError on a box without lessons."""
    load(paths)
    generation = current(paths)
    if generation is None:
        raise UsageError("this box has no lessons yet", hint="fetch some with: kexia box sync BOX")
    catalogue = open_catalogue(generation.catalog)
    try:
        searcher = open_searcher(generation.index, catalogue)
        try:
            return _value(searcher.search(query, selection=Selection(), limit=limit))
        finally:
            searcher.close()
    finally:
        catalogue.close()


def _value(results: Results) -> dict[str, object]:
    return {
        "total": results.total,
        "fallback": results.fallback,
        "hits": [
            {
                "key": hit.card.key,
                "title": hit.card.title,
                "textbook": hit.card.textbook_title,
                "snippet": "".join(text for text, _ in hit.snippet),
            }
            for hit in results.hits
        ],
    }
