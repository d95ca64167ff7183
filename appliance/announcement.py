"""What a box says of itself to its neighbours by mDNS, and what it makes of what they say. Pure.

Service ``_kexia._tcp``, instance ``kexia-<peer id>``, TXT record::

    v=1    format: what below /kexia-peer/1/ is answered
    id=    the peer id: 16 hexadecimal digits, drawn by chance once; not the box id of its papers
    s=     for each publisher that is passed on, 8 digits (see ``mark``), joined by commas

Nothing of it is believed: a mark spares a question, and an address is asked only if it is a
neighbour's.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sync.errors import FormatError

SERVICE = "_kexia._tcp.local."
FORMAT = "1"
BASE = f"/kexia-peer/{FORMAT}"
"""Where a box's peer port answers; ``repositories/<publisher-id>`` below is a repository."""
MOST_MARKS = 24
"""Publishers in one announcement: as many marks as one TXT string holds."""
_ID = re.compile(r"[0-9a-f]{16}")
_MARKS = re.compile(r"(?:[0-9a-f]{8}(?:,[0-9a-f]{8}){0,27})?")


@dataclass(frozen=True, slots=True)
class Announcement:
    """What one box announces."""

    box: str
    """Its peer id."""
    port: int
    marks: frozenset[str]
    """Of the states that it passes on."""


def mark(publisher_id: str, version: int) -> str:
    """Eight digits for a publisher's state: its id and its timestamp's version."""
    return hashlib.sha256(f"{publisher_id} {version}".encode()).hexdigest()[:8]


def marks(versions: Mapping[str, int]) -> frozenset[str]:
    """Marks for timestamp versions by publisher; the first MOST_MARKS publishers only."""
    return frozenset(mark(key, versions[key]) for key in sorted(versions)[:MOST_MARKS])


def is_peer_id(text: str) -> bool:
    """True for an id that a box may have among its neighbours."""
    return _ID.fullmatch(text) is not None


def instance(box: str) -> str:
    """The service instance of a box."""
    return f"kexia-{box}.{SERVICE}"


def properties(said: Announcement) -> dict[str, str]:
    """The TXT record of an announcement."""
    return {"v": FORMAT, "id": said.box, "s": ",".join(sorted(said.marks))}


def parse(txt: Mapping[bytes, bytes | None], port: int | None) -> Announcement:
    """A neighbour's announcement; raises FormatError for one of another format, or of none."""
    version = _text(txt, b"v")
    if version != FORMAT:
        raise FormatError(f"announces format {version[:20]!r}, this box knows {FORMAT}")
    box, said = _text(txt, b"id"), _text(txt, b"s")
    if not is_peer_id(box):
        raise FormatError(f"announces no peer id ({box[:40]!r})")
    if not _MARKS.fullmatch(said):
        raise FormatError(f"announces no marks of states ({said[:40]!r})")
    if port is None or not 1024 <= port <= 65535:
        raise FormatError(f"announces port {port}: 1024 to 65535 are asked")
    return Announcement(box, port, frozenset(said.split(",")) - {""})


def _text(txt: Mapping[bytes, bytes | None], key: bytes) -> str:
    return (txt.get(key) or b"").decode("ascii", "replace")


def joined(lines: Iterable[str], most: int) -> tuple[str, ...]:
    """At most ``most`` lines, and how many more there were: a flood is one line."""
    every = tuple(lines)
    if len(every) <= most:
        return every
    return (*every[:most], f"and {len(every) - most} more")
