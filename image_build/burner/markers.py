"""Markers: written where a medium claims to have room, read back to see whether it has. Pure.

Counterfeit cards report more than they hold. What is written behind their real end is lost, or
lands on what was written before (the address modulo the real size). Two nets catch both:

- before the image, markers at every doubling of 1 MiB and at the very end;
- after the image, markers behind it, no further apart than the image is long: at whatever size the
  addresses begin again, one of them lands in the image, which is then read back in full.
"""

import hashlib
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SIZE = 4096
"""Bytes of a marker: a whole number of sectors on any medium."""
_FIRST = 2**20
_MAGIC = b"KEXIA MARKER\0\0\0\0"
_HEAD = struct.Struct("<16sQ")
_FOUND = re.compile(re.escape(_MAGIC) + b"(.{8})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Marker:
    """What belongs at ``offset`` during one burn."""

    offset: int
    nonce: bytes

    @property
    def data(self) -> bytes:
        """``SIZE`` bytes that no other place and no other burn has."""
        head = _HEAD.pack(_MAGIC, self.offset)
        rest = hashlib.shake_256(self.nonce + head).digest(SIZE - len(head))
        return head + rest


def doublings(size: int, nonce: bytes) -> tuple[Marker, ...]:
    """At 1, 2, 4 … MiB and in the last 4 KiB of a medium of ``size`` bytes."""
    places, at = [], _FIRST
    while at + SIZE <= size:
        places.append(at)
        at *= 2
    return _markers((*places, _last(size)), nonce)


def behind(image: int, size: int, nonce: bytes) -> tuple[Marker, ...]:
    """Behind the first ``image`` bytes, each at most ``image`` bytes after the one before."""
    step = max(image // SIZE * SIZE - SIZE, SIZE)
    first = -(-image // SIZE) * SIZE
    places = range(first, _last(size), step)
    return _markers((*places, _last(size)) if _last(size) >= first else (), nonce)


def lost(markers: Iterable[Marker], found: Mapping[int, bytes]) -> tuple[Marker, ...]:
    """Those that were not found where they were written."""
    return tuple(one for one in markers if found[one.offset] != one.data)


def strayed(block: bytes, offset: int) -> int | None:
    """The size at which addresses begin again, if ``block`` has a marker that belongs elsewhere.

    ``offset``: where the block lies on the medium.
    """
    found = _FOUND.search(block)
    if found is None:
        return None
    belongs = int.from_bytes(found[1], "little")
    here = offset + found.start()
    return belongs - here if belongs > here else None


def _last(size: int) -> int:
    return size // SIZE * SIZE - SIZE


def _markers(places: Iterable[int], nonce: bytes) -> tuple[Marker, ...]:
    return tuple(Marker(at, nonce) for at in sorted(set(places)) if at >= 0)
