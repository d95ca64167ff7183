"""The sketch book: sketches of published files, so that a release reads only what is new."""

import struct
from array import array
from collections.abc import Iterable, Mapping
from pathlib import Path

from sync.digest import Digest
from sync.feed import Resource
from sync.files import write_durably
from sync.publish.packs.contents import Contents
from sync.publish.packs.similar import Sketch, sketch

_VERSION = b"KXSKCH\n\x01"
_RECORD = struct.Struct("<32sI")


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
