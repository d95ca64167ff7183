"""Who a publisher is: its first root, by which a box knows it for ever. Pure."""

from dataclasses import dataclass
from enum import Enum

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata
from tuf.api.metadata import Root as RootRole  # type: ignore[attr-defined]  # documented, no __all__

from sync import canonical
from sync.digest import sha256
from sync.directory import CODE
from sync.errors import FormatError, TrustRefused
from sync.trust.policy import check_root

MAX_ROOT = 512_000
"""Bytes of the longest root (python-tuf's own limit)."""
PUBLISHER = "x-kexia-publisher"
DEMO = "x-kexia-demo"
NATIONAL = "cn"
"""Code of the national publisher, above every other."""


class DemoKeys(Enum):
    """What to do with a root whose private keys everybody can have."""

    REFUSE = "refuse"
    ACCEPT = "accept"


@dataclass(frozen=True, slots=True)
class Root:
    """A root that keeps its own rules; who vouches for it is not said here."""

    data: bytes
    publisher_id: str
    """First 16 hexadecimal digits of the SHA-256 of the publisher's first root."""
    code: str
    name: str
    demo: bool


def parse_root(data: bytes) -> Root:
    """Read a publisher's first root (``1.root.json``).

    Raises FormatError if it is none, TrustRefused if it is not signed by its own keys or those
    break the key policy.
    """
    role = parse_role(data)
    if role.version != 1:
        raise FormatError(
            f"root: version {role.version} is not a publisher's first root",
            hint="give the box the publisher's 1.root.json; newer ones follow from it",
        )
    return describe(role, data, publisher_id=sha256(data)[:16])


def parse_role(data: bytes) -> RootRole:
    """A root of any version; raises as ``parse_root`` does."""
    try:
        metadata = Metadata[RootRole].from_bytes(data)
        if metadata.signed.type != RootRole.type:
            raise FormatError(f"root: this is a {metadata.signed.type} file")
        metadata.signed.verify_delegate(RootRole.type, metadata.signed_bytes, metadata.signatures)
    except RepositoryError as error:
        raise FormatError(f"root: no root signed by its own keys ({error})") from error
    check_root(metadata.signed)
    return metadata.signed


def describe(role: RootRole, data: bytes, *, publisher_id: str) -> Root:
    """What a root says about its publisher; raises FormatError."""
    fields = role.unrecognized_fields
    try:
        publisher = canonical.as_object(fields[PUBLISHER])
        code, name = canonical.as_text(publisher["code"]), canonical.as_text(publisher["name"])
    except (KeyError, TypeError) as error:
        raise FormatError(f"root: does not say whose it is ({error})") from error
    if not CODE.fullmatch(code):
        raise FormatError(f"root: {code[:80]!r} is no publisher code")
    # whatever stands there marks demo keys: a mark somebody misspelt must not pass for none
    demo = fields.get(DEMO, False) is not False
    return Root(data, publisher_id, code, name, demo)


def check_demo(root: Root, demo: DemoKeys) -> None:
    """Raise TrustRefused for demo keys on a box that does not accept them."""
    if root.demo and demo is DemoKeys.REFUSE:
        raise TrustRefused(
            f"publisher {root.code} ({root.name}) signs with demo keys",
            hint="anybody can sign with them; ask the publisher for its real root, "
            "or make a demo box",
        )


def lies_below(child: str, parent: str) -> bool:
    """Whether the publisher ``parent`` may introduce ``child``.

    The national publisher introduces anybody; the others only division codes that go on where
    their own ends (43 → 4301 → 430121).
    """
    if child in (parent, NATIONAL):
        return False
    if parent == NATIONAL:
        return True
    return child.isdigit() and parent.isdigit() and child.startswith(parent)
