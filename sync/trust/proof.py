"""What the metadata in force says, under Kexia's rules; and its proof from a folder alone.

Expiry is judged here at the signed time: what was accepted once stays accepted. Whether it may be
accepted newly, ``refresh`` has judged at the reference time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tuf.api.exceptions import LengthOrHashMismatchError, RepositoryError
from tuf.api.metadata import Metadata, Snapshot, TargetFile, Targets, Timestamp  # type: ignore[attr-defined]  # documented, no __all__
from tuf.api.metadata import Root as RootRole  # type: ignore[attr-defined]  # documented, no __all__
from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet
from tuf.ngclient.config import EnvelopeType

from sync.errors import TrustRefused
from sync.shortened import Shortened, parse_custom
from sync.stick import recipients
from sync.trust import floor as floors
from sync.trust.client import RolledBack, judge_at, refusal
from sync.trust.clock import parse_time
from sync.trust.floor import Floor
from sync.trust.kept import ROLLOUT, ROOTS, WITHDRAW, read_kept, root_path
from sync.trust.policy import EDITOR, PATHS, REVIEWER, check_targets
from sync.trust.root import Root

SIGNED_AT = "x-kexia-signed-at"
LISTED = (Targets.type, *PATHS)
"""The roles a snapshot lists."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The targets in force, by what they are."""

    directory: TargetFile
    shortened: Shortened
    """How the directory may be fetched with fewer bytes; the editor says so."""
    rollout: TargetFile | None
    withdraw: TargetFile | None
    children: Mapping[str, TargetFile]
    """By path, ``roots/<code>.root.json``."""
    recipients: TargetFile | None = None
    """Whom boxes seal their reports to; one too long to be read counts as none."""


def read_offer(trusted: TrustedMetadataSet) -> Offer:
    """What the roles sign; raises TrustRefused where keys, delegations or reviews are not right."""
    check_targets(trusted.targets)
    edited = _reviewed_directory(trusted)
    return Offer(
        directory=edited,
        shortened=parse_custom(edited.custom, size=edited.length),
        rollout=_signed(trusted, ROLLOUT),
        withdraw=_signed(trusted, WITHDRAW),
        children={
            path: target
            for path, target in trusted.targets.targets.items()
            if path.startswith(f"{ROOTS}/")
        },
        recipients=_readable(trusted.targets.targets.get(recipients.PATH)),
    )


def _readable(target: TargetFile | None) -> TargetFile | None:
    return target if target and target.length <= recipients.MAX_SIZE else None


def read_versions(trusted: TrustedMetadataSet) -> dict[str, int]:
    """Version of every role."""
    roles = (RootRole.type, Timestamp.type, Snapshot.type, *LISTED)
    return {role: trusted[role].version for role in roles}


def read_signed_at(timestamp: Timestamp) -> datetime:
    """When the publisher signed last; raises FormatError if it does not say."""
    return parse_time(timestamp.unrecognized_fields.get(SIGNED_AT), what="timestamp")


def first_expiry(trusted: TrustedMetadataSet) -> datetime:
    """When the first of the roles in force expires."""
    return min(trusted[role].expires for role in read_versions(trusted))


def prove(folder: Path, root: Root, *, newest: int) -> TrustedMetadataSet:
    """All metadata in ``folder``, from ``root`` on to root ``newest``; raises TrustRefused.

    A role that had expired at the signed time is refused, so a stolen timestamp key can push the
    floor of time no further than the offline roles reach.
    """
    timestamp = read_kept(folder, "timestamp.json")
    path = "timestamp.json"
    try:
        trusted = TrustedMetadataSet(root.data, EnvelopeType.METADATA)
        judge_at(trusted, read_signed_at(Metadata[Timestamp].from_bytes(timestamp).signed))
        for version in range(2, newest + 1):
            path = root_path(version)
            trusted.update_root(read_kept(folder, path))
        path = "timestamp.json"
        trusted.update_timestamp(timestamp)
        path = "snapshot.json"
        trusted.update_snapshot(read_kept(folder, path))
        for role in LISTED:
            path = f"{role}.json"
            delegator = RootRole.type if role == Targets.type else Targets.type
            trusted.update_delegated_targets(read_kept(folder, path), role, delegator)
    except RepositoryError as error:
        raise refusal(error, f"{folder}/{path}") from error
    return trusted


def vouches_alone(trusted: TrustedMetadataSet, asked: Sequence[str]) -> bool:
    """Whether targets alone vouch for the roles that were ``asked`` for so far, in this order.

    Asked after each of them. python-tuf follows what the roles delegate in their turn, and a role
    that comes in that way takes the place of the one of its name; ``prove`` takes none but those
    that targets name. So each has to delegate nothing, and no other must have come in.
    """
    known = (RootRole.type, Timestamp.type, Snapshot.type, Targets.type, *asked)
    if len(trusted) != len(known) or not all(role in trusted for role in known):
        return False
    last = trusted[asked[-1]]
    return isinstance(last, Targets) and last.delegations is None


def holds_at_signing(folder: Path, trusted: TrustedMetadataSet) -> bool:
    """Whether what a client took is what ``prove`` takes too: the very snapshot that the timestamp
    names, and no role that had expired at the signed time.
    """
    try:
        snapshot = read_kept(folder, f"{Snapshot.type}.json")
        trusted.timestamp.snapshot_meta.verify_length_and_hashes(snapshot)
    except LengthOrHashMismatchError:
        return False
    return first_expiry(trusted) > read_signed_at(trusted.timestamp)


def check_floor(floor: Floor, trusted: TrustedMetadataSet, *, label: str) -> None:
    """Raise RolledBack if anything is older than ``floor``."""
    found = read_versions(trusted)
    role = floors.gone_back(floor, found, trusted.root)
    if role:
        raise RolledBack(
            f"{label}: {role} {found[role]} is older than what this box has "
            f"({floor.versions[role]})",
            hint="nothing was changed; if this is the publisher's own address, ask there",
        )


def _reviewed_directory(trusted: TrustedMetadataSet) -> TargetFile:
    """The directory that editor and reviewer both signed: the design's 审核, held by the box."""
    edited, reviewed = _signed(trusted, EDITOR), _signed(trusted, REVIEWER)
    if edited is None:
        raise _unsigned("the editor has signed no directory", wait_for=EDITOR)
    if reviewed is None:
        raise _unsigned("the reviewer has signed no directory", wait_for=REVIEWER)
    # sha256 and nothing else, for the box finds the file by its first hash
    if set(edited.hashes) != {"sha256"} or _bytes_of(edited) != _bytes_of(reviewed):
        raise _unsigned("the reviewer has not signed what the editor signed", wait_for=REVIEWER)
    return edited


def _bytes_of(target: TargetFile) -> tuple[int, Mapping[str, str]]:
    return target.length, target.hashes


def _unsigned(fact: str, *, wait_for: str) -> TrustRefused:
    return TrustRefused(
        fact, hint=f"wait until the publisher's {wait_for} has: kexia publish sign --as {wait_for}"
    )


def _signed(trusted: TrustedMetadataSet, role: str) -> TargetFile | None:
    """The one target of a delegated role: what other roles say about that path counts nothing."""
    if role not in trusted:
        raise TrustRefused(f"the role {role} is not delegated as it must be")
    signed = trusted[role]
    return signed.targets.get(PATHS[role]) if isinstance(signed, Targets) else None
