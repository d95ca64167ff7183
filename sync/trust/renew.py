"""From a source to a trust state: damage noticed, metadata refreshed, targets fetched, floor kept.

Works in a scratch copy of the publisher's trust state. When it raises, the copy is spoilt (half of
a newer state may be in it) and to be thrown away: that is how a half-copied stick never locks out
a complete one.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from tuf.api.metadata import Metadata, Snapshot, TargetFile, Timestamp  # type: ignore[attr-defined]  # documented, no __all__
from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet

from sync.digest import sha256
from sync.errors import TrustRefused
from sync.files import make_folder, write_durably
from sync.stick import recipients
from sync.transport.base import Transport
from sync.trust import floor as floors
from sync.trust.client import Client, matches
from sync.trust.clock import TrustClock, reference_time
from sync.trust.floor import Floor
from sync.trust.kept import (
    DIRECTORY,
    ROLLOUT,
    ROOTS,
    WITHDRAW,
    damaged_files,
    read_floor,
    read_kept,
    root_path,
)
from sync.trust.listing import fetch_directory
from sync.trust.notices import MAX_SIZE, Withdrawal
from sync.trust.policy import PATHS
from sync.trust.proof import (
    LISTED,
    Offer,
    check_floor,
    holds_at_signing,
    prove,
    read_offer,
    read_signed_at,
    read_versions,
    vouches_alone,
)
from sync.trust.root import MAX_ROOT, DemoKeys, Root, check_demo
from sync.trust.trusted import Trusted, listed_withdrawals, load, read_state


def refresh(
    transport: Transport, folder: Path, *, root: Root, clock: TrustClock, demo: DemoKeys
) -> Trusted:
    """Bring the publisher's trust state in the scratch ``folder`` up to date; prove and return it.

    Raises RolledBack if the source is older than the folder, TrustRefused if anything is not
    signed, reviewed, fresh or ruled as it must be, NoSource if the source is silent, incomplete
    or no repository.
    """
    check_demo(root, demo)
    make_folder(folder)
    floor, repaired = _mend(folder, root)
    known = clock if floor is None else replace(clock, floor=max(clock.floor, floor.signed_at))
    client = Client(transport, folder, bootstrap=root.data, at=reference_time(known))
    client.refresh()
    asked: list[str] = []
    alone = True
    for role, path in PATHS.items():
        client.find(path)
        asked.append(role)
        alone = alone and vouches_alone(client.trusted, asked)
    offer = read_offer(client.trusted)
    if floor is not None:
        check_floor(floor, client.trusted, label=transport.label)
    _keep_targets(client, folder, offer)
    seen = floor.withdrawals if floor is not None else ()
    new = _floor(folder, root, client.trusted, offer, seen=seen)
    write_durably(folder / floors.NAME, floors.encode(new))
    # python-tuf's link to the newest root: ours are found by their version
    (folder / "root.json").unlink(missing_ok=True)
    if alone and holds_at_signing(folder, client.trusted):
        found = read_state(folder, client.trusted, new, root=root, clock=known, demo=demo)
    else:  # proved once more, by the narrower rules
        found = load(folder, root=root, clock=known, demo=demo)
    return replace(found, repaired=repaired)


def _mend(folder: Path, root: Root) -> tuple[Floor | None, tuple[str, ...]]:
    """The floor, and the damaged files, which are removed so that they are fetched anew."""
    names = (floors.NAME, "timestamp.json", "snapshot.json", *(f"{role}.json" for role in LISTED))
    if not any((folder / name).exists() for name in names):
        return None, ()
    try:
        floor = read_floor(folder, root)
    except TrustRefused as lost:
        return _floor_from_metadata(folder, root, lost), (floors.NAME,)
    damaged = damaged_files(folder, floor)
    for path in damaged:
        (folder / path).unlink(missing_ok=True)
    return floor, damaged


def _floor_from_metadata(folder: Path, root: Root, lost: TrustRefused) -> Floor:
    """What the other files still protect when the floor is lost; then they must all hold."""
    kept = (int(path.name.split(".")[0]) for path in folder.glob(root_path("[0-9]*")))
    try:
        proved = prove(folder, root, newest=max(kept, default=1))
        return _floor(folder, root, proved, read_offer(proved), seen=())
    except TrustRefused as error:
        raise TrustRefused(
            f"the trust state is damaged in two places ({lost.fact}; {error.fact}), "
            "so it can no longer tell an old repository from a new one",
            hint="take it from the previous generation or a backup; only if you are sure of the "
            "source, remove the publisher's trust folder and begin anew from its root",
        ) from error


def _keep_targets(client: Client, folder: Path, offer: Offer) -> None:
    _keep_directory(client, folder, offer)
    _keep(client, folder / ROLLOUT, offer.rollout, limit=MAX_SIZE)
    _keep(client, folder / WITHDRAW, offer.withdraw, limit=MAX_SIZE)
    _keep(client, folder / recipients.PATH, offer.recipients, limit=recipients.MAX_SIZE)
    for path, target in offer.children.items():
        if path.count("/") != 1:
            raise TrustRefused(f"{path[:120]!r} is no place for a publisher's root")
        _keep(client, folder / path, target, limit=MAX_ROOT)
    for kept in (folder / ROOTS).glob("*"):
        if f"{ROOTS}/{kept.name}" not in offer.children:
            kept.unlink()


def _keep(client: Client, path: Path, target: TargetFile | None, *, limit: int) -> None:
    """Bring the file at ``path`` in line with what is signed; fetch only what differs."""
    if target is None:
        path.unlink(missing_ok=True)
    elif not (path.exists() and matches(target, read_kept(path.parent, path.name))):
        write_durably(path, client.fetch(target, limit=limit))


def _keep_directory(client: Client, folder: Path, offer: Offer) -> None:
    path = folder / DIRECTORY
    held = read_kept(folder, DIRECTORY) if path.exists() else None
    if held is None or not matches(offer.directory, held):
        write_durably(path, fetch_directory(client, offer.directory, offer.shortened, held))


def _floor(
    folder: Path,
    root: Root,
    proved: TrustedMetadataSet,
    offer: Offer,
    *,
    seen: Iterable[Withdrawal],
) -> Floor:
    """The floor that the files in ``folder`` make, with the withdrawals ``seen`` before."""
    signed_at = read_signed_at(proved.timestamp)
    return Floor(
        publisher_id=root.publisher_id,
        code=root.code,
        versions=read_versions(proved),
        signers={role: _signers(folder, role, proved) for role in (Timestamp.type, Snapshot.type)},
        signed_at=signed_at,
        withdrawals=tuple({*seen, *listed_withdrawals(folder, offer, root)}),
        files={path: sha256(read_kept(folder, path)) for path in _paths(proved, offer)},
    )


def _signers(folder: Path, role: str, proved: TrustedMetadataSet) -> tuple[str, ...]:
    """Ids of the keys whose signatures under the role's file hold."""
    metadata = Metadata[Timestamp].from_bytes(read_kept(folder, f"{role}.json"))
    result = proved.root.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    return tuple(sorted(result.signed))


def _paths(proved: TrustedMetadataSet, offer: Offer) -> tuple[str, ...]:
    """Every file of the trust state but the floor itself."""
    return (
        *(root_path(version) for version in range(1, proved.root.version + 1)),
        *(f"{role}.json" for role in (Timestamp.type, Snapshot.type, *LISTED)),
        DIRECTORY,
        *(
            path
            for path, target in (
                (ROLLOUT, offer.rollout),
                (WITHDRAW, offer.withdraw),
                (recipients.PATH, offer.recipients),
            )
            if target
        ),
        *offer.children,
    )
