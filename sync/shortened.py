"""How a directory travels: not as it is signed, but in one zstd frame or as a delta. Pure.

What is signed is the plain directory. The editor's target also names (TUF's ``custom`` field) its
shorter forms by digest and length: the frame, and deltas against earlier directories, which are
frames with the earlier one's plain bytes as prefix. They only save bytes: whatever goes wrong with
one, the next form is fetched, and what comes out of any is proved by the plain digest.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sync import canonical, compression
from sync.digest import parse_digest, sha256
from sync.directory import Stored
from sync.errors import FormatError

WORTH_IT = 0.6
"""A delta longer than this part of the frame is not made."""
MAX_DELTAS = 32
"""Deltas a reader looks at; more are passed over."""
_BASE_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Delta:
    """A delta against the directory whose plain digest begins with ``base`` (16 digits).

    The beginning only finds it: what a wrong base makes of it fails the proof.
    """

    base: str
    stored: Stored


@dataclass(frozen=True, slots=True)
class Shortened:
    """The shorter forms of one directory."""

    frame: Stored | None = None
    deltas: tuple[Delta, ...] = ()

    def delta_from(self, plain: bytes) -> Stored | None:
        """The delta against the directory with these bytes, if there is one."""
        base = sha256(plain)[:_BASE_DIGITS]
        return next((delta.stored for delta in self.deltas if delta.base == base), None)

    def names(self) -> tuple[tuple[str, Stored], ...]:
        """Name in the repository and proof of every form."""
        frames = [(frame_path(self.frame), self.frame)] if self.frame else []
        deltas = [(delta_path(delta.stored), delta.stored) for delta in self.deltas]
        return tuple((f"targets/{name}", stored) for name, stored in (*frames, *deltas))


def frame_path(stored: Stored) -> str:
    """Where a frame lies below ``targets/``."""
    return f"{stored.digest}.directory.zst"


def delta_path(stored: Stored) -> str:
    """Where a delta lies below ``targets/``."""
    return f"{stored.digest}.directory.delta"


def shorten(plain: bytes, earlier: Iterable[bytes]) -> tuple[Shortened, dict[str, bytes]]:
    """The forms of a directory, deltas against ``earlier`` ones, and the files by their name.

    The same directories give the same bytes.
    """
    frame = compression.compress(plain)
    made = Shortened(_stored(frame))
    files = {f"targets/{frame_path(_stored(frame))}": frame}
    for base in earlier:
        delta = compression.compress_with(base, plain)
        if base == plain or made.delta_from(base) or len(delta) > WORTH_IT * len(frame):
            continue
        found = Delta(sha256(base)[:_BASE_DIGITS], _stored(delta))
        made = Shortened(made.frame, (*made.deltas, found))
        files[f"targets/{delta_path(found.stored)}"] = delta
    return made, files


def read_frame(frame: bytes, *, size: int) -> bytes:
    """The ``size`` plain bytes of a proved frame; raises FormatError."""
    return compression.decompress(frame, size=size, what="directory")


def read_delta(base: bytes, delta: bytes, *, size: int) -> bytes:
    """``size`` bytes that a proved delta makes of ``base``, still to be proved; or FormatError."""
    return compression.decompress_with(base, delta, size=size, what="directory's delta")


def custom_value(forms: Shortened) -> dict[str, object]:
    """The target's ``custom`` field."""
    frame = forms.frame
    return {
        "zstd": [frame.digest, frame.size] if frame else [],
        "deltas": [[each.base, each.stored.digest, each.stored.size] for each in forms.deltas],
    }


def parse_custom(custom: object, *, size: int) -> Shortened:
    """Read what ``custom_value`` made for a directory of ``size`` bytes.

    Forms that cannot be read, or that would not be shorter, are left out: a slip there must cost
    bytes only.
    """
    try:
        fields = canonical.as_object(custom)
    except (FormatError, TypeError):
        return Shortened()
    frame = _parse(fields.get("zstd"), size=size)
    listed = fields.get("deltas")
    deltas = listed[:MAX_DELTAS] if isinstance(listed, list) else []
    return Shortened(frame, tuple(filter(None, (_parse_delta(each, size=size) for each in deltas))))


def _parse_delta(value: object, *, size: int) -> Delta | None:
    if not isinstance(value, list) or len(value) != 3 or not isinstance(value[0], str):
        return None
    stored = _parse(value[1:], size=size)
    return None if stored is None else Delta(value[0], stored)


def _parse(value: object, *, size: int) -> Stored | None:
    try:
        digest, length = canonical.as_list(value)
        stored = Stored(parse_digest(digest), canonical.as_count(length))
    except (FormatError, TypeError, ValueError):
        return None
    return stored if stored.size < size else None


def _stored(data: bytes) -> Stored:
    return Stored(sha256(data), len(data))
