"""System collections: what a lessons block says of a system update it carries. Pure.

A collection of kind "system" has a block without lessons: its ``collection`` record and one record
of kind ``system``, which readers of lessons pass over. So whatever moves and keeps lessons does the
same with systems, and a box that knows nothing of them shows nothing.
"""

import re
from dataclasses import dataclass

from catalog.model import FORMAT as LESSONS
from sync import canonical
from sync.digest import Digest, parse_digest
from sync.errors import FormatError

FORMAT = "kexia-system-1"
KIND = "system"
DIMENSIONS = {"kind": (KIND,)}
"""How the directory lists such a collection, for whoever chooses among them."""
MAX_BLOCK = 64 * 1024
"""Longest block with a system, in bytes."""
COMPATIBLE = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
_VERSION = re.compile(r"([0-9]{4})\.([0-9]{2})\.([0-9]{2})\.([0-9]{1,4})")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")

Version = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class System:
    """A system update: the bundle, and for which boxes it is."""

    compatible: str
    """``kexia-amd64``: what a box's own system says it is."""
    version: str
    """``YYYY.MM.DD.n``."""
    built: str
    """``2026-11-26T00:00:00Z``; may be empty."""
    bundle: Digest
    size: int
    """Bytes of the bundle."""


def parse_version(text: str) -> Version:
    """Year, month, day, number of that day, ordered as versions are; raises FormatError."""
    match = _VERSION.fullmatch(text)
    if match is None:
        raise FormatError(
            f"{text[:40]!r} is no version of a system", hint="versions look like 2026.11.26.1"
        )
    year, month, day, number = map(int, match.groups())
    return year, month, day, number


def encode_system(collection: str, title: str, system: System) -> bytes:
    """The block of a system collection; the same system gives the same bytes."""
    head: dict[str, object] = {
        "kind": "collection",
        "format": LESSONS,
        "id": collection,
        "title": title,
    }
    fields = {name: getattr(system, name) for name in System.__slots__}
    records = (head, {"kind": KIND, "format": FORMAT, **fields})
    return b"".join(canonical.dumps(record) + b"\n" for record in records)


def decode_system(block: bytes) -> System:
    """The system a block carries; raises FormatError if it is none, or not of this format."""
    if len(block) > MAX_BLOCK:
        raise FormatError(f"system: {len(block)} bytes, at most {MAX_BLOCK} are allowed")
    records = (canonical.loads(line, what="system") for line in block.split(b"\n")[:-1])
    found = [record for record in records if record.get("kind") == KIND]
    if len(found) != 1:
        raise FormatError("this collection holds no system update", hint="is its id right?")
    return _parse(found[0])


def is_system(block: bytes) -> bool:
    """Whether a block carries a system update that can be read here."""
    try:
        decode_system(block)
    except FormatError:
        return False
    return True


def _parse(record: dict[str, object]) -> System:
    if record.get("format") != FORMAT:
        raise FormatError(
            f"system: format {str(record.get('format'))[:40]!r} is not {FORMAT}",
            hint="publish an update in the older format first",
        )
    try:
        system = System(
            compatible=canonical.as_text(record["compatible"]),
            version=canonical.as_text(record["version"]),
            built=canonical.as_text(record["built"]),
            bundle=parse_digest(record["bundle"]),
            size=canonical.as_count(record["size"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"system: a field is missing or wrong ({error})") from error
    return check_system(system)


def check_system(system: System) -> System:
    """``system``, if its fields are as they must be; raises FormatError."""
    parse_version(system.version)
    if not COMPATIBLE.fullmatch(system.compatible):
        raise FormatError(f"system: {system.compatible[:80]!r} names no kind of box")
    if system.built and not _TIME.fullmatch(system.built):
        raise FormatError(f"system: {system.built[:40]!r} is no time")
    return system
