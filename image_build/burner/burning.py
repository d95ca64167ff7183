"""``kexia image burn`` as a programme: image checked, contents made, cards burnt."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.firststart.site import FILE, read_site
from image_build.burner.batch import Order, Outcome, burn_all
from image_build.burner.burn import Manner
from image_build.burner.choose import check_room
from image_build.burner.media import Disk
from image_build.manifest import checksums
from image_build.manifest.verify import read_sums, verify
from image_build.partitions.compose import Composer, Wish
from image_build.partitions.preload import Desk
from image_build.partitions.source import open_image
from image_build.sites.card import make_card
from image_build.sites.card_pdf import Fonts, draw_cards
from image_build.sites.fonts import find_chinese, find_others
from sync.errors import InputRefused, UsageError
from sync.files import write_durably
from sync.progress import Progress


@dataclass(frozen=True, slots=True)
class Job:
    """What shall be burnt."""

    image: Path
    wishes: tuple[Wish, ...]
    """One for each card, or one for all of them."""
    ca: Path | None = None
    """The province's certificate; None: the image's signature is not asked for."""


def check(job: Job, disks: Sequence[Disk], progress: Progress) -> str:
    """See, before anybody is asked, that the image is good and fits; who signed it, or nothing.

    Raises UsageError, NoRoom, ProofFailed, TrustRefused, FormatError.
    """
    if len(job.wishes) not in (1, len(disks)):
        raise UsageError(
            f"{len(job.wishes)} sites for {len(disks)} cards", hint="one site for each card"
        )
    if len(disks) > 1 and len(job.wishes) == 1 and job.wishes[0].site:
        raise UsageError("one site for several cards", hint="one site for each card")
    check_room(disks, open_image(job.image).size)
    return _signer(job, progress)


def _signer(job: Job, progress: Progress) -> str:
    """Compare the image with the sums that lie beside it, if there are any."""
    folder = job.image.parent
    if not (folder / checksums.FILE).exists() and job.ca is None:
        return ""
    sums = read_sums(folder, job.ca)
    if job.image.name in sums.digests:
        return verify(job.image, [sums], progress).signer
    if job.ca is not None:
        raise InputRefused(
            f"{job.image.name} is not named in {folder / checksums.FILE}",
            hint="burn the image as it was published, with --site; or leave --ca away",
        )
    return ""


def print_cards(job: Job, path: Path) -> None:
    """A page for each site of the job, into the PDF ``path`` that only its owner can read."""
    sites = [read_site(wish.site[FILE]) for wish in job.wishes]
    fonts = Fonts(find_chinese(None), find_others())
    write_durably(path, draw_cards(map(make_card, sites), fonts), mode=0o600)


def burn_cards(
    job: Job, disks: Sequence[Disk], desk: Desk, manner: Manner, progress: Progress
) -> tuple[Outcome, ...]:
    """Burn every card; raises what making the contents raises, before a card is touched."""
    with tempfile.TemporaryDirectory(prefix="kexia-burn-") as scratch:
        composer = Composer(job.image, Path(scratch), desk, progress)
        if len(disks) > 1:
            composer.unpack()
        contents = [composer.compose(wish) for wish in job.wishes]
        if len(contents) < len(disks):
            contents *= len(disks)
        orders = [Order(disk, one) for disk, one in zip(disks, contents, strict=True)]
        for order in orders:
            check_room([order.disk], order.content.least)
        return burn_all(orders, manner, progress)
