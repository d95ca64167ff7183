"""The roles in force: one publisher's TUF metadata as it is published, read and not yet trusted.

Whether a box accepts it is for ``sync.trust``; what is made next is in ``sync.publish.sign``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tuf.api.metadata import (  # type: ignore[attr-defined]  # its documented API, no __all__
    DelegatedRole,
    Metadata,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError

from sync.digest import parse_digest
from sync.directory import Stored
from sync.errors import FormatError
from sync.publish.keys import ROOT_THRESHOLD
from sync.publish.roles import KeyRole
from sync.stick import recipients

PATHS = {
    KeyRole.EDITOR: "directory",
    KeyRole.REVIEWER: "review/directory",
    KeyRole.ROLLOUT: "rollout",
    KeyRole.WITHDRAW: "withdraw",
}
"""The one path each delegated role may sign."""
ROOT_ROLES = (KeyRole.ROOT, KeyRole.TARGETS, KeyRole.SNAPSHOT, KeyRole.TIMESTAMP)
LISTED = (KeyRole.TARGETS, *PATHS)
"""The roles a snapshot lists."""
SIGNED_AT = "x-kexia-signed-at"
PUBLISHER = "x-kexia-publisher"
DEMO = "x-kexia-demo"
AnyRole = Metadata[Root] | Metadata[Targets] | Metadata[Snapshot] | Metadata[Timestamp]


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who publishes, as the root says it."""

    code: str
    name: str
    demo: bool


@dataclass(frozen=True, slots=True)
class Child:
    """A publisher below, as the targets role introduces it."""

    code: str
    name: str
    urls: tuple[str, ...]
    root: Stored

    @property
    def path(self) -> str:
        """Its target path."""
        return child_path(self.code)


@dataclass(frozen=True, slots=True)
class Roles:
    """All metadata in force in one repository: the newest root, and what the timestamp leads to."""

    root: Metadata[Root]
    listed: Mapping[KeyRole, Metadata[Targets]]
    snapshot: Metadata[Snapshot]
    timestamp: Metadata[Timestamp]

    def version(self, role: KeyRole) -> int:
        """Version of the role's metadata."""
        return self._any(role).signed.version

    def expires(self, role: KeyRole) -> datetime:
        """When the role's metadata expires."""
        return self._any(role).signed.expires

    def keyids(self, role: KeyRole) -> tuple[str, ...]:
        """Ids of the role's keys, as root or targets name them."""
        if role in ROOT_ROLES:
            return tuple(self.root.signed.roles[role].keyids)
        return tuple(_delegated(self.targets, role).keyids)

    def threshold(self, role: KeyRole) -> int:
        """How many of its keys must sign."""
        return ROOT_THRESHOLD if role is KeyRole.ROOT else 1

    def target(self, role: KeyRole) -> Stored:
        """The one file a delegated role signs."""
        return stored_target(self.listed[role])

    def custom(self, role: KeyRole) -> dict[str, object] | None:
        """What a delegated role says of its file besides."""
        return target_custom(self.listed[role])

    @property
    def targets(self) -> Targets:
        """The top-level targets role."""
        return self.listed[KeyRole.TARGETS].signed

    @property
    def publisher(self) -> Publisher:
        """Who publishes."""
        fields = self.root.signed.unrecognized_fields
        said = fields[PUBLISHER]
        return Publisher(said["code"], said["name"], demo=fields.get(DEMO) is True)

    @property
    def signed_at(self) -> datetime:
        """When the timestamp was signed."""
        return parse_time(self.timestamp.signed.unrecognized_fields[SIGNED_AT])

    @property
    def children(self) -> tuple[Child, ...]:
        """The publishers introduced, by their code."""
        listed = sorted(self.targets.targets.items())
        return tuple(_child(target) for path, target in listed if path.startswith("roots/"))

    @property
    def recipients(self) -> Stored | None:
        """The list of those who may read what boxes send back, if there is one."""
        target = self.targets.targets.get(recipients.PATH)
        if target is None:
            return None
        return Stored(parse_digest(target.hashes.get("sha256")), target.length)

    def _any(self, role: KeyRole) -> AnyRole:
        if role in self.listed:
            return self.listed[role]
        if role is KeyRole.ROOT:
            return self.root
        return self.snapshot if role is KeyRole.SNAPSHOT else self.timestamp


def read_roles(metadata: Path) -> Roles:
    """Parse what is in force below ``repository/metadata``; raises FormatError if it is broken."""
    try:
        timestamp = Metadata[Timestamp].from_file(str(metadata / "timestamp.json"))
        version = timestamp.signed.snapshot_meta.version
        snapshot = Metadata[Snapshot].from_file(str(metadata / f"{version}.snapshot.json"))
        listed = {
            role: Metadata[Targets].from_file(
                str(metadata / f"{snapshot.signed.meta[f'{role}.json'].version}.{role}.json")
            )
            for role in LISTED
        }
        newest = max(versions(metadata, KeyRole.ROOT))
        root = Metadata[Root].from_file(str(metadata / f"{newest}.root.json"))
    except (OSError, KeyError, ValueError, DeserializationError) as error:
        raise FormatError(
            f"{metadata}: metadata missing or damaged ({error})",
            hint="copy the repository back from a mirror or a backup",
        ) from error
    return Roles(root, listed, snapshot, timestamp)


def versions(metadata: Path, role: KeyRole) -> list[int]:
    """Every version of a role that was ever written here, published or not; never reused."""
    names = (path.name.split(".") for path in metadata.glob(f"*.{role}.json"))
    return sorted(int(parts[0]) for parts in names if len(parts) == 3 and parts[0].isdigit())


def parse_role(data: bytes) -> Metadata[Targets]:
    """Read a delegated role's metadata; raises FormatError."""
    try:
        metadata = Metadata[Targets].from_bytes(data)
    except (DeserializationError, ValueError) as error:
        raise FormatError(f"role metadata cannot be read ({error})") from error
    if metadata.signed.type != Targets.type:
        raise FormatError(f"this is metadata of the role {metadata.signed.type}")
    return metadata


def timestamp_version(data: bytes) -> int:
    """The version a timestamp says it has, whoever signed it; raises FormatError if damaged."""
    try:
        return int(Metadata[Timestamp].from_bytes(data).signed.version)
    except (DeserializationError, RecursionError) as error:
        raise FormatError(f"the timestamp cannot be read ({error})") from error


def stored_target(metadata: Metadata[Targets]) -> Stored:
    """The one file that a delegated role's metadata names; raises FormatError for none or more."""
    targets = list(metadata.signed.targets.values())
    if len(targets) != 1 or targets[0].path not in PATHS.values():
        raise FormatError("role metadata must name exactly one file")
    return Stored(parse_digest(targets[0].hashes.get("sha256")), targets[0].length)


def target_custom(metadata: Metadata[Targets]) -> dict[str, object] | None:
    """The ``custom`` field of the one file that a delegated role's metadata names."""
    targets = list(metadata.signed.targets.values())
    return targets[0].custom if len(targets) == 1 else None


def is_signed(data: bytes) -> bool:
    """True if ``data`` bears any signature at all, good or bad."""
    return bool(parse_role(data).signatures)


def format_time(now: datetime) -> str:
    """``2026-11-23T06:00:00Z``."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """Read what :func:`format_time` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")


def child_path(code: str) -> str:
    """Target path of a child publisher's root."""
    return f"roots/{code}.root.json"


def _child(target: TargetFile) -> Child:
    code = target.path.removeprefix("roots/").removesuffix(".root.json")
    stored = Stored(parse_digest(target.hashes["sha256"]), target.length)
    custom = target.custom or {}
    return Child(code, custom["name"], tuple(custom["urls"]), stored)


def _delegated(targets: Targets, role: KeyRole) -> DelegatedRole:
    if targets.delegations is None or targets.delegations.roles is None:
        raise FormatError("targets delegates nothing")
    return targets.delegations.roles[role]
