"""Verifies an artifact or a burnt card: signature → sums → file, or sums → card.json → card."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from image_build.manifest import card, checksums, sign
from image_build.manifest.inspect import found_on
from sync.digest import Digest, prove
from sync.errors import Fault, NoSource, ProofFailed, TrustRefused, UsageError
from sync.progress import Progress


@dataclass(frozen=True, slots=True)
class Sums:
    """A manifest's folder, its digests, and who signed them."""

    folder: Path
    digests: dict[str, Digest]
    signer: str
    """Empty: nobody was asked for (no CA was given)."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found good."""

    what: Path
    kind: str
    """``file``, or ``card`` for what was compared part by part."""
    signer: str
    slots: dict[str, str]
    """Of a card: the version in each slot, or ``empty``."""
    notes: tuple[str, ...] = ()

    def value(self) -> dict[str, object]:
        """For JSON."""
        return {
            "what": str(self.what),
            "kind": self.kind,
            "signer": self.signer,
            "slots": dict(self.slots),
            "notes": list(self.notes),
        }


class CardRefused(TrustRefused):
    """A card that does not hold what the manifest says, each fault listed."""

    def __init__(self, fact: str, faults: Sequence[str], *, hint: str = "") -> None:
        super().__init__(f"{fact}: {'; '.join(faults)}", hint=hint)
        self.faults = tuple(Fault("card", one, "") for one in faults)


def read_sums(folder: Path, ca: Path | None) -> Sums:
    """The digests of a manifest, their signature proved if there is a ``ca``.

    Raises NoSource if there is no manifest, TrustRefused if it is not signed or not by that CA.
    """
    data = _read(folder / checksums.FILE, checksums.MAX_SUMS)
    if ca is None:
        return Sums(folder, checksums.decode(data), "")
    paper = folder / (checksums.FILE + sign.SUFFIX)
    if not paper.exists():
        raise TrustRefused(
            f"{folder / checksums.FILE} is not signed",
            hint="sign it: kexia image manifest FOLDER --authority FOLDER",
        )
    signer = sign.prove(data, _read(paper, sign.MAX_SIGNATURE), ca)
    return Sums(folder, checksums.decode(data), signer)


def verify(what: Path, sums: Sequence[Sums], progress: Progress) -> Verified:
    """Check a file by its name and digest, a device or a personalised image part by part.

    ``sums``: the manifest of the image, then those of systems that may have come since.
    Raises ProofFailed for a file that is not what was signed, CardRefused, UsageError, NoSource.
    """
    if not what.is_block_device():
        if what.is_dir():
            raise UsageError(f"{what} is a folder", hint="give a file of it, or a device")
        if what.name in sums[0].digests:
            return _file(what, sums[0], progress)
        if what.suffix != ".img":
            raise UsageError(
                f"{what.name} is not named in {sums[0].folder / checksums.FILE}",
                hint="verify a file under the name it was published with",
            )
    return _card(what, sums, progress)


def _file(what: Path, sums: Sums, progress: Progress) -> Verified:
    try:
        size = what.stat().st_size
    except OSError as error:
        raise UsageError(f"{what}: {error.strerror}") from error
    progress.step("verify", total=size)
    found, signed = checksums.digest_of(what, progress), sums.digests[what.name]
    if found != signed:
        raise ProofFailed(
            f"{what} has digest {found[:16]}…, signed was {signed[:16]}…",
            hint="copy it again; a personalised image is verified under another name",
        )
    return Verified(what, "file", sums.signer, {})


def _card(what: Path, sums: Sequence[Sums], progress: Progress) -> Verified:
    cards = tuple(_described(one) for one in sums)
    verdict = card.compare(found_on(what, cards, progress), cards)
    if verdict.wrong:
        raise CardRefused(
            f"{what} is not as version {cards[0].version} was made",
            verdict.wrong,
            hint="burn it again; if its system was updated, give that one's --manifest, too",
        )
    return Verified(what, "card", sums[0].signer, dict(verdict.slots), verdict.notes)


def _described(sums: Sums) -> card.Card:
    """The card of a manifest, proved by its sums."""
    if card.FILE not in sums.digests:
        raise TrustRefused(f"{sums.folder} names no {card.FILE}", hint="make its manifest again")
    data = _read(sums.folder / card.FILE, card.MAX_CARD)
    return card.decode(prove(data, sums.digests[card.FILE], what=card.FILE))


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise NoSource(
            f"{path}: {error.strerror}",
            hint="give the folder the image was published in with --manifest",
        ) from error
    if len(data) > limit:
        raise TrustRefused(f"{path} is longer than any of ours")
    return data
