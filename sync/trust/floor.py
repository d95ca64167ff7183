"""``floor.json``: what a box has seen of a publisher and must never see less of. Pure.

TUF keeps rollback protection in the metadata files themselves, so a file lost to a bad card takes
its protection along. The floor keeps it a second time, names the digest of every file of the
trust state, and carries its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tuf.api.metadata import Root, Snapshot, Timestamp  # type: ignore[attr-defined]  # documented, no __all__

from sync import canonical
from sync.digest import Digest, parse_digest, sha256
from sync.errors import FormatError
from sync.trust.clock import format_time, parse_time
from sync.trust.notices import Withdrawal, withdrawal_from_json, withdrawal_to_json

FORMAT = "kexia-floor-1"
NAME = "floor.json"
MAX_SIZE = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Floor:
    """What holds from now on."""

    publisher_id: str
    code: str
    versions: Mapping[str, int]
    """Of every role."""
    signers: Mapping[str, tuple[str, ...]]
    """Ids of the keys that signed the timestamp and the snapshot."""
    signed_at: datetime
    """The newest signed time."""
    withdrawals: tuple[Withdrawal, ...]
    """All ever seen."""
    files: Mapping[str, Digest]
    """Every file of the trust state by its relative path."""


def encode(floor: Floor) -> bytes:
    """The file's bytes."""
    state: dict[str, object] = {
        "publisher": floor.publisher_id,
        "code": floor.code,
        "versions": dict(floor.versions),
        "signers": {role: list(keyids) for role, keyids in floor.signers.items()},
        "signed_at": format_time(floor.signed_at),
        "withdrawals": [withdrawal_to_json(item) for item in sorted(floor.withdrawals)],
        "files": dict(floor.files),
    }
    digest = sha256(canonical.dumps(state))
    return canonical.dumps({"format": FORMAT, "sha256": digest, "state": state})


def decode(data: bytes) -> Floor:
    """Read it; raises FormatError for anything but what ``encode`` wrote."""
    value = canonical.loads(data, what=NAME)
    try:
        state = canonical.as_object(value["state"])
        if value["format"] != FORMAT or value["sha256"] != sha256(canonical.dumps(state)):
            raise FormatError(f"{NAME}: damaged, or of a format this box does not know")
        return _from_json(state)
    except (KeyError, TypeError) as error:
        raise FormatError(f"{NAME}: a field is missing or of the wrong kind ({error})") from error


def gone_back(floor: Floor, versions: Mapping[str, int], root: Root) -> str:
    """The first role whose version is below the floor, or an empty text.

    Where the keys that signed a timestamp or snapshot are no longer in force, what they signed
    protects nothing (TUF specification 5.3.11: recovery from a stolen key that signed version
    2³¹). A snapshot is the floor of the roles it lists, a timestamp of itself and the snapshot.
    """
    bound = {Root.type}
    if _in_force(floor, root, Timestamp.type):
        bound |= {Timestamp.type, Snapshot.type}
    if _in_force(floor, root, Snapshot.type):
        bound |= set(floor.versions) - {Root.type, Timestamp.type, Snapshot.type}
    lower = (role for role in sorted(bound) if versions.get(role, 0) < floor.versions.get(role, 0))
    return next(lower, "")


def _in_force(floor: Floor, root: Root, role: str) -> bool:
    remaining = set(floor.signers.get(role, ())) & set(root.roles[role].keyids)
    return len(remaining) >= root.roles[role].threshold


def _from_json(state: dict[str, object]) -> Floor:
    code = canonical.as_text(state["code"])
    return Floor(
        publisher_id=canonical.as_text(state["publisher"]),
        code=code,
        versions={
            role: canonical.as_count(version)
            for role, version in canonical.as_object(state["versions"]).items()
        },
        signers={
            role: tuple(map(canonical.as_text, canonical.as_list(keyids)))
            for role, keyids in canonical.as_object(state["signers"]).items()
        },
        signed_at=parse_time(state["signed_at"], what=NAME),
        withdrawals=tuple(
            withdrawal_from_json(item, code=code)
            for item in canonical.as_list(state["withdrawals"])
        ),
        files={
            path: parse_digest(digest)
            for path, digest in canonical.as_object(state["files"]).items()
        },
    )
