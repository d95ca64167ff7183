"""What the box knows of a publisher before it asks: the trust state in its generations.

The newest generation's counts, damaged or not: ``refresh`` mends a single damaged file from the
floor kept beside it. Where that is lost too, the other generation's state is taken, and the
versions in the newer one's record stay the least that is accepted.
"""

import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from appliance.generation import GenerationDamaged, Survey, read_record
from appliance.record import PublisherState, Record
from sync.errors import TrustRefused
from sync.files import make_folder
from sync.trust import DemoKeys, Root, TrustClock, Trusted, load


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one publisher, copied to where it may be spoilt."""

    folders: tuple[Path, ...]
    """Scratch copies to start from; the second and later only if the first cannot be mended."""
    trusted: Trusted | None
    """What the newest says; None if nothing is known or it is damaged."""
    least: Mapping[str, int]
    """Versions of the roles this box has accepted already."""

    @property
    def is_damaged(self) -> bool:
        """True if there is a state, but not whole."""
        return self.trusted is None and any(self.folders[0].iterdir())


def remember(
    found: Survey, scratch: Path, *, root: Root, clock: TrustClock, demo: DemoKeys
) -> Known:
    """Copy the publisher's trust states of all kept generations below ``scratch``."""
    copies = []
    for number, folder in enumerate(_states(found, root.publisher_id)):
        copies.append(scratch / f"{root.publisher_id}.{number}")
        shutil.copytree(folder, copies[-1])
    if not copies:
        copies.append(scratch / f"{root.publisher_id}.0")
        make_folder(copies[0])
    trusted: Trusted | None = None
    with suppress(TrustRefused):
        trusted = load(copies[0], root=root, clock=clock, demo=demo)
    return Known(
        folders=tuple(copies[:1] if trusted else copies),
        trusted=trusted,
        least=_most(state.versions for state in publisher_states(found, root.publisher_id)),
    )


def publisher_states(found: Survey, publisher_id: str) -> list[PublisherState]:
    """What every record that can be read says of a publisher, newest first."""
    return [
        state
        for record in readable_records(found)
        for state in record.publishers
        if state.id == publisher_id
    ]


def trust_folder(found: Survey, publisher_id: str) -> Path | None:
    """The newest trust state of a publisher, damaged or not, as it lies in its generation."""
    return next(iter(_states(found, publisher_id)), None)


def readable_records(found: Survey) -> list[Record]:
    """Records of all kept generations, newest first, also of damaged ones where they hold."""
    records: list[Record] = []
    for folder in found.folders:
        with suppress(GenerationDamaged):
            records.append(read_record(folder))
    return records


def _states(found: Survey, publisher_id: str) -> Iterable[Path]:
    for folder in found.folders:
        state = folder / "trust" / publisher_id
        if state.is_dir():
            yield state


def _most(versions: Iterable[Mapping[str, int]]) -> dict[str, int]:
    most: dict[str, int] = {}
    for one in versions:
        for role, version in one.items():
            most[role] = max(version, most.get(role, 0))
    return most
