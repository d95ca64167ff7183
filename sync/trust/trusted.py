"""The end of trust's way: what a publisher says, proved. From here on nobody asks again."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tuf.api.metadata import TargetFile  # type: ignore[attr-defined]  # documented, no __all__
from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet

from sync import canonical, directory
from sync.digest import Digest, sha256
from sync.directory import Directory, is_address
from sync.errors import FormatError, ProofFailed, TrustRefused
from sync.stick import recipients
from sync.stick.recipients import Recipient
from sync.trust.client import matches
from sync.trust.clock import TrustClock, reference_time
from sync.trust.floor import Floor
from sync.trust.kept import (
    DIRECTORY,
    MEND,
    ROLLOUT,
    ROOTS,
    WITHDRAW,
    damaged_files,
    read_floor,
    read_kept,
    root_path,
)
from sync.trust.notices import MAX_SIZE, Withdrawal, decode_held, decode_withdrawals
from sync.trust.proof import (
    Offer,
    check_floor,
    first_expiry,
    prove,
    read_offer,
    read_signed_at,
    read_versions,
)
from sync.trust.root import (
    MAX_ROOT,
    DemoKeys,
    Root,
    check_demo,
    describe,
    lies_below,
    parse_role,
    parse_root,
)


@dataclass(frozen=True, slots=True)
class Child:
    """A publisher below, introduced by this one."""

    code: str
    name: str
    urls: tuple[str, ...]
    root: Root


@dataclass(frozen=True, slots=True)
class Trusted:
    """What a publisher says, proved: only ``refresh`` and ``load`` make one."""

    publisher_id: str
    code: str
    versions: dict[str, int]
    directory: Directory
    directory_digest: Digest
    signed_at: datetime
    """When the publisher signed last: the next floor of time."""
    expires: datetime
    """When the first of its roles expires."""
    expired: bool
    """True if that is past at the reference time: nothing new came for long."""
    withdrawals: tuple[Withdrawal, ...]
    """In force: all ever seen but the reinstated."""
    held: frozenset[str]
    """Collections whose new editions wait."""
    children: tuple[Child, ...]
    root: Root
    """The newest; its ``publisher_id`` stays that of the first."""
    recipients: tuple[Recipient, ...] = ()
    """Whom boxes seal to what they send back."""
    repaired: tuple[str, ...] = ()
    """Files of the trust state that were found damaged and fetched or made anew."""


def load(folder: Path, *, root: Root, clock: TrustClock, demo: DemoKeys) -> Trusted:
    """Prove the trust state in ``folder`` again, without any source and without writing.

    Raises TrustRefused if a file is missing or damaged, or if a rule no longer holds. The clock
    only tells whether it has grown old: what was accepted stays accepted.
    """
    floor = read_floor(folder, root)
    return read_state(
        folder, _proved(folder, root, floor), floor, root=root, clock=clock, demo=demo
    )


def read_state(
    folder: Path,
    proved: TrustedMetadataSet,
    floor: Floor,
    *,
    root: Root,
    clock: TrustClock,
    demo: DemoKeys,
) -> Trusted:
    """What the files in ``folder`` say whose metadata was ``proved``, each target by its digest.

    Raises as ``load``.
    """
    newest = _newest_root(folder, root, proved, demo)
    offer = read_offer(proved)
    data = _target(folder, DIRECTORY, offer.directory, limit=directory.MAX_SIZE)
    listed = _own_directory(data, root)
    now = reference_time(replace(clock, floor=max(clock.floor, floor.signed_at)))
    return Trusted(
        publisher_id=root.publisher_id,
        code=root.code,
        versions=read_versions(proved),
        directory=listed,
        directory_digest=sha256(data),
        signed_at=read_signed_at(proved.timestamp),
        expires=first_expiry(proved),
        expired=first_expiry(proved) <= now,
        withdrawals=_in_force(floor.withdrawals, listed_withdrawals(folder, offer, root), listed),
        held=_held(folder, offer.rollout, root),
        children=_children(folder, offer, parent=root, demo=demo),
        root=newest,
        recipients=_recipients(folder, offer.recipients),
    )


def _proved(folder: Path, root: Root, floor: Floor) -> TrustedMetadataSet:
    damaged = damaged_files(folder, floor)
    if damaged:
        raise TrustRefused(f"{folder}: damaged: {', '.join(damaged)}", hint=MEND)
    proved = prove(folder, root, newest=floor.versions["root"])
    check_floor(floor, proved, label=str(folder))
    return proved


def _newest_root(folder: Path, first: Root, proved: TrustedMetadataSet, demo: DemoKeys) -> Root:
    """The root in force, once every root since the first has kept the rules."""
    check_demo(first, demo)
    newest = first
    for version in range(2, proved.root.version + 1):
        data = read_kept(folder, root_path(version), limit=MAX_ROOT)
        newest = describe(parse_role(data), data, publisher_id=first.publisher_id)
        check_demo(newest, demo)
        if newest.code != first.code:
            raise TrustRefused(
                f"root {version} is of publisher {newest.code}, the first was of {first.code}",
                hint="a publisher keeps its code for ever; ask the publisher",
            )
    return newest


def _target(folder: Path, path: str, target: TargetFile, *, limit: int) -> bytes:
    data = read_kept(folder, path, limit=limit)
    if not matches(target, data):
        raise ProofFailed(f"{folder / path} is not what was signed", hint=MEND)
    return data


def _own_directory(data: bytes, root: Root) -> Directory:
    listed = directory.decode(data)
    if listed.code != root.code:
        raise TrustRefused(
            f"the directory is of publisher {listed.code}, its root of {root.code}",
            hint="a publisher signs its own collections only; ask the publisher",
        )
    return listed


def listed_withdrawals(folder: Path, offer: Offer, root: Root) -> tuple[Withdrawal, ...]:
    """The withdrawals the publisher lists now; raises TrustRefused if the file is not as signed."""
    if offer.withdraw is None:
        return ()
    data = _target(folder, WITHDRAW, offer.withdraw, limit=MAX_SIZE)
    return decode_withdrawals(data, code=root.code)


def _in_force(
    seen: Iterable[Withdrawal], now: Iterable[Withdrawal], listed: Directory
) -> tuple[Withdrawal, ...]:
    """All ever seen, whatever is listed now, but the reinstated."""
    reinstated = set(listed.reinstated)
    every = sorted({*seen, *now})
    return tuple(item for item in every if item.number not in reinstated)


def _held(folder: Path, target: TargetFile | None, root: Root) -> frozenset[str]:
    if target is None:
        return frozenset()
    return decode_held(_target(folder, ROLLOUT, target, limit=MAX_SIZE), code=root.code)


def _recipients(folder: Path, target: TargetFile | None) -> tuple[Recipient, ...]:
    """None if the list is of a format to come: that must cost reports, not lessons."""
    if target is None:
        return ()
    data = _target(folder, recipients.PATH, target, limit=recipients.MAX_SIZE)
    try:
        return recipients.decode(data)
    except FormatError:
        return ()


def _children(folder: Path, offer: Offer, *, parent: Root, demo: DemoKeys) -> tuple[Child, ...]:
    children = tuple(
        _child(target, _target(folder, path, target, limit=MAX_ROOT), parent=parent)
        for path, target in sorted(offer.children.items())
    )
    for child in children:
        check_demo(child.root, demo)
    return children


def _child(target: TargetFile, data: bytes, *, parent: Root) -> Child:
    root = parse_root(data)
    if target.path != f"{ROOTS}/{root.code}.root.json":
        raise TrustRefused(f"{target.path} holds the root of publisher {root.code}")
    if not lies_below(root.code, parent.code):
        raise TrustRefused(
            f"publisher {parent.code} introduces {root.code}, which does not lie below it",
            hint="a publisher may only introduce codes that begin with its own",
        )
    name, urls = _introduction(target)
    return Child(root.code, name or root.name, urls, root)


def _introduction(target: TargetFile) -> tuple[str, tuple[str, ...]]:
    """Name and URLs a parent gives a child; raises FormatError."""
    try:
        custom = canonical.as_object(target.custom or {})
        name = canonical.as_text(custom.get("name", ""))
        urls = tuple(map(canonical.as_text, canonical.as_list(custom.get("urls", []))))
    except TypeError as error:
        raise FormatError(f"{target.path}: its introduction is broken ({error})") from error
    # An address nobody can use is left out: a slip there must not cost the parent's own lessons,
    # and the child may still be had from a mirror or a stick.
    return name, tuple(url for url in urls if is_address(url))
