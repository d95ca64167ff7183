"""Reads back what was written: what the medium really gives, block by block."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from image_build.burner.markers import SIZE, Marker, lost, strayed
from image_build.burner.medium import Medium
from sync.errors import MediumFailing
from sync.progress import Progress


@dataclass(frozen=True, slots=True)
class Written:
    """One block as it was written: where, how long, its SHA-256."""

    offset: int
    size: int
    digest: bytes

    @classmethod
    def of(cls, offset: int, block: bytes) -> "Written":
        """``block`` at ``offset``."""
        return cls(offset, len(block), hashlib.sha256(block).digest())


def prove_blocks(medium: Medium, written: Iterable[Written], progress: Progress) -> None:
    """Raise MediumFailing at the first block that comes back otherwise than it was written."""
    for one in written:
        block = medium.read(one.offset, one.size)
        if hashlib.sha256(block).digest() != one.digest:
            raise _otherwise(medium, one, block)
        progress.advance(one.size)


def prove_markers(medium: Medium, markers: tuple[Marker, ...]) -> None:
    """Raise MediumFailing if the medium has less room than it claims."""
    found = {one.offset: medium.read(one.offset, SIZE) for one in markers}
    missing = lost(markers, found)
    if missing:
        starts = [at for one in missing if (at := strayed(found[one.offset], one.offset))]
        raise too_large_a_claim(medium, min([missing[0].offset, *starts]))


def too_large_a_claim(medium: Medium, most: int) -> MediumFailing:
    """``most``: bytes that it holds at the very most."""
    return MediumFailing(
        f"{medium.node} claims {medium.size / 10**9:.1f} GB, but holds less than "
        f"{most / 10**9:.3f} GB: it is counterfeit or broken",
        hint="it would lose lessons later; give it back to the seller and take another card",
    )


def _otherwise(medium: Medium, written: Written, block: bytes) -> MediumFailing:
    begins_again = strayed(block, written.offset)
    if begins_again is not None:
        return too_large_a_claim(medium, begins_again)
    return MediumFailing(
        f"{medium.node} gives back other bytes than were written "
        f"({written.size} bytes at {written.offset / 10**6:.1f} MB)",
        hint="it is worn out or counterfeit, or its reader is broken; take another card",
    )
