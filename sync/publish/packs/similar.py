"""Similar files: which old file a new one was made from, by what they have in common.

A sketch is a sample of the hashes of a file's content-defined pieces: a whole one of a small file,
every 16th or 128th hash of a larger one, always the same for the same bytes (Broder's resemblance,
sampled by value). Looking old files up by sampled hash keeps the search near linear. Pure.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from hashlib import blake2b

from sync.chunker import Buffer, fine_cuts
from sync.digest import Digest

PIECE = 512
"""Average bytes of the pieces that are compared."""
SMALLEST = 16
"""Least hashes of a sketch, if the file has as many pieces."""
COMMON = 64
"""A hash that more files share tells nothing of any one of them."""

Sketch = frozenset[int]


def sketch(data: Buffer) -> Sketch:
    """The sketch of a file."""
    hashes = {
        int.from_bytes(blake2b(piece, digest_size=8).digest(), "little")
        for _, piece in fine_cuts(data, average=PIECE)
    }
    mask = 0x0F if len(data) <= 2**20 else 0x7F
    sampled = {one for one in hashes if not one & mask}
    return frozenset(sampled.union(sorted(hashes)[:SMALLEST]))


def most_similar(
    wanted: Mapping[Digest, Sketch], among: Mapping[Digest, Sketch]
) -> dict[Digest, list[Digest]]:
    """For each wanted file the old files that share most with it, the best first."""
    asked = set[int]().union(*wanted.values())
    holders: dict[int, list[Digest]] = defaultdict(list)
    for digest, known in among.items():
        for one in known & asked:
            holders[one].append(digest)
    return {digest: _best(known, holders) for digest, known in wanted.items()}


def _best(known: Sketch, holders: Mapping[int, Sequence[Digest]]) -> list[Digest]:
    counts: Counter[Digest] = Counter()
    for one in known:
        found = holders.get(one, ())
        if len(found) <= COMMON:
            counts.update(found)
    return sorted(counts, key=lambda digest: (-counts[digest], digest))
