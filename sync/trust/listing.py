"""Brings the signed directory by the fewest bytes: a delta, else one frame, else as it is signed.

Every form is proved by its own signed digest before it is decoded, and what comes out by the
directory's. A form that fails costs one more request, never the sync.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from tuf.api.metadata import TargetFile  # type: ignore[attr-defined]  # documented, no __all__

from sync.directory import MAX_SIZE, Stored
from sync.errors import FormatError, NoSource, TrustRefused
from sync.shortened import Shortened, delta_path, frame_path, read_delta, read_frame
from sync.trust.client import Client, matches


@dataclass(frozen=True, slots=True)
class _Way:
    path: str
    """Below ``targets/``."""
    stored: Stored
    decode: Callable[[bytes], bytes]


def fetch_directory(
    client: Client, signed: TargetFile, forms: Shortened, held: bytes | None
) -> bytes:
    """The bytes ``signed``, proved; ``held`` is the directory the box has, damaged or not.

    Raises what fetching the directory itself raises, once no shorter form has served.
    """
    if signed.length > MAX_SIZE:
        raise FormatError(
            f"the directory is longer than the {MAX_SIZE} bytes allowed: {signed.length}",
            hint="this box may be too old for this publisher; update its system",
        )
    for way in _ways(signed.length, forms, held):
        try:
            plain = way.decode(_fetch(client, way))
        except (NoSource, TrustRefused):
            continue  # the next form needs nothing of this one
        if matches(signed, plain):
            return plain
    return client.fetch(signed, limit=MAX_SIZE)


def _ways(size: int, forms: Shortened, held: bytes | None) -> Iterator[_Way]:
    delta = None if held is None else forms.delta_from(held)
    if held is not None and delta is not None:
        yield _Way(delta_path(delta), delta, partial(read_delta, held, size=size))
    if forms.frame is not None:
        yield _Way(frame_path(forms.frame), forms.frame, partial(read_frame, size=size))


def _fetch(client: Client, way: _Way) -> bytes:
    """A form's bytes, proved: named and checked as TUF names and checks a target."""
    path = way.path.partition(".")[2]
    target = TargetFile(way.stored.size, {"sha256": way.stored.digest}, path)
    return client.fetch(target, limit=MAX_SIZE)
