"""Similar files: which old file a new one was made from, by what they have in common.

A sketch is a sample of the hashes of a file's content-defined pieces: a whole one of a small file,
every 16th or 128th hash of a larger one, always the same for the same bytes (Broder's resemblance,
sampled by value). Looking old files up by sampled hash keeps the search near linear.
"""

import struct
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

from sync.chunker import Buffer, fine_cuts
from sync.digest import Digest
from sync.feed import Resource
from sync.files import write_durably
from sync.publish.contents import Contents

PIECE = 512
"""Average bytes of the pieces that are compared."""
SMALLEST = 16
"""Least hashes of a sketch, if the file has as many pieces."""
COMMON = 64
"""A hash that more files share tells nothing of any one of them."""
_VERSION = b"KXSKCH\n\x01"
_RECORD = struct.Struct("<32sI")

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


class SketchBook:
    """Sketches by digest, kept in a file that may be lost: they are made again from the bytes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept = _read(path)
        self._new = False

    def of(self, resource: Resource, contents: Contents) -> Sketch:
        """The sketch of a resource."""
        known = self._kept.get(resource.digest)
        if known is None:
            known = sketch(contents.read(resource)) if resource.size else frozenset()
            self._kept[resource.digest] = known
            self._new = True
        return known

    def save(self, needed: Iterable[Resource]) -> None:
        """Keep the sketches of ``needed``, if there are new ones."""
        if self._new:
            digests = {one.digest for one in needed}
            kept = {digest: one for digest, one in self._kept.items() if digest in digests}
            write_durably(self._path, _encode(kept))
            self._new = False


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


def _read(path: Path) -> dict[Digest, Sketch]:
    """What the file holds; nothing if it is missing, damaged or of another version."""
    try:
        data = path.read_bytes()
    except OSError:
        return {}
    if not data.startswith(_VERSION):
        return {}
    found: dict[Digest, Sketch] = {}
    at = len(_VERSION)
    while at + _RECORD.size <= len(data):
        digest, count = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        if at + 8 * count > len(data):
            return {}
        values = array("Q", data[at : at + 8 * count])
        at += 8 * count
        found[Digest(digest.hex())] = frozenset(values)
    return found


def _encode(kept: Mapping[Digest, Sketch]) -> bytes:
    parts = [_VERSION]
    for digest, known in sorted(kept.items()):
        parts += [
            _RECORD.pack(bytes.fromhex(digest), len(known)),
            array("Q", sorted(known)).tobytes(),
        ]
    return b"".join(parts)
