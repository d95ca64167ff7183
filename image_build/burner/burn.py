"""Burns one card: content and medium in; a card that was read back, or an error, out.

The first block is written last: a card that was pulled out half-way starts nothing, and no
computer takes it for a good one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from image_build.burner import markers
from image_build.burner.media import Disk
from image_build.burner.medium import Medium, opened
from image_build.burner.readback import Written, prove_blocks, prove_markers
from image_build.partitions.content import Content, Fitted, fit, pieces
from image_build.partitions.source import BLOCK
from sync.errors import UsageError
from sync.progress import Progress

_ENDS = 2**20
"""Bytes at either end of the card that are emptied first: tables and marks of what was on it."""


@dataclass(frozen=True, slots=True)
class Burnt:
    """A card that holds what it should."""

    disk: Disk
    bytes: int
    """Written and read back."""
    written: int
    """Of these, really written: the others were zeros already."""
    is_ejected: bool
    seconds: float

    def value(self) -> dict[str, object]:
        """For JSON."""
        return {
            "device": str(self.disk.node),
            "serial": self.disk.word,
            "size": self.disk.size,
            "bytes": self.bytes,
            "written": self.written,
            "ejected": self.is_ejected,
            "seconds": round(self.seconds, 1),
        }


@dataclass(frozen=True, slots=True)
class Manner:
    """How to burn: where chance and time come from, and what to do at the end."""

    nonce: Callable[[], bytes]
    """Fresh random bytes, so that markers of an earlier burn are never taken for ours."""
    clock: Callable[[], float]
    """Seconds, monotonic."""
    eject: bool = True


def burn(disk: Disk, content: Content, manner: Manner, progress: Progress) -> Burnt:
    """Write ``content`` to ``disk``, read it back, let go of it.

    Raises NoRoom for a card that is too small, MediumFailing for one that lies, fails or is pulled
    out, TrustRefused if it is not the one that was looked at, LeaseHeld if it is in use.
    """
    began, fitted = manner.clock(), fit(content, disk.size)
    with opened(disk, buffer=BLOCK) as medium:
        if medium.sector != 512:
            raise UsageError(
                f"{disk.node} has sectors of {medium.sector} bytes, our images are for 512",
                hint="take another card or stick",
            )
        nonce = manner.nonce()
        _empty_ends(medium)
        _probe(medium, markers.doublings(medium.size, nonce))
        count = _write_and_prove(medium, fitted, nonce, progress)
        medium.show_partitions()
        is_ejected = manner.eject and medium.eject()
        return Burnt(disk, fitted.total, count, is_ejected, manner.clock() - began)


def _empty_ends(medium: Medium) -> None:
    size = min(_ENDS, medium.size)
    medium.write(0, bytes(size))
    medium.write(medium.size - size, bytes(size))


def _probe(medium: Medium, probes: tuple[markers.Marker, ...]) -> None:
    """The quick look whether the claimed size is there: a few writes."""
    for one in probes:
        medium.write(one.offset, one.data)
    medium.settle()
    prove_markers(medium, probes)
    for one in probes:
        medium.write(one.offset, bytes(markers.SIZE))


def _write_and_prove(medium: Medium, fitted: Fitted, nonce: bytes, progress: Progress) -> int:
    """How many bytes were really written."""
    progress.step(f"write {medium.node.name}", total=fitted.total)
    if fitted.end < fitted.tail_at:
        medium.discard(fitted.end, fitted.tail_at - fitted.end)
    content = pieces(fitted)
    _, first = next(content)
    written, count = [], 0
    for offset, block in _all_but(content, progress):
        count += _put(medium, offset, block)
        written.append(Written.of(offset, block))
    nets = _nets(fitted, nonce)
    for one in nets:
        medium.write(one.offset, one.data)
    medium.settle()
    progress.step(f"read back {medium.node.name}", total=fitted.total)
    prove_blocks(medium, written, progress)
    prove_markers(medium, nets)
    for one in nets:
        medium.write(one.offset, bytes(markers.SIZE))
    medium.write(0, first)
    medium.settle()
    prove_blocks(medium, [Written.of(0, first)], progress)
    return count + len(first)


def _all_but(
    content: Iterator[tuple[int, bytes]], progress: Progress
) -> Iterator[tuple[int, bytes]]:
    """What is left of ``content``, each block told to ``progress`` when it was dealt with."""
    for offset, block in content:
        yield offset, block
        progress.advance(len(block))


def _nets(fitted: Fitted, nonce: bytes) -> tuple[markers.Marker, ...]:
    """Markers between what is written at the beginning and the tail."""
    return markers.behind(fitted.end, fitted.tail_at, nonce)


def _put(medium: Medium, offset: int, block: bytes) -> int:
    """Write ``block``, but not zeros where zeros are: reading is faster and wears nothing out.

    Nothing is discarded there first: what reads as zeros after a discard need not do so for ever.
    """
    if _is_empty(block) and _is_empty(medium.read(offset, len(block))):
        return 0
    medium.write(offset, block)
    return len(block)


def _is_empty(block: bytes) -> bool:
    return block == bytes(len(block))
